//! Spawning: the request, the template's and the warden's reports, and the link between those two.

use std::time::Duration;

use zeroboot_fork::{Exit, ExitStatus, StepFailure};
use zeroboot_isolation::cgroup::{CpuTime, Usage};
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

/// The one packet that the host sends over the report, and the warden reads: what the sandbox writes into its working
/// directory is wanted, and comes with [`Report::Emptied`].
pub const KEEP_FILES: [u8; 5] = *b"files";

/// What comes over the report socket of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// From the template: the child exists. With it come its pidfd and that of its shell.
    Spawned(SpawnStamps),
    /// From the template: there is no child.
    Refused(StepFailure),
    /// From the warden: the child has ended, at this time in nanoseconds of `CLOCK_MONOTONIC`; the rest of the sandbox is being
    /// ended.
    Exited(Exit, u64),
    /// From the warden: everything in the sandbox has ended. Its last word. With it comes, if the host has
    /// [asked](KEEP_FILES) for it and it can be had, the directory in which all lies that the sandbox wrote into its working
    /// directory.
    Emptied(Emptied),
}

/// What is known of a sandbox when everything in it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Emptied {
    /// What those have used that its init had to reap.
    pub orphans: zeroboot_fork::Usage,
    /// What its cgroup has counted.
    pub counted: Usage,
}

impl Report {
    /// The size of every packet.
    pub const SIZE: usize = 96;

    /// The packet.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut words = [0; 12];
        match self {
            Self::Spawned(stamps) => {
                words[..4].copy_from_slice(&[1, stamps.received, stamps.joined, stamps.cloned]);
            }
            Self::Refused(failure) => {
                words[..2].copy_from_slice(&[2, u64::from_ne_bytes(failure.to_bytes())]);
            }
            Self::Exited(Exit { status, usage }, at) => {
                words[..3].copy_from_slice(&[3, status_word(*status), *at]);
                words[3..8].copy_from_slice(&usage_words(usage));
            }
            Self::Emptied(Emptied { orphans, counted }) => {
                words[0] = 4;
                words[1..6].copy_from_slice(&usage_words(orphans));
                words[6..12].copy_from_slice(&[
                    counted.memory_peak.map_or(UNKNOWN, |peak| peak.0),
                    counted.oom_kills.unwrap_or(UNKNOWN),
                    counted.throttled.map_or(UNKNOWN, nanoseconds),
                    counted.cpu.map_or(UNKNOWN, |cpu| nanoseconds(cpu.user)),
                    counted.cpu.map_or(UNKNOWN, |cpu| nanoseconds(cpu.system)),
                    counted.refused_processes.unwrap_or(UNKNOWN),
                ]);
            }
        }
        pack(words)
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// [`Malformed`] when it is none of the four.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        match unpack::<12>(bytes) {
            Some([1, received, joined, cloned, ..]) => {
                Ok(Self::Spawned(SpawnStamps { received, joined, cloned }))
            }
            Some([2, failure, ..]) => Ok(Self::Refused(StepFailure::from_bytes(failure.to_ne_bytes()))),
            Some([3, status, at, a, b, c, d, e, ..]) => {
                Ok(Self::Exited(Exit { status: status_of(status), usage: usage_of([a, b, c, d, e]) }, at))
            }
            Some([4, a, b, c, d, e, peak, kills, throttled, user, system, refused]) => {
                let known = |number| Some(number).filter(|number| *number != UNKNOWN);
                let time = |number| known(number).map(Duration::from_nanos);
                let counted = Usage {
                    memory_peak: known(peak).map(Bytes),
                    oom_kills: known(kills),
                    refused_processes: known(refused),
                    throttled: time(throttled),
                    cpu: time(user).zip(time(system)).map(|(user, system)| CpuTime { user, system }),
                };
                Ok(Self::Emptied(Emptied { orphans: usage_of([a, b, c, d, e]), counted }))
            }
            _ => Err(Malformed { expected: "report", length: bytes.len() }),
        }
    }
}

const SIGNALED: u64 = 1 << 32;
const CORE_DUMPED: u64 = 1 << 33;

fn status_word(status: ExitStatus) -> u64 {
    match status {
        ExitStatus::Exited(code) => u64::from(code),
        ExitStatus::Signaled { signal, core_dumped } => {
            let core = if core_dumped { CORE_DUMPED } else { 0 };
            SIGNALED | core | u64::from(signal.unsigned_abs())
        }
    }
}

fn status_of(word: u64) -> ExitStatus {
    let [low, ..] = word.to_le_bytes();
    if word & SIGNALED == 0 {
        ExitStatus::Exited(low)
    } else {
        ExitStatus::Signaled { signal: i32::from(low), core_dumped: word & CORE_DUMPED != 0 }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn usage_words(usage: &zeroboot_fork::Usage) -> [u64; 5] {
    let zeroboot_fork::Usage { minor_faults, major_faults, user, system, peak_resident_kib } = *usage;
    [minor_faults, major_faults, nanoseconds(user), nanoseconds(system), peak_resident_kib]
}

fn usage_of(words: [u64; 5]) -> zeroboot_fork::Usage {
    let [minor_faults, major_faults, user, system, peak_resident_kib] = words;
    let (user, system) = (Duration::from_nanos(user), Duration::from_nanos(system));
    zeroboot_fork::Usage { minor_faults, major_faults, user, system, peak_resident_kib }
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
    /// Template to warden, with the report socket and the pidfd of a process: that has joined this shell.
    Joined {
        /// The number of the shell.
        shell: u64,
    },
    /// Template to warden: nobody has joined that shell, and nobody will.
    Wasted {
        /// The number of the shell.
        shell: u64,
    },
    /// First process of the template to warden, with the warden's end of another link and the pidfd of a process: that is at
    /// the other end, and forks sandboxes as well.
    Twin,
}

impl LinkMessage {
    /// The size of every packet.
    pub const SIZE: usize = 24;

    /// The packet.
    #[must_use]
    pub fn encode(self) -> [u8; Self::SIZE] {
        pack::<3, { Self::SIZE }>(match self {
            Self::Parked { shell, user } => [1, shell, u64::from(user)],
            Self::Joined { shell } => [2, shell, 0],
            Self::Wasted { shell } => [3, shell, 0],
            Self::Twin => [4, 0, 0],
        })
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// [`Malformed`] when it is none of these.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed { expected: "link message", length: bytes.len() };
        match unpack::<3>(bytes) {
            Some([1, shell, user]) => {
                Ok(Self::Parked { shell, user: u32::try_from(user).map_err(|_| malformed)? })
            }
            Some([2, shell, 0]) => Ok(Self::Joined { shell }),
            Some([3, shell, 0]) => Ok(Self::Wasted { shell }),
            Some([4, 0, 0]) => Ok(Self::Twin),
            _ => Err(malformed),
        }
    }
}
