//! The map of the last `zeroboot run`, for `zeroboot map last`: a file in the user's run-time directory.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use super::heat::Heat;
use crate::failure::Failure;

/// Keeps it. A run is not to fail for a map that nobody may ever ask for.
pub(super) fn write(heat: &Heat) {
    if let Err(error) = try_write(heat) {
        tracing::debug!(%error, "the map is not kept for later");
    }
}

fn try_write(heat: &Heat) -> io::Result<()> {
    let directory = directory().ok_or_else(|| io::Error::other("there is no run-time directory"))?;
    DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    let (file, fresh) = (directory.join(NAME), directory.join(format!("{NAME}.{}", std::process::id())));
    std::fs::write(&fresh, serde_json::to_vec(heat)?)?;
    std::fs::rename(&fresh, &file)
}

pub(super) fn read() -> Result<Heat, Failure> {
    let nothing = |cause: String| Failure::new(cause, "run a script as root first, by `zeroboot run`");
    let file = directory().ok_or_else(|| nothing("there is no run-time directory".to_owned()))?.join(NAME);
    let bytes = std::fs::read(&file)
        .map_err(|error| nothing(format!("cannot read the last map from {}: {error}", file.display())))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        nothing(format!("the last map in {} is not to be understood: {error}", file.display()))
    })
}

const NAME: &str = "last-map.json";

/// `XDG_RUNTIME_DIR`, or `/run` where that is not set: an ordinary user cannot write there, and has no map to keep.
fn directory() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(|| PathBuf::from("/run"), PathBuf::from);
    base.is_absolute().then(|| base.join("zeroboot"))
}
