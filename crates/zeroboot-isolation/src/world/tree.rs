//! The file tree: a tmpfs root with read-only views of the host's programs, a few device nodes, a cut-down `/etc`.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid};

use super::cover::{Covers, OpenPlace, cover};
use super::etc::{self, Settings};
use super::identity::{IdMap, TEMPLATE_USER};
use super::machine;
use super::mount::{self as calls, Devices};
use super::names::{give_to_root, groups, users};
use super::project::{Project, ProjectError};
use super::store::{Inner, Shown, put_away, show_template, top_of};
use crate::policy::Limits;
use crate::spot::Kind;

/// Home and working directory of every sandbox.
pub const HOME: &str = "/home/sandbox";

/// Where the new root is put together; it hides what the host has there, in the new mount namespace only.
const STAGING: &str = "/tmp";

/// Device nodes, all harmless: each is a bind of the host's own.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// The system's own directories: bound where they are directories, copied as links where they are links.
pub(super) const SYSTEM: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// Where every sandbox has private file systems, and the files that its `/proc` shows. A view lies in one of them, in its home or
/// `/tmp`, if [`top_of`] says so.
const COVERED: [&str; 6] = ["/proc", "/.machine", "/tmp", "/var/tmp", "/dev/shm", HOME];

/// A read-only view of a host path, and of what is mounted below it, at the same or another place in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// A file or directory of the host.
    pub source: PathBuf,
    /// Where it is seen: an absolute path without `..`, and not at `/tmp` or [`HOME`], nor at or below `/proc`, `/var/tmp`
    /// or `/dev/shm`.
    pub target: PathBuf,
    /// Whether what is shown is looked at.
    pub content: Content,
}

/// What may lie in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Anything: the view is [looked through](Covers::look_through), and pipes and sockets in it are covered.
    Any,
    /// Programs and their libraries, trusted as `/usr` is: nobody looks.
    Programs,
}

