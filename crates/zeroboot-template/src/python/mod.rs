//! The extension module `zeroboot_template`, which the Python side imports from this same library.
//!
//! What every sandbox does between its birth and its script is done here: each object that Python code touches on that
//! way is a reference count written, and so a page copied. Never here: what a script sees, which is the Python side's.

mod api;
mod end;
mod frames;
mod nursery;
mod script;

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};
use std::ptr::{null, null_mut};

use zeroboot_runtime::template::Template;

use self::api::{ABI_VERSION, Api, Buffer, MethodDef, ModuleDef, Reference};
use crate::{declare_write_heavy, with_template};

/// The part of the Python side that is made in the nursery.
static SOURCE: &[u8] = include_bytes!("../../python/sandbox.py");

/// The random generators of a warm-up.
static GENERATORS: &[u8] = include_bytes!("../../python/generators.py");

/// What of the interpreter's start is done again.
static SETTINGS: &[u8] = include_bytes!("../../python/settings.py");

/// What the interpreter calls when the module is imported.
#[unsafe(no_mangle)]
extern "C" fn PyInit_zeroboot_template() -> Reference {
    let Some(api) = Api::of_this_process() else { return null_mut() };
    // SAFETY: the definition is laid out as the stable ABI has it and lives for ever; the interpreter, which calls this
    // with its lock held, is the only one who writes to it.
    unsafe { (api.create_module)(DEFINITION.0.get(), ABI_VERSION) }
}

/// What the interpreter writes to.
struct Shared<T>(UnsafeCell<T>);

// SAFETY: needed for a static that C code writes to. Only the interpreter looks at it, under its own lock.
unsafe impl<T> Sync for Shared<T> {}

static DEFINITION: Shared<ModuleDef> = Shared(UnsafeCell::new(ModuleDef {
    references: 1,
    kind: null_mut(),
    init: null_mut(),
    index: 0,
    copy: null_mut(),
    name: c"zeroboot_template".as_ptr(),
    doc: null(),
    // No state that could differ between interpreters.
    size: -1,
    methods: METHODS.0.get().cast(),
    slots: null_mut(),
    traverse: null_mut(),
    clear: null_mut(),
    free: null_mut(),
}));

static METHODS: Shared<[MethodDef; 11]> = Shared(UnsafeCell::new([
    method(c"fail", fail, MethodDef::ONE_ARGUMENT, c"Tells the host, in bytes, why the warm-up has failed."),
    method(c"fail_file", fail_file, MethodDef::ONE_ARGUMENT, c"The same for the file that the user had run."),
    method(
        c"write_heavy",
        write_heavy,
        MethodDef::ONE_ARGUMENT,
        c"Says that each sandbox will rewrite this buffer: it is then copied at one go, in huge pages, before the script starts.",
    ),
    method(
        c"open_nursery",
        open_nursery,
        MethodDef::NO_ARGUMENT,
        c"Has small objects lie close together from now on; False where that cannot be.",
    ),
    method(c"source", source, MethodDef::NO_ARGUMENT, c"What a sandbox runs, in bytes."),
    method(c"generators", generators, MethodDef::NO_ARGUMENT, c"What seeds generators of the warm-up again, in bytes."),
    method(c"settings", settings, MethodDef::NO_ARGUMENT, c"What applies the settings of an environment, in bytes."),
    method(
        c"run_fork_hooks",
        run_fork_hooks,
        MethodDef::NO_ARGUMENT,
        c"Runs what the interpreter and its modules run around a fork in the process that forks and in its child.",
    ),
    method(
        c"serve",
        script::serve_jobs,
        MethodDef::ARGUMENTS,
        c"Serves, with a function to be called in each sandbox, or None, one that runs a job ahead, and one that makes a job ready. \
          It does not return.",
    ),
    method(
        c"evaluate",
        script::evaluate_once,
        MethodDef::ARGUMENTS,
        c"Runs code in a namespace, as serve does: to get used to the way.",
    ),
    MethodDef::END,
]));

