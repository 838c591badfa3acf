//! The system-call filters: a large *base* filter that a template installs once and every sandbox inherits, and a
//! tiny *delta* filter that each sandbox installs last.
//!
//! Both come from one table: [`ALLOWED`] says which calls exist in a sandbox, with which arguments, why, and who needs
//! them; [`REFUSED`] says what is known and refused. What the base filter answers:
//!
//! | call | answer |
//! |---|---|
//! | of another architecture (`int 0x80`) | the process is killed |
//! | in [`ALLOWED`], with arguments that one of its rules allows, or without rules | passes |
//! | in [`ALLOWED`], with arguments that may be ignored | success, and nothing happens |
//! | in [`ALLOWED`], with other arguments | what its [`Arguments`] say: most often the error of a kernel that does not know the value, else `EPERM` |
//! | in [`REFUSED`] | what its [`Refusal`] says: `ENOSYS` where programs try it and go on without, else `EPERM` |
//! | any other: unknown, newer than this table, or with the x32 bit | `ENOSYS`, so that libc falls back |
//!
//! Two things are known when the filter is compiled and decide beside the arguments ([`Under`]): the sockets, and
//! whether each sandbox has a user of its own.
//!
//! The delta filter takes away what the template and the hardening still call: `clone3` answers `ENOSYS` (libc falls
//! back to `clone`, whose flags can be compared), `setns` and `keyctl` answer `EPERM`. It is short because every
//! sandbox pays for it: at installation the kernel emulates a filter for each system-call number. `seccomp` itself
//! stays allowed: a further filter can only take away.
//!
//! The base filter is compiled here: three kinds of verdicts, and a search by halving instead of one comparison for each
//! call. The filter of a shell's init, which knows one verdict for a handful of calls, is `seccompiler`'s.
//!
//! Never here: installing anything by itself; who installs what, and when, stands in [`crate::template`] and
//! [`crate::child`].

mod allowed;
mod arguments;
mod program;
mod refused;
mod table;

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use nix::errno::Errno;
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter, TargetArch};

pub use allowed::{ALLOWED, SOCKETS};
pub(crate) use arguments::JOIN_SESSION_KEYRING;
pub use refused::REFUSED;
pub use table::{Arguments, Call, Condition, Entry, Group, Need, Refusal, Rule, Under};

use crate::child::OwnUser;
use crate::sockets::Sockets;
use program::{Action, Code, Instruction, Verdict, compile, take_away};

/// Why the filters could not be compiled. Each is a mistake in the tables, or an architecture without support.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// There is no filter for this architecture.
    #[error("no system-call filter for the architecture {0}")]
    Architecture(&'static str),
    /// The filter of a shell's init.
    #[error("the filter of a shell's init does not compile")]
    Init(#[from] BackendError),
    /// A list of arguments that is too long.
    #[error("a rule of the system-call filter is too long: a jump over {0} instructions")]
    Distance(usize),
    /// More instructions than a program holds.
    #[error("the system-call filter has {0} instructions: too many for the kernel")]
    Length(usize),
}

/// Both filters, compiled.
#[derive(Debug, Clone)]
pub struct Filters {
    /// For the template, once; inherited by every sandbox.
    pub base: CompiledFilter,
    /// For each sandbox, last.
    pub delta: CompiledFilter,
}

impl Filters {
    /// Compiles both, for sandboxes that make these sockets, and with a user each or not. Allocates, and takes a fraction of a
    /// millisecond: for the template or earlier.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn compile(sockets: Sockets, own_user: OwnUser) -> Result<Self, FilterError> {
        let base = CompiledFilter::new(compile(&verdicts(sockets, own_user), error(Errno::ENOSYS))?)?;
        Ok(Self { base, delta: CompiledFilter::new(delta())? })
    }
}

/// A filter in the form that the kernel takes.
#[derive(Debug, Clone)]
pub struct CompiledFilter {
    program: Code,
    length: u16,
}

