//! The handle of a template: asks for sandboxes, and builds the template again when it has died.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{debug_span, info};
use zeroboot_isolation::policy::Bytes;

use super::builder::{Command, Function, Python, TemplateBuilder};
use super::error::{BuildError, RunError, SpawnError};
use super::generation::Generation;
use super::interpreter::Interpreter;
use super::outcome::Outcome;
use super::recipe::{Kind, Recipe};
use super::request::Request;
use super::run;
use super::sandbox::{Sandbox, WantsInput};

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
    /// Held for a moment by each request; for long only while the template is built again, which all have to wait for.
    current: Mutex<Arc<Generation>>,
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
        let current = Mutex::new(Arc::new(Generation::build(&recipe)?));
        Ok(Self { shared: Arc::new(Shared { recipe, current }) })
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
        self.current().copied_pages()
    }

    /// How much of its memory is frozen, so that a fork does not copy its page tables. `None`: it is too small to gain by
    /// that, or it could not be frozen, and a warning has said why.
    #[must_use]
    pub fn frozen(&self) -> Option<Bytes> {
        self.current().frozen()
    }

    /// Spawns a sandbox, runs this code in it, and collects what comes: a [`Request::script`] named
    /// `<string>` and called `-c`, as an interpreter has it.
    ///
    /// # Errors
    /// [`RunError`]. A script that fails is no error: see [`Outcome::status`].
    pub fn run(&self, code: &str) -> Result<Outcome, RunError> {
        self.execute(Request::script("<string>", code).argv0("-c"))
    }

    /// Spawns a sandbox and runs this request in it, to its end.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn execute(&self, mut request: Request) -> Result<Outcome, RunError> {
        let _span = debug_span!("execute").entered();
        let packets = std::mem::take(&mut request.job).packets().map_err(SpawnError::from)?;
        let sandbox = self.ask(WantsInput::from(&request.stdin), &packets)?;
        run::drive(sandbox, request)
    }

    /// Spawns a sandbox that waits for its [`run`](Sandbox::run). It may read a standard input.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn spawn(&self) -> Result<Sandbox, SpawnError> {
        let _span = debug_span!("spawn").entered();
        let mut sandbox = self.ask(WantsInput::Yes, &[])?;
        sandbox.await_ready(SPAWN_PATIENCE)?;
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

    fn ask(&self, input: WantsInput, packets: &[Vec<u8>]) -> Result<Sandbox, SpawnError> {
        let generation = self.current();
        if let Some(sandbox) = Sandbox::ask(&generation, input, packets.to_vec())? {
            return Ok(sandbox);
        }
        let generation = self.rebuild(&generation)?;
        Sandbox::ask(&generation, input, packets.to_vec())?.ok_or(SpawnError::TemplateDied)
    }

    fn current(&self) -> Arc<Generation> {
        Arc::clone(&self.shared.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next generation, built by whoever is the first to find this one dead.
    fn rebuild(&self, dead: &Arc<Generation>) -> Result<Arc<Generation>, SpawnError> {
        let mut current = self.shared.current.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, dead) {
            info!("the template has ended; building it again");
            let next = Generation::build(&self.shared.recipe);
            *current = Arc::new(next.map_err(|error| SpawnError::Rebuild(Box::new(error)))?);
        }
        Ok(Arc::clone(&current))
    }
}
