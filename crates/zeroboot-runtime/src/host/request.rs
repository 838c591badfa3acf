//! What one sandbox is asked to do.

use std::ffi::OsStr;
use std::io::{IsTerminal, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroboot_isolation::policy::Bytes;

use super::collect::CollectLimits;
use crate::protocol::{Buffering, Job, Origin};

/// Where standard input comes from.
#[derive(Debug, Default)]
pub enum Input {
    /// Nowhere: end of file at once.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file, pipe or terminal of the host; it is copied, never handed over.
    From(OwnedFd),
}

/// Where standard output or error goes.
#[derive(Debug, Default)]
pub enum Output {
    /// Into the [`Outcome`](super::Outcome).
    #[default]
    Collect,
    /// To a file, pipe or terminal of the host, as it comes; it is copied, never handed over.
    To(OwnedFd),
}

/// How closely a sandbox's memory is looked at, at the end of its work while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryAccount {
    /// Not at all: [`Account::memory`](super::Account::memory) is absent, and the end comes a tenth of a millisecond earlier.
    Nothing,
    /// Its sums, and where the copied part of it came from.
    #[default]
    Sums,
    /// Each page as well: [`Outcome::page_map`](super::Outcome::page_map). For hosts that are root, as all that is about pages.
    Map,
}

/// One run: the code or request, and all that belongs to it.
///
/// ```
/// use std::time::Duration;
/// use zeroboot_runtime::host::Request;
///
/// let request = Request::script("hello.py", "print('hello')").argument("x").timeout(Duration::from_secs(1));
/// # let _ = request;
/// ```
#[derive(Debug)]
pub struct Request {
    pub(super) job: Job,
    pub(super) stdin: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) timeout: Duration,
    pub(super) grace: Duration,
    pub(super) output_limit: Bytes,
    pub(super) memory_account: MemoryAccount,
    /// A pipe whose other end is closed to cancel it.
    pub(super) cancel: Option<PipeReader>,
    /// Where the files of its working directory go, if anywhere.
    pub(super) collect: Option<(PathBuf, CollectLimits)>,
}

impl Request {
    /// How long a run may take unless something else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// How much a run may write and answer unless something else is said.
    pub const OUTPUT_LIMIT: Bytes = Bytes::mebi(16);

    /// Runs this code. In Python it is a file of this name in the working directory, which the sandbox writes before the code runs; of
    /// a path the last part counts. A name in angle brackets (`<stdin>`) is for messages alone: there is no file.
    pub fn script(name: impl AsRef<OsStr>, code: impl Into<Vec<u8>>) -> Self {
        let name = name.as_ref().as_bytes();
        let origin = if name.starts_with(b"<") { Origin::Code } else { Origin::Written };
        Self::new(name, name, code.into(), origin)
    }

    /// Runs this code, which is the content of a file that the sandbox sees at `place`: a
    /// [view](super::TemplateBuilder::read_only_at) of the host's. Modules beside it can be imported.
    pub fn shown_script(place: impl AsRef<Path>, code: impl Into<Vec<u8>>) -> Self {
        let place = place.as_ref().as_os_str().as_bytes();
        Self::new(place, place, code.into(), Origin::Shown)
    }

    /// Runs a module as a program, as `python3 -m` does: one of the interpreter's, or of the working directory.
    pub fn module(name: impl AsRef<OsStr>) -> Self {
        Self::new(name.as_ref().as_bytes(), b"-m", Vec::new(), Origin::Module)
    }

    /// Runs this code as an interpreter runs that of its command line: `<string>` in messages, and called `-c`.
    pub fn code(code: impl Into<Vec<u8>>) -> Self {
        Self::script("<string>", code).argv0("-c")
    }

    fn new(name: &[u8], argv0: &[u8], body: Vec<u8>, origin: Origin) -> Self {
        Self {
            job: Job { argv0: argv0.to_vec(), name: name.to_vec(), body, origin, ..Job::default() },
            stdin: Input::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            timeout: Self::TIMEOUT,
            grace: Duration::ZERO,
            output_limit: Self::OUTPUT_LIMIT,
            memory_account: MemoryAccount::default(),
            cancel: None,
            collect: None,
        }
    }

    /// Sets what the script is called: `sys.argv[0]` in Python. An interpreter says `-c` there for code of its command
    /// line, and `-` for standard input, while its messages say `<string>` and `<stdin>`.
    #[must_use]
    pub fn argv0(mut self, called: impl AsRef<OsStr>) -> Self {
        self.job.argv0 = called.as_ref().as_bytes().to_vec();
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.job.arguments.push(argument.as_ref().as_bytes().to_vec());
        self
    }

    /// Adds an environment variable; nothing of the caller's own environment passes.
    #[must_use]
    pub fn environment(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let pair = [name.as_ref().as_bytes(), b"=", value.as_ref().as_bytes()].concat();
        self.job.environment.push(pair);
        self
    }

    /// Sets standard input.
    #[must_use]
    pub fn stdin(mut self, input: Input) -> Self {
        self.stdin = input;
        self
    }

    /// Sets where standard output goes. Where that is a terminal, Python passes on what a script prints at once.
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        let is_terminal = matches!(&output, Output::To(file) if file.is_terminal());
        if is_terminal && self.job.buffering == Buffering::Blocks {
            self.job.buffering = Buffering::Lines;
        }
        self.stdout = output;
        self
    }

    /// Has Python pass on at once what the script prints, wherever it goes, as `python3 -u` does.
    #[must_use]
    pub fn unbuffered(mut self) -> Self {
        self.job.buffering = Buffering::Nothing;
        self
    }

    /// Sets where standard error goes.
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// Sets the deadline, from the request on.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long before its deadline the sandbox's first process receives `SIGTERM`, so that it can end by itself. Zero, the
    /// default, is never.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how much it may write and answer, all streams together; past it the sandbox is ended.
    #[must_use]
    pub fn output_limit(mut self, limit: Bytes) -> Self {
        self.output_limit = limit;
        self
    }

    /// Sets how closely its memory is looked at.
    #[must_use]
    pub fn memory_account(mut self, account: MemoryAccount) -> Self {
        self.memory_account = account;
        self
    }

    /// Copies the new and changed files of the working directory into this directory of the host when the run is over, however
    /// it has ended: [`Outcome::collected`](super::Outcome::collected) lists them. The directory is made if it is missing, and
    /// so are those below it that are needed.
    ///
    /// Without a [directory of the host](super::TemplateBuilder::directory) below it, all of the working directory is new. Only
    /// regular files are copied, never what a link points to, and nothing is written through a link that lies in the
    /// directory. A file that is there already is replaced as a whole. A copy belongs to this process's user, and has the
    /// permissions of the file, as far as the umask lets it. The limits bound what is copied; what is left out is listed with the
    /// reason. The call takes as much longer, [`CollectLimits::time`] at most.
    #[must_use]
    pub fn collect_into(mut self, directory: impl Into<PathBuf>, limits: CollectLimits) -> Self {
        self.collect = Some((directory.into(), limits));
        self
    }

    /// Cancels the run when the other end of this pipe is closed: its sandbox is ended at once, and the run gives
    /// [`RunError::Cancelled`](super::RunError::Cancelled).
    #[must_use]
    pub fn cancelled_by(mut self, pipe: PipeReader) -> Self {
        self.cancel = Some(pipe);
        self
    }
}
