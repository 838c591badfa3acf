//! What sandboxes see at and below their private file systems, and where it waits until a shell puts it there.
//!
//! A private file system hides what was mounted at its place before. So the views that lie in one, and the layers of a
//! copy-on-write working directory, are attached a second time below `/dev/shm`, from where each shell takes them before it
//! mounts its own `/dev/shm` over them. A sandbox cannot get there; the template sees them, and may: they are read-only.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;

use super::mount as calls;
use super::project::{Layer, Project, ProjectError};
use super::tree::{HOME, TreeError, c_path};
use crate::policy::UserId;
use crate::spot::{Kind, Spot};

/// In the warden's tree.
const STORE: &str = "/dev/shm/.zeroboot";

/// The private file systems that views may lie in.
pub(super) const TOPS: [&str; 2] = [HOME, "/tmp"];

/// What each shell puts at and below its private file systems.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    home: Home,
    views: Vec<StoredView>,
}

/// What the working directory is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Home {
    #[default]
    Empty,
    /// A copy-on-write view of a directory of the host.
    Overlay,
}

/// A view, as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredView {
    /// In the warden's tree.
    pub(crate) stored: CString,
    pub(crate) spot: Spot,
}

/// A view that is to lie in a private file system, open.
pub(super) struct Inner {
    pub(super) tree: OwnedFd,
    pub(super) target: PathBuf,
    pub(super) kind: Kind,
}

impl Shown {
    /// Where the shell of a sandbox of this user finds the working directory's lower layer, if it has one.
    pub(crate) fn layer(&self, user: UserId) -> Option<String> {
        (self.home == Home::Overlay).then(|| layer_path(user))
    }

    pub(crate) fn views(&self) -> &[StoredView] {
        &self.views
    }
}

/// Whether a view at this place lies in one of the private file systems, which is its top.
pub(super) fn top_of(target: &Path) -> Option<&'static str> {
    TOPS.into_iter().find(|top| target.starts_with(top) && target != Path::new(top))
}

/// The options of the overlay whose lower layer is this, in a private file system that is mounted at `home`.
pub(crate) fn overlay_options(lower: &str, home: &str) -> String {
    format!("lowerdir={lower},upperdir={home}/{UPPER},workdir={home}/{WORK},userxattr")
}

/// Where changes to a copy-on-write working directory lie, in the private file system below it.
pub(crate) const UPPER: &str = "upper";

/// What the overlay needs for itself, beside them.
pub(crate) const WORK: &str = "work";

fn layer_path(user: UserId) -> String {
    format!("{STORE}/directory-{}", user.0)
}

/// Puts everything into the store below `root`, the outer views first, and gives the template its own working directory.
pub(super) fn put_away(
    root: &Path,
    project: Option<(&Project, Vec<Layer>)>,
    inner: &[Inner],
) -> Result<Shown, TreeError> {
    let mut shown = Shown::default();
    if project.is_none() && inner.is_empty() {
        return Ok(shown);
    }
    make(&below(root, STORE), Kind::Directory)?;
    if let Some((project, layers)) = project {
        for Layer { user, tree } in layers {
            attach(&tree, &below(root, &layer_path(user)), Kind::Directory)?;
        }
        mount_overlay(root, project)?;
        shown.home = Home::Overlay;
    }
    for (number, Inner { tree, target, kind }) in inner.iter().enumerate() {
        let stored = format!("{STORE}/view-{number}");
        attach(tree, &below(root, &stored), *kind)?;
        let top = top_of(target).ok_or_else(|| TreeError::Target(target.clone()))?;
        let spot = Spot::new(Path::new(top), target, *kind).map_err(|_| TreeError::Path(target.clone()))?;
        shown.views.push(StoredView { stored: c_path(Path::new(&stored))?, spot });
    }
    Ok(shown)
}

/// Shows the template what its sandboxes will see in their private file systems, now that what is special is covered.
pub(super) fn show_template(root: &Path, inner: &[Inner]) -> Result<(), TreeError> {
    for (number, Inner { target, kind, .. }) in inner.iter().enumerate() {
        let failed = |source| TreeError::Source { path: target.clone(), source };
        let top = top_of(target).ok_or_else(|| TreeError::Target(target.clone()))?;
        let stored = below(root, &format!("{STORE}/view-{number}"));
        let tree = calls::open_tree(&c_path(&stored)?).map_err(failed)?;
        let directory = open(&below(root, top), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
        let directory = directory.map_err(failed)?;
        let spot = Spot::new(Path::new(top), target, *kind).map_err(|_| TreeError::Path(target.clone()))?;
        let place = spot.make(directory.as_fd(), None).map_err(failed)?;
        calls::attach_over(tree.as_fd(), place.as_fd()).map_err(failed)?;
    }
    Ok(())
}

/// The template's own: what its warm-up writes lies in its own home.
fn mount_overlay(root: &Path, project: &Project) -> Result<(), TreeError> {
    let home = below(root, HOME);
    for name in [UPPER, WORK] {
        make(&home.join(name), Kind::Directory)?;
    }
    let lower = below(root, &layer_path(super::TEMPLATE_USER));
    let options = overlay_options(&lower.display().to_string(), &home.display().to_string());
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("overlay"), &home, Some("overlay"), flags, Some(options.as_str())).map_err(|source| {
        TreeError::Project(ProjectError::Overlay { path: project.source().to_owned(), source })
    })
}

fn attach(tree: &OwnedFd, place: &Path, kind: Kind) -> Result<(), TreeError> {
    make(place, kind)?;
    calls::attach(tree.as_fd(), &c_path(place)?)
        .map_err(|source: Errno| TreeError::Source { path: place.to_owned(), source })
}

/// Here nobody but this process writes.
fn make(path: &Path, kind: Kind) -> Result<(), TreeError> {
    let made = match kind {
        Kind::Directory => fs::create_dir(path),
        Kind::File => fs::write(path, ""),
    };
    made.map_err(|source| TreeError::Make { path: path.to_owned(), source })
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}
