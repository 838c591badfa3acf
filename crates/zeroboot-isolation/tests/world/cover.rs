//! What lies in a shown directory and is neither file nor directory.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use libtest_mimic::Failed;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use tempfile::TempDir;
use zeroboot_isolation::child::drop_capabilities;
use zeroboot_isolation::policy::Policy;
use zeroboot_isolation::world::{Bind, Content, Covers, TreeError, build_tree};

use super::common::{Outcome, ensure, skip};
use super::{before_the_tree, in_world};

const AT: &str = "/data/shown";

/// What can be talked through, by its path in the view.
const SPECIAL: [&str; 5] = ["pipe", "with space/pipe", "socket", "closed/pipe", "mounted"];

/// A directory of the host with all of [`SPECIAL`], open to everybody, and files beside them.
fn full() -> Outcome<TempDir> {
    let owned = tempfile::tempdir()?;
    let at = |path: &str| owned.path().join(path);
    for directory in ["with space", "closed", "with space/deep"] {
        fs::create_dir(at(directory))?;
    }
    for pipe in ["pipe", "with space/pipe", "closed/pipe"] {
        open_pipe(&at(pipe))?;
    }
    drop(UnixListener::bind(at("socket"))?);
    fs::set_permissions(at("socket"), Permissions::from_mode(0o777))?;
    for file in ["file", "with space/deep/file", "mounted"] {
        fs::write(at(file), "text")?;
    }
    std::os::unix::fs::symlink("pipe", at("link"))?;
    // Who knows a name in there can use it.
    fs::set_permissions(at("closed"), Permissions::from_mode(0o311))?;
    fs::set_permissions(owned.path(), Permissions::from_mode(0o755))?;
    Ok(owned)
}

fn open_pipe(path: &Path) -> Outcome {
    mkfifo(path, Mode::empty())?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o666))?)
}

fn shown(source: &Path, content: Content) -> [Bind; 1] {
    [Bind { source: source.to_owned(), target: AT.into(), content }]
}

/// Opens it for reading and writing, without waiting for a peer.
fn open(path: &Path) -> Result<(), Errno> {
    let opened = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path);
    opened.map(drop).map_err(|error| errno(&error))
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

pub(crate) fn nothing_special_can_be_opened() -> Result<(), Failed> {
    let host = full()?;
    let binds = shown(host.path(), Content::Any);
    before_the_tree(|ids| {
        let at = |path| host.path().join(path);
        // As a container's engine shows a socket: the directory's entry is that of a file.
        mount(Some(&at("pipe")), &at("mounted"), None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        build_tree(&binds, &Covers::look_through(&binds)?, None, ids, &Policy::strict().limits)?;
        drop_capabilities()?;
        for path in SPECIAL.into_iter().chain(["link"]) {
            let path = Path::new(AT).join(path);
            let found = open(&path);
            ensure(found == Err(Errno::EACCES), || format!("{}: {found:?}", path.display()))?;
            let read = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).err();
            let found = read.as_ref().map(errno);
            ensure(found == Some(Errno::EACCES), || format!("{}: {found:?}", path.display()))?;
        }
        for path in ["pipe", "socket", "closed"].map(|path| Path::new(AT).join(path)) {
            let found =
                fs::set_permissions(&path, Permissions::from_mode(0o777)).map_err(|error| errno(&error));
            ensure(found == Err(Errno::EROFS), || format!("{}: {found:?}", path.display()))?;
        }
        for path in ["file", "with space/deep/file"] {
            let text = fs::read_to_string(Path::new(AT).join(path))?;
            ensure(text == "text", || format!("{path}: {text}"))?;
        }
        let left: Vec<PathBuf> = fs::read_dir("/")?.flatten().map(|entry| entry.path()).collect();
        ensure(!left.iter().any(|path| path.to_string_lossy().contains("covering")), || format!("{left:?}"))
    })?;
    // The host's own are as they were.
    Ok(ensure(open(&host.path().join("pipe")) == Ok(()), || "the host cannot open its pipe".to_owned())?)
}

pub(crate) fn no_device_can_be_opened() -> Result<(), Failed> {
    let owned = tempfile::tempdir()?;
    fs::set_permissions(owned.path(), Permissions::from_mode(0o755))?;
    let node = owned.path().join("zero");
    match mknod(&node, SFlag::S_IFCHR, Mode::empty(), makedev(1, 5)) {
        Err(Errno::EPERM) => return skip("an ordinary user makes no device nodes"),
        made => made?,
    }
    fs::set_permissions(&node, Permissions::from_mode(0o666))?;
    match open(&node) {
        Ok(()) => {}
        Err(Errno::EACCES) => return skip("the file system of temporary files has no devices"),
        Err(errno) => return Err(errno.into()),
    }
    in_world(&shown(owned.path(), Content::Programs), || {
        let found = open(&Path::new(AT).join("zero"));
        ensure(found == Err(Errno::EACCES), || format!("{found:?}"))?;
        // The control: the tree's own.
        ensure(open(Path::new("/dev/zero")) == Ok(()), || "no /dev/zero".to_owned())
    })
}

/// The control of the first one.
pub(crate) fn what_is_trusted_is_not_looked_through() -> Result<(), Failed> {
    let host = full()?;
    in_world(&shown(host.path(), Content::Programs), || {
        drop_capabilities()?;
        for path in ["pipe", "with space/pipe", "closed/pipe"] {
            let found = open(&Path::new(AT).join(path));
            ensure(found == Ok(()), || format!("{path}: {found:?}"))?;
        }
        Ok(())
    })
}

pub(crate) fn more_than_can_be_covered_is_refused() -> Result<(), Failed> {
    let owned = tempfile::tempdir()?;
    for number in 0..65 {
        open_pipe(&owned.path().join(number.to_string()))?;
    }
    match Covers::look_through(&shown(owned.path(), Content::Any)) {
        Err(TreeError::TooManySpecial(path)) if path == owned.path() => {}
        other => return Err(format!("{other:?}").into()),
    }
    match Covers::look_through(&shown(&owned.path().join("0"), Content::Any)) {
        Err(TreeError::Special(path)) if path == owned.path().join("0") => {}
        other => return Err(format!("{other:?}").into()),
    }
    fs::remove_file(owned.path().join("64"))?;
    in_world(&shown(owned.path(), Content::Any), || Ok(()))
}
