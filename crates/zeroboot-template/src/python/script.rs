//! From a sandbox's birth to the end of its script: what the interpreter's own main program does.
//!
//! It is native so that no frame of ours lies below the script's, and since each object that Python code touches is a page that is
//! copied. Never here: what is made ready for a script, which is Python's (`sandbox.py`), and its end (`end`).

use std::ffi::{CString, c_int};
use std::ptr::null_mut;

use zeroboot_runtime::protocol::{Hint, Job, Origin, When};
use zeroboot_runtime::template::Sandbox;

use super::api::{Api, Reference};
use super::end::{Ending, flush_stdio};
use super::frames;
use crate::{SANDBOX, finish, serve};

/// How a sandbox leaves whose host does not go on with it.
const ABANDONED: c_int = 125;

/// The Python side's functions.
struct Functions {
    make_ready: Reference,
    be_born: Reference,
    run_ahead: Reference,
    begin: Reference,
    wants_network: Reference,
}

/// `serve(make_ready, be_born, run_ahead, begin, wants_network)`
pub(super) unsafe extern "C" fn serve_jobs(_: Reference, arguments: Reference) -> Reference {
    let Some(api) = Api::of_this_process() else { return null_mut() };
    // SAFETY: the interpreter calls this with a tuple of the arguments. What is borrowed of it is kept for good.
    let functions = [0, 1, 2, 3, 4].map(|index| unsafe {
        let function = (api.place)(arguments, index);
        if !function.is_null() {
            (api.take)(function);
        }
        function
    });
    if functions.iter().any(|function| function.is_null()) {
        return null_mut();
    }
    let [make_ready, be_born, run_ahead, begin, wants_network] = functions;
    let functions = Functions { make_ready, be_born, run_ahead, begin, wants_network };
    // SAFETY: the interpreter's lock is held; there is one thread, or the template is refused; nothing below returns.
    unsafe { frames::leave(api) };
    // In the state that all sandboxes inherit.
    // SAFETY: a function, or something that cannot be called, without arguments.
    let ready = unsafe { (api.call)(functions.make_ready, null_mut()) };
    if ready.is_null() {
        // SAFETY: an exception is set.
        unsafe { (api.print)(0) };
        finish(1);
    }
    // SAFETY: a function of Python's, which has code, and the lock is held.
    let code = unsafe { (api.attribute)(functions.begin, c"__code__".as_ptr()) };
    let Some(ending) = Ending::prepare(api, code) else { finish(1) };
    // What C code has printed at the warm-up comes out here, or it would in each sandbox.
    flush_stdio();
    // SAFETY: both are the interpreter's own, without arguments; its lock is held, and there is one thread, which the
    // audit makes sure of.
    if !unsafe { serve(|| (api.before_fork)(), || (api.after_fork_in_child)()) } {
        finish(1);
    }
    // SAFETY: this is a sandbox, with the interpreter's lock.
    unsafe { live(api, &functions, ending) }
}

/// `evaluate(code, namespace)`
pub(super) unsafe extern "C" fn evaluate_once(_: Reference, arguments: Reference) -> Reference {
    let Some(api) = Api::of_this_process() else { return null_mut() };
    // SAFETY: the interpreter calls this with a tuple of the arguments.
    unsafe { evaluate(api, arguments) }
}