/// Why the file tree could not be built: the step, the path, and what the kernel answered.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A path has a byte that no path can have.
    #[error("{} is not a path that can be mounted", .0.display())]
    Path(PathBuf),
    /// A view would be hidden, or lie outside of the tree.
    #[error(
        "nothing can be shown at {} in the sandbox: choose an absolute path that is not a private file system, nor below \
         one but /tmp and {HOME} (there are /tmp, /var/tmp, /dev/shm, /proc, {HOME})",
        .0.display()
    )]
    Target(PathBuf),
    /// A view is neither a file nor a directory.
    #[error("cannot show {} in the sandbox: it is neither a file nor a directory", .0.display())]
    Special(PathBuf),
    /// There are too many pipes and sockets in the views to cover each.
    #[error(
        "cannot show {} in the sandbox: there are more pipes, sockets and closed directories in it than can be covered; \
         show those files and directories that are needed",
        .0.display()
    )]
    TooManySpecial(PathBuf),
    /// There is too much in the views to look through.
    #[error(
        "cannot show {} in the sandbox: there is too much in it to look for pipes and sockets; show those \
         directories that are needed",
        .0.display()
    )]
    TooManyEntries(PathBuf),
    /// A path in a view is too long to be looked at.
    #[error(
        "cannot show {} in the sandbox: there are paths of more than 4,096 bytes in it, which cannot be looked at; show \
         those directories that are needed",
        .0.display()
    )]
    TooDeep(PathBuf),
    /// A source could not be opened, looked through, or put in its place.
    #[error("cannot show {} in the sandbox", path.display())]
    Source {
        /// The source, or the place.
        path: PathBuf,
        /// What the kernel answered to `open_tree`, `mount_setattr`, `openat2` or `move_mount`.
        source: Errno,
    },
    /// The directory that is to be the working directory.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The warden could not take the mapped user id.
    #[error("taking the template's user id failed")]
    Identity(#[source] Errno),
    /// A file, directory or link of the tree could not be made.
    #[error("making {} in the sandbox's tree failed", path.display())]
    Make {
        /// The path in the tree.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The host's own description of the machine cannot be read.
    #[error("cannot read {}, of which each sandbox gets its own", path.display())]
    Machine {
        /// Its file.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The processors that can be used are not known.
    #[error("reading this process's affinity failed")]
    Processors(#[source] Errno),
    /// The kernel's names are not known.
    #[error("reading the kernel's release failed")]
    Names(#[source] Errno),
    /// No `/proc` can be mounted, not even one of processes alone: the kernel compares it with the
    /// one that is there, which shows less.
    #[error(
        "the kernel refuses a new /proc where something covers parts of the one that is there (in a \
         container: leave /proc uncovered, as docker run --security-opt systempaths=unconfined, \
         podman run --security-opt unmask=ALL, or procMount: Unmasked in Kubernetes)"
    )]
    PartlyCovered(#[source] Errno),
    /// A file system could not be mounted.
    #[error("mounting {what} failed")]
    Mount {
        /// Which one.
        what: &'static str,
        /// What the kernel answered.
        source: Errno,
    },
    /// The root could not be exchanged.
    #[error("exchanging the root directory failed at {step}")]
    Pivot {
        /// Which call.
        step: &'static str,
        /// What the kernel answered.
        source: Errno,
    },
}

/// A source that is open, and where it goes.
struct Opened {
    tree: OwnedFd,
    target: PathBuf,
    kind: Kind,
}

/// Builds the tree, makes it the root of this process, and detaches the host's. What of the views is covered was found ahead,
/// in the same views; the limits are those that sandboxes find in `/proc`. A project is the working directory. Returns what each shell
/// is to [show](crate::shell::ShellPlan::showing).
///
/// Call it as pid 1 of the new pid namespace, after the ids were mapped: `/proc` shows that namespace. Afterwards the
/// process runs as [`TEMPLATE_USER`], with all its capabilities and the umask 022, and where it had another user id
/// before it is no longer dumpable.
///
/// # Errors
/// [`TreeError`]. Nothing is undone: leave the process.
pub fn build_tree(
    binds: &[Bind],
    covers: &Covers,
    project: Option<&Project>,
    ids: IdMap,
    limits: &Limits,
) -> Result<Shown, TreeError> {
    if let Some(bind) = binds.iter().find(|bind| !can_be_target(&bind.target)) {
        return Err(TreeError::Target(bind.target.clone()));
    }
    mount_at("/", None, "/", MsFlags::MS_PRIVATE | MsFlags::MS_REC, "")?;
    let (mut opened, special) = open_sources(binds, covers)?;
    let settings = Settings::read();
    let layers = project.map(|project| Ok((project, project.layers()?))).transpose();
    let layers = layers.map_err(TreeError::Project)?;
    become_template_user(ids).map_err(TreeError::Identity)?;
    nix::sys::stat::umask(Mode::S_IWGRP | Mode::S_IWOTH);

    mount_at("tmpfs", Some("tmpfs"), STAGING, MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=755,size=4m")?;
    let root = Path::new(STAGING);
    fill_root(root)?;
    settings.write(root)?;
    machine::lay_out(root, limits)?;
    let views = opened.split_off(opened.len() - binds.len());
    opened.iter().try_for_each(|source| place(root, source))?;
    settings.complete(root, ids)?;
    // Last: they may hide what is there.
    let mut inner = Vec::new();
    for Opened { tree, target, kind } in views {
        match top_of(&target) {
            Some(_) => inner.push(Inner { tree, target, kind }),
            None => place(root, &Opened { tree, target, kind })?,
        }
    }
    for (what, below, options) in [
        ("tmpfs", "tmp", "mode=1777,size=64m"),
        ("tmpfs", "dev/shm", "mode=1777,size=64m"),
        ("tmpfs", "home/sandbox", "mode=700,size=64m"),
    ] {
        let target = root.join(below);
        mount_at(what, Some(what), &target, MsFlags::MS_NOSUID | MsFlags::MS_NODEV, options)?;
    }
    let shown = put_away(root, layers, &inner)?;
    cover(&special, root)?;
    if ids != IdMap::Single {
        give_to_root(root).map_err(|source| TreeError::Make { path: root.to_owned(), source })?;
    }
    show_template(root, &inner)?;
    let proc_flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount_at("proc", Some("proc"), root.join("proc"), proc_flags, "").map_err(|error| match error {
        TreeError::Mount { source: Errno::EPERM, .. } => TreeError::PartlyCovered(Errno::EPERM),
        other => other,
    })?;
    pivot(root)?;
    Ok(shown)
}

fn can_be_target(path: &Path) -> bool {
    let mut parts = path.components();
    parts.next() == Some(Component::RootDir)
        && parts.clone().next().is_some()
        && parts.all(|part| matches!(part, Component::Normal(_)))
        && (top_of(path).is_some() || !COVERED.iter().any(|covered| path.starts_with(covered)))
}

fn open_sources(binds: &[Bind], covers: &Covers) -> Result<(Vec<Opened>, Vec<OpenPlace>), TreeError> {
    let (mut opened, mut special) = (Vec::new(), Vec::new());
    for directory in SYSTEM.iter().map(Path::new) {
        if fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir()) {
            opened.push(open_source(directory, directory, Devices::Closed)?);
        }
    }
    let etc = etc::views().into_iter().map(|path| (path, Devices::Closed));
    let devices = DEVICES.iter().map(|name| (Path::new("/dev").join(name), Devices::Open));
    for (path, devices) in etc.chain(devices).filter(|(path, _)| path.exists()) {
        opened.push(open_source(&path, &path, devices)?);
    }
    for (index, bind) in binds.iter().enumerate() {
        let source = open_source(&bind.source, &bind.target, Devices::Closed)?;
        let failed = |errno| TreeError::Source { path: bind.source.clone(), source: errno };
        special.extend(covers.find(index, source.tree.as_fd()).map_err(failed)?);
        opened.push(source);
    }
    Ok((opened, special))
}

fn open_source(source: &Path, target: &Path, devices: Devices) -> Result<Opened, TreeError> {
    let failed = |errno| TreeError::Source { path: source.to_owned(), source: errno };
    let tree = calls::open_tree(&c_path(source)?).map_err(failed)?;
    // A device can be written to all the same: what is read-only is its node.
    calls::make_read_only(tree.as_fd(), devices).map_err(failed)?;
    let kind = if source.is_dir() { Kind::Directory } else { Kind::File };
    Ok(Opened { tree, target: target.to_owned(), kind })
}

/// Takes the mapped identity; it costs no capability, since neither the old nor the new id is the namespace's root.
fn become_template_user(ids: IdMap) -> Result<(), Errno> {
    let (user, group) = (Uid::from_raw(TEMPLATE_USER.0), Gid::from_raw(TEMPLATE_USER.0));
    if ids != IdMap::Single {
        nix::unistd::setgroups(&[])?;
    }
    nix::unistd::setresgid(group, group, group)?;
    nix::unistd::setresuid(user, user, user)
}

/// Everything of the root that is not a view of the host.
fn fill_root(root: &Path) -> Result<(), TreeError> {
    for directory in ["proc", "tmp", "dev/shm", "dev/pts", "home/sandbox", "etc", "run", "var"] {
        make_directory(&root.join(directory))?;
    }
    for link in SYSTEM.iter().map(Path::new) {
        if let Ok(to) = fs::read_link(link) {
            make_link(&to, &below(root, link))?;
        }
    }
    for (to, link) in [
        ("/proc/self/fd", "dev/fd"),
        ("/proc/self/fd/0", "dev/stdin"),
        ("/proc/self/fd/1", "dev/stdout"),
        ("/proc/self/fd/2", "dev/stderr"),
        // Each shell mounts its own terminals.
        ("pts/ptmx", "dev/ptmx"),
        ("/proc/mounts", "etc/mtab"),
        ("/tmp", "var/tmp"),
    ] {
        make_link(Path::new(to), &root.join(link))?;
    }
    for (file, text) in [("etc/passwd", users(TEMPLATE_USER)), ("etc/group", groups(TEMPLATE_USER))] {
        let path = root.join(file);
        fs::write(&path, text).map_err(|source| TreeError::Make { path, source })?;
    }
    Ok(())
}

fn place(root: &Path, source: &Opened) -> Result<(), TreeError> {
    let target = below(root, &source.target);
    if source.kind == Kind::Directory {
        make_directory(&target)?;
    } else if !target.exists() {
        if let Some(parent) = target.parent() {
            make_directory(parent)?;
        }
        fs::write(&target, "").map_err(|error| TreeError::Make { path: target.clone(), source: error })?;
    }
    calls::attach(source.tree.as_fd(), &c_path(&target)?)
        .map_err(|errno| TreeError::Source { path: source.target.clone(), source: errno })
}

/// `pivot_root(".", ".")` as its manual describes: the old root lies on top of the new one until it is detached.
fn pivot(root: &Path) -> Result<(), TreeError> {
    let failed = |step| move |source| TreeError::Pivot { step, source };
    nix::unistd::chdir(root).map_err(failed("chdir"))?;
    nix::unistd::pivot_root(".", ".").map_err(failed("pivot_root"))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(failed("umount2"))?;
    nix::unistd::chdir("/").map_err(failed("chdir"))?;
    let root = open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(failed("open"))?;
    calls::make_root_read_only(root.as_fd()).map_err(failed("mount_setattr"))
}

pub(super) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn make_directory(path: &Path) -> Result<(), TreeError> {
    fs::create_dir_all(path).map_err(|source| TreeError::Make { path: path.to_owned(), source })
}

fn make_link(to: &Path, link: &Path) -> Result<(), TreeError> {
    symlink(to, link).map_err(|source| TreeError::Make { path: link.to_owned(), source })
}

fn mount_at(
    what: &'static str,
    kind: Option<&str>,
    target: impl AsRef<Path>,
    flags: MsFlags,
    options: &str,
) -> Result<(), TreeError> {
    mount(Some(what), target.as_ref(), kind, flags, Some(options))
        .map_err(|source| TreeError::Mount { what, source })
}

pub(super) fn c_path(path: &Path) -> Result<CString, TreeError> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| TreeError::Path(path.to_owned()))
}
