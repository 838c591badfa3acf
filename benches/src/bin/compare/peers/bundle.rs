//! The directory that container runtimes start from: a root of links and mount points, and a `config.json`.
//!
//! The host's files come into it by mounts that the runtime makes in the container's own namespace, so that there is
//! nothing to unmount afterwards, whatever happens.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use nix::unistd::{getegid, geteuid};
use serde_json::json;
use tempfile::TempDir;

use super::known;
use crate::process;

/// Where most of a machine's programs are.
const USR: &str = "/usr";

/// What a container has of its own.
const NAMESPACES: [&str; 4] = ["pid", "mount", "ipc", "network"];

/// It is gone with this handle, and so is every container that was started from it.
#[derive(Debug)]
pub(super) struct Bundle {
    directory: TempDir,
    interpreter: PathBuf,
    /// Where the interpreter is installed.
    prefix: PathBuf,
    /// What of the host is shown in the container.
    shown: Vec<PathBuf>,
    id: String,
}

impl Bundle {
    pub(super) fn new(interpreter: &Path) -> anyhow::Result<Self> {
        let prefix = prefix_of(interpreter)?;
        let mut shown = vec![PathBuf::from(USR)];
        if !prefix.starts_with(USR) {
            shown.push(prefix.clone());
        }
        let directory = TempDir::with_prefix("zeroboot-bench-").context("cannot make a bundle")?;
        let root = directory.path().join("rootfs");
        fs::create_dir_all(root.join("proc"))?;
        for name in ["bin", "lib", "lib64"] {
            let on_host = Path::new("/").join(name);
            match fs::read_link(&on_host) {
                Ok(target) => symlink(target, root.join(name))?,
                Err(_) if on_host.is_dir() => shown.push(on_host),
                Err(_) => {}
            }
        }
        for path in &shown {
            fs::create_dir_all(root.join(path.strip_prefix("/")?))?;
        }
        let id = format!("zeroboot-bench-{}", std::process::id());
        let bundle = Self { directory, interpreter: interpreter.to_owned(), prefix, shown, id };
        let config = serde_json::to_vec_pretty(&bundle.config())?;
        fs::write(bundle.directory.path().join("config.json"), config)?;
        Ok(bundle)
    }

    pub(super) fn python(&self) -> String {
        self.interpreter.display().to_string()
    }

    /// What of the host is shown in the container, at its own place.
    pub(super) fn shown(&self) -> impl Iterator<Item = String> {
        self.shown.iter().map(|path| path.display().to_string())
    }

    pub(super) fn path(&self) -> String {
        self.directory.path().display().to_string()
    }

    /// The root of the container, with mount points for what is shown in it.
    pub(super) fn root(&self) -> String {
        format!("{}/rootfs", self.path())
    }

    /// Where a runtime keeps what it knows of its containers.
    pub(super) fn state(&self, runtime: &str) -> String {
        format!("{}/{runtime}", self.path())
    }

    /// What the container is called.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// A word of a command line without what differs from machine to machine and from run to run.
    pub(super) fn disguised(&self, word: &str) -> String {
        let word =
            word.replace(&self.python(), "PYTHON").replace(&self.path(), "BUNDLE").replace(&self.id, "ID");
        if Path::new(&word) == self.prefix && word != USR { "PREFIX".to_owned() } else { word }
    }

    /// Ends and removes whatever a runtime has left.
    pub(super) fn clear(&self) {
        for runtime in known::RUNTIMES {
            let state = self.state(runtime);
            let left = fs::read_dir(&state).is_ok_and(|mut entries| entries.next().is_some());
            if left {
                let mut delete = Command::new(runtime);
                delete.args(["--root", &state, "delete", "--force", &self.id]);
                delete.env("PATH", process::path()).stdin(Stdio::piped());
                // Its words are of no use to anybody: what it cannot remove it has never made.
                let _ = delete.output();
            }
        }
    }

    fn config(&self) -> serde_json::Value {
        let bind = |path: &PathBuf| json!({"destination": path, "type": "bind", "source": path, "options": ["bind", "ro", "nosuid", "nodev"]});
        let proc = json!({"destination": "/proc", "type": "proc", "source": "proc"});
        let mounts: Vec<_> = [proc].into_iter().chain(self.shown.iter().map(bind)).collect();
        let mut linux = json!({"namespaces": NAMESPACES.map(|kind| json!({"type": kind}))});
        let (user, group) = (geteuid(), getegid());
        if !user.is_root() {
            // Nobody else may make the others.
            let own = |id: u32| json!([{"containerID": 0, "hostID": id, "size": 1}]);
            linux = json!({
                "namespaces": NAMESPACES.into_iter().chain(["user"]).map(|kind| json!({"type": kind})).collect::<Vec<_>>(),
                "uidMappings": own(user.as_raw()),
                "gidMappings": own(group.as_raw()),
            });
        }
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false,
                "user": {"uid": 0, "gid": 0},
                "args": known::python(self),
                "env": ["PATH=/usr/bin:/bin"],
                "cwd": "/",
                "noNewPrivileges": true,
            },
            "root": {"path": "rootfs", "readonly": true},
            "mounts": mounts,
            "linux": linux,
        })
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Where an interpreter is installed, as it says itself.
fn prefix_of(interpreter: &Path) -> anyhow::Result<PathBuf> {
    let code = "import sys; print(sys.base_prefix, end='')";
    let said = Command::new(interpreter).args(["-I", "-S", "-c", code]).output()?;
    ensure!(said.status.success(), "cannot ask the interpreter where it is installed: {}", said.status);
    Ok(PathBuf::from(String::from_utf8(said.stdout)?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        Bundle::new(Path::new("python3")).unwrap()
    }

    #[test]
    fn it_is_gone_with_its_handle() {
        let bundle = bundle();
        let path = PathBuf::from(bundle.path());
        let config: serde_json::Value =
            serde_json::from_slice(&fs::read(path.join("config.json")).unwrap()).unwrap();
        assert_eq!(config["root"]["readonly"], true);
        let namespaces = config["linux"]["namespaces"].as_array().unwrap();
        for kind in NAMESPACES {
            assert!(namespaces.contains(&json!({"type": kind})), "{kind}");
        }
        drop(bundle);
        assert!(!path.exists());
    }

    #[test]
    fn command_lines_name_no_machine() {
        let bundle = bundle();
        for known in &known::ALL {
            for word in (known.words)(&bundle) {
                let disguised = bundle.disguised(&word);
                assert!(!disguised.contains(&bundle.path()), "{disguised}");
                assert!(!disguised.contains(&bundle.python()), "{disguised}");
                assert!(!disguised.contains(bundle.id()), "{disguised}");
            }
        }
    }
}
