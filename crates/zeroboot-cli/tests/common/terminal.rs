//! A terminal of 80 by 24 characters: its other end is read by the test, which keeps what it shows.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};

const ROWS: NonZero<u16> = NonZero::new(24).expect("not zero");
const COLUMNS: NonZero<u16> = NonZero::new(80).expect("not zero");

/// How long something may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal with a program in it.
pub(crate) struct Terminal {
    master: File,
    /// Kept open, so that its settings can be read when the program has ended.
    slave: OwnedFd,
    screen: vt100::Parser,
    pub(crate) program: Child,
}

impl Terminal {
    /// Starts a program whose terminal this is.
    pub(crate) fn start(program: &mut Command) -> Result<Self, Box<dyn Error>> {
        let size = Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None)?;
        // Copies close on exec, and what was opened does not: the program has its three streams only.
        let (master, slave) = (File::from(pty.master.try_clone()?), pty.slave.try_clone()?);
        drop(pty);
        let stream = || slave.try_clone().map(Stdio::from);
        // It makes the terminal the program's own, or the program would ask that of the test.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program.get_program()).args(program.get_args()).env("TERM", "xterm");
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let program = command.stdin(stream()?).stdout(stream()?).stderr(stream()?).spawn()?;
        Ok(Self { master, slave, screen: vt100::Parser::new(ROWS, COLUMNS, 0), program })
    }

    /// Reads until the screen is so; what is on it then.
    pub(crate) fn until(&mut self, holds: impl Fn(&vt100::Screen) -> bool) -> Result<String, Box<dyn Error>> {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self.screen.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.read(left)? {
                return Err(format!("it is not to be seen on\n{}", self.screen.screen().contents()).into());
            }
        }
        Ok(self.screen.screen().contents())
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) -> Result<(), Box<dyn Error>> {
        Ok(self.master.write_all(keys.as_bytes())?)
    }

    /// How it is set.
    #[allow(dead_code, reason = "not everybody needs it")]
    pub(crate) fn settings(&self) -> Result<Termios, Box<dyn Error>> {
        Ok(tcgetattr(&self.slave)?)
    }

    /// Goes away; how the program has ended then.
    #[allow(dead_code, reason = "not everybody needs it")]
    pub(crate) fn hang_up(&mut self) -> Result<ExitStatus, Box<dyn Error>> {
        let nothing = || File::open("/dev/null");
        (self.master, self.slave) = (nothing()?, nothing()?.into());
        Ok(self.program.wait()?)
    }

    /// Reads what comes within this time; whether anything came.
    pub(crate) fn read(&mut self, patience: Duration) -> Result<bool, Box<dyn Error>> {
        let mut source = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        match poll(&mut source, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
        let mut piece = [0; 4096];
        let length = self.master.read(&mut piece)?;
        self.screen.process(&piece[..length]);
        Ok(length > 0)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already, unless the test has failed.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
