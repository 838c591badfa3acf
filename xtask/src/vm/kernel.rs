//! The machine's kernel: Debian's package, unpacked below `target` and never installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::packages;

/// The plain flavour: that for clouds has no 9p, on which the machine's root is.
const FLAVOUR: &str = "linux-image-amd64";
const SERIES: &str = "linux-image-6.1.0-";

/// The kernel's image, whose modules lie next to it; an earlier one if it is whole.
///
/// # Errors
/// When there is none to be had: the cause, and on a second line the remedy.
pub(super) fn image(place: &Path) -> anyhow::Result<PathBuf> {
    let tree = place.join("kernel");
    let marker = tree.join("complete");
    let image = |release: &str| tree.join("boot").join(format!("vmlinuz-{release}"));
    // Only what was written last says that the rest is whole.
    if let Ok(release) = fs::read_to_string(&marker) {
        return Ok(image(&release));
    }
    let depends = Command::new("apt-cache").args(["depends", FLAVOUR]).output();
    let depends = depends.context("there is no apt-cache\nremedy: use Debian 12, or a container of it")?;
    let Some(package) = package(&String::from_utf8_lossy(&depends.stdout)).map(str::to_owned) else {
        bail!(
            "the package {FLAVOUR} brings no kernel 6.1 here\nremedy: use Debian 12, after `apt-get update`"
        );
    };
    let release = package.trim_start_matches("linux-image-");
    eprintln!("downloading {package}: 70 MB, 400 MB unpacked; a few seconds when the network is fast");
    match fs::remove_dir_all(&tree) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", tree.display()));
        }
        _ => {}
    }
    fs::create_dir_all(&tree).with_context(|| format!("cannot make {}", tree.display()))?;
    packages::apt(
        &format!(
            "PATH=$PATH:/usr/sbin:/sbin; apt-get download -qq {package} && dpkg -x {package}_*.deb . \
             && rm {package}_*.deb && depmod -b . {release}"
        ),
        &tree,
    )
    .with_context(|| {
        format!(
            "cannot unpack {package}\nremedy: `apt-get update`, and 500 MB of room in {}",
            place.display()
        )
    })?;
    fs::write(&marker, release).context("cannot mark the kernel as complete")?;
    Ok(image(release))
}

/// The package that `apt-cache depends` tells.
fn package(depends: &str) -> Option<&str> {
    depends.split_whitespace().find(|word| word.starts_with(SERIES) && word.ends_with("-amd64"))
}

#[cfg(test)]
mod tests {
    use super::package;

    #[test]
    fn the_flavour_tells_its_package() {
        let depends = "linux-image-amd64\n  Depends: linux-image-6.1.0-9-amd64\n";
        assert_eq!(package(depends), Some("linux-image-6.1.0-9-amd64"));
        assert_eq!(package("linux-image-amd64\n  Depends: linux-image-6.12.9-amd64\n"), None);
    }
}
