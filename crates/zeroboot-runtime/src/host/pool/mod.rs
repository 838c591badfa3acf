//! A pool: sandboxes that are made before they are asked for.
//!
//! ```text
//! keeper: fork ─▶ harden ─▶ run the author's code ahead ─▶ read the seal ─▶ park ─┐
//! claim:                                          run ◀─ job, in one packet ◀─ take
//! ```
//!
//! | module | does |
//! |---|---|
//! | `options` | what a pool is to be |
//! | `stock` | what is parked, and what was counted |
//! | `parked` | a sandbox, as its pool sees it |
//! | `watch` | what wakes the keeper |
//! | `keeper` | the thread that parks, replaces, rotates |
//!
//! One claim, one sandbox: nothing comes back. Never here: user code in a sandbox before it is claimed.

mod keeper;
mod options;
mod parked;
mod stock;
mod watch;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tracing::debug_span;
use zeroboot_fork::monotonic_ns;

use self::keeper::Keeper;
pub(super) use self::keeper::Shared;
use self::options::Ahead;
pub use self::options::PoolOptions;
pub use self::stock::PoolCounters;
use self::stock::Shelf;
use self::watch::Watch;
use super::error::{RunError, SpawnError};
use super::metrics::Flight;
use super::outcome::Outcome;
use super::request::Request;
use super::sandbox::{First, Sandbox};
use super::template::Template;
use crate::words::with_cause;

/// Sandboxes of a template that wait for a [`claim`](Pool::claim). Cheap to clone; any thread may use it.
///
/// Each is forked, hardened and sealed, and a Python one has run the template author's code ahead, so that what most scripts
/// write is its own already. A thread of the pool makes new ones when nothing is being claimed. With the last handle the
/// pool ends what is parked, and waits until it is gone.
///
/// ```no_run
/// use zeroboot_runtime::host::{Request, Template};
///
/// let pool = Template::python().build()?.pool(16)?;
/// let outcome = pool.claim()?.run(Request::script("sum.py", "print(1 + 1)"))?;
/// assert_eq!(outcome.stdout_lossy(), "2\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pool {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    template: Template,
    keeper: Option<JoinHandle<()>>,
}

/// Why there is no pool, or not a full one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// What wakes its thread.
    #[error("cannot make the timer of the pool")]
    Alarm(#[source] Errno),
    /// Its thread.
    #[error("cannot start the thread of the pool")]
    Thread(#[source] std::io::Error),
    /// The first sandbox.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It was not full in time.
    #[error("only {parked} of {size} sandboxes are parked{}", after(trouble.as_ref()))]
    NotFull {
        /// How many there are.
        parked: usize,
        /// How many there should be.
        size: usize,
        /// Why the last could not be parked, if it could not.
        trouble: Option<String>,
    },
}

fn after(trouble: Option<&String>) -> String {
    trouble.map_or_else(String::new, |cause| format!(": {cause}"))
}

with_cause!(PoolError);

impl PoolError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Spawn(error) => error.remedy(),
            Self::Alarm(_) => Some("raise the limit of open files (ulimit -n)".to_owned()),
            Self::Thread(_) => Some("raise the limits on processes (ulimit -u, pids.max)".to_owned()),
            Self::NotFull { .. } => Some("keep fewer parked, or wait longer".to_owned()),
        }
    }
}

impl Template {
    /// Keeps so many sandboxes parked, which run the code of the rehearsal ahead.
    ///
    /// # Errors
    /// As [`pool_with`](Self::pool_with).
    pub fn pool(&self, size: usize) -> Result<Pool, PoolError> {
        self.pool_with(PoolOptions::new(size))
    }

