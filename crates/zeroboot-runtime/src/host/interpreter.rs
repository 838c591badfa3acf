//! Finding the real Python behind a version manager's shim, a virtualenv or a link, and what of the host it needs.

use std::collections::BTreeSet;
use std::env;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::view::PRIVATE;

/// Prints what [`Probe`] reads.
const PROBE: &str = "import json, sys; print(json.dumps({\
    'executable': sys.executable, 'flags': sys.abiflags, 'version': list(sys.version_info[:2]), 'path': sys.path, \
    'prefixes': [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]}))";

/// Prints the version, in words that Python 2 understands too.
const VERSION: &str = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])";

/// The oldest that runs sandboxes.
const OLDEST: (u32, u32) = (3, 9);

/// What every sandbox sees anyway.
const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];

/// Why there is no interpreter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterpreterError {
    /// It could not be started.
    #[error("cannot start {}", program.display())]
    Start {
        /// What was tried.
        program: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is to be looked up where there is nothing to look in.
    #[error("cannot look up {}: PATH is not set", program.display())]
    NoPath {
        /// What was asked for.
        program: PathBuf,
    },
    /// It ended with an error.
    #[error("{} does not work: {said}", program.display())]
    Broken {
        /// What was tried.
        program: PathBuf,
        /// What it said.
        said: String,
    },
    /// It does not answer as Python 3 does.
    #[error("{} does not answer as python3 does", program.display())]
    NotPython {
        /// What was tried.
        program: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It is older than 3.9.
    #[error("{} is Python {major}.{minor}: too old", program.display())]
    TooOld {
        /// What was tried.
        program: PathBuf,
        /// Its version.
        major: u32,
        /// Its version.
        minor: u32,
    },
    /// It is built without the global lock: its objects are laid out otherwise.
    #[error("{} is a free-threaded Python", program.display())]
    FreeThreaded {
        /// What was tried.
        program: PathBuf,
    },
    /// It lives where a sandbox sees its own files.
    #[error("{} lies below {private}, which is private in a sandbox", path.display())]
    Hidden {
        /// What would be hidden.
        path: PathBuf,
        /// By what.
        private: &'static str,
    },
}

impl InterpreterError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Start { .. } => "install python3, or name an interpreter (--python PATH)".to_owned(),
            Self::NoPath { .. } => {
                "set PATH, or name the interpreter by its path (--python /usr/bin/python3)".to_owned()
            }
            Self::Broken { .. } | Self::NotPython { .. } => {
                "name a working interpreter (--python PATH); with a version manager, choose a version first"
                    .to_owned()
            }
            Self::TooOld { .. } => "Python 3.9 or newer is needed".to_owned(),
            Self::FreeThreaded { .. } => {
                "name an interpreter with the global lock (--python PATH)".to_owned()
            }
            Self::Hidden { .. } => "put the interpreter or virtualenv somewhere else".to_owned(),
        })
    }
}

#[derive(Debug, Deserialize)]
struct Probe {
    executable: PathBuf,
    version: (u32, u32),
    flags: String,
    path: Vec<PathBuf>,
    prefixes: Vec<PathBuf>,
}

/// A Python interpreter that was asked about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    executable: PathBuf,
    version: (u32, u32),
    needs: Vec<PathBuf>,
    /// `sys.path`, as far as it exists.
    path: Vec<PathBuf>,
}

impl Interpreter {
    /// Asks `program` (a path, or a name that is looked up in `PATH`) what it really is.
    ///
    /// # Errors
    /// [`InterpreterError`].
    pub fn probe(program: &Path) -> Result<Self, InterpreterError> {
        let is_looked_up = !program.as_os_str().as_bytes().contains(&b'/');
        // The C library has a default of its own, but an interpreter cannot find itself without the variable.
        if is_looked_up && env::var_os("PATH").is_none_or(|path| path.is_empty()) {
            return Err(InterpreterError::NoPath { program: program.to_owned() });
        }
        let output = Command::new(program)
            .args(["-I", "-c", PROBE])
            .stdin(Stdio::null())
            .output()
            .map_err(|source| InterpreterError::Start { program: program.to_owned(), source })?;
        if !output.status.success() {
            // Python 2 does not know the options.
            if let Some((major, minor)) = version(program).filter(|version| *version < OLDEST) {
                return Err(InterpreterError::TooOld { program: program.to_owned(), major, minor });
            }
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().lines().last().unwrap_or("it said nothing").to_owned();
            return Err(InterpreterError::Broken { program: program.to_owned(), said });
        }
        let probe: Probe = serde_json::from_slice(&output.stdout)
            .map_err(|source| InterpreterError::NotPython { program: program.to_owned(), source })?;
        let (major, minor) = probe.version;
        if (major, minor) < OLDEST {
            return Err(InterpreterError::TooOld { program: program.to_owned(), major, minor });
        }
        if probe.flags.contains('t') {
            return Err(InterpreterError::FreeThreaded { program: program.to_owned() });
        }
        let needs = needs(&probe);
        for path in &needs {
            if let Some(private) = PRIVATE.iter().find(|private| path.starts_with(private)) {
                return Err(InterpreterError::Hidden { path: path.clone(), private });
            }
        }
        let path = probe.path.into_iter().filter(|path| path.is_dir()).collect();
        Ok(Self { executable: probe.executable, version: probe.version, needs, path })
    }

    /// The real program.
    #[must_use]
    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// Major and minor version.
    #[must_use]
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// Where it looks for modules, the installed packages included.
    pub(super) fn path(&self) -> &[PathBuf] {
        &self.path
    }

    /// Directories of the host that it needs beyond what every sandbox sees.
    pub(super) fn needs(&self) -> &[PathBuf] {
        &self.needs
    }
}

/// The version that an interpreter tells without options; `None` if it tells none.
fn version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).args(["-c", VERSION]).stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = said.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Prefixes, module directories and the program's own directory, under their names and behind their links; without
/// those that lie in another.
fn needs(probe: &Probe) -> Vec<PathBuf> {
    let program = probe.executable.canonicalize().ok();
    let named = probe.prefixes.iter().chain(&probe.path).cloned();
    let directories = named
        .chain(probe.executable.parent().map(Path::to_owned))
        .chain(program.as_deref().and_then(Path::parent).map(Path::to_owned));
    let mut wanted = BTreeSet::new();
    for directory in directories.filter(|path| path.is_dir() && path.parent().is_some()) {
        wanted.extend(directory.canonicalize().ok());
        wanted.insert(directory);
    }
    let system = |path: &PathBuf| SYSTEM.iter().any(|system| path.starts_with(system));
    let mut kept: Vec<PathBuf> = Vec::new();
    // In order, a directory comes before those that lie in it.
    for path in wanted.into_iter().filter(|path| !system(path)) {
        if !kept.iter().any(|above| path.starts_with(above)) {
            kept.push(path);
        }
    }
    kept
}
