//! Programs of the project as they are released.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use cargo_metadata::MetadataCommand;

/// Builds a package; where its program of this name lies then.
pub(crate) fn build(root: &Path, package: &str, program: &str) -> anyhow::Result<PathBuf> {
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", package])
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    if !built.success() {
        bail!("{package} does not build");
    }
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec().context("cannot find target")?;
    Ok(metadata.target_directory.into_std_path_buf().join("release").join(program))
}
