//! The file tree: what is there, what can be written, and what of the host is not there.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;
use nix::errno::Errno;
use nix::unistd::{User, gethostname, getuid};
use zeroboot_isolation::policy::Policy;
use zeroboot_isolation::template::KEPT;
use zeroboot_isolation::world::{
    Bind, Content, Covers, HOME, TEMPLATE_USER, TreeError, build_tree, lend_capabilities,
};

use super::common::{Outcome, ensure};
use super::{before_the_tree, in_world};

/// The file systems that every sandbox may write to.
const PRIVATE: [&str; 3] = ["/tmp", "/dev/shm", HOME];
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
const SYSTEM: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// What of the host's `/etc` is mounted, and what of it is copied.
const VIEWS: [&str; 7] =
    ["ld.so.cache", "ld.so.conf.d", "ssl", "ca-certificates", "alternatives", "fonts", "terminfo"];
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

/// The settings of an interpreter of the system.
fn is_pythons(name: &str) -> bool {
    name.strip_prefix("python3").is_some_and(|rest| rest.bytes().all(|b| b == b'.' || b.is_ascii_digit()))
}

fn errno<T>(result: io::Result<T>) -> Result<(), Errno> {
    result.map(drop).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

fn expect(what: &str, found: Result<(), Errno>, wanted: Result<(), Errno>) -> Outcome {
    ensure(found == wanted, || format!("{what}: {found:?} instead of {wanted:?}"))
}

fn append(path: &str) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(b"x")
}

pub(crate) fn system_is_read_only() -> Result<(), Failed> {
    in_world(&[], || {
        for directory in ["/", "/usr", "/usr/bin", "/etc", "/dev", "/run", "/var", "/home"] {
            let file = Path::new(directory).join("new");
            expect(directory, errno(File::create(&file)), Err(Errno::EROFS))?;
            expect(directory, errno(fs::create_dir(&file)), Err(Errno::EROFS))?;
        }
        expect("/etc/passwd", errno(append("/etc/passwd")), Err(Errno::EROFS))?;
        let mode = fs::Permissions::from_mode(0o666);
        expect("/usr", errno(fs::set_permissions("/usr", mode.clone())), Err(Errno::EROFS))?;
        expect("/dev/null", errno(fs::set_permissions("/dev/null", mode)), Err(Errno::EROFS))
    })
}

pub(crate) fn private_places_can_be_written() -> Result<(), Failed> {
    in_world(&[], || {
        for directory in PRIVATE {
            let file = Path::new(directory).join("new");
            fs::write(&file, "text")?;
            let found = (fs::read_to_string(&file)?, fs::metadata(&file)?.uid());
            ensure(found == ("text".to_owned(), TEMPLATE_USER.0), || format!("{directory}: {found:?}"))?;
        }
        let mode = fs::metadata(HOME)?.mode() & 0o7777;
        ensure(mode == 0o700, || format!("the home directory has mode {mode:o}"))
    })
}

/// Sandboxes with another user id than the template must be able to read its tree.
pub(crate) fn the_umask_of_the_host_does_not_matter() -> Result<(), Failed> {
    before_the_tree(|ids| {
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
        build_tree(&[], &Covers::default(), None, ids, &Policy::strict().limits)?;
        fs::write("/tmp/new", "")?;
        for (path, wanted) in [("/", 0o755), ("/etc", 0o755), ("/etc/passwd", 0o644), ("/tmp/new", 0o644)] {
            let mode = fs::metadata(path)?.mode() & 0o7777;
            ensure(mode == wanted, || format!("{path} has mode {mode:o}"))?;
        }
        Ok(())
    })
}

fn names(directory: &str) -> io::Result<BTreeSet<String>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

pub(crate) fn only_what_belongs_there_is_there() -> Result<(), Failed> {
    let links_and_directories = SYSTEM.iter().filter(|path| fs::symlink_metadata(path).is_ok());
    let mut root: BTreeSet<_> = links_and_directories.map(|path| path[1..].to_owned()).collect();
    root.extend(["proc", "tmp", "dev", "home", "etc", "run", "var", ".machine"].map(str::to_owned));
    let mut dev: BTreeSet<_> = DEVICES.map(|path| path["/dev/".len()..].to_owned()).into();
    dev.extend(["shm", "fd", "stdin", "stdout", "stderr", "pts", "ptmx"].map(str::to_owned));
    let mut etc: BTreeSet<_> = VIEWS.iter().chain(&COPIES).map(|name| (*name).to_owned()).collect();
    etc.retain(|name| Path::new("/etc").join(name).exists());
    etc.extend(names("/etc")?.into_iter().filter(|name| is_pythons(name)));
    let own = ["passwd", "group", "hosts", "hostname", "nsswitch.conf", "mtab", "gitconfig"];
    etc.extend(own.map(str::to_owned));
    let none = BTreeSet::new();

    in_world(&[], || {
        for (directory, wanted) in [
            ("/", &root),
            ("/dev", &dev),
            ("/etc", &etc),
            ("/run", &none),
            (HOME, &none),
            ("/dev/pts", &none),
        ] {
            let found = names(directory)?;
            ensure(found == *wanted, || format!("{directory} holds {found:?} instead of {wanted:?}"))?;
        }
        for (link, to) in [
            ("/etc/mtab", "/proc/mounts"),
            ("/var/tmp", "/tmp"),
            ("/dev/fd", "/proc/self/fd"),
            ("/dev/ptmx", "pts/ptmx"),
        ] {
            let found = fs::read_link(link)?;
            ensure(found == Path::new(to), || format!("{link} leads to {found:?}"))?;
        }
        Ok(())
    })
}

