//! What wakes the keeper: its alarm, and the end of a parked sandbox.
//!
//! Setting the alarm wakes nobody, so that a claim has its answer before its place is filled again.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::stock::Parked;

/// The number of the alarm in events; sandboxes have others.
const ALARM: u64 = u64::MAX;

/// The shortest time until an alarm: zero would switch it off.
const AT_ONCE: Duration = Duration::from_nanos(1);

#[derive(Debug)]
pub(super) struct Watch {
    events: Epoll,
    alarm: TimerFd,
}

impl Watch {
    pub(super) fn new() -> Result<Self, Errno> {
        let events = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let alarm = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
        // Edge-triggered: nobody has to read it.
        events.add(&alarm, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, ALARM))?;
        Ok(Self { events, alarm })
    }

    /// Wakes the keeper after this time, and not at the time that was set before.
    pub(super) fn alarm_after(&self, time: Duration) {
        let expiration = Expiration::OneShot(TimeSpec::from_duration(time.max(AT_ONCE)));
        // A valid time on a timer of this process: there is nothing that could fail.
        let _ = self.alarm.set(expiration, TimerSetTimeFlags::empty());
    }

    /// Looks after a sandbox from now on: its report says nothing before its end. Where the user's quota of epoll watches is
    /// spent, by its sandboxes maybe (`epoll(7)`), nobody does, and the claim that finds it dead takes the next one.
    pub(super) fn add(&self, parked: &Parked) -> Result<(), Errno> {
        let Some(report) = &parked.sandbox.live.report else { return Ok(()) };
        match self.events.add(report, EpollEvent::new(EpollFlags::EPOLLIN, parked.number)) {
            Err(Errno::ENOSPC) => Ok(()),
            result => result,
        }
    }

    /// Lets go of a sandbox that is claimed.
    pub(super) fn remove(&self, parked: &Parked) {
        if let Some(report) = &parked.sandbox.live.report {
            // It was added when it was parked, if there was room.
            let _ = self.events.delete(report.as_fd());
        }
    }

    /// Waits for an alarm, an end, or this time. Gives the numbers of the sandboxes that have ended.
    pub(super) fn wait(&self, time: Option<Duration>) -> Result<Vec<u64>, Errno> {
        let mut happened = [EpollEvent::empty(); 16];
        // Rounded up: to come too early would be to come again.
        let timeout = time.map_or(EpollTimeout::NONE, |time| {
            EpollTimeout::try_from(time + Duration::from_millis(1)).unwrap_or(EpollTimeout::MAX)
        });
        let count = match self.events.wait(&mut happened, timeout) {
            Err(Errno::EINTR) => 0,
            result => result?,
        };
        let numbers = happened[..count].iter().map(EpollEvent::data);
        Ok(numbers.filter(|number| *number != ALARM).collect())
    }
}
