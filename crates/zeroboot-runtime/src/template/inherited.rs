//! What a template was started with.

use std::env;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use zeroboot_fork::fd;

use crate::FDS_VARIABLE;
use crate::protocol::FromTemplate;

/// Why this process cannot be a template.
#[derive(Debug, thiserror::Error)]
pub enum InheritedError {
    /// It was not started by a warden.
    #[error("this program was not started as a template: {FDS_VARIABLE} is not set")]
    NotATemplate,
    /// The variable is not a list of two numbers or more.
    #[error("{FDS_VARIABLE} does not list descriptors")]
    List,
    /// A descriptor is not open, or was taken before.
    #[error("descriptor {number} cannot be taken")]
    Take {
        /// Its number.
        number: i32,
        /// Why.
        source: Errno,
    },
}

/// A process that was started as a template and does not serve yet.
#[derive(Debug)]
pub struct Template {
    pub(super) control: OwnedFd,
    pub(super) link: OwnedFd,
    extras: Vec<OwnedFd>,
    pub(super) write_heavy: Vec<Range<u64>>,
}

impl Template {
    /// Whether this process was started as a template.
    #[must_use]
    pub fn is_expected() -> bool {
        env::var_os(FDS_VARIABLE).is_some()
    }

    /// Takes the descriptors that the warden left. Once.
    ///
    /// # Errors
    /// [`InheritedError`].
    pub fn inherited() -> Result<Self, InheritedError> {
        let list = env::var(FDS_VARIABLE).map_err(|_| InheritedError::NotATemplate)?;
        let numbers: Vec<i32> =
            list.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| InheritedError::List)?;
        let take =
            |number| fd::take_inherited(number).map_err(|source| InheritedError::Take { number, source });
        let mut fds = numbers.into_iter().map(take);
        let (Some(control), Some(link)) = (fds.next(), fds.next()) else { return Err(InheritedError::List) };
        let extras = fds.collect::<Result<_, _>>()?;
        Ok(Self { control: control?, link: link?, extras, write_heavy: Vec::new() })
    }

    /// Tells the host that the warm-up has failed, and why. The process should then end.
    ///
    /// # Errors
    /// What the socket answered.
    pub fn fail_warm_up(&self, text: &str) -> Result<(), Errno> {
        self.tell(&FromTemplate::WarmUp(text.to_owned()))
    }

    /// The same where what failed is not the program's own work, but the file that the user had it run.
    ///
    /// # Errors
    /// What the socket answered.
    pub fn fail_warm_file(&self, text: &str) -> Result<(), Errno> {
        self.tell(&FromTemplate::WarmFile(text.to_owned()))
    }

    /// Says, during the warm-up, that each sandbox will rewrite this memory: it is then copied at one go, in huge pages, before
    /// the sandbox's code starts. Addresses; what is not whole blocks of 2 MiB is not. See
    /// [`WriteHeavy`](zeroboot_fork::freeze::WriteHeavy).
    pub fn declare_write_heavy(&mut self, memory: Range<u64>) {
        self.write_heavy.push(memory);
    }

    pub(super) fn tell(&self, message: &FromTemplate) -> Result<(), Errno> {
        fd::send(self.control.as_fd(), &message.encode(), &[])
    }

    /// Closes what was needed for the warm-up only.
    pub(super) fn close_extras(&mut self) {
        self.extras.clear();
    }

    pub(super) fn expected(&self) -> [BorrowedFd<'_>; 2] {
        [self.control.as_fd(), self.link.as_fd()]
    }
}
