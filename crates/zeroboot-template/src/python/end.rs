//! The end of a script, as the interpreter's own: exit status, threads, exit handlers, and whatever is in a buffer.
//!
//! The order is that of `Py_RunMain` and `Py_FinalizeEx`: an uncaught exception is printed; threads are waited for; exit handlers
//! run; the standard streams are flushed; the modules of the script go, and with them what their variables hold, so that files are
//! closed, generators finished and `__del__` called; the original streams are flushed, and the buffers of C. What the
//! warm-up has made stays, since it dies with the process, and to take it apart would copy all of it. See
//! <https://docs.python.org/3/c-api/init.html#c.Py_FinalizeEx>.
//!
//! A script that leaves nothing pays for a look at its names. Never here: what an exception handler or a destructor prints.

mod children;
mod modules;
mod status;
mod streams;

use std::ffi::{CStr, c_int, c_long};
use std::ptr::null_mut;

use self::children::await_children;
use self::modules::{TRACER, Tracer, clear_namespace, each_item, is_special};
use self::status::{Outcome, interrupt, report};
pub(super) use self::streams::flush_stdio;
use self::streams::{drop_streams, flush_streams, is_closed};
use super::api::{Api, Raised, Reference};

/// What the interpreter ends with when a stream cannot be flushed: "unlikely to be confused with a non-error exit status".
const CANNOT_FLUSH: c_int = 120;

/// The last exception, which holds the frames of the script.
const LAST: [&CStr; 4] = [c"last_exc", c"last_type", c"last_value", c"last_traceback"];

const STREAMS: [(&CStr, &CStr); 3] =
    [(c"stdin", c"__stdin__"), (c"stdout", c"__stdout__"), (c"stderr", c"__stderr__")];

/// What the end of a script needs, made ready in the template: names are looked up once.
pub(super) struct Ending {
    /// The modules of the warm-up, by their addresses, in order.
    modules: Vec<usize>,
    run_exit_handlers: Reference,
    collect: Reference,
    /// The younger generations alone, as the arguments of `collect`.
    young: [Reference; 2],
    count: Reference,
    count_threads: Reference,
    /// Any code.
    code: Reference,
    /// The interpreter's own standard streams.
    streams: [Reference; 3],
    /// How many objects the collector has seen when the script began.
    before: Option<[i64; 3]>,
}

impl Ending {
    /// Looks up what is needed; none, with an exception, where the interpreter lacks something of it.
    pub(super) fn prepare(api: &Api, code: Reference) -> Option<Self> {
        let of = |module: &CStr, name: &CStr| {
            // SAFETY: the interpreter's lock is held; module and attribute are references of our own, kept for good.
            let found = unsafe {
                let module = (api.import)(module.as_ptr());
                if module.is_null() { null_mut() } else { (api.attribute)(module, name.as_ptr()) }
            };
            (!found.is_null()).then_some(found)
        };
        let mut modules = Vec::new();
        // SAFETY: the interpreter's lock is held.
        unsafe {
            let main = (api.item)((api.modules)(), c"__main__".as_ptr());
            each_item(api, (api.modules)(), |_, module| {
                // That is the script's.
                if module != main {
                    modules.push(module.addr());
                }
            });
        }
        modules.sort_unstable();
        let streams = STREAMS.map(|(name, _)| {
            // SAFETY: the lock is held; what is borrowed is kept for good.
            unsafe {
                let stream = (api.of_sys)(name.as_ptr());
                if !stream.is_null() {
                    (api.take)(stream);
                }
                stream
            }
        });
        Some(Self {
            modules,
            run_exit_handlers: of(c"atexit", c"_run_exitfuncs")?,
            collect: of(c"gc", c"collect")?,
            young: [arguments(api, 0)?, arguments(api, 1)?],
            count: of(c"gc", c"get_count")?,
            count_threads: of(c"_thread", c"_count")?,
            code,
            streams,
            before: None,
        })
    }

    /// Before the script's first instruction.
    pub(super) fn begin(&mut self, api: &Api) {
        self.before = self.counts(api);
    }

    /// Everything from the script's last instruction to the exit status of the process. The sandbox is measured before anything of
    /// the script goes.
    ///
    /// # Safety
    /// The interpreter's lock is held, and no frame of a script lives in this thread. An exception of the script is set, or none.
    pub(super) unsafe fn end(&self, api: &Api, be_measured: impl FnOnce()) -> c_int {
        // SAFETY: the caller's promise, for each of these.
        unsafe {
            let Outcome { mut status, is_interrupted } = report(api);
            finish_threads(api);
            if self.call(api, self.run_exit_handlers, null_mut()).is_err() {
                (api.clear)();
            }
            let flushed = flush_streams(api);
            let has_left_something = self.has_left_something(api);
            flush_stdio();
            be_measured();
            if has_left_something {
                forget(api);
                self.remove_modules(api);
                drop_streams(api);
                self.flush_originals(api);
                flush_stdio();
            }
            await_children();
            if is_interrupted {
                interrupt();
            }
            if flushed.is_err() {
                status = CANNOT_FLUSH;
            }
            status
        }
    }

