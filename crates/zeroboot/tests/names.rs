//! Who a sandbox is and whose its world is, as programs ask; and the standard streams by their names.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use common::{run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::{Input, Outcome, Request, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("each_sandbox_has_a_name", each_has_a_name),
        Trial::test("its_name_cannot_be_changed", names_stay),
        Trial::test("what_is_shown_in_place_of_a_name_is_seen", shown),
        Trial::test("what_is_not_its_own_does_not_bear_its_name", owners),
        Trial::test("no_room_of_its_own_is_taken_for_its_name", room),
        Trial::test("standard_streams_open_by_their_names", streams),
        Trial::test("a_shown_repository_is_read_and_cloned", repository),
    ])
}

fn says(outcome: &Outcome, wanted: &str) -> Result<(), Failed> {
    let clean = outcome.status.success() && outcome.stderr.is_empty();
    if clean && outcome.stdout_lossy() == wanted { Ok(()) } else { Err(format!("{outcome:?}").into()) }
}

const WHO: &str = "
import getpass, grp, os, pathlib, pwd, subprocess, sys
print(getpass.getuser(), pwd.getpwuid(os.getuid()).pw_dir, os.path.expanduser('~sandbox'), grp.getgrgid(os.getgid()).gr_name)
assert pwd.getpwnam('sandbox').pw_uid == os.getuid() and grp.getgrnam('sandbox').gr_gid == os.getgid()
(pathlib.Path.home() / 'note').write_text('x')
for gid in os.getgroups():
    grp.getgrgid(gid)
sys.stdout.flush()
subprocess.run('whoami; id -un; id -gn; getent passwd $(id -u) | cut -d: -f1,6,7', shell=True, check=True)
print(os.getuid(), file=open('/dev/shm/id', 'w'))
";

fn each_has_a_name() -> Result<(), Failed> {
    let template = Template::python().build()?;
    let wanted = "sandbox /home/sandbox /home/sandbox sandbox\nsandbox\nsandbox\nsandbox\nsandbox:/home/sandbox:/bin/sh\n";
    // As root each is another user.
    says(&template.run(WHO)?, wanted)?;
    says(&template.run(WHO)?, wanted)
}

fn names_stay() -> Result<(), Failed> {
    let code = "
import errno, os
for path in ('/etc/passwd', '/etc/group'):
    for what in (lambda: open(path, 'a'), lambda: os.chmod(path, 0o666), lambda: os.unlink(path),
                 lambda: os.rename('/tmp/x', path), lambda: os.symlink('/tmp/x', path)):
        open('/tmp/x', 'w').close()
        try: what()
        except OSError as error: print(errno.errorcode[error.errno])
        else: print('done', path)
print(os.listdir('/dev/shm'))
";
    let outcome = Template::python().build()?.run(code)?;
    let said = outcome.stdout_lossy();
    let refused = ["EROFS", "EBUSY", "EXDEV", "EEXIST", "EACCES", "EPERM"];
    let (last, first) = said
        .lines()
        .collect::<Vec<_>>()
        .split_last()
        .map(|(last, first)| (*last, first.to_vec()))
        .ok_or("nothing")?;
    if first.len() == 10 && first.iter().all(|word| refused.contains(word)) && last == "[]" {
        Ok(())
    } else {
        Err(format!("{outcome:?}").into())
    }
}

fn shown() -> Result<(), Failed> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("names-{}", std::process::id()));
    fs::create_dir_all(&place)?;
    let directory = Gone(place);
    let file = directory.0.join("file");
    fs::write(&file, "other:x:1:1::/:/bin/sh\n")?;
    let places = ["/etc/passwd", "/etc/hostname", "/etc/gitconfig"];
    let template = places
        .iter()
        .fold(Template::python(), |template, place| template.read_only_at(&file, place))
        .build()?;
    let code = "
for path in ('/etc/passwd', '/etc/hostname', '/etc/gitconfig'): print(open(path).read(), end='')
print(open('/etc/group').read().count('sandbox'))
";
    says(&template.run(code)?, &("other:x:1:1::/:/bin/sh\n".repeat(3) + "1\n"))
}

