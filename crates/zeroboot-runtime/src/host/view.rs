//! What of the host's files is shown in a sandbox because somebody asked for it; checked before anything is started.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use zeroboot_isolation::world::HOME;

/// What every sandbox has for itself: a view or an interpreter there would be hidden, and a view above would hide it.
pub(super) const PRIVATE: [&str; 6] = ["/tmp", "/var/tmp", "/dev", "/proc", "/.machine", HOME];

/// What no sandbox works without: a view in its place, or above, would hide it. Below there may be views.
const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc"];

/// Why a file or directory of the host cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// It is not there, or cannot be looked at.
    #[error("cannot show {} in the sandbox", path.display())]
    Source {
        /// The path on the host.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a socket, a pipe or a device: being read-only does not keep anybody from using those.
    #[error("cannot show {} in the sandbox: it is neither a file nor a directory", .0.display())]
    Special(PathBuf),
    /// The place in the sandbox is not an absolute path, or has a `..` in it.
    #[error("cannot show anything at {:?} in the sandbox: not an absolute path without `..`", .0)]
    NotAbsolute(PathBuf),
    /// The place in the sandbox is one of its private ones, or above one, or below another than its home and `/tmp`.
    #[error("cannot show anything at {} in the sandbox: {private} is private there", destination.display())]
    Private {
        /// The place.
        destination: PathBuf,
        /// Which one.
        private: &'static str,
    },
    /// The place in the sandbox holds what every sandbox needs.
    #[error("cannot show anything at {} in the sandbox: it would hide {}", destination.display(), hidden.display())]
    System {
        /// The place.
        destination: PathBuf,
        /// What would be hidden: a directory of the system, or one of the interpreter.
        hidden: PathBuf,
    },
    /// What is to be the working directory is none.
    #[error("{} cannot be the working directory: it is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Two views want the same place.
    #[error("cannot show both {} and {} at {} in the sandbox", first.display(), second.display(), destination.display())]
    Twice {
        /// The path on the host of the one.
        first: PathBuf,
        /// And of the other.
        second: PathBuf,
        /// The place.
        destination: PathBuf,
    },
    /// The place in the sandbox lies in another read-only view, which has nothing of its kind there.
    #[error("cannot show anything at {} in the sandbox: {} has no such {kind}", destination.display(), above.display())]
    NoPlace {
        /// The place.
        destination: PathBuf,
        /// Which directory of the host is shown around it.
        above: PathBuf,
        /// `file` or `directory`.
        kind: &'static str,
    },
}

impl ViewError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Source { .. } => "check the path and its permissions".to_owned(),
            Self::Special(_) => "show a file or a directory".to_owned(),
            Self::NotAbsolute(_) => "give a place such as /data (--ro PATH:/data)".to_owned(),
            Self::Private { private: HOME, .. } => {
                "choose a place below it, or make the directory the working directory (--dir)".to_owned()
            }
            Self::Private { .. } | Self::System { .. } => {
                "choose a place of its own, such as /data (--ro PATH:/data)".to_owned()
            }
            Self::NotADirectory(_) => "give a directory".to_owned(),
            Self::Twice { .. } => "choose two places".to_owned(),
            Self::NoPlace { above, kind, .. } => {
                format!(
                    "make an empty {kind} of that name below {}, or choose another place",
                    above.display()
                )
            }
        }
    }
}

/// A wish: what of the host, and where; at the same place if nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) source: PathBuf,
    pub(super) destination: Option<PathBuf>,
}

/// Source and place of each view, all absolute; one that lies in another comes after it.
pub(super) fn check(views: &[View]) -> Result<Vec<(PathBuf, PathBuf)>, ViewError> {
    let mut checked: Vec<(PathBuf, PathBuf)> = Vec::new();
    for view in views {
        let failed = |source| ViewError::Source { path: view.source.clone(), source };
        let source = std::path::absolute(&view.source).map_err(failed)?;
        let found = fs::metadata(&source).map_err(failed)?;
        if !found.is_file() && !found.is_dir() {
            return Err(ViewError::Special(view.source.clone()));
        }
        let destination = view.destination.clone().unwrap_or_else(|| source.clone());
        check_place(&destination)?;
        // Without a slash at its end, and what else makes two names of one place.
        let destination: PathBuf = destination.components().collect();
        if let Some((first, _)) = checked.iter().find(|(_, other)| *other == destination) {
            return Err(ViewError::Twice { first: first.clone(), second: source, destination });
        }
        checked.push((source, destination));
    }
    checked.sort_by_key(|(_, destination)| destination.components().count());
    for (index, (source, destination)) in checked.iter().enumerate() {
        check_surroundings(source, destination, &checked[..index])?;
    }
    Ok(checked)
}

