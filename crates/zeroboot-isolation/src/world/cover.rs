//! What lies in a shown directory and is neither file, directory nor link: a view that is read-only keeps nobody from talking
//! through a pipe or a socket that he finds there.
//!
//! No mount option says "no pipes". So each shown directory is looked through once, before the tree is built, and what is found
//! is covered by a file that nobody can open. What the host makes there later is not covered; neither are the system's own
//! directories and the interpreter's, which are looked at by nobody.
//!
//! Never here: device nodes, which the mount option `nodev` closes.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

use super::mount as calls;
use super::tree::{Bind, Content, TreeError, c_path};

/// How many entries the shown directories may have together: looking through so many takes more than half a second.
const MOST_ENTRIES: usize = 1_000_000;

/// How many places may be covered: each is one more mount, which every sandbox's mount namespace copies.
const MOST_COVERS: usize = 64;

/// What of the host's views is to be covered, by its path: found before the tree is built.
#[derive(Debug, Default)]
pub struct Covers {
    entries: usize,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    /// In which of the views.
    bind: usize,
    path: PathBuf,
    kind: Kind,
}

/// A place in a tree that is not attached yet.
#[derive(Debug)]
pub(super) struct OpenPlace {
    place: OwnedFd,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
}

/// A view that is looked through.
struct Shown<'a> {
    bind: usize,
    source: &'a Path,
    top: OwnedFd,
}

impl Covers {
    /// Looks through the views that may hold [anything](Content::Any): their pipes and sockets are to be covered, and directories
    /// that can be entered but not listed, since who knows a name may find anything there.
    ///
    /// Call it with the host's own rights, before [`unshare`](super::unshare): in a user namespace of its own root may not
    /// list what belongs to others.
    ///
    /// # Errors
    /// [`TreeError`] names the view.
    pub fn look_through(binds: &[Bind]) -> Result<Self, TreeError> {
        let mut covers = Self::default();
        for (bind, Bind { source, content, .. }) in binds.iter().enumerate() {
            if *content == Content::Any {
                covers.look_at(bind, source)?;
            }
        }
        Ok(covers)
    }

