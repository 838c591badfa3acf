//! What a template is to be, step by step.

use std::fs::File;
use std::num::NonZeroU8;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroboot_isolation::policy::Policy;

use super::error::BuildError;
use super::interpreter::Interpreter;
use super::recipe::{Heap, Kind, Recipe, Site};
use super::template::Template;
use super::view::{self, View};

/// What most scripts do: they make values, and print.
const REHEARSAL: &str = "text = 'rehearsal'\nprint(text)\n";

/// A template of a Python interpreter.
#[derive(Debug)]
pub struct Python {
    interpreter: PathBuf,
    imports: Vec<String>,
    warm: Option<PathBuf>,
    rehearsal: String,
    site: Site,
}

/// A template of this program itself.
#[derive(Debug)]
pub struct Function {
    name: String,
}

/// A template of a program that speaks the C ABI.
#[derive(Debug)]
pub struct Command {
    program: PathBuf,
    arguments: Vec<String>,
}

/// Collects what a template is to be; [`build`](TemplateBuilder::build) warms it up.
#[derive(Debug)]
pub struct TemplateBuilder<What> {
    what: What,
    name: Option<String>,
    policy: Policy,
    views: Vec<View>,
    directory: Option<PathBuf>,
    environment: Vec<(String, String)>,
    heap: Heap,
    output: Option<File>,
    shells: usize,
    processes: NonZeroU8,
    patience: Duration,
}

impl<What> TemplateBuilder<What> {
    /// How many shells are kept parked unless something else is said.
    pub const SHELLS: usize = 8;

    /// How long a warm-up may take unless something else is said.
    pub const WARM_UP_LIMIT: Duration = Duration::from_secs(120);

    fn new(what: What) -> Self {
        Self {
            what,
            name: None,
            policy: Policy::strict(),
            views: Vec::new(),
            directory: None,
            environment: Vec::new(),
            heap: Heap::Usual,
            output: None,
            shells: Self::SHELLS,
            processes: NonZeroU8::MIN,
            patience: Self::WARM_UP_LIMIT,
        }
    }

    /// Sets what the template is called in [metrics](super::prometheus) and by whoever looks at this process from outside. Without
    /// it, it is called after what it warms up: `python`, the function's name, the program's. Where a living template is called so
    /// already, a number follows.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the policy; [`Policy::strict`] is the default.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Shows a file or directory of the host, read-only, at the same path; what is mounted below it as well. All that is
    /// shown anyway: `/usr`, the interpreter with its packages, certificates, time zones.
    ///
    /// Sandboxes look at it with ids of their own: where the host is root, everybody must be allowed to read it. No device
    /// node in it can be opened, and no pipe and no socket that is there when the template is built; one that the host makes
    /// later can. A directory is looked through for these, which takes some 30 ms for 50,000 files, and cannot be shown where it
    /// holds more than 64 of them, or more than a million entries.
    #[must_use]
    pub fn read_only(mut self, path: impl Into<PathBuf>) -> Self {
        self.views.push(View { source: path.into(), destination: None });
        self
    }

    /// The same at another place: an absolute path, neither at nor above what is private in a sandbox (`/tmp`, `/dev`,
    /// `/proc`, its home), nor below it but in `/tmp` and the home (`/home/sandbox`), and not in the place of `/usr`, `/etc` and their like. [`ViewError`](super::ViewError)
    /// says what else cannot be.
    #[must_use]
    pub fn read_only_at(mut self, source: impl Into<PathBuf>, destination: impl Into<PathBuf>) -> Self {
        self.views.push(View { source: source.into(), destination: Some(destination.into()) });
        self
    }

