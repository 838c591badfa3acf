//! Pseudo-terminals of a sandbox's own: that they work, how many there are, and that no others are among them.

mod common;

use std::io::Read;
use std::process::ExitCode;

use common::run;
use libtest_mimic::{Failed, Trial};
use zeroboot::{Input, Outcome, Output, Policy, Protection, Request, Rule, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_program_runs_in_a_terminal", spawned),
        Trial::test("a_terminal_controls_its_jobs", controlled),
        Trial::test("a_terminal_has_a_size_and_settings", settings),
        Trial::test("there_are_so_many_and_no_more", bounded),
        Trial::test("siblings_have_their_own", siblings),
        Trial::test("nothing_can_be_typed_into_one", typed),
    ])
}

fn prints(code: &str, wanted: &str) -> Result<(), Failed> {
    says(&Template::python().build()?.run(code)?, wanted)
}

fn says(outcome: &Outcome, wanted: &str) -> Result<(), Failed> {
    if outcome.stdout_lossy() == wanted { Ok(()) } else { Err(format!("{outcome:?}").into()) }
}

fn spawned() -> Result<(), Failed> {
    let code = "
import os, pty, sys
status = pty.spawn([sys.executable, '-c', 'import os; print(os.isatty(0), os.ttyname(1), os.getsid(0) == os.getpid())'])
print(status, flush=True)
";
    prints(code, "True /dev/pts/0 True\r\n0\n")
}

/// What a terminal does beside passing bytes on: it echoes, signals the job in the foreground, and hangs up.
fn controlled() -> Result<(), Failed> {
    let code = r"
import os, pty, signal
def until(fd, end):
    text = b''
    while not text.endswith(end): text += os.read(fd, 1)
    return text
pid, fd = pty.fork()
if pid == 0:
    os.execvp('sh', ['sh', '-c', 'echo ready; read line; echo got $line; exec sleep 100'])
until(fd, b'ready\r\n')
os.write(fd, b'word\n')
print(until(fd, b'got word\r\n').split())
print(os.tcgetpgrp(fd) == pid)
os.write(fd, b'\x03')
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGINT)
pid, fd = pty.fork()
if pid == 0:
    os.execvp('sh', ['sh', '-c', 'echo ready; exec sleep 100'])
until(fd, b'ready\r\n')
os.close(fd)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGHUP)
";
    prints(code, "[b'word', b'got', b'word']\nTrue\nTrue\nTrue\n")
}

fn settings() -> Result<(), Failed> {
    let code = "
import fcntl, os, struct, termios, tty
near, far = os.openpty()
fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 100, 0, 0))
print(os.get_terminal_size(far))
tty.setraw(far)
os.write(near, b'a\\n')
print(os.read(far, 9), termios.tcgetattr(far)[3] & termios.ECHO)
# TIOCGPTPEER: the other end, without its name.
peer = fcntl.ioctl(near, 0x5441, os.O_RDWR | os.O_NOCTTY)
print(os.ttyname(peer) == os.ttyname(far), oct(os.stat(os.ttyname(far)).st_mode & 0o777))
";
    prints(code, "os.terminal_size(columns=100, lines=40)\nb'a\\n' 0\nTrue 0o620\n")
}

/// All terminals of the machine share one number.
fn bounded() -> Result<(), Failed> {
    let code = "
import errno, os
for _ in range(2):
    pairs = []
    try:
        while True: pairs.append(os.openpty())
    except OSError as error: print(len(pairs), errno.errorcode[error.errno])
    for pair in pairs: os.close(pair[0]); os.close(pair[1])
";
    prints(code, "16 ENOSPC\n16 ENOSPC\n")
}

/// The first holds a terminal until the second has had its turn.
fn siblings() -> Result<(), Failed> {
    let template = Template::python().build()?;
    let code = "
import os, sys
near, far = os.openpty()
print(sorted(os.listdir('/dev/pts')), os.path.realpath('/dev/ptmx'), flush=True)
sys.stdin.read()
";
    let wanted = "['0', 'ptmx'] /dev/pts/ptmx\n";
    let (reader, writer) = std::io::pipe()?;
    let (mut told, far) = std::io::pipe()?;
    let first = Request::code(code).stdin(Input::From(reader.into())).stdout(Output::To(far.into()));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| template.execute(first));
        let mut said = vec![0; wanted.len()];
        told.read_exact(&mut said)?;
        let second = template.run(code);
        drop(writer);
        first.join().map_err(|_| "the first one panicked")??;
        says(&second?, wanted)?;
        if said == wanted.as_bytes() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into()) }
    })
}

fn typed() -> Result<(), Failed> {
    let code = "
import errno, fcntl, os, termios
pid, fd = os.forkpty()
if pid == 0:
    try: fcntl.ioctl(0, termios.TIOCSTI, b'#')
    except OSError as error: print(errno.errorcode[error.errno], flush=True)
    else: print('typed', flush=True)
    os._exit(0)
said = b''
try:
    while piece := os.read(fd, 100): said += piece
except OSError:
    # The other end is closed.
    pass
print(said)
";
    prints(code, "b'ENOTTY\\r\\n'\n")?;
    // The control: without the filter the kernel itself answers, which may refuse it as well (dev.tty.legacy_tiocsti).
    let policy = Policy::strict().protection(Protection::Filter, Rule::Waive);
    let outcome = Template::python().policy(policy).build()?.run(code)?;
    let said = outcome.stdout_lossy();
    if ["typed", "EIO"].iter().any(|word| said.contains(word)) {
        Ok(())
    } else {
        Err(said.into_owned().into())
    }
}