    /// # Safety
    /// A callable of the interpreter's own, and a tuple or null; its lock is held.
    unsafe fn call(&self, api: &Api, function: Reference, arguments: Reference) -> Result<(), Raised> {
        // SAFETY: the caller's promise; the result is dropped once.
        unsafe {
            let result = (api.call)(function, arguments);
            if result.is_null() {
                return Err(Raised);
            }
            (api.drop)(result);
        }
        Ok(())
    }

    /// Of each generation of the garbage collector: how much it has to look at.
    fn counts(&self, api: &Api) -> Option<[i64; 3]> {
        // SAFETY: the interpreter's lock is held; a tuple of three numbers comes back, or nothing after a failure.
        unsafe {
            let counts = (api.call)(self.count, null_mut());
            if counts.is_null() {
                (api.clear)();
                return None;
            }
            let numbers = [0, 1, 2].map(|index| (api.number)((api.place)(counts, index)));
            (api.drop)(counts);
            Some(numbers)
        }
    }

    /// Whether the script has made anything that could have an end of its own.
    ///
    /// # Safety
    /// The interpreter's lock is held.
    unsafe fn has_left_something(&self, api: &Api) -> bool {
        let mut left = match (self.before, self.counts(api)) {
            // Where it has collected, what is left is in an older generation.
            (Some([before, older @ ..]), Some([now, others @ ..])) if older == others => now > before,
            _ => true,
        };
        // SAFETY: the caller's promise; the module is borrowed from the dictionary of all modules, which is not changed meanwhile.
        unsafe {
            let replaced =
                STREAMS.iter().zip(self.streams).any(|((name, _), own)| (api.of_sys)(name.as_ptr()) != own);
            let main = (api.item)((api.modules)(), c"__main__".as_ptr());
            left |= replaced || main.is_null() || !api.is_instance(main, api.module_kind);
            if left {
                return true;
            }
            each_item(api, (api.modules)(), |_, module| left |= module != main && !self.is_known(module));
            let namespace = (api.namespace)(main);
            each_item(api, namespace, |name, value| {
                left |= !is_special(api, name) && !self.is_plain(api, value);
            });
        }
        left
    }

    fn is_known(&self, module: Reference) -> bool {
        self.modules.binary_search(&module.addr()).is_ok()
    }

    /// Whether nothing happens when this value goes.
    ///
    /// # Safety
    /// A live object; the interpreter's lock is held.
    unsafe fn is_plain(&self, api: &Api, value: Reference) -> bool {
        let plain = [api.integer_kind, api.text_kind, api.float_kind, api.truth_kind, api.bytes_kind];
        // SAFETY: the caller's promise.
        value == api.none || plain.contains(&unsafe { api.kind(value) }) || self.is_known(value)
    }

    /// Has the modules of the script go, in the interpreter's order: first those that nothing else holds, then all in cycles, then
    /// the variables of those that are left, the last module first.
    ///
    /// # Safety
    /// The interpreter's lock is held.
    unsafe fn remove_modules(&self, api: &Api) {
        let mut names = Vec::new();
        let mut left = Vec::new();
        let [young, older] = self.ages(api);
        // SAFETY: the caller's promise. What is taken here is dropped once. The dictionary is changed in the values of keys that are
        // there alone, which an iteration over it allows.
        unsafe {
            // As the interpreter does. What lives then is one age older, and in another order.
            self.collect(api, young);
            each_item(api, (api.modules)(), |name, module| {
                if module != api.none && !self.is_known(module) {
                    (api.take)(name);
                    names.push(name);
                    if api.is_instance(module, api.module_kind) {
                        let namespace = (api.namespace)(module);
                        (api.take)(namespace);
                        left.push((Tracer::of(api, module), namespace));
                    }
                }
            });
            if self.other_threads(api) {
                silence_threads(api);
            }
            for name in names {
                if (api.put)((api.modules)(), name, api.none) != 0 {
                    (api.clear)();
                }
                (api.drop)(name);
            }
            // Nothing may be held here while cycles are looked for: only traced.
            let tracers: Vec<_> = left
                .into_iter()
                .flat_map(|(module, namespace)| {
                    let others = api.references(namespace) > 1;
                    let tracer = if others { self.trace(api, namespace) } else { None };
                    (api.drop)(namespace);
                    [module, tracer]
                })
                .flatten()
                .collect();
            self.collect(api, older);
            let mut cleared = false;
            for tracer in tracers.into_iter().rev() {
                if let Some(namespace) = tracer.end(api) {
                    clear_namespace(api, namespace);
                    (api.drop)(namespace);
                    cleared = true;
                }
            }
            if cleared {
                self.collect(api, null_mut());
            }
        }
    }