/// # Safety
/// This is a sandbox, and the interpreter's lock is held.
unsafe fn live(api: &Api, functions: &Functions, mut ending: Ending) -> ! {
    if functions.be_born != api.none {
        // SAFETY: a function, or something that cannot be called, without arguments.
        if unsafe { (api.call)(functions.be_born, null_mut()) }.is_null() {
            // SAFETY: an exception is set.
            unsafe { (api.print)(0) };
        }
    }
    loop {
        let Some((job, when)) = next_job() else { finish(ABANDONED) };
        let arguments = objects(api, &job);
        if when == When::Ahead {
            // SAFETY: a function and a tuple, or null after a failure, which the call passes on.
            let status = unsafe { (api.call)(functions.run_ahead, arguments) };
            // SAFETY: an object, or null, which is no number.
            let [status, ..] =
                unsafe { if status.is_null() { -1 } else { (api.number)(status) } }.to_le_bytes();
            // Where nobody listens there is no next job either.
            SANDBOX.with_borrow(|sandbox| sandbox.as_ref().map(|it| it.ran_ahead(status)));
            continue;
        }
        // SAFETY: as above. Compiling runs nothing of the script, and the host reads the seal meanwhile.
        let prepared = unsafe { (api.call)(functions.begin, arguments) };
        if when == When::AfterGo
            && !SANDBOX.with_borrow(|sandbox| sandbox.as_ref().is_none_or(Sandbox::await_go))
        {
            finish(ABANDONED);
        }
        if prepared.is_null() {
            // SAFETY: an exception is set, whose traceback shows our own frames alone.
            unsafe { fail_to_begin(api, &job) };
        } else {
            ending.begin(api);
            // SAFETY: what `begin` returns.
            let result = unsafe { evaluate(api, prepared) };
            if !result.is_null() {
                // SAFETY: the last use of it.
                unsafe { (api.drop)(result) };
            }
            // The namespace is the script's own again.
            // SAFETY: the same.
            unsafe { (api.drop)(prepared) };
        }
        // SAFETY: the interpreter's lock is held.
        let hint = unsafe { hint(api, functions) };
        let be_measured =
            || SANDBOX.with_borrow(|sandbox| sandbox.iter().for_each(|it| it.be_measured(hint)));
        // SAFETY: this is the end of the script, and an exception is set or not.
        let status = unsafe { ending.end(api, be_measured) };
        zeroboot_fork::leave(status.to_le_bytes()[0]);
    }
}

/// What a person may want to know of an uncaught exception, which stays set.
///
/// # Safety
/// The interpreter's lock is held.
unsafe fn hint(api: &Api, functions: &Functions) -> Option<Hint> {
    let (mut kind, mut value, mut trace) = (null_mut(), null_mut(), null_mut());
    // SAFETY: the caller's promise. The exception is fetched and given back; the tuple takes a reference of its own, and what is made
    // here is dropped once.
    unsafe {
        if (api.raised)().is_null() || (api.raised_matches)(*api.exception) == 0 {
            return None;
        }
        (api.fetch)(&raw mut kind, &raw mut value, &raw mut trace);
        (api.normalize)(&raw mut kind, &raw mut value, &raw mut trace);
        if !trace.is_null() {
            (api.set_traceback)(value, trace);
        }
        let arguments = (api.tuple)(1);
        let answer = if arguments.is_null() {
            null_mut()
        } else {
            (api.take)(value);
            (api.put_into_tuple)(arguments, 0, value);
            (api.call)(functions.wants_network, arguments)
        };
        let is = !answer.is_null() && (api.is_true)(answer) == 1;
        for made in [arguments, answer] {
            if !made.is_null() {
                (api.drop)(made);
            }
        }
        (api.clear)();
        (api.restore)(kind, value, trace);
        is.then_some(Hint::Network)
    }
}

/// Code and namespace, or a function and its arguments.
///
/// # Safety
/// A tuple of two; the interpreter's lock is held.
unsafe fn evaluate(api: &Api, pair: Reference) -> Reference {
    // SAFETY: the caller's promise; both are borrowed from the tuple, which outlives the call. Code is evaluated with the namespace
    // as its globals, a function called with a tuple: each call checks what it gets.
    unsafe {
        let (what, with) = ((api.place)(pair, 0), (api.place)(pair, 1));
        if what.is_null() || with.is_null() {
            null_mut()
        } else if api.is_instance(with, api.tuple_kind) {
            (api.call)(what, with)
        } else {
            (api.evaluate)(what, with, with)
        }
    }
}

