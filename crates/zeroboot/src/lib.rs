//! Sandboxes by forking a warm process: a fraction of a millisecond instead of seconds.
//!
//! ```
//! use zeroboot::Template;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let template = Template::python().import("json").build()?; // warm, audit, seal: once
//!     let outcome = template.run("print(1 + 1)")?; // spawn, run, collect
//!     assert_eq!(outcome.stdout_lossy(), "2\n");
//!     println!("{}: {}", outcome.status, outcome.account);
//!     Ok(())
//! }
//! ```
//!
//! A [`Template`] is a process that has warmed up once. Every [`run`](Template::run) forks it: the sandbox shares the
//! template's memory until it writes, and is held by the kernel: namespaces of its own, no capability, no network, a
//! system-call filter, limits, a deadline. The boundary is the process and the host's kernel, not a hypervisor.
//!
//! | template | warms up | asked by |
//! |---|---|---|
//! | [`Template::python`] | imports, and a file if you like | [`Template::run`], [`Template::execute`] |
//! | [`Template::function`] | what the program registered with [`function!`] | [`Template::call`] |
//! | [`Template::command`] | any program that speaks the C ABI | [`Template::execute`] |
//!
//! What happens in a sandbox is an [`Outcome`]: how it ended, what it wrote, what it cost (an [`Account`], measured
//! from outside) and what held it (a [`Seal`], read back from outside before its code ran). Errors are about Zeroboot, not
//! about the script: [`BuildError`], [`SpawnError`], [`RunError`], each with a `cause()` and, where you can do something,
//! a `remedy()`.
//!
//! Programs of tasks find the same names in the module `tokio` (feature `tokio`).
//!
//! A threaded host is fine: it never forks. When the host ends, by whatever end, template and sandboxes end with it.
//! Every spawn is visible to `tracing`, step by step, at the level `debug`; [`prometheus`] gives numbers of all of them, and
//! [`publish`] shows to `zeroboot top` what there is now.
//!
//! # Functions of this program
//!
//! ```no_run
//! use zeroboot::Template;
//!
//! zeroboot::function! {
//!     name: "square",
//!     warm_up: || 2_u32,
//!     answer: |exponent: &u32, number: u64| -> u64 { number.pow(*exponent) },
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     zeroboot::init(); // first line of main: in the template it does not return
//!     let template = Template::function("square").build()?;
//!     let answer: u64 = template.call(&12_u64)?;
//!     assert_eq!(answer, 144);
//!     Ok(())
//! }
//! ```
//!
//! This crate only gives names to what others do: it holds no logic.

#![forbid(unsafe_code)]

pub use zeroboot_isolation::cgroup::{Bounds as CgroupBounds, Usage as CgroupUsage};
pub use zeroboot_isolation::policy::{
    Bytes, BytesError, Cpus, CpusError, Limits, Network, Policy, Protection, Protections, Rule, StormAction,
    StormPolicy,
};
pub use zeroboot_isolation::quotas::OpenFilesError;
pub use zeroboot_isolation::seal::{Missing, Namespace, Seal};
pub use zeroboot_isolation::world::LendingError;
pub use zeroboot_runtime::function::{init, write_heavy};
pub use zeroboot_runtime::host::{
    Account, BuildError, CollectLimits, Collected, CollectedFile, CopiedFrom, Cpu, DirectoryError, FaultRate,
    Faults, Finding, HostReport, Input, Interpreter, InterpreterError, LeftOut, LimitMet, Memory,
    MemoryAccount, Outcome, Output, PageMapError, PolicyFileError, Pool, PoolCounters, PoolError,
    PoolOptions, PublishError, PublishedError, PublishedPlace, PublishedPool, PublishedProcess,
    PublishedSandbox, PublishedTemplate, Publisher, Request, RunError, Sandbox, SandboxState, SpawnError,
    Status, Storm, StormKind, Template, TemplateBuilder, Times, ViewError, WhyLeftOut, examine_host,
    make_run_time_directory, page_map_of, prometheus, publish, published, read_policy, run_time_directory,
};
#[cfg(feature = "tokio")]
pub use zeroboot_runtime::tokio;
pub use zeroboot_runtime::{after_fork, function};
pub use zeroboot_telemetry::{Kib, MappedPages, PageMap};

/// The names that a program needs: `use zeroboot::prelude::*;`.
pub mod prelude {
    pub use crate::{Input, Outcome, Output, Policy, Request, Status, Template};
}
