//! What the warden listens to: descriptors, each with a number.
//!
//! An ordinary user has one quota of epoll watches, its sandboxes included (`fs.epoll.max_user_watches`, `epoll(7)`). What finds
//! no room there is polled beside it, which is slower and needs no quota. Never here: what an event means.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// How many events are taken at once.
const BATCH: usize = 16;

#[derive(Debug)]
pub(super) struct Events {
    epoll: Epoll,
    /// What found no room.
    apart: Vec<Apart>,
}

#[derive(Debug)]
struct Apart {
    number: u64,
    copy: OwnedFd,
}

impl Events {
    pub(super) fn new() -> Result<Self, Errno> {
        Ok(Self { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?, apart: Vec::new() })
    }

    /// Listens to this descriptor until it is removed: when there is something to be read, or its other end is closed.
    /// Several may share a number if none of them is removed.
    pub(super) fn add(&mut self, source: BorrowedFd<'_>, number: u64) -> Result<(), Errno> {
        match self.epoll.add(source, EpollEvent::new(EpollFlags::EPOLLIN, number)) {
            Err(Errno::ENOSPC) => self.add_apart(source, number),
            result => result,
        }
    }

    fn add_apart(&mut self, source: BorrowedFd<'_>, number: u64) -> Result<(), Errno> {
        let copy = source.try_clone_to_owned().map_err(|_| Errno::EMFILE)?;
        self.apart.push(Apart { number, copy });
        Ok(())
    }

    /// Does not listen to it any more.
    pub(super) fn remove(&mut self, source: BorrowedFd<'_>, number: u64) -> Result<(), Errno> {
        match self.apart.iter().position(|apart| apart.number == number) {
            Some(place) => {
                self.apart.swap_remove(place);
                Ok(())
            }
            None => self.epoll.delete(source),
        }
    }

    /// Waits until something happens, for this many milliseconds at most. Returns the numbers, none when nothing has happened.
    pub(super) fn wait(&self, longest: Option<u8>) -> Result<Vec<u64>, Errno> {
        if self.apart.is_empty() {
            return self.wait_for_epoll(longest.map_or(EpollTimeout::NONE, EpollTimeout::from));
        }
        let epoll = PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN);
        let apart = self.apart.iter().map(|it| PollFd::new(it.copy.as_fd(), PollFlags::POLLIN));
        let mut sources: Vec<_> = [epoll].into_iter().chain(apart).collect();
        poll(&mut sources, longest.map_or(PollTimeout::NONE, PollTimeout::from))?;
        let mut numbers = self.wait_for_epoll(EpollTimeout::ZERO)?;
        let happened = |source: &PollFd<'_>| source.any() == Some(true);
        let apart = self.apart.iter().zip(&sources[1..]).filter(|(_, source)| happened(source));
        numbers.extend(apart.map(|(it, _)| it.number));
        Ok(numbers)
    }

    fn wait_for_epoll(&self, timeout: EpollTimeout) -> Result<Vec<u64>, Errno> {
        let mut happened = [EpollEvent::empty(); BATCH];
        let count = self.epoll.wait(&mut happened, timeout)?;
        Ok(happened[..count].iter().map(EpollEvent::data).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_finds_no_room_is_listened_to_all_the_same() {
        let mut events = Events::new().expect("an epoll");
        let (first, mut to_first) = std::io::pipe().expect("a pipe");
        let (second, to_second) = std::io::pipe().expect("a pipe");
        let (third, mut to_third) = std::io::pipe().expect("a pipe");
        events.add(first.as_fd(), 1).expect("room");
        events.add_apart(second.as_fd(), 2).expect("a descriptor");
        events.add_apart(third.as_fd(), 3).expect("a descriptor");
        let wait = |events: &Events| events.wait(Some(0)).expect("events");
        assert!(wait(&events).is_empty());
        to_first.write_all(b"x").expect("room");
        to_third.write_all(b"x").expect("room");
        drop(to_second);
        assert_eq!(wait(&events), [1, 2, 3]);
        events.remove(first.as_fd(), 1).expect("it was added");
        events.remove(third.as_fd(), 3).expect("it was added");
        assert_eq!(wait(&events), [2]);
        drop(third);
        // No copy is left: its writer sees that nobody reads.
        assert!(to_third.write_all(b"x").is_err());
        events.remove(second.as_fd(), 2).expect("it was added");
        assert!(wait(&events).is_empty());
    }
}
