//! Starting the sandbox's command, listening to it, and ending it.
//!
//! What comes out may be a flood: nothing is kept but the lines that the suite listens for, and the end of what is
//! printed on standard error. Never here: what the lines mean for an attack.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::bait::{Bait, SECRET_VARIABLE};
use crate::verdict::Said;

/// The command could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no shell, or no process can be made.
    #[error("cannot start `sh` for the command `{command}`: {source}")]
    Shell {
        /// The sandbox's command.
        command: String,
        /// What the system answered.
        source: std::io::Error,
    },
}

/// A sandbox that runs a program. Its processes are ended when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    heard: Arc<Heard>,
    ended: Option<ExitStatus>,
}

/// What is left of a sandbox.
#[derive(Debug)]
pub struct Finished {
    /// What it said that the suite listens for, in order.
    pub said: Vec<Said>,
    /// The last line of its standard error.
    pub complaint: String,
    /// How its command ended; `None` if it was ended at the time limit.
    pub status: Option<ExitStatus>,
}

impl Finished {
    /// How it ended, in words.
    pub fn ending(&self) -> String {
        match self.status {
            None => "ended at the suite's own time limit".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("ended with status {code}"),
                (None, Some(signal)) => format!("ended by signal {signal}"),
                (None, None) => "ended".to_owned(),
            },
        }
    }
}

/// What the listening threads have heard so far.
#[derive(Debug, Default)]
struct Heard {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    said: Vec<Said>,
    complaint: String,
    open_streams: usize,
}

/// What the command finds beside the secret: a descriptor of the root directory, as many open files as an ordinary login
/// has, and real-time priorities where the suite may give them.
const HOST: &str = "exec 9</; ulimit -S -n 1024; ulimit -r 99 2>/dev/null";

/// More lines than any attack says.
const MOST_SAID: usize = 1024;

/// What of one line is kept.
const LONGEST_LINE: usize = 4096;

/// How often the command is asked whether it has ended.
const ASK_EVERY: Duration = Duration::from_millis(5);

impl Running {
    /// Starts the command through a shell and hands it the program.
    ///
    /// It finds what no sandbox may pass on: a secret in its environment, descriptor 9, which is the host's root directory,
    /// and, where the suite may give it, the right to real-time priorities. `{shown}` becomes the directory that the
    /// bait has [laid out](Bait::shown).
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(command: &str, program: String, bait: &Bait) -> Result<Self, StartError> {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{HOST}\n{}", command.replace("{shown}", bait.shown()))])
            .env(SECRET_VARIABLE, bait.secret())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that it can be ended with what it has started.
            .process_group(0)
            .spawn()
            .map_err(|source| StartError::Shell { command: command.to_owned(), source })?;
        let heard = Arc::new(Heard::default());
        heard.lock().open_streams = 2;
        if let Some(mut stdin) = child.stdin.take() {
            // A sandbox that ends without reading everything is judged by what it said.
            thread::spawn(move || _ = stdin.write_all(program.as_bytes()));
        }
        let out = Arc::clone(&heard);
        let stdout = child.stdout.take();
        thread::spawn(move || {
            listen(stdout, |line| out.say(line));
            out.close();
        });
        let err = Arc::clone(&heard);
        let stderr = child.stderr.take();
        thread::spawn(move || {
            listen(stderr, |line| err.complain(line));
            err.close();
        });
        Ok(Self { child, heard, ended: None })
    }

    /// Waits until something is said for which this holds; `false` if the sandbox ends or the time passes first.
    pub fn wait_for(&mut self, wanted: impl Fn(&Said) -> bool, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        loop {
            let over = self.is_over() || Instant::now() >= until;
            let state = self.heard.lock();
            if state.said.iter().any(&wanted) {
                return true;
            }
            if over {
                return false;
            }
            self.heard.wait(state);
        }
    }

    /// Waits for its end: of the command, and of everything that holds its standard streams.
    pub fn finish(mut self, limit: Duration) -> Finished {
        let until = Instant::now() + limit;
        while !self.is_over() && Instant::now() < until {
            let state = self.heard.lock();
            self.heard.wait(state);
        }
        let status = if self.is_over() { self.ended } else { None };
        self.end();
        let state = self.heard.lock();
        Finished { said: state.said.clone(), complaint: state.complaint.clone(), status }
    }