/// Mount point and options of every mount that this process sees.
fn mounts() -> Outcome<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for line in fs::read_to_string("/proc/self/mountinfo")?.lines() {
        let mut fields = line.split(' ').skip(4);
        let (point, options) = (fields.next().ok_or("no point")?, fields.next().ok_or("no options")?);
        found.push((point.into(), options.to_owned()));
    }
    Ok(found)
}

fn belongs(point: &Path) -> bool {
    let own = ["/", "/proc"].iter().chain(&PRIVATE).chain(&DEVICES).any(|path| point == Path::new(path));
    let view = SYSTEM.iter().any(|path| point.starts_with(path))
        || VIEWS.iter().any(|name| point.starts_with(Path::new("/etc").join(name)));
    let pythons = point.strip_prefix("/etc").ok().and_then(|rest| rest.iter().next()?.to_str());
    own || view || pythons.is_some_and(is_pythons)
}

pub(crate) fn no_mount_of_the_host_is_left() -> Result<(), Failed> {
    // The control: the host has a mount that would be noticed.
    ensure(mounts()?.iter().any(|(point, _)| !belongs(point)), || "not a fair test".to_owned())?;
    in_world(&[], || {
        let found = mounts()?;
        let root = found.iter().filter(|(point, _)| point == Path::new("/")).count();
        ensure(root == 1, || format!("{root} mounts at the root: {found:?}"))?;
        for (point, options) in &found {
            ensure(belongs(point), || format!("{} is mounted: {found:?}", point.display()))?;
            let writable = PRIVATE.iter().chain(&["/proc"]).any(|path| point == Path::new(path));
            let options: BTreeSet<_> = options.split(',').collect();
            let fair = options.contains("nosuid") && options.contains("ro") != writable;
            ensure(fair, || format!("{} has the options {options:?}", point.display()))?;
        }
        Ok(())
    })
}

pub(crate) fn proc_shows_the_world_alone() -> Result<(), Failed> {
    in_world(&[], || {
        let mut found = names("/proc")?;
        found.retain(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        ensure(found == BTreeSet::from(["1".to_owned()]), || format!("{found:?}"))?;
        ensure(std::process::id() == 1, || "not the first process".to_owned())
    })
}

pub(crate) fn user_is_called_sandbox() -> Result<(), Failed> {
    in_world(&[], || {
        let user = User::from_uid(getuid())?.ok_or("the user has no name")?;
        let found = (user.name.as_str(), user.uid.as_raw(), user.gid.as_raw(), user.dir.as_path());
        ensure(found == ("sandbox", 1000, 1000, Path::new(HOME)), || format!("{found:?}"))?;
        let group = nix::unistd::Group::from_gid(nix::unistd::getegid())?.ok_or("the group has no name")?;
        ensure(group.name == "sandbox", || group.name)?;
        let host = gethostname()?;
        ensure(host == "sandbox", || format!("the host is called {host:?}"))
    })
}

/// As outside; where the user namespace has no root, everything is its only user's.
pub(crate) fn tree_belongs_to_root() -> Result<(), Failed> {
    let owner = if getuid().is_root() { 0 } else { TEMPLATE_USER.0 };
    in_world(&[], || {
        for path in ["/", "/etc", "/etc/passwd", "/etc/mtab", "/dev", "/dev/fd", "/dev/pts", "/run", "/home"]
        {
            let found = fs::symlink_metadata(path)?;
            ensure((found.uid(), found.gid()) == (owner, owner), || {
                format!("{path} belongs to {} and {}", found.uid(), found.gid())
            })?;
        }
        Ok(())
    })
}

pub(crate) fn settings_name_no_host() -> Result<(), Failed> {
    let release = fs::read("/etc/os-release").ok();
    in_world(&[], || {
        let name = fs::read_to_string("/etc/hostname")?;
        ensure(name == "sandbox\n", || name)?;
        let found = fs::read("/etc/os-release").ok();
        ensure(found == release, || format!("another release: {found:?}"))?;
        let git = fs::read_to_string("/etc/gitconfig")?;
        ensure(git == "[safe]\n\tdirectory = *\n", || git)?;
        for path in ["/etc/machine-id", "/etc/shadow", "/etc/resolv.conf", "/etc/fstab", "/etc/environment"] {
            ensure(!Path::new(path).exists(), || format!("{path} is there"))?;
        }
        Ok(())
    })
}

pub(crate) fn devices_work() -> Result<(), Failed> {
    in_world(&[], || {
        fs::write("/dev/null", "text")?;
        expect("/dev/full", errno(fs::write("/dev/full", "text")), Err(Errno::ENOSPC))?;
        let read = |path: &str| -> io::Result<[u8; 32]> {
            let mut bytes = [1; 32];
            File::open(path)?.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        ensure(read("/dev/zero")? == [0; 32], || "/dev/zero gives something".to_owned())?;
        for path in ["/dev/random", "/dev/urandom"] {
            ensure(read(path)? != read(path)?, || format!("{path} gives the same twice"))?;
        }
        Ok(())
    })
}

/// A directory that anybody may write to, with a file in it, below one that only its owner can enter.
fn open_to_all(below: &Path) -> io::Result<PathBuf> {
    let (directory, file) = (below.join("shown"), below.join("shown/file"));
    fs::create_dir(&directory)?;
    fs::write(&file, "text")?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666))?;
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777))?;
    Ok(directory)
}