    fn look_at(&mut self, bind: usize, source: &Path) -> Result<(), TreeError> {
        let failed = |errno| TreeError::Source { path: source.to_owned(), source: errno };
        let top = open(source, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(failed)?;
        match format(&fstat(&top).map_err(failed)?) {
            SFlag::S_IFREG => return Ok(()),
            SFlag::S_IFDIR => {}
            _ => return Err(TreeError::Special(source.to_owned())),
        }
        let shown = Shown { bind, source, top };
        // Who may not list the view itself cannot say what is in it.
        drop(shown.list(Path::new(".")).map_err(failed)?);
        let mut directories = vec![PathBuf::from(".")];
        while let Some(directory) = directories.pop() {
            self.look_into(&shown, &directory, &mut directories)?;
        }
        // A mount hides what kind of entry it lies on.
        for place in mounts_below(source) {
            self.add_if_special(&shown, &place)?;
        }
        Ok(())
    }

    fn look_into(
        &mut self,
        shown: &Shown<'_>,
        directory: &Path,
        directories: &mut Vec<PathBuf>,
    ) -> Result<(), TreeError> {
        let entries = match shown.list(directory) {
            Ok(entries) => entries,
            Err(Errno::EACCES | Errno::EPERM) => return self.add_if_entered(shown, directory),
            Err(errno) if is_changed(errno) => return Ok(()),
            Err(errno) => return Err(shown.failed(directory, errno)),
        };
        for entry in entries {
            let entry = entry.map_err(|errno| shown.failed(directory, errno))?;
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                return Err(TreeError::TooManyEntries(shown.source.to_owned()));
            }
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let path = || directory.join(std::ffi::OsStr::from_bytes(name));
            match entry.file_type() {
                Some(Type::Directory) => directories.push(path()),
                Some(Type::Fifo | Type::Socket) => self.add_if_special(shown, &path())?,
                // Some file systems do not say.
                None => match shown.status(&path())? {
                    Some(status) if format(&status) == SFlag::S_IFDIR => directories.push(path()),
                    _ => self.add_if_special(shown, &path())?,
                },
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn add_if_special(&mut self, shown: &Shown<'_>, path: &Path) -> Result<(), TreeError> {
        match shown.status(path)? {
            Some(status) if matches!(format(&status), SFlag::S_IFIFO | SFlag::S_IFSOCK) => {
                self.add(shown, path, Kind::File)
            }
            _ => Ok(()),
        }
    }

    /// A directory that cannot be listed, if it is one that can be entered, by its owner or by others.
    fn add_if_entered(&mut self, shown: &Shown<'_>, path: &Path) -> Result<(), TreeError> {
        let enters = || shown.open(&path.join("."), OFlag::O_PATH).is_ok();
        match shown.status(path)? {
            Some(status) if status.st_mode & Mode::S_IXOTH.bits() != 0 || enters() => {
                self.add(shown, path, Kind::Directory)
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, shown: &Shown<'_>, path: &Path, kind: Kind) -> Result<(), TreeError> {
        if self.places.len() == MOST_COVERS {
            return Err(TreeError::TooManySpecial(shown.source.to_owned()));
        }
        self.places.push(Place { bind: shown.bind, path: path.to_owned(), kind });
        Ok(())
    }

    /// Finds those of one view in the tree that is to show it. What is no more is left out, and so is what this process
    /// cannot reach: nobody can who has less rights.
    pub(super) fn find(&self, bind: usize, tree: BorrowedFd<'_>) -> Result<Vec<OpenPlace>, Errno> {
        let mut found = Vec::new();
        for Place { path, kind, .. } in self.places.iter().filter(|place| place.bind == bind) {
            match open_below(tree, path, OFlag::O_PATH) {
                Ok(place) => {
                    let is_directory = format(&fstat(&place)?) == SFlag::S_IFDIR;
                    if is_directory == (*kind == Kind::Directory) {
                        found.push(OpenPlace { place, kind: *kind });
                    }
                }
                Err(Errno::EACCES) => {}
                Err(errno) if is_changed(errno) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(found)
    }
}

/// Covers all of them, now that their trees are attached, by a file or a directory that is empty and that nobody can open:
/// it has no permission, and its mount is read-only. Below `root` there must be room for both, for a moment.
pub(super) fn cover(places: &[OpenPlace], root: &Path) -> Result<(), TreeError> {
    if places.is_empty() {
        return Ok(());
    }
    let (file, directory) = (root.join("covering-file"), root.join("covering-directory"));
    let made = |path: &Path| {
        let path = path.to_owned();
        |source| TreeError::Make { path, source }
    };
    fs::OpenOptions::new().write(true).create_new(true).mode(0o0).open(&file).map_err(made(&file))?;
    fs::DirBuilder::new().mode(0o0).create(&directory).map_err(made(&directory))?;
    for OpenPlace { place, kind } in places {
        let path = if *kind == Kind::File { &file } else { &directory };
        let failed = |source| TreeError::Source { path: path.clone(), source };
        let cover = calls::open_tree(&c_path(path)?).map_err(failed)?;
        calls::make_read_only(cover.as_fd(), calls::Devices::Closed).map_err(failed)?;
        calls::attach_over(cover.as_fd(), place.as_fd()).map_err(failed)?;
    }
    // What covers is kept by its mounts, and needs no name.
    fs::remove_file(&file).map_err(made(&file))?;
    fs::remove_dir(&directory).map_err(made(&directory))
}

impl Shown<'_> {
    fn open(&self, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
        open_below(self.top.as_fd(), path, flags)
    }

    fn list(&self, directory: &Path) -> Result<Dir, Errno> {
        self.open(directory, OFlag::O_RDONLY | OFlag::O_DIRECTORY).and_then(Dir::from_fd)
    }

    /// Of the entry itself; `None` when it is a link, is no more, or lies where this process may not look.
    fn status(&self, path: &Path) -> Result<Option<FileStat>, TreeError> {
        match self.open(path, OFlag::O_PATH).and_then(fstat) {
            Ok(status) => Ok(Some(status)),
            Err(Errno::EACCES | Errno::EPERM) => Ok(None),
            Err(errno) if is_changed(errno) => Ok(None),
            Err(errno) => Err(self.failed(path, errno)),
        }
    }

    fn failed(&self, below: &Path, source: Errno) -> TreeError {
        match source {
            // A sandbox gets there all the same, one directory after the other.
            Errno::ENAMETOOLONG => TreeError::TooDeep(self.source.to_owned()),
            _ => TreeError::Source { path: self.source.join(below), source },
        }
    }
}

/// Opens something below, by way of no link: what the host moves meanwhile leads nowhere else.
fn open_below(top: BorrowedFd<'_>, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    let resolve =
        ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    openat2(top, path, OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve))
}

fn format(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT
}

/// What a directory answers that was there when its parent was read, and is something else now.
fn is_changed(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)
}

/// Where something is mounted below `source`, as paths below it; none where that cannot be read.
pub(super) fn mounts_below(source: &Path) -> Vec<PathBuf> {
    let Ok(source) = fs::canonicalize(source) else { return Vec::new() };
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let points =
        table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    let below = |point: &[u8]| {
        let point = PathBuf::from(std::ffi::OsString::from_vec(unescaped(point)));
        point.strip_prefix(&source).ok().filter(|below| !below.as_os_str().is_empty()).map(Path::to_owned)
    };
    points.filter_map(below).collect()
}

/// The table has spaces, tabs, line ends and backslashes as three octal digits. See `proc_pid_mountinfo(5)`.
fn unescaped(mut text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    while let [first, rest @ ..] = text {
        text = rest;
        match (*first, rest) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                text = after;
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_mount_table_are_read() {
        for (text, wanted) in [
            ("/a\\040b", "/a b"),
            ("/\\134040", "/\\040"),
            ("/end\\", "/end\\"),
            ("/\\09", "/\\09"),
            ("", ""),
        ] {
            assert_eq!(unescaped(text.as_bytes()), wanted.as_bytes());
        }
    }
}