    fn is_over(&mut self) -> bool {
        if self.ended.is_none() {
            // An error would mean that somebody else has collected it: it has ended then as well.
            self.ended = self.child.try_wait().unwrap_or(Some(ExitStatus::from_raw(0)));
        }
        self.ended.is_some() && self.heard.lock().open_streams == 0
    }

    /// Ends the group of processes that the command has begun, by its id.
    fn end(&mut self) {
        let streams_open = self.heard.lock().open_streams > 0;
        if (self.ended.is_none() || streams_open)
            && let Ok(group) = i32::try_from(self.child.id())
        {
            // Where nothing is left of the group there is nothing to end.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        if self.ended.is_none() {
            self.ended = self.child.wait().ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, state: MutexGuard<'_, State>) {
        drop(self.changed.wait_timeout(state, ASK_EVERY));
    }

    fn say(&self, line: &str) {
        let Some(said) = Said::parse(line) else { return };
        let mut state = self.lock();
        if state.said.len() < MOST_SAID {
            state.said.push(said);
        }
        self.changed.notify_all();
    }

    fn complain(&self, line: &str) {
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut self.lock().complaint);
        }
    }

    fn close(&self) {
        self.lock().open_streams -= 1;
        self.changed.notify_all();
    }
}

/// Hands on every line, cut where it is too long, until the end of the stream.
fn listen(stream: Option<impl Read>, mut hear: impl FnMut(&str)) {
    let Some(mut stream) = stream else { return };
    let (mut line, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    // A stream that cannot be read has ended.
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        let mut rest = &piece[..length];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            keep(&mut line, &rest[..end]);
            hear(&String::from_utf8_lossy(&line));
            line.clear();
            rest = &rest[end + 1..];
        }
        keep(&mut line, rest);
    }
    hear(&String::from_utf8_lossy(&line));
}

fn keep(line: &mut Vec<u8>, more: &[u8]) {
    let room = LONGEST_LINE.saturating_sub(line.len());
    line.extend_from_slice(&more[..more.len().min(room)]);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Running, Said, listen};
    use crate::bait::Bait;
    use crate::verdict::Verdict;

    const LONG: Duration = Duration::from_secs(30);

    fn start(command: &str, program: &str) -> Running {
        let bait = Bait::lay(Vec::new()).unwrap();
        Running::start(command, program.to_owned(), &bait).unwrap()
    }

    #[test]
    fn what_is_said_is_heard() {
        let finished =
            start("sh", "echo ready; echo noise; echo oops >&2; echo held: EPERM; exit 3\n").finish(LONG);
        assert_eq!(finished.said, [Said::Ready, Said::Verdict(Verdict::Held("EPERM".to_owned()))]);
        assert_eq!(finished.complaint, "oops");
        assert_eq!(finished.ending(), "ended with status 3");
    }

    #[test]
    fn a_victim_is_waited_for_and_ended() {
        let begun = Instant::now();
        let mut running = start("sh", "echo ready; sleep 60\n");
        assert!(running.wait_for(|said| *said == Said::Ready, LONG));
        drop(running);
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let finished = start("sleep 60", "").finish(Duration::from_millis(100));
        assert_eq!(finished.ending(), "ended at the suite's own time limit");
    }

    #[test]
    fn the_secret_and_the_descriptor_are_there() {
        let script = "[ -n \"$ZEROBOOT_ATTACK_SECRET\" ] && [ -d /dev/fd/9/usr ] && echo ready\n";
        assert_eq!(start("sh", script).finish(LONG).said, [Said::Ready]);
    }

    #[test]
    fn a_flood_is_cut() {
        let mut lengths = Vec::new();
        let flood = [b"x".repeat(1 << 20), b"\nheld: x\nend".to_vec()].concat();
        listen(Some(&flood[..]), |line| lengths.push(line.len()));
        assert_eq!(lengths, [4096, 7, 3]);
    }
}