    /// Makes the working directory (`/home/sandbox`, the home as well) a copy-on-write view of a directory of the host.
    ///
    /// A sandbox sees its files there as its own, and may change them: what it changes is private, bounded like its other
    /// private file systems ([`Limits::tmp`](zeroboot_isolation::policy::Limits)), and gone afterwards, unless it is
    /// [collected](super::Request::collect_into). Nothing is ever written to the directory itself; do not change it while the
    /// template lives, or what sandboxes see of it is undefined. The warm-up sees it as well. A pipe in it is another pipe in each
    /// sandbox, a socket cannot be connected to, no device can be opened, and no file system that is mounted below it is shown.
    ///
    /// It needs overlayfs in a user namespace: Linux 5.11; before Linux 6.6 a removed directory cannot be made again by its
    /// name. Where the host is root the owner's files become the sandbox's (Linux 5.19, and a file system with id-mapped mounts),
    /// and there are 32 user ids for all sandboxes of the template instead of one for each. Files of others keep their owners,
    /// by number. As an ordinary user a file of another user or group can be read, removed and replaced, not changed in its place
    /// (`EOVERFLOW`).
    #[must_use]
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// Sets a variable of the warm-up's environment, in which a Python template already has what keeps the usual libraries from
    /// starting threads (`OMP_NUM_THREADS=1` and others, `docs/packages.md`): this goes first. Sandboxes have an environment of
    /// their own, and Python's own variables (`PYTHONPATH` and the like) do not count in a warm-up.
    #[must_use]
    pub fn warm_environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Gives sandboxes fresh heap in huge pages: who allocates many MiB there takes one fault for 2 MiB instead of 512.
    ///
    /// It is for those that allocate much (`docs/storms.md` has the numbers): who takes a little from there pays for 2 MiB that
    /// are zeroed and counted, and what is freed is not given back to the kernel. 1 GiB is set apart, or half of the policy's limit of memory where
    /// that is less; beyond it heap is as ever. It needs a program whose allocator is glibc's `malloc`, and says so in a
    /// warning where it is not, and `transparent_hugepage/enabled` at `madvise` or `always`. Python's own small objects are not in
    /// such heap; long strings, bytes and arrays are.
    #[must_use]
    pub fn huge_heap(mut self) -> Self {
        self.heap = Heap::Huge;
        self
    }

    /// Passes on what the warm-up prints, to a file, pipe or terminal, as it comes. A slow reader holds it up. Without this it is
    /// seen in the message of a warm-up that fails, and nowhere else.
    #[must_use]
    pub fn warm_up_output(mut self, to: OwnedFd) -> Self {
        self.output = Some(File::from(to));
        self
    }

    /// Sets how many shells are kept parked: that many sandboxes can be spawned in one burst without waiting for the
    /// making of namespaces.
    #[must_use]
    pub fn parked_shells(mut self, count: usize) -> Self {
        self.shells = count.max(1);
        self
    }

    /// Sets how many processes fork the sandboxes; one is the default.
    ///
    /// A process makes one sandbox after another, on one processor. Where a fork takes long, and there are processors enough for it to
    /// be what callers wait for (`docs/performance.md` says when), more of them serve requests in turn. There is one warm-up: the
    /// others are forks of the first, share its memory, and each has for itself only what it has written, the pages that
    /// [each of its forks copies](Template::copied_pages) above all. These are pinned, and an ordinary user may pin only so many
    /// (`ulimit -l`), in all templates together. When one of the processes ends the template has ended.
    ///
    /// The [parked shells](Self::parked_shells) are shared out among them, at least one to each.
    #[must_use]
    pub fn processes(mut self, count: NonZeroU8) -> Self {
        self.processes = count;
        self
    }

    /// Sets how long the warm-up may take.
    #[must_use]
    pub fn warm_up_limit(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    fn recipe(self, kind: impl FnOnce(What) -> Result<Kind, BuildError>) -> Result<Recipe, BuildError> {
        // First, since the kind may ask an interpreter about itself.
        let views = view::check(&self.views)?;
        let directory = self.directory.as_deref().map(view::check_directory).transpose()?;
        let kind = kind(self.what)?;
        if let Kind::Python { interpreter, .. } = &kind {
            view::check_beside(&views, interpreter.needs())?;
        }
        Ok(Recipe {
            name: self.name.unwrap_or_else(|| kind.name()),
            kind,
            policy: self.policy,
            views,
            directory,
            environment: self.environment,
            heap: self.heap,
            output: self.output,
            shells: self.shells,
            processes: self.processes,
            patience: self.patience,
        })
    }
}

impl TemplateBuilder<Python> {
    pub(super) fn python() -> Self {
        Self::new(Python {
            interpreter: PathBuf::from("python3"),
            imports: Vec::new(),
            warm: None,
            rehearsal: REHEARSAL.to_owned(),
            site: Site::Imported,
        })
    }

