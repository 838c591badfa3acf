//! The standard streams at the end of a script, and the buffers of C.

use std::ptr::null_mut;

use super::super::api::{Api, Raised, Reference};
use super::STREAMS;

/// # Safety
/// The interpreter's lock is held.
pub(super) unsafe fn flush_streams(api: &Api) -> Result<(), Raised> {
    let mut result = Ok(());
    for (name, is_reported) in [(c"stdout", true), (c"stderr", false)] {
        // SAFETY: the caller's promise; the stream is borrowed, and kept for the calls.
        unsafe {
            let stream = (api.of_sys)(name.as_ptr());
            if stream.is_null() || stream == api.none {
                continue;
            }
            (api.take)(stream);
            if !is_closed(api, stream) && api.call_method(stream, c"flush").is_err() {
                result = Err(Raised);
                if is_reported {
                    api.ignore(stream, c"Exception ignored on flushing sys.stdout");
                } else {
                    (api.clear)();
                }
            }
            (api.drop)(stream);
        }
    }
    result
}

/// # Safety
/// A live object; the interpreter's lock is held.
pub(super) unsafe fn is_closed(api: &Api, stream: Reference) -> bool {
    // SAFETY: the caller's promise; the attribute is dropped once.
    unsafe {
        let closed = (api.attribute)(stream, c"closed".as_ptr());
        if closed.is_null() {
            (api.clear)();
            return false;
        }
        let is = (api.is_true)(closed);
        (api.drop)(closed);
        if is < 0 {
            (api.clear)();
        }
        is > 0
    }
}

/// The last of `sys`: a stream of the script's own is flushed by its end, and its errors are ignored.
///
/// # Safety
/// The interpreter's lock is held.
pub(super) unsafe fn drop_streams(api: &Api) {
    for (name, original) in STREAMS {
        for name in [name, original] {
            // SAFETY: the caller's promise.
            if unsafe { (api.set_of_sys)(name.as_ptr(), api.none) } != 0 {
                // SAFETY: no precondition.
                unsafe { (api.clear)() };
            }
        }
    }
}

/// What C code has in its buffers.
pub(in super::super) fn flush_stdio() {
    // SAFETY: needed since these buffers are C's. Null means all of them.
    unsafe { libc::fflush(null_mut()) };
}
