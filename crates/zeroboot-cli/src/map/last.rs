//! The map of the last `zeroboot run`, for `zeroboot map last`: a file in the user's run-time directory.

use std::io;
use std::path::Path;

use super::heat::Heat;
use crate::failure::Failure;

/// Keeps it. A run is not to fail for a map that nobody may ever ask for.
pub(super) fn write(heat: &Heat) {
    match zeroboot::make_run_time_directory() {
        Ok(directory) => {
            if let Err(error) = write_into(&directory, heat) {
                tracing::debug!(%error, "the map could not be saved");
            }
        }
        Err(error) => tracing::debug!(cause = error.cause(), "the map could not be saved"),
    }
}

fn write_into(directory: &Path, heat: &Heat) -> io::Result<()> {
    let (file, fresh) = (directory.join(NAME), directory.join(format!("{NAME}.{}", std::process::id())));
    std::fs::write(&fresh, serde_json::to_vec(heat)?)?;
    std::fs::rename(&fresh, &file)
}

pub(super) fn read() -> Result<Heat, Failure> {
    let nothing = |cause: String| Failure::new(cause, "run a script as root first, by `zeroboot run`");
    let directory = zeroboot::run_time_directory();
    let file = directory.ok_or_else(|| nothing("there is no run-time directory".to_owned()))?.join(NAME);
    let bytes = std::fs::read(&file)
        .map_err(|error| nothing(format!("cannot read the last map from {}: {error}", file.display())))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        nothing(format!("the last map in {} is not to be understood: {error}", file.display()))
    })
}

const NAME: &str = "last-map.json";