fn owners() -> Result<(), Failed> {
    let code = "
import os, pwd
names = {path: pwd.getpwuid(os.lstat(path).st_uid).pw_name for path in
         ('/', '/etc', '/etc/passwd', '/etc/group', '/dev', '/tmp', '/dev/shm', '/dev/pts/ptmx', '/home/sandbox')}
print(*sorted(set(names.values()) - {names.pop('/home/sandbox')}), *sorted(set(names.values())))
";
    let outcome = Template::python().build()?.run(code)?;
    // An ordinary user's sandboxes are that user, as the tree is.
    says(&outcome, if nix::unistd::getuid().is_root() { "root root\n" } else { "sandbox\n" })
}

fn room() -> Result<(), Failed> {
    let code = "
import os
for place in ('/tmp', '/dev/shm'):
    room = os.statvfs(place)
    print(room.f_bavail * room.f_frsize == 1 << 20, room.f_favail)
";
    let policy = zeroboot::Policy::strict().tmp(zeroboot::Bytes::mebi(1));
    let outcome = Template::python().policy(policy).build()?.run(code)?;
    // One is the directory itself.
    says(&outcome, "True 1023\nTrue 1023\n")
}

fn streams() -> Result<(), Failed> {
    let code = "
import subprocess, sys
print(open('/dev/stdin').readline(), end='', flush=True)
for path in ('/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'):
    with open(path, 'w') as stream: print(path, file=stream)
with open('/dev/stdout', 'r+b', buffering=0) as both: both.write(b'both\\n')
subprocess.run(['sh', '-c', 'echo shell >/dev/stdout; echo tee | tee /dev/fd/3 3>&1 >/dev/null'], check=True)
subprocess.run(['bash', '-c', 'cat <(echo substituted); cat /dev/stdin'], check=True)
open('/dev/stderr', 'w').write('error\\n')
";
    let request = Request::code(code).stdin(Input::Bytes(b"first\n".to_vec()));
    let outcome = Template::python().build()?.execute(request)?;
    let wanted = "first\n/dev/stdout\n/dev/fd/1\n/proc/self/fd/1\nboth\nshell\ntee\nsubstituted\n";
    if outcome.stdout_lossy() != wanted || outcome.stderr_lossy() != "error\n" {
        return Err(format!("{outcome:?}").into());
    }
    // An empty input is another file.
    says(&Template::python().build()?.run("print(repr(open('/dev/stdin').read()))")?, "''\n")
}

/// A directory that is gone with the test.
struct Gone(PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        // What cannot be removed is not worth a second panic.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn repository() -> Result<(), Failed> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("repository-{}", std::process::id()));
    let git = |arguments: &[&str]| {
        Command::new("git")
            .arg("-C")
            .arg(&place)
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(arguments)
            .output()
    };
    fs::create_dir_all(&place)?;
    let repository = Gone(place.clone());
    if git(&["init", "--quiet"]).is_err() {
        return skip("there is no git");
    }
    fs::write(place.join("file"), "one\n")?;
    for step in [&["add", "file"][..], &["commit", "--quiet", "--message", "first"]] {
        let done = git(step)?;
        if !done.status.success() {
            return Err(format!("{done:?}").into());
        }
    }
    fs::write(place.join("file"), "two\n")?;
    let code = "
import subprocess
for command in ('git -C /opt/shown log --format=%s', 'git -C /opt/shown status --short', 'git clone --quiet /opt/shown copy',
                'git -C copy log --format=%s', 'cat copy/file'):
    subprocess.run(command, shell=True, check=True)
";
    let template = Template::python().read_only_at(&repository.0, "/opt/shown").build()?;
    // The control: the repository is another user's, as root.
    let owner = template.run("import os; print(os.stat('/opt/shown/.git').st_uid == os.getuid())")?;
    let same = fs::metadata(&place)?.uid() != 0;
    says(&owner, if same { "True\n" } else { "False\n" })?;
    says(&template.run(code)?, "first\n M file\nfirst\none\n")
}
