//! Pressure: for how long work has stood still for want of a resource. It is the machine's, or a cgroup's: the kernel does
//! not count it for a process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

/// What there may be too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Processors.
    Cpu,
    /// Memory: time spent on winning it back.
    Memory,
    /// Devices.
    Io,
}

/// For how long work has waited since the machine was started, or the cgroup was made. Two readings make a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// At least one task waited.
    pub some: Duration,
    /// All tasks that were not idle waited at once. `None` where the kernel does not say it (processors, before 5.13).
    pub full: Option<Duration>,
}

/// Why there is no reading.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PressureError {
    /// Opening or reading the file.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: Errno,
    },
    /// It does not look as the kernel's `accounting/psi.rst` says.
    #[error("{path} is not as expected")]
    Format {
        /// The file.
        path: PathBuf,
    },
}

impl Pressure {
    /// The whole machine's. `None` where the kernel does not count it, or was told not to (`psi=0`).
    ///
    /// # Errors
    /// [`PressureError`].
    ///
    /// Manual: [psi](https://docs.kernel.org/accounting/psi.html).
    pub fn of_machine(resource: Resource) -> Result<Option<Self>, PressureError> {
        read(Path::new("/proc/pressure").join(resource.name()))
    }

    /// That of a cgroup v2, by its directory, as [`of_machine`](Self::of_machine).
    ///
    /// # Errors
    /// [`PressureError`].
    pub fn of_cgroup(directory: &Path, resource: Resource) -> Result<Option<Self>, PressureError> {
        read(directory.join(format!("{}.pressure", resource.name())))
    }

    /// `None`: a line is not as expected, or the first kind is missing.
    fn parse(text: &str) -> Option<Self> {
        let mut found = [None; 2];
        for line in text.lines() {
            for (kind, found) in ["some ", "full "].into_iter().zip(&mut found) {
                if line.starts_with(kind) {
                    let record = procfs::parse_pressure_record(line).ok()?;
                    *found = Some(Duration::from_micros(record.total));
                }
            }
        }
        let [some, full] = found;
        some.map(|some| Self { some, full })
    }
}

impl Resource {
    const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }
}

fn read(path: PathBuf) -> Result<Option<Pressure>, PressureError> {
    match std::fs::read_to_string(&path) {
        Ok(text) => Pressure::parse(&text).map(Some).ok_or(PressureError::Format { path }),
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::EOPNOTSUPP) => Ok(None),
            Some(source) => Err(PressureError::Read { path, source }),
            // The bytes are no text.
            None => Err(PressureError::Format { path }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read() {
        let text = "some avg10=1.00 avg60=0.20 avg300=0.01 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=45\n";
        let (some, full) = (Duration::from_micros(123), Some(Duration::from_micros(45)));
        assert_eq!(Pressure::parse(text), Some(Pressure { some, full }));
        assert_eq!(Pressure::parse(&text[..49]), Some(Pressure { some, full: None }));
        assert_eq!(Pressure::parse("some avg10=1.00\n"), None);
        assert_eq!(Pressure::parse(""), None);
    }
}