impl CompiledFilter {
    /// The filter of a parked shell's init: any call but those of `crate::init` kills it, and with it everything in the
    /// sandbox.
    ///
    /// The init stands below no other filter: this is what keeps a sandbox from borrowing a process that may do more than
    /// itself.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn shell() -> Result<Self, FilterError> {
        let architecture = TargetArch::try_from(ARCH).map_err(|_| FilterError::Architecture(ARCH))?;
        let calls = crate::init::CALLS.iter().map(|call| (*call, Vec::new())).collect();
        let (others, those) = (SeccompAction::KillProcess, SeccompAction::Allow);
        let program =
            SeccompFilter::new(calls, others, those, architecture).and_then(BpfProgram::try_from)?;
        Self::new(program.into_iter().map(Instruction::from).collect())
    }

    fn new(program: Code) -> Result<Self, FilterError> {
        match u16::try_from(program.len()) {
            Ok(length) if program.len() <= KERNEL_MAXIMUM => Ok(Self { program, length }),
            _ => Err(FilterError::Length(program.len())),
        }
    }

    /// Installs the filter on the calling thread, for good. See `seccomp(2)`.
    ///
    /// # Errors
    /// `EACCES` without `no_new_privs`, `EINVAL` on a kernel without filters, `ENOMEM` when the filters of the
    /// process have grown too long.
    ///
    /// # After fork
    /// One system call: allowed in the child. The filter is inherited by every fork and survives `execve`.
    pub fn install(&self) -> Result<(), Errno> {
        let program = libc::sock_fprog { len: self.length, filter: self.program.as_ptr().cast_mut().cast() };
        let no_flags: libc::c_ulong = 0;
        // SAFETY: needed since libc has no wrapper for this call. `program` points to `length` instructions that live
        // through the call; the kernel only reads them, and they have the layout of its `sock_filter` (`repr(C)`).
        let result = unsafe {
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, no_flags, &raw const program)
        };
        Errno::result(result).map(drop)
    }

    /// The number of instructions.
    #[expect(clippy::len_without_is_empty, reason = "a filter is never empty")]
    pub fn len(&self) -> usize {
        self.program.len()
    }
}

/// `BPF_MAXINSNS`.
const KERNEL_MAXIMUM: usize = 4096;

/// What becomes of each call that stands in the table.
fn verdicts(sockets: Sockets, own_user: OwnUser) -> BTreeMap<u32, Verdict> {
    let counts = |rule: &&Rule| match rule.under {
        Under::Any => true,
        Under::Sockets(under) => under.contains(&sockets),
        Under::User(under) => under == own_user,
    };
    let verdict = |arguments: Option<&'static Arguments>| match arguments {
        None => Verdict::Always(libc::SECCOMP_RET_ALLOW),
        Some(Arguments { pass, ignored, otherwise, .. }) => {
            let pass = pass.iter().filter(counts).map(|rule| (rule, libc::SECCOMP_RET_ALLOW));
            let ignored = ignored.iter().filter(counts).map(|rule| (rule, SUCCESS));
            Verdict::Arguments(pass.chain(ignored).collect(), error(*otherwise))
        }
    };
    let allowed = ALLOWED.iter().flat_map(|group| group.entries);
    let refused = REFUSED.iter().flat_map(|group| group.calls.iter().map(|call| (call, group.answer)));
    allowed
        .map(|entry| (number(entry.call.number), verdict(entry.arguments)))
        .chain(refused.map(|(call, errno)| (number(call.number), Verdict::Always(error(errno)))))
        .collect()
}

fn delta() -> Code {
    let refused = [number(libc::SYS_setns), number(libc::SYS_keyctl)];
    take_away((number(libc::SYS_clone3), error(Errno::ENOSYS)), (refused, error(Errno::EPERM)))
}

/// An error of 0, which nobody takes for one.
const SUCCESS: Action = libc::SECCOMP_RET_ERRNO;

fn error(errno: Errno) -> Action {
    libc::SECCOMP_RET_ERRNO | errno as u32
}

#[expect(clippy::cast_possible_truncation, reason = "system-call numbers are small")]
const fn number(call: libc::c_long) -> u32 {
    call.cast_unsigned() as u32
}
