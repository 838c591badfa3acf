//! Debian packages: what the machine needs on the host, and how to come by it.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// A program that is needed, and the package that brings it.
const NEEDED: [(&str, &str); 4] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("depmod", "kmod"),
    ("udevadm", "udev"),
    ("busybox", "busybox-static"),
];

/// Where programs are looked for: an ordinary user's `PATH` may lack those of the administrator.
pub(super) fn places() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from)).collect()
}

/// Sees to it that the programs are there.
///
/// # Errors
/// When they are missing and cannot be installed: the cause, and on a second line the remedy.
pub(super) fn install() -> anyhow::Result<()> {
    let places = places();
    let has = |program: &str| places.iter().any(|place| place.join(program).is_file());
    let missing = missing(has);
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" ");
    if !has("apt-get") {
        bail!(
            "missing here: {missing}; and there is no apt-get\nremedy: use Debian 12, or a container of it"
        );
    }
    if fs::metadata("/proc/self").context("cannot read /proc")?.uid() != 0 {
        bail!("missing here: {missing}; only root may install it\nremedy: sudo apt-get install {missing}");
    }
    eprintln!("installing {missing} with apt-get: about half a minute");
    let install = format!("apt-get install -qq -y --no-install-recommends {missing}");
    apt(&format!("{install} || {{ apt-get update -qq && {install}; }}"), Path::new("/"))
        .with_context(|| format!("cannot install {missing}\nremedy: find out why `{install}` fails"))
}

fn missing(has: impl Fn(&str) -> bool) -> Vec<&'static str> {
    NEEDED.iter().filter(|(program, _)| !has(program)).map(|(_, package)| *package).collect()
}

/// Runs a line of shell that asks nothing.
pub(super) fn apt(line: &str, directory: &Path) -> anyhow::Result<()> {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(directory).env("DEBIAN_FRONTEND", "noninteractive");
    // What it prints is not the tests' output.
    let status = shell.stdout(std::io::stderr()).status().context("cannot start sh")?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn packages_are_named_by_the_programs_that_are_missing() {
        assert!(missing(|_| true).is_empty());
        assert_eq!(missing(|program| program != "depmod"), ["kmod"]);
        assert_eq!(missing(|_| false).len(), 4);
    }
}
