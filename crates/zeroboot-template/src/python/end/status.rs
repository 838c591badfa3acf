//! What became of a script: its uncaught exception is printed, and its exit status is taken from `SystemExit`.

use std::ffi::c_int;
use std::ptr::{null, null_mut};

use super::super::api::{Api, Reference};

/// What became of the script itself.
pub(super) struct Outcome {
    pub(super) status: c_int,
    pub(super) is_interrupted: bool,
}

/// Prints an uncaught exception as the interpreter does, or takes the status from `SystemExit`.
///
/// # Safety
/// The interpreter's lock is held.
pub(super) unsafe fn report(api: &Api) -> Outcome {
    // SAFETY: the caller's promise; exceptions are fetched and given back or dropped once.
    unsafe {
        if (api.raised)().is_null() {
            // The result does not wait for exit handlers.
            pass_on(api);
            return Outcome { status: 0, is_interrupted: false };
        }
        if (api.raised_matches)(*api.system_exit) != 0 {
            return Outcome { status: status_of_exit(api), is_interrupted: false };
        }
        // Not a class that is derived from it.
        let is_interrupted = (api.raised)() == *api.keyboard_interrupt;
        // What was printed before stands before it.
        let (mut kind, mut value, mut trace) = (null_mut(), null_mut(), null_mut());
        (api.fetch)(&raw mut kind, &raw mut value, &raw mut trace);
        pass_on(api);
        (api.restore)(kind, value, trace);
        (api.print)(1);
        Outcome { status: 1, is_interrupted }
    }
}

/// Flushes the streams, whatever becomes of it.
///
/// # Safety
/// The interpreter's lock is held, and no exception is set.
unsafe fn pass_on(api: &Api) {
    for name in [c"stderr", c"stdout"] {
        // SAFETY: the caller's promise; the stream is borrowed, and kept for the call.
        unsafe {
            let stream = (api.of_sys)(name.as_ptr());
            if stream.is_null() || stream == api.none {
                continue;
            }
            (api.take)(stream);
            if api.call_method(stream, c"flush").is_err() {
                (api.clear)();
            }
            (api.drop)(stream);
        }
    }
}

/// Writes an object as `print` has it, and a line end: to `sys.stderr`, or where there is none to the descriptor. What is written may
/// replace the stream.
///
/// # Safety
/// A live object; the interpreter's lock is held.
unsafe fn say(api: &Api, object: Reference) {
    const RAW: c_int = 1;
    // SAFETY: the caller's promise. The stream is borrowed, and kept for the call; the text is a reference of our own.
    unsafe {
        for what in [object, null_mut()] {
            let stream = (api.of_sys)(c"stderr".as_ptr());
            if stream.is_null() || stream == api.none {
                write_to_descriptor(api, what);
                continue;
            }
            (api.take)(stream);
            let written = match what.is_null() {
                true => (api.write_text)(c"\n".as_ptr(), stream),
                false => (api.write_object)(what, stream, RAW),
            };
            if written != 0 {
                (api.clear)();
            }
            (api.drop)(stream);
        }
        (api.clear)();
    }
}

/// The text of an object, or else a line end.
///
/// # Safety
/// A live object or null; the interpreter's lock is held.
unsafe fn write_to_descriptor(api: &Api, object: Reference) {
    let mut length = 0;
    // SAFETY: the caller's promise; the text is a reference of our own, and so many bytes are there for as long as it is. Nothing can be
    // done about a reader that has gone.
    unsafe {
        if object.is_null() {
            libc::write(2, c"\n".as_ptr().cast(), 1);
            return;
        }
        let text = (api.as_text)(object);
        let start = if text.is_null() { null() } else { (api.as_utf8)(text, &raw mut length) };
        if !start.is_null() {
            libc::write(2, start.cast(), length.unsigned_abs());
        }
        if !text.is_null() {
            (api.drop)(text);
        }
        (api.clear)();
    }
}

/// # Safety
/// The interpreter's lock is held, and `SystemExit` is set, which is gone afterwards.
unsafe fn status_of_exit(api: &Api) -> c_int {
    let (mut kind, mut value, mut trace) = (null_mut(), null_mut(), null_mut());
    // SAFETY: the caller's promise. What was fetched is owned, as is the attribute.
    unsafe {
        (api.fetch)(&raw mut kind, &raw mut value, &raw mut trace);
        (api.normalize)(&raw mut kind, &raw mut value, &raw mut trace);
        let code = if value.is_null() { null_mut() } else { (api.attribute)(value, c"code".as_ptr()) };
        let code = if code.is_null() && !value.is_null() {
            // Without one it is itself what is said.
            (api.clear)();
            (api.take)(value);
            value
        } else {
            code
        };
        let status = if code.is_null() || code == api.none {
            0
        } else if api.is_instance(code, api.integer_kind) {
            // One that is too large for C is -1, and so 255.
            let number = (api.number)(code);
            (api.clear)();
            c_int::from(number.to_le_bytes()[0])
        } else {
            say(api, code);
            1
        };
        for object in [code, kind, value, trace] {
            if !object.is_null() {
                (api.drop)(object);
            }
        }
        status
    }
}

/// Ends by the signal, so that the parent sees it, as the interpreter does after `KeyboardInterrupt`.
pub(super) fn interrupt() {
    // SAFETY: needed to undo the interpreter's handler. The default action is a valid one.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_DFL);
        libc::kill(libc::getpid(), libc::SIGINT);
    }
}