    /// Keeps sandboxes parked. The first one is there when this returns, the others follow.
    ///
    /// # Errors
    /// [`PoolError`], when not even one sandbox can be parked.
    pub fn pool_with(&self, options: PoolOptions) -> Result<Pool, PoolError> {
        let ahead = match &options.ahead {
            Ahead::Nothing => None,
            Ahead::Rehearsal => self.ahead(None),
            Ahead::Code(code) => self.ahead(Some(code)),
        };
        let first = match ahead.transpose().map_err(SpawnError::from)? {
            Some(packets) => First::Ahead(packets),
            None => First::Nothing,
        };
        let watch = Watch::new().map_err(PoolError::Alarm)?;
        let shared = Arc::new(Shared { size: options.size, shelf: Shelf::default(), watch });
        let mut keeper = Keeper::new(Arc::clone(&shared), self.clone(), first, options.rotation);
        keeper.park()?;
        let thread = std::thread::Builder::new().name("zeroboot-pool".to_owned());
        let keeper = thread.spawn(move || keeper.keep()).map_err(PoolError::Thread)?;
        self.metrics().add_pool(&shared);
        Ok(Pool { handle: Arc::new(Handle { shared, template: self.clone(), keeper: Some(keeper) }) })
    }
}

impl Pool {
    /// Takes a parked sandbox; where there is none, one is spawned on demand. It waits for its [`run`](Sandbox::run).
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn claim(&self) -> Result<Sandbox, SpawnError> {
        match self.take() {
            Some(sandbox) => Ok(sandbox),
            None => self.handle.template.spawn(),
        }
    }

    /// Claims a sandbox and runs this code in it, as [`Template::run`] does.
    ///
    /// # Errors
    /// As [`Template::run`].
    pub fn run(&self, code: &str) -> Result<Outcome, RunError> {
        self.execute(Request::code(code))
    }

    /// Claims a sandbox and runs this request in it, to its end.
    ///
    /// # Errors
    /// As [`Template::execute`].
    pub fn execute(&self, request: Request) -> Result<Outcome, RunError> {
        match self.take() {
            Some(sandbox) => sandbox.run(request),
            // Faster than to spawn one first, since the job is there before the sandbox.
            None => self.handle.template.execute(request),
        }
    }

    /// What it has done so far, and how it is.
    #[must_use]
    pub fn counters(&self) -> PoolCounters {
        self.handle.shared.counters()
    }

    /// Waits until all are parked.
    ///
    /// # Errors
    /// [`PoolError::NotFull`], when that takes longer.
    pub fn wait_until_full(&self, patience: Duration) -> Result<(), PoolError> {
        let Shared { size, shelf, .. } = &*self.handle.shared;
        if shelf.wait_until(patience, |stock| stock.parked.len() >= *size) {
            return Ok(());
        }
        let PoolCounters { parked, trouble, .. } = self.counters();
        Err(PoolError::NotFull { parked, size: *size, trouble })
    }

    /// The longest parked sandbox that is alive.
    fn take(&self) -> Option<Sandbox> {
        let _span = debug_span!("claim").entered();
        let begun = monotonic_ns();
        let Shared { shelf, watch, .. } = &*self.handle.shared;
        loop {
            let mut stock = shelf.lock();
            stock.last_claim = Some(Instant::now());
            let taken = stock.parked.pop_front();
            let left = stock.parked.len();
            match taken {
                Some(_) => stock.counters.hits += 1,
                None => stock.counters.misses += 1,
            }
            drop(stock);
            watch.alarm_after(self.handle.shared.quiet(left));
            let parked = taken?;
            watch.remove(&parked);
            let mut sandbox = parked.sandbox;
            if sandbox.is_waiting() {
                sandbox.claim(begun, Flight::begin(self.handle.template.metrics()));
                return Some(sandbox);
            }
            let mut stock = shelf.lock();
            stock.counters.hits -= 1;
            stock.counters.died += 1;
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.shelf.lock().closing = true;
        self.shared.watch.alarm_after(Duration::ZERO);
        if let Some(keeper) = self.keeper.take() {
            // Its panic has been told; what it held is dropped.
            let _ = keeper.join();
        }
    }
}
