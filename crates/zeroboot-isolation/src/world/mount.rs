//! The mount calls that `nix` does not wrap: `open_tree`, `move_mount`, `mount_setattr` (Linux 5.2 and 5.12).

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// `struct mount_attr` of `mount_setattr(2)`.
#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

const MOUNT_ATTR_RDONLY: u64 = 0x1;
const MOUNT_ATTR_NOSUID: u64 = 0x2;
const MOUNT_ATTR_NODEV: u64 = 0x4;
const MOUNT_ATTR_IDMAP: u64 = 0x10_0000;

/// Whether device nodes can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Devices {
    /// As the host has it.
    Open,
    Closed,
}

/// A detached copy of the mounts at `path`, those below it included.
///
/// # After fork
/// One system call: allowed in the child.
pub(crate) fn open_tree(path: &CStr) -> Result<OwnedFd, Errno> {
    clone(path, libc::AT_RECURSIVE)
}

/// A detached copy of the mount at `path` alone, from there on.
pub(super) fn open_mount(path: &CStr) -> Result<OwnedFd, Errno> {
    clone(path, 0)
}

/// A detached copy of one mount, beginning at `path`: the link itself where that is one.
///
/// # After fork
/// One system call: allowed in the child.
pub(crate) fn open_entry(path: &CStr) -> Result<OwnedFd, Errno> {
    clone(path, libc::AT_SYMLINK_NOFOLLOW)
}

fn clone(path: &CStr, flags: libc::c_int) -> Result<OwnedFd, Errno> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | flags.unsigned_abs();
    // SAFETY: needed since there is no wrapper for this call; `path` is a valid C string for its whole duration.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    let fd = Errno::result(fd)?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: needed to own it. The kernel has just given us this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes every mount of a detached tree read-only and without set-user-id programs.
pub(crate) fn make_read_only(tree: BorrowedFd<'_>, devices: Devices) -> Result<(), Errno> {
    let devices = if devices == Devices::Closed { MOUNT_ATTR_NODEV } else { 0 };
    set_attributes(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | devices, libc::AT_RECURSIVE)
}

/// Makes the single mount behind `path` read-only.
pub(super) fn make_root_read_only(root: BorrowedFd<'_>) -> Result<(), Errno> {
    set_attributes(root, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0)
}

/// Maps the ids of the files of a detached mount as this user namespace does. See `mount_setattr(2)`, Linux 5.12.
pub(super) fn map_ids(tree: BorrowedFd<'_>, namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    // A descriptor is never negative.
    let userns_fd = namespace.as_raw_fd().unsigned_abs().into();
    set(tree, &MountAttr { attr_set: MOUNT_ATTR_IDMAP, attr_clr: 0, propagation: 0, userns_fd }, 0)
}

fn set_attributes(tree: BorrowedFd<'_>, attr_set: u64, flags: libc::c_int) -> Result<(), Errno> {
    set(tree, &MountAttr { attr_set, attr_clr: 0, propagation: 0, userns_fd: 0 }, flags)
}

fn set(tree: BorrowedFd<'_>, attributes: &MountAttr, flags: libc::c_int) -> Result<(), Errno> {
    // SAFETY: needed since there is no wrapper for this call; the path is a valid empty C string, and the structure has the
    // kernel's layout and lives through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags | libc::AT_EMPTY_PATH,
            std::ptr::from_ref(attributes),
            size_of::<MountAttr>(),
        )
    };
    Errno::result(result).map(drop)
}

/// Attaches a detached tree at `target`.
pub(crate) fn attach(tree: BorrowedFd<'_>, target: &CStr) -> Result<(), Errno> {
    move_mount(tree, libc::AT_FDCWD, target, libc::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Attaches a detached tree at a place that is open, whatever its name is now.
///
/// # After fork
/// One system call: allowed in the child.
pub(crate) fn attach_over(tree: BorrowedFd<'_>, place: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, place.as_raw_fd(), c"", flags)
}

fn move_mount(
    tree: BorrowedFd<'_>,
    directory: RawFd,
    target: &CStr,
    flags: libc::c_uint,
) -> Result<(), Errno> {
    // SAFETY: needed since there is no wrapper for this call; both paths are valid C strings.
    let result = unsafe {
        libc::syscall(libc::SYS_move_mount, tree.as_raw_fd(), c"".as_ptr(), directory, target.as_ptr(), flags)
    };
    Errno::result(result).map(drop)
}
