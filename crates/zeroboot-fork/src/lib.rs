//! A fork engine: makes a child of a warm process in one `clone3` call and keeps hold of it by a pidfd.
//!
//! ```
//! use zeroboot_fork::{ForkOptions, ForkPlan, ExitStatus};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let plan = ForkPlan::prepare(ForkOptions::default())?;
//! let mut child = plan.spawn(&|| Ok(()), || 7)?;
//! assert_eq!(child.wait()?.status, ExitStatus::Exited(7));
//! # Ok(())
//! # }
//! ```
//!
//! | module | is for |
//! |---|---|
//! | [`ForkPlan`] | the two ways to fork, behind one type |
//! | [`Child`], [`Exit`] | the parent's hold on a child, and how it ended |
//! | [`audit`](mod@audit) | is this process safe to fork? |
//! | [`fd`] | passing descriptors over a `SOCK_SEQPACKET` socket |
//! | [`freeze`](mod@freeze) | memory that a fork neither copies nor visits, and memory that each child rewrites |
//! | [`snapshot`] | saving a point in time to a file while the process goes on |
//! | [`working_set`] | pages that every child writes, copied by the fork itself |
//! | [`StepFailure`], [`Hook`] | the child rules, as types |
//!
//! # The child rules
//!
//! Between the fork and the hand-over to user code there is no allocation, no lock, no formatting, no tracing, no
//! panic, no destructor: a copy of a process has only the thread that forked, and whatever another thread or an
//! interrupted call held stays held for ever. What has to be computed is computed before ([`ForkPlan::prepare`]); what
//! runs in between is a [`Hook`]: system calls only, and its failure is two numbers.
//!
//! What this crate never does: isolate, measure (but for what a snapshot has copied), or know what a sandbox is.

pub mod audit;
mod child;
mod clock;
mod clone;
mod exit;
pub mod fd;
pub mod freeze;
mod handle;
mod heap;
mod huge;
mod maps;
mod pagemap;
mod plan;
mod signals;
pub mod snapshot;
mod step;
mod threads;
pub mod working_set;

pub use child::{InChild, leave};
pub use clock::monotonic_ns;
pub use exit::{Exit, ExitStatus, Usage, reap_any};
pub use freeze::freeze;
pub use handle::{Child, is_reaped, pidfd_get, pidfd_open, pidfd_signal, reap};
pub use heap::{HugeHeapError, fill_heap_gaps, reserve_huge_heap};
pub use plan::{
    ForkError, ForkOptions, ForkPlan, Forked, Namespaces, Parent, PrepareError, SignalHandlers, SpawnError,
    Way,
};
pub use signals::ignore_none;
pub use step::{Hook, StepFailure, StepId};
pub use threads::Thread;
