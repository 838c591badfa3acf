//! The child's copy of what it will rewrite.

use std::ops::Range;

use nix::errno::Errno;

use crate::freeze::WriteHeavy;
use crate::huge::Area;

/// Copies all of it into huge pages.
///
/// A piece that the parent has unmapped since is passed over, and so is one for which there is no memory: it is copied page by page
/// then, as after any fork.
///
/// # Safety
/// This process is a fresh fork: it has one thread, and every signal is blocked, so that nobody writes meanwhile.
pub(crate) unsafe fn copy(heavy: &WriteHeavy) -> Result<(), Errno> {
    heavy.pieces().iter().try_for_each(|piece| {
        // SAFETY: the caller's promise.
        unsafe { copy_piece(piece) }
    })
}

/// # Safety
/// As for [`copy`].
unsafe fn copy_piece(piece: &Range<u64>) -> Result<(), Errno> {
    let word = |number| usize::try_from(number).map_err(|_| Errno::EOVERFLOW);
    let (start, length) = (word(piece.start)?, word(piece.end - piece.start)?);
    let place = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: needed to learn whether all of it is mapped, without an access: on Linux this call does nothing else, see
    // `msync(2)`.
    match Errno::result(unsafe { libc::msync(place, length, libc::MS_ASYNC) }) {
        Ok(_) => {}
        Err(Errno::ENOMEM) => return Ok(()),
        Err(errno) => return Err(errno),
    }
    let Ok(area) = Area::new(length) else { return Ok(()) };
    // SAFETY: it is mapped, to be read and written as the parent has made it; nobody writes, by the caller's promise.
    unsafe { area.copy_from(place) };
    // SAFETY: the same content, and the same rights.
    unsafe { area.put(place) }
}