    /// Follows a namespace by a function that it alone holds, and whose globals it is: a dictionary cannot be followed itself.
    ///
    /// # Safety
    /// A live dictionary; the interpreter's lock is held.
    unsafe fn trace(&self, api: &Api, namespace: Reference) -> Option<Tracer> {
        // SAFETY: the caller's promise; the function is dropped once, and then the namespace's alone.
        unsafe {
            let function = (api.function)(self.code, namespace);
            if function.is_null() {
                (api.clear)();
                return None;
            }
            let tracer = Tracer::of(api, function);
            if (api.put_text)(namespace, TRACER.as_ptr(), function) != 0 {
                (api.clear)();
            }
            (api.drop)(function);
            tracer
        }
    }

    /// How far the garbage collector has to look.
    fn ages(&self, api: &Api) -> [Reference; 2] {
        let older = |counts: Option<[i64; 3]>| counts.map(|[_, older @ ..]| older);
        // Everything, which costs the interpreter's free lists as well, only where something has grown old.
        let is_young = self.before.is_some() && older(self.counts(api)) == older(self.before);
        if is_young { self.young } else { [null_mut(); 2] }
    }

    /// # Safety
    /// The interpreter's lock is held, and these are arguments of `collect`, or null.
    unsafe fn collect(&self, api: &Api, arguments: Reference) {
        // SAFETY: a function of the interpreter's own, with its arguments.
        if unsafe { self.call(api, self.collect, arguments) }.is_err() {
            // SAFETY: no precondition.
            unsafe { (api.clear)() };
        }
    }

    /// # Safety
    /// The interpreter's lock is held.
    unsafe fn other_threads(&self, api: &Api) -> bool {
        // SAFETY: a function of the interpreter's own, which returns a number, or nothing after a failure.
        unsafe {
            let count = (api.call)(self.count_threads, null_mut());
            if count.is_null() {
                (api.clear)();
                return false;
            }
            let threads = (api.number)(count);
            (api.drop)(count);
            threads > 0
        }
    }

    /// What the interpreter opened itself, wherever the script has put it: at its end it would go as well.
    ///
    /// # Safety
    /// The interpreter's lock is held.
    unsafe fn flush_originals(&self, api: &Api) {
        for stream in self.streams.into_iter().skip(1) {
            // SAFETY: kept by a reference of our own, or absent.
            unsafe {
                if !stream.is_null()
                    && stream != api.none
                    && !is_closed(api, stream)
                    && api.call_method(stream, c"flush").is_err()
                {
                    (api.clear)();
                }
            }
        }
    }
}

/// `(number,)`
fn arguments(api: &Api, number: c_long) -> Option<Reference> {
    // SAFETY: the interpreter's lock is held; the tuple is fresh, and takes the number over.
    unsafe {
        let tuple = (api.tuple)(1);
        let is_made = !tuple.is_null() && (api.put_into_tuple)(tuple, 0, (api.integer)(number)) == 0;
        is_made.then_some(tuple)
    }
}

/// # Safety
/// The interpreter's lock is held.
unsafe fn finish_threads(api: &Api) {
    // SAFETY: the caller's promise; the module is borrowed, and kept for the call.
    unsafe {
        let threading = (api.item)((api.modules)(), c"threading".as_ptr());
        if threading.is_null() || threading == api.none {
            return;
        }
        (api.take)(threading);
        if api.call_method(threading, c"_shutdown").is_err() {
            api.ignore(threading, c"Exception ignored on threading shutdown");
        }
        (api.drop)(threading);
    }
}

/// The threads that go on would fail for want of their names, which outside they have no time for.
///
/// # Safety
/// The interpreter's lock is held.
unsafe fn silence_threads(api: &Api) {
    // SAFETY: the caller's promise; any callable that takes one argument and does nothing will do.
    unsafe {
        let threading = (api.item)((api.modules)(), c"threading".as_ptr());
        if !threading.is_null() && (api.set_attribute)(threading, c"excepthook".as_ptr(), api.truth_kind) != 0
        {
            (api.clear)();
        }
    }
}

/// Modules that print tracebacks with lines of the source, which the interpreter has none of any more when it ends.
const QUOTING: [&CStr; 2] = [c"io", c"traceback"];

/// Before the modules go: `sys` has its own streams again, and nothing that holds frames.
///
/// # Safety
/// The interpreter's lock is held.
unsafe fn forget(api: &Api) {
    // SAFETY: the caller's promise; a stream is borrowed from the dictionary that it stays in.
    unsafe {
        for name in LAST {
            if !(api.of_sys)(name.as_ptr()).is_null() && (api.set_of_sys)(name.as_ptr(), api.none) != 0 {
                (api.clear)();
            }
        }
        for name in QUOTING {
            let is_there = !(api.item)((api.modules)(), name.as_ptr()).is_null();
            if is_there && (api.put_text)((api.modules)(), name.as_ptr(), api.none) != 0 {
                (api.clear)();
            }
        }
        for (name, original) in STREAMS {
            let stream = (api.of_sys)(original.as_ptr());
            let stream = if stream.is_null() { api.none } else { stream };
            if (api.of_sys)(name.as_ptr()) != stream && (api.set_of_sys)(name.as_ptr(), stream) != 0 {
                (api.clear)();
            }
        }
    }
}
