//! The system-call filters: a large *base* filter that a template installs once and every sandbox inherits, and a
//! tiny *delta* filter that each sandbox installs last.
//!
//! What the base filter answers:
//!
//! | call | answer |
//! |---|---|
//! | of another architecture (`int 0x80`) | the process is killed |
//! | in [`REFUSED`], or in [`CONDITIONS`] with refused arguments | `EPERM` |
//! | in [`ALLOWED`] | passes |
//! | any other: unknown, newer than this table, or with the x32 bit | `ENOSYS`, so that libc falls back |
//!
//! The delta filter takes away what the template and the hardening still call: `clone3` answers `ENOSYS` (libc falls
//! back to `clone`, whose flags can be compared), `setns` and `keyctl` answer `EPERM`. It is short because every
//! sandbox pays for it: at installation the kernel emulates a filter for each system-call number. `seccomp` itself
//! stays allowed: a further filter can only take away.
//!
//! Never here: installing anything by itself; who installs what, and when, stands in [`crate::template`] and
//! [`crate::child`].

mod calls;

use std::collections::BTreeMap;

use nix::errno::Errno;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

pub(crate) use calls::JOIN_SESSION_KEYRING;
pub use calls::{ALLOWED, CONDITIONS, Call, Condition, Group, REFUSED, Refused, SOCKETS};

use crate::policy::Network;

/// Why the filters could not be compiled. Each is a mistake in the tables, or an architecture without support.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// There is no filter for this architecture.
    #[error("no system-call filter for the architecture {0}")]
    Architecture(&'static str, #[source] BackendError),
    /// A rule that cannot be expressed.
    #[error("the rules of the system-call filter do not compile")]
    Rules(#[from] BackendError),
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
    /// Compiles both, for this network. Allocates, and takes about a millisecond: for the template or earlier.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn compile(network: Network) -> Result<Self, FilterError> {
        let base = CompiledFilter::new(base(architecture()?, network)?)?;
        Ok(Self { base, delta: CompiledFilter::new(delta())? })
    }
}

/// A filter in the form that the kernel takes.
#[derive(Debug, Clone)]
pub struct CompiledFilter {
    program: BpfProgram,
    length: u16,
}