    /// Imports a module while the template warms up.
    #[must_use]
    pub fn import(mut self, module: impl Into<String>) -> Self {
        self.what.imports.push(module.into());
        self
    }

    /// Chooses the interpreter: a path, or a name to look up in `PATH`. A virtualenv's works with its packages.
    #[must_use]
    pub fn interpreter(mut self, program: impl Into<PathBuf>) -> Self {
        self.what.interpreter = program.into();
        self
    }

    /// Runs this file in the template after the imports, as the module `warm`: scripts get what it made by
    /// `from warm import ...`. Random generators that it makes are seeded again in each sandbox, those too that it has
    /// seeded itself: for the same numbers everywhere, seed in the script.
    #[must_use]
    pub fn warm_file(mut self, path: impl AsRef<Path>) -> Self {
        self.what.warm = Some(path.as_ref().to_owned());
        self
    }

    /// Starts the interpreter without its module `site` (`python3 -S`): there are no installed packages, no `.pth` files,
    /// and no `exit`, `quit` and `help`. What `.pth` files import is otherwise in every template, and each at-fork hook of
    /// theirs is paid by every sandbox: scripts that need the standard library alone start faster without.
    #[must_use]
    pub fn without_site(mut self) -> Self {
        self.what.site = Site::Skipped;
        self
    }

    /// Chooses the code that a first sandbox runs after the warm-up, for the template to learn which memory its sandboxes
    /// will write: each fork copies that memory at once, instead of page by page when it is written.
    ///
    /// It should do what all scripts do and no more, since what it writes is copied for every one of them. The default
    /// prints a line. What it prints is lost, and no exit handler runs at its end. A rehearsal that fails, or takes longer
    /// than ten seconds, teaches nothing: a warning says so, and [`Template::copied_pages`] is `None`.
    #[must_use]
    pub fn rehearsal(mut self, code: impl Into<String>) -> Self {
        self.what.rehearsal = code.into();
        self
    }

    /// Finds the interpreter, warms it up, audits and seals it.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(self) -> Result<Template, BuildError> {
        let kind = |Python { interpreter, imports, warm, rehearsal, site }| {
            let interpreter = Interpreter::probe(&interpreter)?;
            Ok(Kind::Python { interpreter, imports, warm, rehearsal, site })
        };
        Template::build(self.recipe(kind)?)
    }
}

/// The smallest template that there is.
#[derive(Debug)]
pub(super) struct Probe;

impl TemplateBuilder<Probe> {
    pub(super) fn probe() -> Self {
        Self::new(Probe)
    }

    pub(super) fn build(self) -> Result<Template, BuildError> {
        Template::build(self.recipe(|Probe| Ok(Kind::Probe))?)
    }
}

impl TemplateBuilder<Function> {
    pub(super) fn function(name: String) -> Self {
        Self::new(Function { name })
    }

    /// Starts this program again as a template, lets it warm up, audits and seals it.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(self) -> Result<Template, BuildError> {
        Template::build(self.recipe(|Function { name }| Ok(Kind::Function { name }))?)
    }
}

impl TemplateBuilder<Command> {
    pub(super) fn command(program: PathBuf) -> Self {
        Self::new(Command { program, arguments: Vec::new() })
    }

    /// Adds an argument of the program.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.what.arguments.push(argument.into());
        self
    }

    /// Starts the program, lets it warm up, audits and seals it.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(self) -> Result<Template, BuildError> {
        let kind = |Command { program, arguments }| Ok(Kind::Command { program, arguments });
        Template::build(self.recipe(kind)?)
    }
}
