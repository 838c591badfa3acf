//! What a sandbox sees, and what it can change.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use libtest_mimic::Failed;
use zeroboot::{BuildError, Bytes, Network, Policy, Template, ViewError};

use super::common::{WarmFile, skip};
use super::{Directory, built, ensure_same, everything, says};

/// A small project: a file that its owner alone reads, a program, a link, directories.
fn project(name: &str) -> Result<Directory, Failed> {
    let directory = Directory::new(name)?;
    directory.write("secret", "of its owner\n")?;
    directory.write("run", "#!/bin/sh\necho it runs\n")?;
    directory.write("package/__init__.py", "")?;
    directory.write("package/inner/data", "one\n")?;
    directory.write("gone/file", "two\n")?;
    fs::create_dir(directory.at("empty"))?;
    symlink("secret", directory.at("link"))?;
    fs::set_permissions(directory.at("secret"), Permissions::from_mode(0o600))?;
    fs::set_permissions(directory.at("run"), Permissions::from_mode(0o755))?;
    fs::set_permissions(directory.at("package"), Permissions::from_mode(0o700))?;
    Ok(directory)
}

const LOOK: &str = "
import os, shutil
for name in sorted(os.listdir('.')):
    found = os.lstat(name)
    print(name, oct(found.st_mode), found.st_uid == os.getuid(), found.st_gid == os.getgid())
print(open('secret').read(), os.readlink('link'), os.getcwd(), os.environ['HOME'])
";

const CHANGE: &str = "
with open('secret', 'a') as file: file.write('and mine')
with open('package/new', 'w') as file: file.write('new')
with open('package/inner/data', 'r+') as file: file.write('ONE')
os.remove('link'); os.symlink('package', 'link')
os.chmod('run', 0o700)
os.utime('gone/file', (1, 1))
shutil.move('empty', 'moved')
os.rename('package/__init__.py', 'package/renamed.py')
shutil.rmtree('gone')
os.link('secret', 'second name')
print(sorted(os.listdir('.')), sorted(os.listdir('package')), os.listdir('link/inner'))
print(open('secret').read(), open('package/inner/data').read(), os.stat('second name').st_nlink)
";

pub(super) fn copy_on_write() -> Result<(), Failed> {
    let directory = project("copy")?;
    let before = everything(&directory.0)?;
    let Some(template) = built(Template::python().directory(&directory.0).build())? else { return Ok(()) };
    let look = "\
empty 0o40755 True True
gone 0o40755 True True
link 0o120777 True True
package 0o40700 True True
run 0o100755 True True
secret 0o100600 True True
of its owner
 secret /home/sandbox /home/sandbox
";
    let change = "\
['link', 'moved', 'package', 'run', 'second name', 'secret'] ['inner', 'new', 'renamed.py'] ['data']
of its owner
and mine ONE
 2
";
    // The second one sees nothing of the first.
    for _ in 0..2 {
        ensure_same(&says(&template, &format!("{LOOK}{CHANGE}"))?, &format!("{look}{change}"))?;
    }
    if everything(&directory.0)? != before {
        return Err("the directory has changed".into());
    }
    if kernel()? < (6, 6) {
        return skip("before Linux 6.6 a removed directory cannot be made again");
    }
    let code = "import os, shutil; shutil.rmtree('gone'); os.mkdir('gone'); print(os.listdir('gone'))";
    ensure_same(&says(&template, code)?, "[]\n")
}

/// The first two numbers of its release.
fn kernel() -> Result<(u32, u32), Failed> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split(['.', '-']).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(second))) => Ok((first, second)),
        _ => Err(release.into()),
    }
}

pub(super) fn programs() -> Result<(), Failed> {
    let directory = project("programs")?;
    let Some(template) = built(Template::python().directory(&directory.0).build())? else { return Ok(()) };
    let code = "
import sqlite3, subprocess, sys
base = sqlite3.connect('data.db')
base.execute('pragma journal_mode = wal')
base.execute('create table numbers (number)')
base.executemany('insert into numbers values (?)', ((number,) for number in range(1000)))
base.commit()
print(base.execute('select sum(number) from numbers').fetchone()[0])
print(subprocess.run(['./run'], capture_output=True, text=True).stdout, end='')
subprocess.run([sys.executable, '-m', 'compileall', '-q', 'package'], check=True)
sys.path.insert(0, '.')
import package
print(package.__file__)
";
    ensure_same(&says(&template, code)?, "499500\nit runs\n/home/sandbox/package/__init__.py\n")?;
    let code = "
import subprocess
def git(*words): return subprocess.run(['git', '-c', 'user.name=a', '-c', 'user.email=b', *words], check=True, capture_output=True, text=True).stdout
git('init', '-q', '.'); git('add', '-A'); git('commit', '-qm', 'first')
open('secret', 'w').write('changed')
print(git('status', '--short'), end='')
git('stash'); git('checkout', '-qb', 'other'); git('gc', '-q')
print(git('log', '--format=%s') + git('status', '--short'), end='')
";
    match says(&template, "import shutil; print(shutil.which('git'))")?.trim() {
        "None" => skip("there is no git in the sandbox"),
        _ => ensure_same(&says(&template, code)?, " M secret\nfirst\n"),
    }
}

