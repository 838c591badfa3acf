//! The members of the workspace, as cargo knows them.

use std::fs;
use std::path::Path;

use anyhow::Context;
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, TargetKind};

/// A package of the workspace. Paths are relative to the project's root.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) directory: String,
    /// The text of its `Cargo.toml`.
    pub(super) manifest: String,
    /// The first file of each library and program in it.
    pub(super) roots: Vec<String>,
}

impl Member {
    pub(super) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.directory)
    }

    /// Whether this file belongs to the package.
    pub(super) fn owns(&self, path: &str) -> bool {
        path.strip_prefix(&self.directory).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// What cargo says, with every feature on. For this processor's Linux only: crates for other systems would have to be
/// downloaded to be read.
pub(super) fn metadata(root: &Path) -> anyhow::Result<Metadata> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    MetadataCommand::new()
        .current_dir(root)
        .features(CargoOpt::AllFeatures)
        .other_options(["--filter-platform".to_owned(), platform])
        .exec()
        .context("cannot read the workspace's metadata")
}

/// The packages of the workspace.
pub(super) fn members(metadata: &Metadata) -> anyhow::Result<Vec<Member>> {
    let relative = |path: &cargo_metadata::camino::Utf8Path| {
        let path = path.strip_prefix(&metadata.workspace_root);
        path.map(|path| path.as_str().to_owned()).context("a member lies outside of the workspace")
    };
    let is_crate = |kind: &TargetKind| {
        !matches!(kind, TargetKind::Bench | TargetKind::CustomBuild | TargetKind::Example | TargetKind::Test)
    };
    let member = |package: &cargo_metadata::Package| {
        let directory = package.manifest_path.parent().context("a manifest lies in a directory")?;
        let roots = package.targets.iter().filter(|target| target.kind.iter().any(is_crate));
        Ok(Member {
            name: package.name.to_string(),
            directory: relative(directory)?,
            manifest: fs::read_to_string(&package.manifest_path)
                .with_context(|| format!("cannot read {}", package.manifest_path))?,
            roots: roots.map(|target| relative(&target.src_path)).collect::<anyhow::Result<_>>()?,
        })
    };
    metadata.workspace_packages().into_iter().map(member).collect()
}
