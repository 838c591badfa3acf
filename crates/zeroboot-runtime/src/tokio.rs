//! The host's side for programs of tasks: the same names, and futures instead of waiting.
//!
//! Each call waits on a thread of tokio's blocking pool, as it would on any other: what is awaited are a few system calls on
//! descriptors that nobody else has. That pool has 512 threads unless the runtime was built otherwise; more calls at once
//! wait for one another.
//!
//! A future of a run that is dropped ends its sandbox at once. With the last handle of a template or a pool its end is waited
//! for, some milliseconds, where it is dropped.
//!
//! Never here: anything about sandboxes that the threaded side does not do.

use std::future::pending;
use std::io::pipe;
use std::panic::resume_unwind;
use std::time::Duration;

use nix::errno::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;

use crate::host;
use crate::host::{BuildError, Outcome, PoolCounters, PoolError, PoolOptions, Request, RunError, SpawnError};

/// Waits for what blocks, without blocking.
async fn unblocked<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down, and this task will not be polled again.
            Err(_) => pending().await,
        },
    }
}

/// Runs a request for as long as somebody waits for it.
async fn awaited(
    request: Request,
    run: impl FnOnce(Request) -> Result<Outcome, RunError> + Send + 'static,
) -> Result<Outcome, RunError> {
    let (cancel, waits) = pipe().map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
        SpawnError::Resource { what: "a pipe", source: errno }
    })?;
    let outcome = unblocked(move || run(request.cancelled_by(cancel))).await;
    drop(waits);
    outcome
}

/// A warm process that sandboxes are forked from: [`host::Template`] for tasks.
///
/// ```no_run
/// use zeroboot_runtime::host::Template as Threaded;
/// use zeroboot_runtime::tokio::Template;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let template = Template::build(|| Threaded::python().import("json").build()).await?;
/// let outcome = template.run("print(1 + 1)").await?;
/// assert_eq!(outcome.stdout_lossy(), "2\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Template {
    inner: host::Template,
}

impl From<host::Template> for Template {
    fn from(inner: host::Template) -> Self {
        Self { inner }
    }
}

impl Template {
    /// Builds a template by one of the builders of [`host::Template`].
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(
        build: impl FnOnce() -> Result<host::Template, BuildError> + Send + 'static,
    ) -> Result<Self, BuildError> {
        unblocked(build).await.map(Self::from)
    }

    /// See [`host::Template::run`].
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn run(&self, code: &str) -> Result<Outcome, RunError> {
        self.execute(Request::code(code)).await
    }

    /// See [`host::Template::execute`].
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn execute(&self, request: Request) -> Result<Outcome, RunError> {
        let template = self.inner.clone();
        awaited(request, move |request| template.execute(request)).await
    }

    /// See [`host::Template::spawn`].
    ///
    /// # Errors
    /// [`SpawnError`].
    pub async fn spawn(&self) -> Result<Sandbox, SpawnError> {
        let template = self.inner.clone();
        unblocked(move || template.spawn()).await.map(|inner| Sandbox { inner })
    }

    /// See [`host::Template::call`]. Unlike a run, a call goes on to its end when nobody waits for it.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn call<Asked: Serialize + Send + 'static, Answer: DeserializeOwned + Send + 'static>(
        &self,
        asked: Asked,
    ) -> Result<Answer, RunError> {
        let template = self.inner.clone();
        unblocked(move || template.call(&asked)).await
    }

    /// See [`host::Template::rotate`].
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn rotate(&self) -> Result<(), BuildError> {
        let template = self.inner.clone();
        unblocked(move || template.rotate()).await
    }

    /// See [`host::Template::pool`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn pool(&self, size: usize) -> Result<Pool, PoolError> {
        self.pool_with(PoolOptions::new(size)).await
    }

    /// See [`host::Template::pool_with`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn pool_with(&self, options: PoolOptions) -> Result<Pool, PoolError> {
        let template = self.inner.clone();
        unblocked(move || template.pool_with(options)).await.map(|inner| Pool { inner })
    }
}

/// A sandbox that is ready for one run: [`host::Sandbox`] for tasks.
#[derive(Debug)]
pub struct Sandbox {
    inner: host::Sandbox,
}

impl Sandbox {
    /// See [`host::Sandbox::run`].
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn run(self, request: Request) -> Result<Outcome, RunError> {
        awaited(request, move |request| self.inner.run(request)).await
    }

    /// What holds it, read from outside.
    #[must_use]
    pub fn seal(&self) -> Option<&zeroboot_isolation::seal::Seal> {
        self.inner.seal()
    }
}

/// Sandboxes that wait for a claim: [`host::Pool`] for tasks.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: host::Pool,
}

impl Pool {
    /// See [`host::Pool::claim`].
    ///
    /// # Errors
    /// [`SpawnError`].
    pub async fn claim(&self) -> Result<Sandbox, SpawnError> {
        let pool = self.inner.clone();
        unblocked(move || pool.claim()).await.map(|inner| Sandbox { inner })
    }

    /// See [`host::Pool::run`].
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn run(&self, code: &str) -> Result<Outcome, RunError> {
        self.execute(Request::code(code)).await
    }

    /// See [`host::Pool::execute`]: one hop to another thread instead of the two of a claim and its run.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn execute(&self, request: Request) -> Result<Outcome, RunError> {
        let pool = self.inner.clone();
        awaited(request, move |request| pool.execute(request)).await
    }

    /// See [`host::Pool::counters`].
    #[must_use]
    pub fn counters(&self) -> PoolCounters {
        self.inner.counters()
    }

    /// See [`host::Pool::wait_until_full`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn wait_until_full(&self, patience: Duration) -> Result<(), PoolError> {
        let pool = self.inner.clone();
        unblocked(move || pool.wait_until_full(patience)).await
    }
}
