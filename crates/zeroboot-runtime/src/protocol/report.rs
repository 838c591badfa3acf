//! Spawning: the request, the template's and the warden's reports, and the link between those two.

use std::time::Duration;

use zeroboot_fork::{Exit, ExitStatus, StepFailure};
use zeroboot_isolation::cgroup::Usage;
use zeroboot_isolation::policy::Bytes;

use super::{Malformed, pack, unpack};

/// A figure that is not known.
const UNKNOWN: u64 = u64::MAX;

/// When the template did what, in nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpawnStamps {
    /// The request had arrived.
    pub received: u64,
    /// A parked shell was at hand, and its pid namespace joined.
    pub joined: u64,
    /// `clone3` had returned in the template.
    pub cloned: u64,
}

/// What comes over the report socket of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// From the template: the child exists. With it come its pidfd and that of its shell.
    Spawned(SpawnStamps),
    /// From the template: there is no child.
    Refused(StepFailure),
    /// From the warden: the child is gone; the rest of the sandbox is being ended. What its cgroup has counted until then.
    Exited(Exit, Usage),
}

impl Report {
    /// The size of every packet.
    pub const SIZE: usize = 80;

    /// The packet.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        pack::<10, { Self::SIZE }>(match self {
            Self::Spawned(stamps) => [1, stamps.received, stamps.joined, stamps.cloned, 0, 0, 0, 0, 0, 0],
            Self::Refused(failure) => [2, u64::from_ne_bytes(failure.to_bytes()), 0, 0, 0, 0, 0, 0, 0, 0],
            Self::Exited(Exit { status, usage }, counted) => {
                let status = match *status {
                    ExitStatus::Exited(code) => u64::from(code),
                    ExitStatus::Signaled { signal, core_dumped } => {
                        1 << 32 | u64::from(core_dumped) << 33 | u64::from(signal.unsigned_abs())
                    }
                };
                let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                [
                    3,
                    status,
                    usage.minor_faults,
                    usage.major_faults,
                    nanoseconds(usage.user),
                    nanoseconds(usage.system),
                    usage.peak_resident_kib,
                    counted.memory_peak.map_or(UNKNOWN, |peak| peak.0),
                    counted.oom_kills.unwrap_or(UNKNOWN),
                    counted.throttled.map_or(UNKNOWN, nanoseconds),
                ]
            }
        })
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// [`Malformed`] when it is none of the three.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        match unpack::<10>(bytes) {
            Some([1, received, joined, cloned, ..]) => {
                Ok(Self::Spawned(SpawnStamps { received, joined, cloned }))
            }
            Some([2, failure, ..]) => Ok(Self::Refused(StepFailure::from_bytes(failure.to_ne_bytes()))),
            Some(
                [
                    3,
                    status,
                    minor_faults,
                    major_faults,
                    user,
                    system,
                    peak_resident_kib,
                    peak,
                    kills,
                    throttled,
                ],
            ) => {
                let known = |number| Some(number).filter(|number| *number != UNKNOWN);
                let low = status.to_ne_bytes();
                let status = if status & 1 << 32 == 0 {
                    ExitStatus::Exited(low[0])
                } else {
                    ExitStatus::Signaled { signal: i32::from(low[0]), core_dumped: status & 1 << 33 != 0 }
                };
                let (user, system) = (Duration::from_nanos(user), Duration::from_nanos(system));
                let usage =
                    zeroboot_fork::Usage { minor_faults, major_faults, user, system, peak_resident_kib };
                let counted = Usage {
                    memory_peak: known(peak).map(Bytes),
                    oom_kills: known(kills),
                    throttled: known(throttled).map(Duration::from_nanos),
                };
                Ok(Self::Exited(Exit { status, usage }, counted))
            }
            _ => Err(Malformed { expected: "report", length: bytes.len() }),
        }
    }
}

/// What the warden and the template tell one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMessage {
    /// Warden to template, with the pidfd of the shell's init, the cgroup of its sandbox if there are any (the template
    /// knows), and the rules of its sandbox if they are wanted: a shell is parked.
    Parked {
        /// Its number.
        shell: u64,
        /// The user id of its sandbox.
        user: u32,
    },
    /// Template to warden, with the report socket: this process (in the template's numbering) has joined that shell.
    Joined {
        /// The number of the shell.
        shell: u64,
        /// The process.
        pid: u32,
    },
    /// Template to warden: nobody has joined that shell, and nobody will.
    Wasted {
        /// The number of the shell.
        shell: u64,
    },
    /// First process of the template to warden, with the warden's end of another link: this process (in the template's
    /// numbering) is at the other one, and forks sandboxes as well.
    Twin {
        /// The process.
        pid: u32,
    },
}

impl LinkMessage {
    /// The size of every packet.
    pub const SIZE: usize = 24;

    /// The packet.
    #[must_use]
    pub fn encode(self) -> [u8; Self::SIZE] {
        pack::<3, { Self::SIZE }>(match self {
            Self::Parked { shell, user } => [1, shell, u64::from(user)],
            Self::Joined { shell, pid } => [2, shell, u64::from(pid)],
            Self::Wasted { shell } => [3, shell, 0],
            Self::Twin { pid } => [4, u64::from(pid), 0],
        })
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// [`Malformed`] when it is none of these.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed { expected: "link message", length: bytes.len() };
        let number = |word: u64| u32::try_from(word).map_err(|_| malformed);
        match unpack::<3>(bytes) {
            Some([1, shell, user]) => Ok(Self::Parked { shell, user: number(user)? }),
            Some([2, shell, pid]) => Ok(Self::Joined { shell, pid: number(pid)? }),
            Some([3, shell, 0]) => Ok(Self::Wasted { shell }),
            Some([4, pid, 0]) => Ok(Self::Twin { pid: number(pid)? }),
            _ => Err(malformed),
        }
    }
}