pub(super) fn bounded() -> Result<(), Failed> {
    let directory = project("bounded")?;
    directory.write("large", &"x".repeat(2 << 20))?;
    let policy = Policy::strict().tmp(Bytes::mebi(1));
    let template = Template::python().directory(&directory.0).policy(policy).build();
    let Some(template) = built(template)? else { return Ok(()) };
    let code = "
import errno
def fails(call):
    try: call()
    except OSError as error: return errno.errorcode[error.errno]
    return 'nothing'
print(fails(lambda: open('new', 'wb').write(bytes(2 << 20))))
import os; os.remove('new')
# To change a file is to copy it first.
print(fails(lambda: open('large', 'ab')), len(open('large').read()))
print(fails(lambda: open('small', 'wb').write(bytes(1 << 18))))
";
    ensure_same(&says(&template, code)?, "ENOSPC\nENOSPC 2097152\nnothing\n")
}

pub(super) fn warm_up() -> Result<(), Failed> {
    let directory = project("warm-up")?;
    directory.write("view", "shown")?;
    let code = "
import os
seen = sorted(os.listdir('/home/sandbox')), open('/home/sandbox/secret').read(), open('/home/sandbox/empty/view').read()
open('/home/sandbox/of the warm-up', 'w').write('x')
";
    let warm = WarmFile::new("project", code)?;
    let before = everything(&directory.0)?;
    let template = Template::python()
        .directory(&directory.0)
        .read_only_at(directory.at("view"), "/home/sandbox/empty/view")
        .warm_file(&warm.0)
        .build();
    let Some(template) = built(template)? else { return Ok(()) };
    let code = "from warm import seen; print(*seen); import os; print(sorted(os.listdir('.')) == seen[0])";
    let wanted = "['empty', 'gone', 'link', 'package', 'run', 'secret', 'view'] of its owner\n shown\nTrue\n";
    ensure_same(&says(&template, code)?, wanted)?;
    if everything(&directory.0)? == before { Ok(()) } else { Err("the directory has changed".into()) }
}

pub(super) fn special() -> Result<(), Failed> {
    let directory = project("special")?;
    let pipe = directory.at("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o666))?;
    let listener = UnixListener::bind(directory.at("socket"))?;
    listener.set_nonblocking(true)?;
    fs::set_permissions(directory.at("socket"), Permissions::from_mode(0o777))?;
    let template = Template::python()
        .directory(&directory.0)
        .policy(Policy::strict().network(Network::Loopback))
        .build();
    let Some(template) = built(template)? else { return Ok(()) };
    // A reader, without which nobody could open it for writing and not wait.
    let mut reader = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&pipe)?;
    let code = "
import errno, os, socket
def fails(call):
    try: call()
    except OSError as error: return errno.errorcode[error.errno]
    return 'nothing'
print(fails(lambda: os.open('pipe', os.O_WRONLY | os.O_NONBLOCK)))
print(fails(lambda: socket.socket(socket.AF_UNIX).connect('socket')))
# It is one of the sandbox's own.
both = os.open('pipe', os.O_RDWR | os.O_NONBLOCK)
os.write(both, b'x')
";
    let said = says(&template, code)?;
    let said: Vec<_> = said.lines().collect();
    if said[0] != "ENXIO" || !matches!(said[1], "ECONNREFUSED" | "EACCES" | "EPERM") {
        return Err(format!("{said:?}").into());
    }
    let read = reader.read(&mut [0]);
    if !matches!(read, Ok(0)) {
        return Err(format!("{read:?} came out of the pipe").into());
    }
    if !listener.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
        return Err("somebody has connected".into());
    }
    // The control: from here the same pipe and socket can be used.
    let writer = OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(&pipe)?;
    std::os::unix::net::UnixStream::connect(directory.at("socket"))?;
    drop(writer);
    Ok(())
}

