//! Interpreters that this machine does not have: those of Debian's `sid`, in a tree of files below `target`.
//!
//! The tests are built here and run there, for each of the tree's interpreters.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};
use cargo_metadata::Message;

/// Runs a command there; see there.
const ENTER: &str = include_str!("enter.sh");

const SUITE: &str = "sid";

/// What the tree has beyond the least that a Debian needs.
const PACKAGES: &str = "python3.14,python3.15,ca-certificates,git";

/// Its interpreters, by name.
const INTERPRETERS: [&str; 2] = ["python3.14", "python3.15"];

/// The tests that run there: package and name.
const TESTS: [(&str, &str); 3] =
    [("zeroboot", "contract"), ("zeroboot-cli", "command"), ("zeroboot", "fidelity")];

/// Makes the tree once, and runs the tests with each of its interpreters.
pub(super) fn run(root: &Path, target: &Path) -> anyhow::Result<ExitCode> {
    if fs::metadata("/proc/self").context("cannot tell who runs this")?.uid() != 0 {
        bail!("only root makes a tree of another system\nremedy: start it as root");
    }
    let tree = made(target)?;
    let programs = programs(root)?;
    let mut code = ExitCode::SUCCESS;
    let mut lines = Vec::new();
    for name in INTERPRETERS {
        // `python3` is what the tests look for.
        let directory = format!("opt/{name}");
        fs::create_dir_all(tree.join(&directory)).context("cannot make a directory in the tree")?;
        let link = tree.join(&directory).join("python3");
        if fs::symlink_metadata(&link).is_err() {
            symlink(format!("/usr/bin/{name}"), &link).context("cannot make a link in the tree")?;
        }
        for program in &programs {
            let label = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            println!("\n=== {name}: {label}");
            let status = Command::new("unshare")
                .args(["--mount", "--propagation", "private", "sh", "-c", ENTER, "enter"])
                .args([&tree, root, program])
                .env("PATH", format!("/{directory}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"))
                .env("HOME", "/root")
                .env_remove("PYENV_ROOT")
                .status()
                .context("cannot start unshare")?;
            lines.push(format!("{name:<12} {label:<32} {status}"));
            if !status.success() {
                code = ExitCode::FAILURE;
            }
        }
    }
    println!("\n{}", lines.join("\n"));
    Ok(code)
}

/// The tree: an earlier one, if what was asked for has not changed.
fn made(target: &Path) -> anyhow::Result<PathBuf> {
    let tree = target.join(SUITE);
    let marker = target.join(format!("{SUITE}.complete"));
    if fs::read_to_string(&marker).is_ok_and(|found| found == PACKAGES) {
        return Ok(tree);
    }
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    let mirror = mirror()?;
    eprintln!("making {} from {mirror}: some 150 MB are fetched", tree.display());
    let status = Command::new("debootstrap")
        .args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE])
        .arg(&tree)
        .arg(&mirror)
        .stdout(Stdio::null())
        .status()
        .context("cannot start debootstrap\nremedy: apt-get install debootstrap")?;
    if !status.success() {
        bail!("debootstrap ended with {status}: see {}", tree.join("debootstrap/debootstrap.log").display());
    }
    fs::write(&marker, PACKAGES).context("cannot mark the tree as complete")?;
    Ok(tree)
}

/// Where this machine's apt fetches Debian from.
fn mirror() -> anyhow::Result<String> {
    let asked = ["indextargets", "--format", "$(SITE)", "Created-By: Packages", "Component: main"];
    let output = Command::new("apt-get").args(asked).output().context("cannot ask apt for its mirror")?;
    let sites = String::from_utf8_lossy(&output.stdout).into_owned();
    let site = sites.lines().find(|site| site.trim_end_matches('/').ends_with("/debian"));
    Ok(site.context("apt has no mirror of Debian\nremedy: run it on Debian")?.to_owned())
}

fn programs(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--release", "--no-run", "--message-format=json-render-diagnostics"]);
    cargo.args(["--package", "zeroboot", "--package", "zeroboot-cli"]);
    cargo.args(TESTS.iter().flat_map(|(_, name)| ["--test", name]));
    let output = cargo.current_dir(root).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the tests do not build");
    }
    let mut built = Vec::new();
    for message in Message::parse_stream(&*output.stdout) {
        let Message::CompilerArtifact(artifact) = message.context("cannot read cargo's messages")? else {
            continue;
        };
        if let (Some(file), true) = (artifact.executable, artifact.profile.test) {
            built.push((artifact.target.name, file.into_std_path_buf()));
        }
    }
    let of = |name: &str| built.iter().find(|(other, _)| other == name).map(|(_, file)| file.clone());
    TESTS.iter().map(|(_, name)| of(name).with_context(|| format!("cargo has not built {name}"))).collect()
}