pub(crate) fn bind_is_seen_and_read_only() -> Result<(), Failed> {
    // A place where the host has devices is a place like any other.
    let owned = [tempfile::tempdir()?, tempfile::tempdir_in("/dev/shm")?];
    let [host, memory] = [open_to_all(owned[0].path())?, open_to_all(owned[1].path())?];
    let bind = |source: &Path, target: &str| Bind {
        source: source.to_owned(),
        target: target.into(),
        content: Content::Any,
    };
    let binds = [bind(&host, "/data/in"), bind(&host.join("file"), "/opt/one"), bind(&memory, "/memory")];
    in_world(&binds, || {
        for file in ["/data/in/file", "/opt/one", "/memory/file"] {
            let text = fs::read_to_string(file)?;
            ensure(text == "text", || format!("{file}: {text}"))?;
            expect(file, errno(append(file)), Err(Errno::EROFS))?;
        }
        for directory in ["/data/in", "/memory", "/data", "/opt"] {
            expect(directory, errno(File::create(format!("{directory}/new"))), Err(Errno::EROFS))?;
        }
        Ok(())
    })?;
    // The control: the host can write there, and still sees its own files, not the tree that was put together.
    fs::write(host.join("file"), "other")?;
    fs::write(memory.join("file"), "other")?;
    Ok(())
}

pub(crate) fn missing_source_is_named() -> Result<(), Failed> {
    let bind = Bind { source: "/does/not/exist".into(), target: "/data".into(), content: Content::Any };
    before_the_tree(|ids| {
        match build_tree(&[bind], &Covers::default(), None, ids, &Policy::strict().limits) {
            Err(error @ TreeError::Source { source: Errno::ENOENT, .. }) => {
                ensure(error.to_string().contains("/does/not/exist"), || error.to_string())
            }
            other => Err(format!("{other:?}").into()),
        }
    })
}

pub(crate) fn hidden_bind_is_refused() -> Result<(), Failed> {
    let targets = [
        "/tmp",
        "/home/sandbox",
        "/var/tmp/a",
        "/dev/shm/a",
        "/var/tmp",
        "/proc/a",
        "/.machine",
        "/",
        "relative",
        "/a/../b",
    ];
    for target in targets {
        let bind = Bind { source: "/usr".into(), target: target.into(), content: Content::Any };
        before_the_tree(|ids| {
            match build_tree(&[bind], &Covers::default(), None, ids, &Policy::strict().limits) {
                Err(TreeError::Target(path)) if path == Path::new(target) => Ok(()),
                other => Err(format!("{target}: {other:?}").into()),
            }
        })?;
    }
    // The control: a neighbour of a private place.
    in_world(
        &[Bind { source: "/usr".into(), target: "/home/sandbox2".into(), content: Content::Programs }],
        || ensure(Path::new("/home/sandbox2/bin").is_dir(), || "nothing is there".to_owned()),
    )
}

pub(crate) fn lent_capabilities_survive_an_exec() -> Result<(), Failed> {
    let after_exec = || -> Outcome<u64> {
        let output = Command::new("cat").arg("/proc/self/status").output()?;
        let text = String::from_utf8(output.stdout)?;
        let line = text.lines().find_map(|line| line.strip_prefix("CapEff:")).ok_or("no line")?;
        Ok(u64::from_str_radix(line.trim(), 16)?)
    };
    let kept: u64 = KEPT.iter().map(|capability| capability.bitmask()).sum();
    in_world(&[], || {
        let before = after_exec()?;
        ensure(before == 0, || format!("{before:x} without lending"))?;
        lend_capabilities()?;
        let after = after_exec()?;
        ensure(after == kept, || format!("{after:x} instead of {kept:x}"))
    })
}
