//! What the kernel sums up by itself: `/proc/<pid>/stat`, `/proc/<pid>/status` and `/proc/<pid>/smaps_rollup`.
//!
//! A process chooses its own name, which stands in both files: nothing of a name is ever taken for a figure.

use std::time::Duration;

use crate::kib::Kib;
use crate::ranges::number;
use crate::sample::{Cpu, Faults, State};

/// The figures of `status` about memory. See `proc_pid_status(5)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) resident: Kib,
    pub(crate) swapped: Kib,
    pub(crate) page_tables: Kib,
    pub(crate) peak: Kib,
}

impl Status {
    /// `Some(None)`: it has no memory. `None`: a figure is missing.
    pub(crate) fn parse(text: &[u8]) -> Option<Option<Self>> {
        let mut found = [None; 4];
        let keys = [&b"VmRSS:"[..], b"VmSwap:", b"VmPTE:", b"VmHWM:"];
        // The kernel writes a line break within the name as two characters, so each line is its own.
        for line in text.split(|byte| *byte == b'\n') {
            for (key, found) in keys.into_iter().zip(&mut found) {
                if let Some(rest) = line.strip_prefix(key) {
                    *found = Some(kib(rest)?);
                }
            }
        }
        match found {
            [Some(resident), swapped, page_tables, Some(peak)] => Some(Some(Self {
                resident,
                // A kernel without swap has no such line.
                swapped: swapped.unwrap_or_default(),
                page_tables: page_tables?,
                peak,
            })),
            [None, None, None, None] => Some(None),
            _ => None,
        }
    }
}

/// The figures of `smaps_rollup`. See `proc_pid_smaps(5)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rollup {
    /// Pages that nobody else maps, those of files too.
    pub(crate) private: Kib,
}

impl Rollup {
    /// `None`: a line is not as expected.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = text.split(|byte| *byte == b'\n');
        let mut next = |key| lines.find_map(|line| line.strip_prefix(key)).and_then(kib);
        let (clean, dirty) = (next(b"Private_Clean:")?, next(b"Private_Dirty:")?);
        Some(Self { private: clean + dirty })
    }
}

/// An amount as all these files have it.
fn kib(text: &[u8]) -> Option<Kib> {
    number(text.trim_ascii().strip_suffix(b" kB")?, 10).map(Kib)
}

/// The figures of `stat`. See `proc_pid_stat(5)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: State,
    pub(crate) faults: Faults,
    pub(crate) cpu: Cpu,
}

impl Stat {
    /// `None`: it does not look like that. `ticks` is how many a second has.
    pub(crate) fn parse(text: &[u8], ticks: u64) -> Option<Self> {
        let mut fields = Self::fields(text)?;
        let state = State::from_letter(char::from(*fields.next()?.first()?));
        let mut next = |skip| fields.nth(skip).and_then(|digits| number(digits, 10));
        Some(Self {
            state,
            faults: Faults { minor: next(6)?, major: next(1)? },
            cpu: Cpu { user: from_ticks(next(1)?, ticks), system: from_ticks(next(0)?, ticks) },
        })
    }

    /// The faults alone.
    pub(crate) fn faults(text: &[u8]) -> Option<Faults> {
        let mut fields = Self::fields(text)?;
        let mut next = |skip| fields.nth(skip).and_then(|digits| number(digits, 10));
        Some(Faults { minor: next(7)?, major: next(1)? })
    }

    /// What follows the name, from the state on. The name may hold anything, parentheses too: what follows the last one is
    /// the kernel's.
    fn fields(text: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
        let end = text.iter().rposition(|byte| *byte == b')')?;
        Some(text[end + 1..].trim_ascii().split(|byte| *byte == b' '))
    }
}

fn from_ticks(count: u64, ticks: u64) -> Duration {
    Duration::from_secs(count / ticks) + Duration::from_nanos(count % ticks * 1_000_000_000 / ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_figure() {
        let text = b"7 () Z 1 (x) S 1 7 7 0 -1 4194304 101 202 3 404 55 66 0 0 20 0 1 0 9 0 0\n";
        let stat = Stat::parse(text, 100).expect("a stat");
        assert_eq!(stat.state, State::Sleeping);
        assert_eq!(stat.faults, Faults { minor: 101, major: 3 });
        let cpu = Cpu { user: Duration::from_millis(550), system: Duration::from_millis(660) };
        assert_eq!(stat.cpu, cpu);
        assert_eq!(Stat::faults(text), Some(stat.faults));
        assert_eq!(Stat::parse(b"7 (x) S 1 7 7", 100), None);
        assert_eq!(Stat::faults(b"7 (x) S 1 7 7"), None);
    }

    #[test]
    fn memory_and_none() {
        let lines =
            "Name:\ta\\nVmRSS: 9 kB\nVmHWM:\t    12 kB\nVmRSS:\t     8 kB\nVmPTE:\t 4 kB\nVmSwap:\t 1 kB\n";
        let status = Status { resident: Kib(8), swapped: Kib(1), page_tables: Kib(4), peak: Kib(12) };
        assert_eq!(Status::parse(lines.as_bytes()), Some(Some(status)));
        assert_eq!(Status::parse(b"Name:\tzombie\nState:\tZ\n"), Some(None));
        assert_eq!(Status::parse(b"VmRSS:\t 8 kB\n"), None);
        assert_eq!(Status::parse(b"VmRSS:\t many kB\n"), None);
    }

    #[test]
    fn sums() {
        let text = b"55-7f ---p 00000000 00:00 0  [rollup]\nRss: 9 kB\nPrivate_Clean:  2 kB\nPrivate_Dirty:   3 kB\n";
        assert_eq!(Rollup::parse(text), Some(Rollup { private: Kib(5) }));
        assert_eq!(Rollup::parse(b"Rss: 9 kB\n"), None);
    }
}
