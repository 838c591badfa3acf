//! The handle of a template: asks for sandboxes, and builds the template again when it has died.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{debug_span, info};
use zeroboot_isolation::policy::Bytes;

use super::builder::{Command, Function, Python, TemplateBuilder};
use super::error::{BuildError, RunError, SpawnError};
use super::generation::Generation;
use super::interpreter::Interpreter;
use super::lock;
use super::metrics::{Ending, Flight, Metrics};
use super::outcome::Outcome;
use super::recipe::{Kind, Recipe};
use super::request::Request;
use super::run;
use super::sandbox::{Files, First, Sandbox, WantsInput};
use crate::protocol::{JobError, When};

/// How long a sandbox may take until it is ready.
const SPAWN_PATIENCE: Duration = Duration::from_secs(30);

/// A warm process that sandboxes are forked from. Cheap to clone; any thread may use it.
///
/// With the last handle and the last [`Sandbox`] the template ends. When it dies before, sandboxes in flight end with a
/// typed error, and the next request builds it again.
#[derive(Debug, Clone)]
pub struct Template {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    recipe: Recipe,
    metrics: Arc<Metrics>,
    /// Held for a few instructions.
    current: Mutex<Arc<Generation>>,
    /// Held while the next generation is built: by those who cannot go on without it, and by a rotation.
    building: Mutex<()>,
}

impl Template {
    /// A template of the `python3` in `PATH`.
    #[must_use]
    pub fn python() -> TemplateBuilder<Python> {
        TemplateBuilder::python()
    }

    /// A template of this program itself, for a function that it registered by name. See [`function!`](crate::function!).
    pub fn function(name: impl Into<String>) -> TemplateBuilder<Function> {
        TemplateBuilder::function(name.into())
    }

    /// A template of any program that speaks the C ABI.
    pub fn command(program: impl Into<std::path::PathBuf>) -> TemplateBuilder<Command> {
        TemplateBuilder::command(program.into())
    }

    pub(super) fn build(recipe: Recipe) -> Result<Self, BuildError> {
        let metrics = Metrics::register(&recipe.name);
        let current = Mutex::new(Arc::new(Generation::build(&recipe, &metrics)?));
        Ok(Self { shared: Arc::new(Shared { recipe, metrics, current, building: Mutex::new(()) }) })
    }