fn next_job() -> Option<(Job, When)> {
    let job = SANDBOX.with_borrow(|sandbox| sandbox.as_ref().and_then(|it| it.job().ok()));
    job.map(|(job, when)| (job.placed(), when))
}

/// A file that does not compile is read once more as the interpreter reads one: it then says some things otherwise.
///
/// # Safety
/// The interpreter's lock is held, and an exception is set.
unsafe fn fail_to_begin(api: &Api, job: &Job) {
    // SAFETY: the caller's promise; the classes are the interpreter's own.
    let is_of_source = unsafe {
        (api.raised_matches)(*api.syntax_error) != 0 || (api.raised_matches)(*api.value_error) != 0
    };
    let is_file = job.origin != Origin::Module && job.argv0 != b"-c" && !job.body.is_empty();
    if let (true, true, Ok(name)) = (is_of_source, is_file, CString::new(job.name.as_slice())) {
        // SAFETY: the body lives on through the call, which closes the stream; the main module is borrowed, and its namespace with it.
        unsafe {
            let stream = libc::fmemopen(job.body.as_ptr().cast_mut().cast(), job.body.len(), c"r".as_ptr());
            let main = (api.item)((api.modules)(), c"__main__".as_ptr());
            if !stream.is_null() && !main.is_null() {
                const WHOLE_FILE: c_int = 257;
                const CLOSE: c_int = 1;
                (api.clear)();
                let namespace = (api.namespace)(main);
                let result = (api.run_file)(
                    stream,
                    name.as_ptr(),
                    WHOLE_FILE,
                    namespace,
                    namespace,
                    CLOSE,
                    null_mut(),
                );
                if !result.is_null() {
                    (api.drop)(result);
                }
                return;
            }
        }
    }
    let (mut kind, mut value, mut trace) = (null_mut(), null_mut(), null_mut());
    // SAFETY: all three are valid for writing, and given back at once; no traceback is a valid one.
    unsafe {
        (api.fetch)(&raw mut kind, &raw mut value, &raw mut trace);
        (api.restore)(kind, value, null_mut());
    }
}

/// `(name, [argv0, *arguments], [b"K=V", ...], body, origin, buffering)`; null, with an exception, where memory ends.
fn objects(api: &Api, job: &Job) -> Reference {
    let size = |length: usize| isize::try_from(length).unwrap_or(isize::MAX);
    // SAFETY: so many bytes are there.
    let text = |it: &Vec<u8>| unsafe { (api.text)(it.as_ptr().cast(), size(it.len())) };
    // SAFETY: the same.
    let bytes = |it: &Vec<u8>| unsafe { (api.bytes)(it.as_ptr().cast(), size(it.len())) };
    // SAFETY: no precondition.
    let number = |it: u8| unsafe { (api.integer)(it.into()) };

    let argv = std::iter::once(&job.argv0).chain(&job.arguments).map(text);
    let items = [
        text(&job.name),
        list(api, size(1 + job.arguments.len()), argv),
        list(api, size(job.environment.len()), job.environment.iter().map(bytes)),
        bytes(&job.body),
        number(u8::from(job.origin)),
        number(u8::from(job.buffering)),
    ];
    // SAFETY: no precondition.
    let tuple = unsafe { (api.tuple)(size(items.len())) };
    for (index, item) in items.into_iter().enumerate() {
        // SAFETY: a fresh tuple, of which each place is filled once and takes the reference over.
        if tuple.is_null() || item.is_null() || unsafe { (api.put_into_tuple)(tuple, size(index), item) } != 0
        {
            return null_mut();
        }
    }
    tuple
}

fn list(api: &Api, length: isize, items: impl Iterator<Item = Reference>) -> Reference {
    // SAFETY: no precondition.
    let list = unsafe { (api.list)(length) };
    for (index, item) in (0..length).zip(items) {
        // SAFETY: a fresh list, of which each place is filled once and takes the reference over.
        if list.is_null() || item.is_null() || unsafe { (api.put_into_list)(list, index, item) } != 0 {
            return null_mut();
        }
    }
    list
}
