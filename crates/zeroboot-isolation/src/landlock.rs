//! A second wall around the file tree, the network and signals: rules that hold although the mount namespace, the filter
//! or a permission has a hole. See `landlock(7)`.
//!
//! Each parked shell makes a rule set for its sandbox, since only it has the private file systems that the sandbox
//! writes to: a rule for the directory below a mount point does not speak of what is mounted there. The sandbox enters
//! the rules by one system call. It cannot inherit them: the kernel lets a restricted process look only at processes
//! below the same rules, and whoever joins a shell must look at it.
//!
//! Never here: whether Landlock is wanted ([`crate::policy`]).

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use crate::policy::{Network, Policy, Protection, Rule};

/// Why there are no rules.
#[derive(Debug, thiserror::Error)]
pub enum LandlockError {
    /// The kernel has none, or it is switched off.
    #[error(
        "this kernel has no Landlock (Linux 5.13 with landlock in its lsm= list has; a policy with \
         landlock = \"prefer\" does without)"
    )]
    Absent(#[source] Errno),
}

/// What a rule set is to say, as this kernel understands it: plain data, made ahead of the fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulePlan {
    abi: u32,
    handled: Handled,
}

/// `struct landlock_ruleset_attr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
struct Handled {
    files: u64,
    network: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: RawFd,
}

// Rights over files; see `linux/landlock.h`.
const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIRECTORY: u64 = 1 << 3;
const MAKE_CHARACTER_DEVICE: u64 = 1 << 6;
const MAKE_BLOCK_DEVICE: u64 = 1 << 11;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEVICE: u64 = 1 << 15;

// What stays within a sandbox.
const ABSTRACT_UNIX_SOCKET: u64 = 1 << 0;
const SIGNAL: u64 = 1 << 1;

/// The rights that each version of the interface has added: files, network (TCP), scopes (abstract sockets, signals).
const RIGHTS: [Handled; 6] = [
    Handled { files: (1 << 13) - 1, network: 0, scoped: 0 },
    Handled { files: 1 << 13, network: 0, scoped: 0 },
    Handled { files: TRUNCATE, network: 0, scoped: 0 },
    Handled { files: 0, network: 0b11, scoped: 0 },
    Handled { files: IOCTL_DEVICE, network: 0, scoped: 0 },
    Handled { files: 0, network: 0, scoped: ABSTRACT_UNIX_SOCKET | SIGNAL },
];

const READ: u64 = EXECUTE | READ_FILE | READ_DIRECTORY;

/// What a rule for a file, which is no directory, may speak of.
const OF_A_FILE: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE;

/// What is not executed.
const OF_A_TERMINAL: u64 = OF_A_FILE & !EXECUTE;

/// Nodes cannot be made for lack of a capability; here they cannot for lack of a rule.
const NODES: u64 = MAKE_CHARACTER_DEVICE | MAKE_BLOCK_DEVICE;

/// Read and execute everywhere; write where a sandbox has something of its own, and into harmless devices.
const RULES: [(&CStr, u64); 10] = [
    (c"/", READ),
    (c"/home/sandbox", !NODES),
    (c"/tmp", !NODES),
    (c"/dev/shm", !NODES),
    (c"/dev/pts", READ_DIRECTORY | OF_A_TERMINAL),
    (c"/dev/null", OF_A_FILE),
    (c"/dev/zero", OF_A_FILE),
    (c"/dev/full", OF_A_FILE),
    (c"/dev/random", OF_A_FILE),
    (c"/dev/urandom", OF_A_FILE),
];

impl RulePlan {
    /// Asks the kernel what it knows of what this policy wants. `Ok(None)`: nothing is wanted, or what is only preferred cannot be had.
    ///
    /// # Errors
    /// [`LandlockError`], when it is required.
    pub fn new(policy: &Policy) -> Result<Option<Self>, LandlockError> {
        let rule = policy.protections.rule(Protection::Landlock);
        if rule == Rule::Waive {
            return Ok(None);
        }
        let abi = match version() {
            Ok(abi) => abi,
            Err(_) if rule == Rule::Prefer => return Ok(None),
            Err(errno) => return Err(LandlockError::Absent(errno)),
        };
        let known = RIGHTS.iter().take(usize::try_from(abi).unwrap_or(usize::MAX));
        let mut handled = known.fold(Handled { files: 0, network: 0, scoped: 0 }, |all, more| Handled {
            files: all.files | more.files,
            network: all.network | more.network,
            scoped: all.scoped | more.scoped,
        });
        if policy.network == Network::Loopback {
            handled.network = 0;
        }
        Ok(Some(Self { abi, handled }))
    }

    /// Which version of the interface the kernel has.
    pub fn abi(&self) -> u32 {
        self.abi
    }

    /// Whether a sandbox below these rules reaches no abstract unix name but those of its own processes. See `landlock(7)`,
    /// Linux 6.12.
    pub(crate) fn scopes_abstract_names(&self) -> bool {
        self.handled.scoped & ABSTRACT_UNIX_SOCKET != 0
    }

    /// Makes the rules for the tree of the calling process: no TCP without a network, no signal and no abstract socket out of
    /// the sandbox, and of the files what [`RULES`] says, as far as this kernel knows them.
    ///
    /// # After fork
    /// System calls only: allowed in the child.
    pub(crate) fn make(&self) -> Result<OwnedFd, Errno> {
        let no_flags: libc::c_uint = 0;
        // SAFETY: needed since libc has no wrapper for this call. The attributes have the kernel's layout and live
        // through the call, which only reads them.
        let set = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                &raw const self.handled,
                size_of::<Handled>(),
                no_flags,
            )
        };
        let set = owned(Errno::result(set)?)?;
        for (path, allowed) in RULES {
            let place = nix::fcntl::open(
                path,
                nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC,
                nix::sys::stat::Mode::empty(),
            )?;
            let beneath = PathBeneath { allowed: allowed & self.handled.files, parent: place.as_raw_fd() };
            // SAFETY: as above.
            let added = unsafe {
                libc::syscall(
                    libc::SYS_landlock_add_rule,
                    set.as_raw_fd(),
                    PATH_BENEATH,
                    &raw const beneath,
                    no_flags,
                )
            };
            Errno::result(added)?;
        }
        Ok(set)
    }
}

/// Puts the calling thread, and all that it forks, below the rules, for good.
///
/// # After fork
/// One system call: allowed in the child.
pub(crate) fn restrict(rules: BorrowedFd<'_>) -> Result<(), Errno> {
    let no_flags: libc::c_uint = 0;
    // SAFETY: needed since libc has no wrapper for this call. No memory is passed.
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), no_flags) };
    Errno::result(result).map(drop)
}

/// `LANDLOCK_RULE_PATH_BENEATH`.
const PATH_BENEATH: libc::c_uint = 1;

/// `LANDLOCK_CREATE_RULESET_VERSION`.
const VERSION: libc::c_uint = 1;

fn version() -> Result<u32, Errno> {
    let (none, size) = (std::ptr::null::<libc::c_void>(), 0_usize);
    // SAFETY: needed since libc has no wrapper for this call. With this flag no memory is read.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, size, VERSION) };
    Errno::result(abi).map(|abi| u32::try_from(abi).unwrap_or_default())
}

fn owned(number: libc::c_long) -> Result<OwnedFd, Errno> {
    let number = RawFd::try_from(number).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
