//! Finding interpreters, and skipping without silence.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use zeroboot::{Interpreter, InterpreterError};

/// Runs the trials one after the other.
pub(crate) fn run(trials: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Says that a test could not run here; an error where nothing may be skipped.
pub(crate) fn skip(reason: &str) -> Result<(), Failed> {
    if std::env::var_os("ZEROBOOT_NO_SKIP").is_some_and(|value| value == "1") {
        return Err(format!("skipped: {reason}").into());
    }
    let _ = writeln!(std::io::stderr(), "SKIP {reason}");
    Ok(())
}

/// One interpreter of each version and place that the machine has: those in `PATH`, and those of a version manager.
pub(crate) fn interpreters() -> Vec<Interpreter> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let manager = std::env::var_os("PYENV_ROOT").map_or_else(|| home.join(".pyenv"), PathBuf::from);
    if let Ok(versions) = std::fs::read_dir(manager.join("versions")) {
        places.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let mut found = BTreeMap::new();
    for place in places {
        let versions = (9..=15).map(|minor| format!("python3.{minor}"));
        for name in std::iter::once("python3".to_owned()).chain(versions) {
            let program = place.join(name);
            if let (true, Ok(interpreter)) = (program.is_file(), Interpreter::probe(&program)) {
                let real = interpreter.executable().canonicalize().unwrap_or(program);
                found.entry(real).or_insert(interpreter);
            }
        }
    }
    found.into_values().collect()
}

/// The virtualenv with numpy and pandas, or the reason why there is none.
pub(crate) fn virtualenv() -> Result<PathBuf, &'static str> {
    let path = std::env::var_os("ZEROBOOT_TEST_VENV").ok_or("no virtualenv with numpy and pandas")?;
    let python = PathBuf::from(path).join("bin/python3");
    match Interpreter::probe(&python) {
        Err(InterpreterError::Hidden { .. }) => {
            Err("the virtualenv lies below a directory that is private in a sandbox")
        }
        _ => Ok(python),
    }
}

/// All processes below this one, the nearest first, with their names.
pub(crate) fn descendants() -> Vec<(u32, String)> {
    let mut children: BTreeMap<u32, Vec<(u32, String)>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let name = head.split_once('(').map_or("", |(_, name)| name).to_owned();
        let parent = tail.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        children.entry(parent).or_default().push((pid, name));
    }
    let mut found = Vec::new();
    let mut above = vec![std::process::id()];
    while let Some(pid) = above.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            above.push(child.0);
            found.push(child);
        }
    }
    found
}

/// The example scripts.
pub(crate) fn examples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/agents");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("the examples are there")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .collect();
    scripts.sort();
    assert!(scripts.len() >= 7, "{scripts:?}");
    scripts
}

/// A warm-up file that is gone with the test; the name is one of the test binary's own.
pub(crate) struct WarmFile(pub(crate) PathBuf);

impl WarmFile {
    pub(crate) fn new(name: &str, code: &str) -> Result<Self, Failed> {
        let path = std::env::temp_dir().join(format!("zeroboot-{}-{name}.py", std::process::id()));
        std::fs::write(&path, code)?;
        Ok(Self(path))
    }
}

impl Drop for WarmFile {
    fn drop(&mut self) {
        // What cannot be removed is not worth a second panic.
        let _ = std::fs::remove_file(&self.0);
    }
}
