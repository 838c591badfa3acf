//! The cut-down `/etc`: what programs look up there, and nothing that tells which host it is.
//!
//! Small files are copied, since each mount of the tree is one more that every sandbox's mount namespace copies. Never here:
//! names of users, which are each sandbox's own ([`super::names`]).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use super::identity::IdMap;
use super::mount::{self as calls, Devices};
use super::names::give_to_root;
use super::tree::{SYSTEM, TreeError, below, c_path};

/// What is shown as the host has it, and changes with it: the dynamic linker's cache and its directories, certificates, what
/// the system's own programs look up to find one another, fonts, terminals.
const VIEWS: [&str; 7] =
    ["ld.so.cache", "ld.so.conf.d", "ssl", "ca-certificates", "alternatives", "fonts", "terminfo"];

/// Directories that an interpreter of the system has, one for each version.
const PYTHON: &str = "python3";

/// What is copied: names of time zones, of the system's release, of ports, protocols and types of files, and the settings of
/// libraries that every user has.
const COPIES: [&str; 25] = [
    "alpine-release",
    "arch-release",
    "centos-release",
    "debian_version",
    "ethertypes",
    "fedora-release",
    "host.conf",
    "inputrc",
    "ld.so.conf",
    "locale.alias",
    "localtime",
    "login.defs",
    "lsb-release",
    "magic",
    "magic.mime",
    "matplotlibrc",
    "mime.types",
    "os-release",
    "protocols",
    "redhat-release",
    "rpc",
    "services",
    "shells",
    "system-release",
    "timezone",
];

/// A longer file is left out, in bytes.
const LONGEST: u64 = 256 << 10;

/// What the tree says in place of the host. Git refuses the repository of another user by default: what is shown
/// belongs to the host, and cannot be written.
const OWN: [(&str, &str); 4] = [
    ("hostname", "sandbox\n"),
    ("hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n"),
    (GIT, "[safe]\n\tdirectory = *\n"),
];

const GIT: &str = "gitconfig";

/// A git that was built on the machine looks for the same below its own prefix.
const LOCAL_GIT: &str = "/usr/local/bin/git";
const LOCAL: &str = "/usr/local/etc";

/// A directory of settings with more entries is left as it is.
const MOST_LOCAL: usize = 64;

/// What is to be written, read while the process still has the host's identity.
#[derive(Debug)]
pub(super) struct Settings {
    etc: Vec<(OsString, Content)>,
    local: Local,
}

#[derive(Debug)]
enum Content {
    Text(Vec<u8>),
    Link(PathBuf),
}

/// What becomes of [`LOCAL`].
#[derive(Debug)]
enum Local {
    /// It is left as it is.
    Untouched,
    /// Git's settings of the host are covered.
    Covered,
    /// It is made again, with git's settings added.
    Remade { files: Vec<(OsString, Content)>, directories: Vec<OsString> },
}

/// The paths of what is shown.
pub(super) fn views() -> Vec<PathBuf> {
    let mut views: Vec<_> = VIEWS.iter().map(|name| Path::new("/etc").join(name)).collect();
    let pythons = fs::read_dir("/etc").into_iter().flatten().flatten();
    views.extend(pythons.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let version = name.strip_prefix(PYTHON);
        version.is_some_and(|version| version.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()))
    }));
    views.retain(|path| path.exists());
    views
}

impl Settings {
    /// Reads what everybody may read; the rest is left out, as what is not there.
    pub(super) fn read() -> Self {
        let read = |name: &&str| Some((name.into(), content(&Path::new("/etc").join(name))?));
        Self { etc: COPIES.iter().filter_map(read).collect(), local: local() }
    }

    /// Writes what belongs into `/etc` below `root`.
    pub(super) fn write(&self, root: &Path) -> Result<(), TreeError> {
        for (name, content) in &self.etc {
            put(&root.join("etc").join(name), content)?;
        }
        for (name, text) in OWN {
            put(&root.join("etc").join(name), &Content::Text(text.into()))?;
        }
        Ok(())
    }

