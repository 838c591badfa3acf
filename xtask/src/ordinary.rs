//! The ordinary user, as whom root runs what root runs.
//!
//! It gets a copy of the program in a directory of its own, since the project may lie where only its owner may look.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// Nobody's number, without groups.
const ORDINARY: u32 = 1001;

/// Where the ordinary user's programs are.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A directory of the ordinary user's with the program in it, which is gone afterwards.
pub(crate) struct Place {
    directory: PathBuf,
    program: PathBuf,
}

impl Place {
    /// With a copy of this program.
    pub(crate) fn new(program: &Path) -> anyhow::Result<Self> {
        let name = program.file_name().context("a program has a name")?;
        let directory = std::env::temp_dir().join(format!("{}-{}", name.display(), std::process::id()));
        let place = Self { program: directory.join(name), directory };
        let prepare = || {
            fs::create_dir(&place.directory)?;
            fs::set_permissions(&place.directory, fs::Permissions::from_mode(0o700))?;
            fs::copy(program, &place.program)?;
            chown(&place.program, Some(ORDINARY), Some(ORDINARY))?;
            chown(&place.directory, Some(ORDINARY), Some(ORDINARY))
        };
        prepare().with_context(|| format!("cannot prepare {}", place.directory.display()))?;
        Ok(place)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The program, to be started as the ordinary user in its directory.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        let id = ORDINARY.to_string();
        command
            .args(["--reuid", &id, "--regid", &id, "--clear-groups", "--inh-caps=-all"])
            .arg(&self.program)
            .env_clear()
            .envs([("PATH", PATH.as_ref()), ("HOME", self.directory.as_os_str())])
            .envs(std::env::var_os("TERM").map(|terminal| ("TERM", terminal)))
            .current_dir(&self.directory);
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("{} stays: {error}", self.directory.display());
        }
    }
}
