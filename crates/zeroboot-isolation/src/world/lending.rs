//! Which user ids a host lends to a template: a range that no other template has at the same time.
//!
//! Much of what the kernel counts it counts per user id, and nothing else keeps two templates of one host, or of two hosts,
//! apart there. So each range has an owner: the process that holds a socket with the range's name. The kernel gives a name once, and
//! takes it back when its holder ends, by whatever end; there is nothing to be left behind and nothing to be cleaned.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, socket};
use nix::unistd::Uid;

use super::identity::IdMap;

/// So many user and group ids of the host, from the first one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange(u32);

impl IdRange {
    /// How many ids a range has.
    pub const LENGTH: u32 = 65_536;

    /// The first id of the first range: above what login tools and other container programs hand out by default.
    const LOWEST: u32 = 1_500_000_000;

    /// How many ranges there are: those without an id that somebody takes for a negative number.
    const COUNT: u32 = (i32::MAX.unsigned_abs() - Self::LOWEST) / Self::LENGTH;

    /// The range that starts with this id; `None` when there is none.
    #[must_use]
    pub fn starting_at(first: u32) -> Option<Self> {
        let offset = first.checked_sub(Self::LOWEST)?;
        (offset % Self::LENGTH == 0 && offset / Self::LENGTH < Self::COUNT).then_some(Self(first))
    }

    /// Its first id.
    #[must_use]
    pub fn first(self) -> u32 {
        self.0
    }

    fn nth(number: u32) -> Self {
        Self(Self::LOWEST + number % Self::COUNT * Self::LENGTH)
    }
}

/// What the calling process lends to one template, for as long as this lives.
#[derive(Debug)]
pub struct Lending {
    map: IdMap,
    /// Nobody listens at it: its name is what matters.
    _name: Option<OwnedFd>,
}

/// Why a root host has no ids to lend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LendingError {
    /// No name can be taken.
    #[error("cannot claim user ids for the sandboxes by a socket's name")]
    Claim(#[source] Errno),
    /// Every range is lent.
    #[error("all {} ranges of user ids are lent", IdRange::COUNT)]
    AllLent,
}

impl LendingError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Claim(_) => {
                "allow this process abstract unix sockets: its own filter, security module or limit of open \
                               files refuses them"
                    .to_owned()
            }
            Self::AllLent => {
                "end some templates; `ss -xl` shows who holds the names that begin with @zeroboot-ids-"
                    .to_owned()
            }
        }
    }
}

impl Lending {
    /// Claims a range for a root host; an ordinary user has nothing but its own id.
    ///
    /// Two hosts that do not share a network namespace do not see one another's claims. They can get the same range, and
    /// share then what the kernel counts per user, and nothing else.
    ///
    /// # Errors
    /// [`LendingError`].
    pub fn of_this_process() -> Result<Self, LendingError> {
        if !Uid::effective().is_root() {
            return Ok(Self { map: IdMap::Single, _name: None });
        }
        // Where it begins keeps two hosts from asking for the same names, and this one from asking for its own again.
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let first = std::process::id().wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        for number in (0..IdRange::COUNT).map(|further| first.wrapping_add(further)) {
            let range = IdRange::nth(number);
            match claim(range) {
                Ok(name) => return Ok(Self { map: IdMap::Range(range), _name: Some(name) }),
                Err(Errno::EADDRINUSE) => {}
                Err(errno) => return Err(LendingError::Claim(errno)),
            }
        }
        Err(LendingError::AllLent)
    }

    /// How they are to be mapped.
    #[must_use]
    pub fn map(&self) -> IdMap {
        self.map
    }
}

/// A socket in the abstract namespace: it has a name, and no file. See `unix(7)`.
fn claim(range: IdRange) -> Result<OwnedFd, Errno> {
    let name = format!("zeroboot-ids-{}", range.first());
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    bind(socket.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_do_not_overlap_and_have_no_negative_id() {
        let last = IdRange::nth(IdRange::COUNT - 1);
        assert!(i32::try_from(last.first() + IdRange::LENGTH).is_ok());
        assert_eq!(IdRange::nth(IdRange::COUNT), IdRange::nth(0));
        assert_eq!(IdRange::starting_at(last.first()), Some(last));
        for wrong in [0, 1_499_999_999, 1_500_000_001, u32::MAX, last.first() + IdRange::LENGTH] {
            assert_eq!(IdRange::starting_at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_is_lent_once_and_again_when_it_is_given_back() {
        let range = IdRange::nth(std::process::id());
        let held = claim(range).expect("the first claim");
        assert_eq!(claim(range).err(), Some(Errno::EADDRINUSE));
        drop(held);
        drop(claim(range).expect("the third claim"));
    }
}
