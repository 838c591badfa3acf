//! What a shell puts at and below its private file systems: the copy-on-write working directory, and views.
//!
//! Bound by the child rules, but for [`HomePlan::prepare`].

use std::ffi::{CStr, CString, NulError};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Gid, Uid, fchownat};

use crate::policy::UserId;
use crate::world::{HOME, Shown, StoredView, UPPER, WORK, attach_over, open_tree, overlay_options};

/// By which number a parked shell's init holds the directory in which all lies that its sandbox writes into its working
/// directory: without a copy-on-write view that is the working directory itself.
pub const HOME_DESCRIPTOR: RawFd = 0;

/// As plain data, made ahead of the fork.
#[derive(Debug, Default)]
pub(super) struct HomePlan {
    /// The options of the overlay, and its owner.
    overlay: Option<(CString, UserId)>,
    owner: Option<UserId>,
    views: Vec<StoredView>,
}

impl HomePlan {
    pub(super) fn prepare(shown: &Shown, user: UserId) -> Result<Self, NulError> {
        let options = shown.layer(user).map(|lower| CString::new(overlay_options(&lower, HOME)));
        let overlay = options.transpose()?.map(|options| (options, user));
        Ok(Self { overlay, owner: Some(user), views: shown.views().to_vec() })
    }

    /// Mounts the overlay, if there is to be one, over the private home. Gives the directory of [`HOME_DESCRIPTOR`].
    ///
    /// While the warden's `/dev/shm` is still seen.
    pub(super) fn mount_home(&self) -> Result<OwnedFd, Errno> {
        let home = directory(HOME_PATH)?;
        let Some((options, UserId(id))) = &self.overlay else { return Ok(home) };
        for name in [UPPER_NAME, WORK_NAME] {
            mkdirat(&home, name, Mode::S_IRWXU)?;
        }
        let (user, group) = (Some(Uid::from_raw(*id)), Some(Gid::from_raw(*id)));
        fchownat(&home, UPPER_NAME, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let upper = nix::fcntl::openat(&home, UPPER_NAME, flags, Mode::empty())?;
        super::mount(c"overlay", HOME_PATH, super::PRIVATE, options)?;
        Ok(upper)
    }

    /// Puts the views where they belong. While the warden's `/dev/shm` is still seen.
    pub(super) fn attach_views(&self) -> Result<(), Errno> {
        for StoredView { stored, spot } in &self.views {
            let view = open_tree(stored)?;
            let top = directory(spot.top())?;
            let place = spot.make(top.as_fd(), self.owner)?;
            attach_over(view.as_fd(), place.as_fd())?;
        }
        Ok(())
    }
}

/// Moves the descriptor to its number, where it stays open for as long as the process lives.
pub(super) fn hold(home: OwnedFd) -> Result<(), Errno> {
    if home.as_raw_fd() != HOME_DESCRIPTOR {
        // SAFETY: needed since `nix` wants an owner of the target. No memory is passed. What had this number belongs to the
        // code of the process before the fork, which never runs in this one again.
        Errno::result(unsafe { libc::dup3(home.as_raw_fd(), HOME_DESCRIPTOR, libc::O_CLOEXEC) })?;
        return Ok(());
    }
    // It has its number: nobody may close it.
    std::mem::forget(home);
    Ok(())
}

fn directory(path: &CStr) -> Result<OwnedFd, Errno> {
    open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

/// [`HOME`], [`UPPER`] and [`WORK`] as C strings.
const HOME_PATH: &CStr = c"/home/sandbox";
const UPPER_NAME: &CStr = c"upper";
const WORK_NAME: &CStr = c"work";

const _: () = {
    assert!(same(HOME_PATH, HOME) && same(UPPER_NAME, UPPER) && same(WORK_NAME, WORK));
};

const fn same(one: &CStr, other: &str) -> bool {
    let (one, other) = (one.to_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}