    /// Adds the settings of a git that looks for them elsewhere, once the system's directories are mounted below `root`.
    pub(super) fn complete(&self, root: &Path, ids: IdMap) -> Result<(), TreeError> {
        match &self.local {
            Local::Untouched => Ok(()),
            Local::Covered => show(&root.join("etc").join(GIT), &below(root, Path::new(LOCAL)).join(GIT)),
            Local::Remade { files, directories } => remake(root, files, directories, ids),
        }
    }
}

/// `None`: it is not there, cannot be shown, or is no file.
fn content(path: &Path) -> Option<Content> {
    if let (Ok(link), Ok(target)) = (fs::read_link(path), fs::canonicalize(path))
        && SYSTEM.iter().any(|directory| target.starts_with(directory))
    {
        return Some(Content::Link(link));
    }
    let found = fs::metadata(path).ok()?;
    let is_everybodys = found.mode() & libc::S_IROTH != 0;
    (found.is_file() && is_everybodys && found.len() <= LONGEST)
        .then(|| fs::read(path).ok().map(Content::Text))
        .flatten()
}

fn local() -> Local {
    let git = Path::new(LOCAL).join(GIT);
    // By way of a link it would be another place than the tree's.
    let is_itself = fs::canonicalize(LOCAL).is_ok_and(|real| real == Path::new(LOCAL));
    if !is_itself || !Path::new(LOCAL_GIT).exists() {
        Local::Untouched
    } else if git.is_file() {
        Local::Covered
    } else {
        entries(Path::new(LOCAL)).unwrap_or(Local::Untouched)
    }
}

/// `None`: there is something that could not be made again.
fn entries(directory: &Path) -> Option<Local> {
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(directory).ok()? {
        let entry = entry.ok()?;
        match entry.file_type().ok()?.is_dir() {
            true => directories.push(entry.file_name()),
            false => files.push((entry.file_name(), content(&entry.path())?)),
        }
        if files.len() + directories.len() > MOST_LOCAL {
            return None;
        }
    }
    Some(Local::Remade { files, directories })
}

fn remake(
    root: &Path,
    files: &[(OsString, Content)],
    directories: &[OsString],
    ids: IdMap,
) -> Result<(), TreeError> {
    let place = below(root, Path::new(LOCAL));
    let failed = |source| TreeError::Source { path: LOCAL.into(), source };
    let open = |name: &OsString| calls::open_tree(&c_path(&place.join(name))?).map_err(failed);
    let opened = directories.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), &place, Some("tmpfs"), flags, Some("mode=755,size=4m")).map_err(failed)?;
    for (name, content) in files {
        put(&place.join(name), content)?;
    }
    put(&place.join(GIT), &Content::Text(fs::read(root.join("etc").join(GIT)).map_err(made(&place))?))?;
    for (name, tree) in directories.iter().zip(opened) {
        let target = place.join(name);
        fs::create_dir(&target).map_err(made(&target))?;
        calls::attach(tree.as_fd(), &c_path(&target)?).map_err(failed)?;
    }
    if ids != IdMap::Single {
        give_to_root(&place).map_err(made(&place))?;
    }
    let top = nix::fcntl::open(&place, nix::fcntl::OFlag::O_PATH, nix::sys::stat::Mode::empty());
    calls::make_root_read_only(top.map_err(failed)?.as_fd()).map_err(failed)
}

/// Mounts a file of the tree at another place.
fn show(file: &Path, target: &Path) -> Result<(), TreeError> {
    let failed = |source: Errno| TreeError::Source { path: target.to_owned(), source };
    let tree = calls::open_tree(&c_path(file)?).map_err(failed)?;
    calls::make_read_only(tree.as_fd(), Devices::Closed).map_err(failed)?;
    calls::attach(tree.as_fd(), &c_path(target)?).map_err(failed)
}

fn put(path: &Path, content: &Content) -> Result<(), TreeError> {
    match content {
        Content::Text(text) => fs::write(path, text),
        Content::Link(to) => symlink(to, path),
    }
    .map_err(made(path))
}

fn made(path: &Path) -> impl FnOnce(io::Error) -> TreeError {
    let path = path.to_owned();
    |source| TreeError::Make { path, source }
}