const fn method(
    name: &'static std::ffi::CStr,
    function: api::Function,
    flags: c_int,
    doc: &'static std::ffi::CStr,
) -> MethodDef {
    MethodDef { name: name.as_ptr(), function: Some(function), flags, doc: doc.as_ptr() }
}

unsafe extern "C" fn fail(_: Reference, text: Reference) -> Reference {
    // SAFETY: the interpreter calls this with an object.
    unsafe { tell(text, |template, text| template.fail_warm_up(text).is_ok()) }
}

unsafe extern "C" fn fail_file(_: Reference, text: Reference) -> Reference {
    // SAFETY: as above.
    unsafe { tell(text, |template, text| template.fail_warm_file(text).is_ok()) }
}

/// # Safety
/// `text` is an object.
unsafe fn tell(text: Reference, say: impl FnOnce(&Template, &str) -> bool) -> Reference {
    let Some(api) = Api::of_this_process() else { return null_mut() };
    let (mut start, mut length) = (null_mut::<c_char>(), 0_isize);
    // SAFETY: the caller's promise; both results are valid for writing. It fails for what is no bytes, with an exception.
    if unsafe { (api.content)(text, &raw mut start, &raw mut length) } != 0 {
        return null_mut();
    }
    // SAFETY: so many bytes are there for as long as the object is, which the caller holds.
    let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length.unsigned_abs()) };
    let text = String::from_utf8_lossy(bytes);
    truth(api, with_template(|template| template.as_ref().is_some_and(|it| say(it, &text))))
}

unsafe extern "C" fn write_heavy(_: Reference, object: Reference) -> Reference {
    let Some(api) = Api::of_this_process() else { return null_mut() };
    let mut buffer = Buffer::empty();
    // SAFETY: the interpreter calls this with an object; the buffer is valid for writing. It fails, with an exception, for
    // what has no writable memory.
    if unsafe { (api.buffer)(object, &raw mut buffer, Buffer::WRITABLE) } != 0 {
        return null_mut();
    }
    let declared = declare_write_heavy(buffer.start.addr(), buffer.length.unsigned_abs());
    // SAFETY: filled by the call above, and released once.
    unsafe { (api.release_buffer)(&raw mut buffer) };
    truth(api, declared)
}

unsafe extern "C" fn open_nursery(_: Reference, _: Reference) -> Reference {
    let Some(api) = Api::of_this_process() else { return null_mut() };
    // SAFETY: the interpreter calls this with its lock held, and the Python side only where there is one thread; it makes no second
    // interpreter.
    truth(api, unsafe { nursery::open(api) })
}

unsafe extern "C" fn source(_: Reference, _: Reference) -> Reference {
    bytes(SOURCE)
}

unsafe extern "C" fn generators(_: Reference, _: Reference) -> Reference {
    bytes(GENERATORS)
}

unsafe extern "C" fn settings(_: Reference, _: Reference) -> Reference {
    bytes(SETTINGS)
}

fn bytes(text: &[u8]) -> Reference {
    let Some(api) = Api::of_this_process() else { return null_mut() };
    // SAFETY: so many bytes are there, and are copied.
    unsafe { (api.bytes)(text.as_ptr().cast(), text.len().cast_signed()) }
}

unsafe extern "C" fn run_fork_hooks(_: Reference, _: Reference) -> Reference {
    let Some(api) = Api::of_this_process() else { return null_mut() };
    // SAFETY: the interpreter's own, without arguments, one after the other as in a process that forks and its child.
    // Its lock is held, and the Python side calls this only where there is one thread.
    unsafe {
        (api.before_fork)();
        (api.after_fork_in_child)();
    }
    truth(api, true)
}

fn truth(api: &Api, value: bool) -> Reference {
    // SAFETY: no precondition.
    unsafe { (api.truth)(value.into()) }
}