/// The path below the private file system in which a view at this place lies, and which that is; `None` where it lies in none.
fn inner(destination: &Path) -> Option<(&'static str, &Path)> {
    let below = |top| Some((top, destination.strip_prefix(top).ok()?));
    [HOME, "/tmp"].into_iter().find_map(below).filter(|(_, below)| !below.as_os_str().is_empty())
}

/// Where checked views lie in the working directory, as paths below it.
pub(super) fn below_home(views: &[(PathBuf, PathBuf)]) -> Vec<PathBuf> {
    let inner = views.iter().filter_map(|(_, destination)| inner(destination));
    inner.filter(|(top, _)| *top == HOME).map(|(_, below)| below.to_owned()).collect()
}

/// The absolute path of a directory that is to be the working directory.
pub(super) fn check_directory(path: &Path) -> Result<PathBuf, ViewError> {
    let failed = |source| ViewError::Source { path: path.to_owned(), source };
    let absolute = std::path::absolute(path).map_err(failed)?;
    match fs::metadata(&absolute).map_err(failed)?.is_dir() {
        true => Ok(absolute),
        false => Err(ViewError::NotADirectory(path.to_owned())),
    }
}

/// That checked views leave the directories alone that an interpreter needs.
pub(super) fn check_beside(views: &[(PathBuf, PathBuf)], needs: &[PathBuf]) -> Result<(), ViewError> {
    let needs: Vec<_> = needs.iter().map(|path| (path.clone(), path.clone())).collect();
    for (source, destination) in views.iter().filter(|(source, destination)| source != destination) {
        if let Some((hidden, _)) = needs.iter().find(|(need, _)| need.starts_with(destination)) {
            return Err(ViewError::System { destination: destination.clone(), hidden: hidden.clone() });
        }
        check_surroundings(source, destination, &needs)?;
    }
    Ok(())
}

/// That this place can be one of a view.
fn check_place(destination: &Path) -> Result<(), ViewError> {
    let plain = |part| matches!(part, Component::Normal(_) | Component::RootDir);
    if !destination.is_absolute() || !destination.components().all(plain) {
        return Err(ViewError::NotAbsolute(destination.to_owned()));
    }
    let destination = destination.to_owned();
    let hides = |path: &str| Path::new(path).starts_with(&destination);
    let is_inner = inner(&destination).is_some();
    if let Some(private) =
        PRIVATE.iter().find(|path| hides(path) || (destination.starts_with(path) && !is_inner))
    {
        return Err(ViewError::Private { destination, private });
    }
    match SYSTEM.iter().find(|path| hides(path)) {
        Some(hidden) => Err(ViewError::System { destination, hidden: hidden.into() }),
        None => Ok(()),
    }
}

/// That there is something of the same kind in the read-only view that is around the place, if one is: nothing can be made
/// there.
fn check_surroundings(
    source: &Path,
    destination: &Path,
    shallower: &[(PathBuf, PathBuf)],
) -> Result<(), ViewError> {
    let system = SYSTEM.iter().map(|path| (Path::new(path), Path::new(path)));
    // What is not below one of these in `/etc` is the sandbox's own.
    let system = system.filter(|(path, _)| !path.ends_with("etc"));
    let shown = shallower.iter().map(|(source, at)| (source.as_path(), at.as_path()));
    let around = system.chain(shown).filter(|(_, at)| destination.starts_with(at));
    // The innermost one is what is seen.
    let Some((above, at)) = around.max_by_key(|(_, at)| at.components().count()) else { return Ok(()) };
    let place = above.join(destination.strip_prefix(at).unwrap_or(destination));
    let kind = if source.is_dir() { "directory" } else { "file" };
    if place.exists() && place.is_dir() == source.is_dir() {
        return Ok(());
    }
    Err(ViewError::NoPlace { destination: destination.to_owned(), above: above.to_owned(), kind })
}
