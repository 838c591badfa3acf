//! The host's side: builds templates and asks them for sandboxes. Embedded into the program that wants them.
//!
//! | module | does |
//! |---|---|
//! | `builder`, `recipe` | what a template is to be |
//! | `policy_file` | a policy from a TOML file |
//! | `view` | what of the host's files is shown |
//! | `interpreter` | finds the real Python behind a shim or a virtualenv |
//! | `embedded` | the warden and the library, as memory files |
//! | `generation` | one living template: its processes and sockets |
//! | `controls` | the sockets by which it is asked, and its words until it serves |
//! | `template` | the handle: asks, and builds again when the template has died |
//! | `wear` | how worn that is, and when another one takes its place |
//! | `pool` | sandboxes that are made before they are asked for |
//! | `sandbox`, `live`, `run`, `pump` | one sandbox, from the request to the last byte |
//! | `storm` | its bursts of page faults: who looks, and what is done |
//! | `collect` | copies the files of a working directory out |
//! | `outcome`, `limit` | what is known afterwards |
//! | `metrics` | all of it in numbers, for Prometheus |
//! | `publish` | what there is now, for other processes of the user |
//! | `examine` | what this host can enforce |
//!
//! The host may have any number of threads: it never forks. Each caller waits on its own sandbox's sockets and pipes;
//! there is no dispatcher. Every byte from a sandbox is hostile. Never here: code that runs in a template.

mod builder;
mod collect;
mod controls;
mod embedded;
mod error;
mod examine;
mod generation;
mod interpreter;
mod limit;
mod live;
mod meter;
mod metrics;
mod outcome;
mod policy_file;
mod pool;
mod publish;
mod pump;
mod ready;
mod recipe;
mod request;
mod run;
mod sandbox;
mod storm;
mod template;
mod view;
mod warm_environment;
mod wear;

pub use builder::{Command, Function, Python, TemplateBuilder};
pub use collect::{CollectLimits, Collected, CollectedFile, LeftOut, WhyLeftOut};
pub use error::{BuildError, RunError, SpawnError};
pub use examine::{Finding, HostReport, examine_host};
pub use interpreter::{Interpreter, InterpreterError};
pub use limit::LimitMet;
pub use meter::{PageMapError, page_map_of};
pub use metrics::prometheus;
pub use outcome::{
    Account, CopiedFrom, Cpu, FaultRate, Faults, Memory, Outcome, Status, Storm, StormKind, Times,
};
pub use policy_file::{PolicyFileError, read_policy};
pub use pool::{Pool, PoolCounters, PoolError, PoolOptions};
pub use publish::{
    DirectoryError, PublishError, PublishedError, PublishedPlace, PublishedPool, PublishedProcess,
    PublishedSandbox, PublishedTemplate, Publisher, SandboxState, make_run_time_directory, publish,
    published, run_time_directory,
};
pub use request::{Input, MemoryAccount, Output, Request};
pub use sandbox::Sandbox;
pub use template::Template;
pub use view::ViewError;

/// What a mutex guards, also after a panic of somebody who held it: nothing here is left half-done under a lock.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
