//! Is this process safe to fork? What a child would share with its template or miss, found before the first fork.
//!
//! A process that was warmed up by foreign code holds what that code left behind: threads that a numeric library
//! started, an open database connection, an event loop. A fork copies none of the threads and shares all of the rest
//! between every child. The audit reads `/proc/self` and names each such thing with its remedy.
//!
//! Never here: repair. Nothing is closed, unmapped or stopped; what to do is its owner's decision.

mod descriptors;
mod mappings;
mod remedies;
mod report;
mod timers;

use std::fs;
use std::io;
use std::os::fd::BorrowedFd;

pub use descriptors::DescriptorKind;
pub use remedies::ThreadRemedy;
pub use report::{Finding, Report};
pub use timers::TimerKind;

pub(crate) use descriptors::{IO_URING, has_rings};

use self::mappings::Mappings;
use crate::threads::{self, Thread};

/// Why a process could not be audited.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The threads.
    #[error("cannot read /proc/self/task{hint}", hint = hint(.0))]
    Threads(#[source] io::Error),
    /// The descriptors.
    #[error("cannot read /proc/self/fd and /proc/self/fdinfo{hint}", hint = hint(.0))]
    Descriptors(#[source] io::Error),
    /// The mappings.
    #[error("cannot read /proc/self/smaps{hint}", hint = hint(.0))]
    Mappings(#[source] io::Error),
    /// The timers.
    #[error("cannot query the timers of this process{hint}", hint = hint(.0))]
    Timers(#[source] io::Error),
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => " (mount /proc)",
        io::ErrorKind::PermissionDenied => " (audit before the process becomes non-dumpable)",
        _ => "",
    }
}

/// Looks for all that makes a fork of this process unsafe. See `proc(5)`.
///
/// Standard input, output and error, and the `expected` descriptors, are never findings. Nor are descriptors that a
/// child cannot disturb anybody by: read-only ones on regular files and directories, and those on `/dev/null`, `zero`,
/// `full`, `random` and `urandom`.
///
/// Call it at the end of the warm-up, while `/proc` is mounted and the process still dumpable. It costs a walk over the
/// page tables: milliseconds for each GiB. What it does not see: locks that are held, and what other machines think
/// of a connection.
///
/// # Errors
/// [`AuditError`], when a part of `/proc/self` cannot be read: no answer is not a good answer.
pub fn audit(expected: &[BorrowedFd<'_>]) -> Result<Report, AuditError> {
    let mappings = mappings::read().map_err(AuditError::Mappings)?;
    let descriptors = descriptors::read(expected).map_err(AuditError::Descriptors)?;
    let mut findings = Vec::new();

    let threads = threads::others().map_err(AuditError::Threads)?;
    if !threads.is_empty() {
        let remedies = remedies_for(&threads, &mappings);
        findings.push(Finding::Threads { threads, remedies });
    }
    let (rings, descriptors): (Vec<_>, Vec<_>) =
        descriptors.into_iter().partition(|found| found.kind == DescriptorKind::IoUring);
    let (ring_mappings, shared): (Vec<_>, Vec<_>) =
        mappings.shared().partition(|mapping| mapping.name == IO_URING);
    if !rings.is_empty() || !ring_mappings.is_empty() {
        findings.push(Finding::IoUring {
            fds: rings.into_iter().map(|ring| ring.fd).collect(),
            mappings: ring_mappings.len(),
        });
    }
    findings.extend(descriptors.into_iter().map(|found| Finding::Descriptor {
        fd: found.fd,
        kind: found.kind,
        target: found.target,
    }));
    findings.extend(shared.into_iter().map(|mapping| Finding::SharedMapping {
        start: mapping.addresses.start,
        end: mapping.addresses.end,
        name: mapping.name.clone(),
    }));
    let timers = timers::armed().map_err(AuditError::Timers)?;
    findings.extend(timers.into_iter().map(|kind| Finding::Timer { kind }));
    Ok(Report { findings })
}

/// Without the name or the environment of this process there is less to go by.
fn remedies_for(threads: &[Thread], mappings: &Mappings) -> Vec<ThreadRemedy> {
    let name = fs::read_to_string("/proc/self/comm").unwrap_or_default();
    // What it was started with: a library has read its variable before the code of the warm-up could change it.
    let environment = fs::read("/proc/self/environ").unwrap_or_default();
    let process = remedies::Process {
        name: name.trim_end_matches('\n'),
        loads: &|hint| mappings.load(hint),
        has: &|name, value| {
            environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == format!("{name}={value}").as_bytes())
        },
    };
    process.remedies(threads)
}
