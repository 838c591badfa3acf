//! The seal of a template: what is taken from it once, after the warm-up, so that every sandbox inherits it.
//!
//! Never here: anything per sandbox ([`crate::child`]), and undoing. A sealed template stays sealed.

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::filter::{Filters, JOIN_SESSION_KEYRING};
use crate::quotas::{QuotaError, bound_each};

/// The capabilities that a template must start with: [`SEALED`], and `CAP_SETPCAP`, which the sealing itself uses up.
pub const KEPT: [Capability; 6] = [
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SYS_CHROOT,
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    Capability::CAP_KILL,
    Capability::CAP_SETPCAP,
];

/// The capabilities of a sealed template, over its own user namespace only: to join a shell's namespaces, and to
/// take a sandbox's user id. `CAP_KILL` is the shell's: the kernel lets a process join only what holds no capability beyond
/// its own (see [`Place::shell`](crate::child::Place::shell)).
pub const SEALED: [Capability; 5] = [
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SYS_CHROOT,
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    Capability::CAP_KILL,
];

/// Why a template could not be sealed. It must not serve then.
#[derive(Debug, thiserror::Error)]
pub enum SealTemplateError {
    /// Emptying the bounding set.
    #[error("cannot drop capability {number} from the bounding set; the template needs CAP_SETPCAP")]
    BoundingSet {
        /// The capability, as in `linux/capability.h`.
        number: u32,
        /// What the kernel answered.
        source: Errno,
    },
    /// Setting and locking the secure bits.
    #[error("cannot lock the secure bits; the template needs CAP_SETPCAP")]
    SecureBits(#[source] Errno),
    /// Emptying the ambient set.
    #[error("cannot clear the ambient capabilities")]
    Ambient(#[source] Errno),
    /// Reducing one of the other sets.
    #[error("cannot reduce the {set:?} capabilities; the template must start with those of `template::KEPT`")]
    Capabilities {
        /// Which set.
        set: CapSet,
        /// What the kernel answered.
        source: caps::errors::CapsError,
    },
    /// Setting `no_new_privs`.
    #[error("cannot set no_new_privs")]
    NoNewPrivileges(#[source] Errno),
    /// Leaving the keyring of whoever started the template.
    #[error("cannot join a new session keyring; see /proc/key-users and kernel.keys.maxkeys")]
    Keyring(#[source] Errno),
    /// Bounding what the kernel counts per user.
    #[error(transparent)]
    Quotas(#[from] QuotaError),
    /// Turning kernel samepage merging off.
    #[error("cannot turn off the merging of same pages")]
    MemoryMerge(#[source] Errno),
    /// Bounding the size of core files.
    #[error("cannot set the limit of core files")]
    CoreLimit(#[source] Errno),
    /// Becoming not dumpable.
    #[error("cannot make the template not dumpable")]
    Dumpable(#[source] Errno),
    /// Installing the base filter.
    #[error("cannot install the base system-call filter")]
    Filter(#[source] Errno),
}

/// Takes from the calling process every privilege that a template does not need. Once, after the warm-up, with one
/// thread; [`Bounded::seal`] is the second half.
///
/// Order: what needs `CAP_SETPCAP` comes before that capability goes.
///
/// # Errors
/// [`SealTemplateError`]; the process may be partly sealed and must not serve.
///
/// # After fork
/// Everything done here is inherited.
pub fn bound_template() -> Result<Bounded, SealTemplateError> {
    bound_each()?;
    empty_bounding_set()?;
    prctl(libc::PR_SET_SECUREBITS, SECURE_BITS).map_err(SealTemplateError::SecureBits)?;
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong)
        .map_err(SealTemplateError::Ambient)?;
    // The effective set first: it must stay within the permitted one.
    let sealed = CapsHashSet::from(SEALED);
    for (set, value) in [
        (CapSet::Inheritable, &CapsHashSet::new()),
        (CapSet::Effective, &sealed),
        (CapSet::Permitted, &sealed),
    ] {
        caps::set(None, set, value).map_err(|source| SealTemplateError::Capabilities { set, source })?;
    }
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map_err(SealTemplateError::NoNewPrivileges)?;
    match join_session_keyring() {
        // A kernel without keyrings has nothing to share.
        Ok(()) | Err(Errno::ENOSYS) => {}
        Err(errno) => return Err(SealTemplateError::Keyring(errno)),
    }
    match prctl(libc::PR_SET_MEMORY_MERGE, 0) {
        // A kernel before 6.4, or one without KSM, cannot merge a whole process.
        Ok(()) | Err(Errno::EINVAL) => {}
        Err(errno) => return Err(SealTemplateError::MemoryMerge(errno)),
    }
    no_cores().map_err(SealTemplateError::CoreLimit)?;
    Ok(Bounded(()))
}

/// No crash writes a core, nor hands one to the host's core handler: that is what a limit of 1 says, while 0 leaves the
/// handler (`core(5)`). The base filter keeps it so. A lower hard limit can only stay.
fn no_cores() -> Result<(), Errno> {
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    let limit = hard.min(1);
    setrlimit(Resource::RLIMIT_CORE, limit, limit)
}

/// A process without the privileges that a template does not need. It may still make every system call and look at
/// its own files in `/proc`: a child can be [hardened](crate::child::Prepared::apply) now to rehearse, for the author's
/// own code and nothing else.
#[derive(Debug)]
#[must_use = "it is not sealed yet"]
pub struct Bounded(());

impl Bounded {
    /// Installs the base filter, unless the policy waives it. Last of all, since it no longer lets through most of what
    /// stands before it.
    ///
    /// # Errors
    /// [`SealTemplateError`]; the process is not sealed and must not serve.
    ///
    /// # After fork
    /// Inherited. The process is not dumpable afterwards: its files in `/proc` belong to root, so whatever opens them by
    /// name (a freeze, an audit) must run before.
    pub fn seal(self, filters: Option<&Filters>) -> Result<(), SealTemplateError> {
        prctl(libc::PR_SET_DUMPABLE, 0).map_err(SealTemplateError::Dumpable)?;
        match filters {
            Some(filters) => filters.base.install().map_err(SealTemplateError::Filter),
            None => Ok(()),
        }
    }
}

/// `SECBIT_NOROOT`, `SECBIT_NO_SETUID_FIXUP` and `SECBIT_NO_CAP_AMBIENT_RAISE` set, `SECBIT_KEEP_CAPS` clear, all
/// four locked: user id 0 means nothing, and changing the id neither gives nor takes a capability.
const SECURE_BITS: libc::c_ulong = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 3) | (1 << 5) | (1 << 6) | (1 << 7);

/// Asks the kernel which capabilities there are rather than a table: one that is newer than the table goes as well.
fn empty_bounding_set() -> Result<(), SealTemplateError> {
    for number in 0..u64::BITS {
        match prctl(libc::PR_CAPBSET_READ, number.into()) {
            Ok(()) => prctl(libc::PR_CAPBSET_DROP, number.into())
                .map_err(|source| SealTemplateError::BoundingSet { number, source })?,
            Err(Errno::EINVAL) => break,
            Err(source) => return Err(SealTemplateError::BoundingSet { number, source }),
        }
    }
    Ok(())
}

/// Joins a new anonymous session keyring: keyrings are not namespaced. One system call.
pub(crate) fn join_session_keyring() -> Result<(), Errno> {
    // SAFETY: needed since libc has no wrapper for this call. A null name asks for a new anonymous keyring; nothing
    // is read.
    let result =
        unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>()) };
    Errno::result(result).map(drop)
}

/// `prctl(2)` with one argument. One system call: allowed in the child.
pub(crate) fn prctl(option: libc::c_int, argument: libc::c_ulong) -> Result<(), Errno> {
    ask(option, argument).map(drop)
}

/// `prctl(2)` with one argument, for its answer.
pub(crate) fn ask(option: libc::c_int, argument: libc::c_ulong) -> Result<libc::c_int, Errno> {
    let unused: libc::c_ulong = 0;
    // SAFETY: needed since `nix` wraps only some options. Every one that this crate uses takes an integer in its first
    // argument and zeros after it; no memory is read or written.
    Errno::result(unsafe { libc::prctl(option, argument, unused, unused, unused) })
}