/// The layers of the copy: what is written, and the directory itself.
pub(super) fn below() -> Result<(), Failed> {
    let directory = project("below")?;
    let code = "
import os
found = []
for path in ('/dev/shm/.zeroboot', '/home/sandbox/upper', '/home/sandbox/work', '/proc/1/fd/0', '/proc/1/root', '/proc/1/cwd'):
    try: found.append((path, os.listdir(path)))
    except OSError: pass
print(found)
";
    // Also where nothing but the kernel's own rules keeps it from the init.
    for policy in
        [Policy::strict(), Policy::strict().protection(zeroboot::Protection::Landlock, zeroboot::Rule::Waive)]
    {
        let template = Template::python().directory(&directory.0).policy(policy).build();
        let Some(template) = built(template)? else { return Ok(()) };
        ensure_same(&says(&template, code)?, "[]\n")?;
    }
    Ok(())
}

/// Reads, and tries to change.
const READ_ONLY: &str = "
import errno, os
def look(path):
    print(open(path).read(), end='')
    for change in (lambda: open(path, 'a'), lambda: os.remove(path), lambda: os.chmod(path, 0o777), lambda: os.rename(path, path + '2')):
        try: change(); print(' CHANGED', end='')
        except OSError as error: print('', errno.errorcode[error.errno], end='')
    print()
";

pub(super) fn views() -> Result<(), Failed> {
    let (directory, shown) = (project("views")?, Directory::new("shown")?);
    shown.write("file", "text")?;
    shown.write("inner/file", "deep")?;
    nix::unistd::mkfifo(&shown.at("inner/pipe"), nix::sys::stat::Mode::from_bits_truncate(0o666))?;
    // Everybody may change it: what is in the way is the view alone.
    for (path, mode) in [("", 0o777), ("inner", 0o777), ("file", 0o666), ("inner/file", 0o666)] {
        fs::set_permissions(shown.at(path), Permissions::from_mode(mode))?;
    }
    for with_directory in [None, Some(&directory.0)] {
        let mut builder = Template::python()
            .read_only_at(shown.at("file"), "/home/sandbox/file")
            .read_only_at(shown.at("file"), "/home/sandbox/made/on/the/way")
            .read_only_at(shown.at("inner"), "/home/sandbox/package")
            .read_only_at(shown.at("file"), "/home/sandbox/package/file")
            .read_only_at(&shown.0, "/tmp/shown");
        if let Some(path) = with_directory {
            builder = builder.directory(path);
        }
        let Some(template) = built(builder.build())? else { return Ok(()) };
        let code = "
look('file'); look('made/on/the/way'); look('package/file'); look('/tmp/shown/inner/file')
open('made/on/the/other', 'w').write('x'); open('/tmp/other', 'w').write('x')
for path in ('package/pipe', '/tmp/shown/inner/pipe'):
    try: os.open(path, os.O_RDWR | os.O_NONBLOCK); print('OPEN')
    except OSError as error: print(errno.errorcode[error.errno])
";
        let (busy, inside) = (" EROFS EBUSY EROFS EBUSY\n", " EROFS EROFS EROFS EROFS\n");
        let wanted = format!("text{busy}text{busy}text{inside}deep{inside}EACCES\nEACCES\n");
        ensure_same(&says(&template, &format!("{READ_ONLY}{code}"))?, &wanted)?;
    }
    Ok(())
}

pub(super) fn link_in_the_place() -> Result<(), Failed> {
    let (directory, outside) = (project("place")?, Directory::new("outside")?);
    fs::set_permissions(&outside.0, Permissions::from_mode(0o777))?;
    symlink(&outside.0, directory.at("way"))?;
    let result = Template::python()
        .directory(&directory.0)
        .read_only_at(directory.at("secret"), "/home/sandbox/way/file")
        .build();
    match result {
        Err(BuildError::Directory { cause, .. }) => return skip(&cause),
        Err(BuildError::Warden(cause)) if cause.contains("/home/sandbox/way/file") => {}
        other => return Err(format!("{other:?}").into()),
    }
    let found = everything(&outside.0)?;
    if found.is_empty() { Ok(()) } else { Err(format!("{found:?}").into()) }
}

pub(super) fn refused() -> Result<(), Failed> {
    let directory = project("refused")?;
    let at = |path| Template::python().interpreter("/no/such/python3").directory(directory.at(path)).build();
    match (at("secret"), at("none")) {
        (
            Err(BuildError::View(file @ ViewError::NotADirectory(_))),
            Err(BuildError::View(ViewError::Source { .. })),
        ) if !file.remedy().is_empty() => {}
        other => return Err(format!("{other:?}").into()),
    }
    // What is mounted below a directory would be missing.
    match Template::python().directory("/").build() {
        Err(error @ BuildError::Directory { .. }) if error.cause().contains("mounted at") => {}
        other => return Err(format!("{other:?}").into()),
    }
    // The control: the directory itself.
    built(Template::python().directory(&directory.0).build()).map(drop)
}