impl CompiledFilter {
    /// The filter of a parked shell's init: any call but those of [`crate::init`] kills it, and with it everything in the
    /// sandbox.
    ///
    /// The init stands below no other filter: this is what keeps a sandbox from borrowing a process that may do more than
    /// itself.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn shell() -> Result<Self, FilterError> {
        let calls = crate::init::CALLS.iter().map(|number| (*number, Vec::new())).collect();
        let filter =
            SeccompFilter::new(calls, SeccompAction::KillProcess, SeccompAction::Allow, architecture()?)?;
        Self::new(filter.try_into()?)
    }

    fn new(program: BpfProgram) -> Result<Self, FilterError> {
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
        // through the call; the kernel only reads them, and `sock_filter` has the kernel's own layout (`repr(C)`).
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

fn architecture() -> Result<TargetArch, FilterError> {
    let name = std::env::consts::ARCH;
    TargetArch::try_from(name).map_err(|source| FilterError::Architecture(name, source))
}

/// One program out of two: the refusals, whose verdict for anything that they do not name is to pass, run on into
/// the allow-list. Dropping the last instruction of the first, that verdict, joins them; jumps are relative.
fn base(arch: TargetArch, network: Network) -> Result<BpfProgram, FilterError> {
    let mut refusals: BTreeMap<i64, Vec<SeccompRule>> = numbers(REFUSED).collect();
    let mut allowed: BTreeMap<i64, Vec<SeccompRule>> = numbers(ALLOWED).collect();
    if network == Network::Loopback {
        for call in SOCKETS.calls {
            refusals.remove(&call.number);
            allowed.insert(call.number, Vec::new());
        }
    }
    for condition in CONDITIONS.iter().filter(|condition| condition.only.is_none_or(|only| only == network)) {
        refusals.entry(condition.call.number).or_default().extend(rules(condition.refused)?);
    }
    let eperm = SeccompAction::Errno(Errno::EPERM as u32);
    let enosys = SeccompAction::Errno(Errno::ENOSYS as u32);

    let mut program: BpfProgram =
        SeccompFilter::new(refusals, SeccompAction::Allow, eperm, arch).and_then(BpfProgram::try_from)?;
    program.pop();
    program.extend(
        SeccompFilter::new(allowed, enosys, SeccompAction::Allow, arch).and_then(BpfProgram::try_from)?,
    );
    Ok(program)
}

fn numbers(groups: &[Group]) -> impl Iterator<Item = (i64, Vec<SeccompRule>)> {
    groups.iter().flat_map(|group| group.calls).map(|call| (call.number, Vec::new()))
}

/// Rules are alternatives; the conditions within a rule must all hold.
fn rules(refused: Refused) -> Result<Vec<SeccompRule>, BackendError> {
    let test = |place, operator, value: u32| {
        SeccompCondition::new(place, SeccompCmpArgLen::Dword, operator, u64::from(value))
    };
    let alternatives =
        |tests: Vec<SeccompCondition>| tests.into_iter().map(|test| SeccompRule::new(vec![test])).collect();
    let all = |values: &[u32], one: &dyn Fn(u32) -> Result<SeccompCondition, _>| {
        values.iter().map(|value| one(*value)).collect::<Result<Vec<_>, _>>()
    };
    match refused {
        Refused::AnyOf(place, values) => {
            alternatives(all(values, &|value| test(place, SeccompCmpOp::Eq, value))?)
        }
        Refused::AnyBit(place, bits) => {
            alternatives(all(bits, &|bit| test(place, SeccompCmpOp::MaskedEq(bit.into()), bit))?)
        }
        Refused::Masked(place, mask, values) => {
            alternatives(all(values, &|value| test(place, SeccompCmpOp::MaskedEq(mask.into()), value))?)
        }
        Refused::OtherThan(place, values) => {
            SeccompRule::new(all(values, &|value| test(place, SeccompCmpOp::Ne, value))?)
                .map(|rule| vec![rule])
        }
        Refused::NotNull(place) => SeccompCondition::new(place, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)
            .and_then(|test| SeccompRule::new(vec![test]))
            .map(|rule| vec![rule]),
        Refused::FirstWithSecond(value) => {
            let second = SeccompCondition::new(1, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
            SeccompRule::new(vec![test(0, SeccompCmpOp::Eq, value)?, second]).map(|rule| vec![rule])
        }
    }
}

/// By hand, since a compiler that knows nothing of the base filter needs three times the instructions: the
/// architecture and the x32 bit were checked by the base filter, whose verdict wins where it is the stricter one.
fn delta() -> BpfProgram {
    let deny = |errno: Errno| libc::SECCOMP_RET_ERRNO | errno as u32;
    vec![
        statement(LOAD_NUMBER, 0),
        jump_if(libc::SYS_clone3, 3),
        jump_if(libc::SYS_setns, 3),
        jump_if(libc::SYS_keyctl, 2),
        statement(RETURN, libc::SECCOMP_RET_ALLOW),
        statement(RETURN, deny(Errno::ENOSYS)),
        statement(RETURN, deny(Errno::EPERM)),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "classic BPF codes are defined as small 32-bit constants"
)]
const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
#[expect(
    clippy::cast_possible_truncation,
    reason = "classic BPF codes are defined as small 32-bit constants"
)]
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
#[expect(
    clippy::cast_possible_truncation,
    reason = "classic BPF codes are defined as small 32-bit constants"
)]
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

const fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

#[expect(clippy::cast_possible_truncation, reason = "system-call numbers are small and positive")]
const fn jump_if(call: libc::c_long, skip: u8) -> sock_filter {
    sock_filter { code: JUMP_IF_EQUAL, jt: skip, jf: 0, k: call as u32 }
}