    /// What it is called: see [`TemplateBuilder::name`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metrics().name
    }

    /// The interpreter, if this is a Python template.
    #[must_use]
    pub fn interpreter(&self) -> Option<&Interpreter> {
        match &self.shared.recipe.kind {
            Kind::Python { interpreter, .. } => Some(interpreter),
            _ => None,
        }
    }

    /// How many pages of memory each fork copies at once, because the [rehearsal](TemplateBuilder::rehearsal) has written
    /// them. `None`: they are copied one by one when they are written, and a warning has said why.
    #[must_use]
    pub fn copied_pages(&self) -> Option<u64> {
        self.current().ready().copied_pages
    }

    /// How much of its memory is frozen, so that a fork does not copy its page tables. `None`: it could not be frozen, and a
    /// warning has said why.
    #[must_use]
    pub fn frozen(&self) -> Option<Bytes> {
        self.current().ready().frozen
    }

    /// How much memory each sandbox copies at one go, in huge pages, before its code starts: what the warm-up has declared
    /// that sandboxes rewrite ([`write_heavy`](crate::function::write_heavy)), and what the rehearsal has rewritten in whole
    /// blocks of 2 MiB. `None`: nothing, or it could not be made ready, and a warning has said why.
    #[must_use]
    pub fn write_heavy(&self) -> Option<Bytes> {
        self.current().ready().write_heavy
    }

    /// How much heap is set apart for huge pages: see [`huge_heap`](TemplateBuilder::huge_heap). `None`: that was not asked for, or
    /// could not be done, and a warning has said why.
    #[must_use]
    pub fn huge_heap(&self) -> Option<Bytes> {
        self.current().ready().huge_heap
    }

    /// Spawns a sandbox, runs this code in it, and collects what comes: a [`Request::code`].
    ///
    /// # Errors
    /// [`RunError`]. A script that fails is no error: see [`Outcome::status`].
    pub fn run(&self, code: &str) -> Result<Outcome, RunError> {
        self.execute(Request::code(code))
    }

    /// Spawns a sandbox and runs this request in it, to its end.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn execute(&self, mut request: Request) -> Result<Outcome, RunError> {
        let _span = debug_span!("execute").entered();
        let flight = Flight::begin(self.metrics());
        let job = std::mem::take(&mut request.job);
        let first = First::Job(job.packets(When::AfterGo).map_err(SpawnError::from)?);
        let mut sandbox = self.ask(WantsInput::from(&request.stdin), &first, Files::of(&request))?;
        sandbox.live.flight = Some(flight);
        run::drive(sandbox, request)
    }

    /// Spawns a sandbox that waits for its [`run`](Sandbox::run). It may read a standard input.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn spawn(&self) -> Result<Sandbox, SpawnError> {
        let _span = debug_span!("spawn").entered();
        let mut flight = Flight::begin(self.metrics());
        let mut sandbox = self.park(First::Nothing, SPAWN_PATIENCE)?;
        // Unless it is run.
        flight.ends_as(Ending::Cancelled);
        sandbox.live.flight = Some(flight);
        Ok(sandbox)
    }

    /// Asks a function: spawns a sandbox, sends it the request, and reads its answer.
    ///
    /// # Errors
    /// [`RunError::NoAnswer`] when the function panicked or was ended; the others as [`execute`](Self::execute).
    pub fn call<Asked: Serialize, Answer: DeserializeOwned>(
        &self,
        asked: &Asked,
    ) -> Result<Answer, RunError> {
        let body = serde_json::to_vec(asked).map_err(RunError::Ask)?;
        let outcome = self.execute(Request::script("call", body))?;
        if !outcome.status.success() {
            let said = outcome.stderr_lossy();
            let said = said.trim().lines().last().unwrap_or_default();
            return Err(RunError::NoAnswer(format!("{}; {said}", outcome.status)));
        }
        serde_json::from_slice(&outcome.answer).map_err(RunError::Answer)
    }

    /// Builds the template again while this one serves, and then puts the new one in its place: an address layout, and what
    /// else all forks of one process share, of its own. Sandboxes that live go on to their end in the old one.
    ///
    /// # Errors
    /// [`BuildError`]; the old one serves on.
    pub fn rotate(&self) -> Result<(), BuildError> {
        let _building = lock(&self.shared.building);
        self.replace()?;
        self.metrics().rotated();
        Ok(())
    }

    /// Spawns a sandbox that has run what is to run ahead.
    pub(super) fn park(&self, first: First, patience: Duration) -> Result<Sandbox, SpawnError> {
        let mut sandbox = self.ask(WantsInput::Yes, &first, Files::Gone)?;
        sandbox.await_ready(patience)?;
        Ok(sandbox)
    }

    /// See [`Recipe::ahead`].
    pub(super) fn ahead(&self, code: Option<&str>) -> Option<Result<Vec<Vec<u8>>, JobError>> {
        self.shared.recipe.ahead(code)
    }

    fn ask(&self, input: WantsInput, first: &First, files: Files) -> Result<Sandbox, SpawnError> {
        let generation = self.current();
        if let Some(sandbox) = Sandbox::ask(&generation, input, first.clone(), files)? {
            return Ok(sandbox);
        }
        let generation = self.rebuild(&generation)?;
        Sandbox::ask(&generation, input, first.clone(), files)?.ok_or(SpawnError::TemplateDied)
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    pub(super) fn current(&self) -> Arc<Generation> {
        Arc::clone(&lock(&self.shared.current))
    }

    /// The next generation, built by whoever is the first to find this one dead.
    fn rebuild(&self, dead: &Arc<Generation>) -> Result<Arc<Generation>, SpawnError> {
        let _building = lock(&self.shared.building);
        let current = self.current();
        if !Arc::ptr_eq(&current, dead) {
            return Ok(current);
        }
        info!("the template has ended; building it again");
        self.metrics().died();
        self.replace().map_err(|error| SpawnError::Rebuild(Box::new(error)))
    }

    /// For whoever holds the lock of the building.
    fn replace(&self) -> Result<Arc<Generation>, BuildError> {
        let next = Arc::new(Generation::build(&self.shared.recipe, self.metrics())?);
        let last = std::mem::replace(&mut *lock(&self.shared.current), Arc::clone(&next));
        // Not under the lock: it may be the last handle, which waits for the generation's end.
        drop(last);
        Ok(next)
    }
}
