//! The user's run-time directory of this project: nobody else may look into it.
//!
//! Never here: what is in it.

use std::fs::{DirBuilder, symlink_metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;

use nix::unistd::Uid;

use crate::words::with_cause;

/// Why there is no such directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Nobody has said where.
    #[error("XDG_RUNTIME_DIR is not an absolute path")]
    Nowhere,
    /// It cannot be made.
    #[error("cannot make the directory {}", path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not this user's alone.
    #[error("other users can access the directory {}", .0.display())]
    Open(PathBuf),
}

with_cause!(DirectoryError);

impl DirectoryError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Nowhere | Self::Make { .. } => {
                "set XDG_RUNTIME_DIR to a directory that belongs to this user, as a login does".to_owned()
            }
            Self::Open(path) => {
                format!("remove {}, or make it this user's alone (chmod 700)", path.display())
            }
        })
    }
}

/// Where it is, whether it exists or not: `zeroboot` in `XDG_RUNTIME_DIR`, or in `/run` where that is not set. `None` when
/// the variable is no absolute path.
#[must_use]
pub fn run_time_directory() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(|| PathBuf::from("/run"), PathBuf::from);
    base.is_absolute().then(|| base.join("zeroboot"))
}

/// Makes it, if it is not there: mode 0700.
///
/// # Errors
/// [`DirectoryError`].
pub fn make_run_time_directory() -> Result<PathBuf, DirectoryError> {
    let path = run_time_directory().ok_or(DirectoryError::Nowhere)?;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    let metadata = match made.and_then(|()| symlink_metadata(&path)) {
        Ok(metadata) => metadata,
        Err(source) => return Err(DirectoryError::Make { path, source }),
    };
    let is_private = metadata.mode() & 0o077 == 0 && metadata.uid() == Uid::effective().as_raw();
    if metadata.is_dir() && is_private { Ok(path) } else { Err(DirectoryError::Open(path)) }
}
