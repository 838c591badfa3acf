//! The C ABI of a template: see `include/zeroboot_template.h`, which is its documentation; and the same for CPython, as an
//! extension module.
//!
//! A thin skin over the template side of `zeroboot-runtime`. Never here: logic that is not about a foreign process.

mod python;

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};

use zeroboot_runtime::template::{Sandbox, Template};

thread_local! {
    /// A process is a template, and then a sandbox; both belong to the one thread that there is.
    static TEMPLATE: RefCell<Option<Template>> = const { RefCell::new(None) };
    static SANDBOX: RefCell<Option<Sandbox>> = const { RefCell::new(None) };
}

/// Takes the descriptors of the template, once.
fn with_template<T>(body: impl FnOnce(&mut Option<Template>) -> T) -> T {
    TEMPLATE.with_borrow_mut(|template| {
        if template.is_none() {
            *template = Template::inherited().ok();
        }
        body(template)
    })
}

/// Tells the host why the warm-up has failed: 0, or -1 when it could not be told.
///
/// # Safety
/// `text` is a string that ends with a NUL byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zeroboot_fail(text: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let told = with_template(|template| template.as_ref().is_some_and(|it| it.fail_warm_up(&text).is_ok()));
    if told { 0 } else { -1 }
}

/// The same where the file has failed that the user had the program run: 0, or -1 when the host could not be told.
///
/// # Safety
/// `text` is a string that ends with a NUL byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zeroboot_fail_file(text: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let told = with_template(|template| template.as_ref().is_some_and(|it| it.fail_warm_file(&text).is_ok()));
    if told { 0 } else { -1 }
}

/// Says, before [`zeroboot_serve`], that each sandbox will rewrite this memory: 0, or -1 where this is no template.
#[unsafe(no_mangle)]
pub extern "C" fn zeroboot_write_heavy(start: *const c_void, length: usize) -> c_int {
    if declare_write_heavy(start.addr(), length) { 0 } else { -1 }
}

/// The same; whether there is a template.
fn declare_write_heavy(start: usize, length: usize) -> bool {
    with_template(|template| {
        let memory = start as u64..start.saturating_add(length) as u64;
        template.as_mut().map(|template| template.declare_write_heavy(memory)).is_some()
    })
}

/// Serves; returns 0 once per sandbox, in the sandbox. -1: this process cannot serve, and the host knows why.
///
/// # Safety
/// The process has one thread. Each hook is null or a function without arguments; `before` is called once before the
/// first fork, `in_child` in each sandbox after it was hardened.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zeroboot_serve(
    before: Option<unsafe extern "C" fn()>,
    in_child: Option<unsafe extern "C" fn()>,
) -> c_int {
    let call = |hook: Option<unsafe extern "C" fn()>| {
        if let Some(hook) = hook {
            // SAFETY: the caller's promise.
            unsafe { hook() };
        }
    };
    // SAFETY: the caller's promise.
    if unsafe { serve(|| call(before), || call(in_child)) } { 0 } else { -1 }
}

/// The same; whether this is a sandbox now.
///
/// # Safety
/// The process has one thread.
unsafe fn serve(before: impl FnOnce(), in_child: impl FnOnce()) -> bool {
    let Some(template) = with_template(Option::take) else { return false };
    // SAFETY: the caller's promise: there is no other thread that could look at the environment.
    unsafe { std::env::remove_var(zeroboot_runtime::FDS_VARIABLE) };
    before();
    let Ok(sandbox) = template.serve() else { return false };
    SANDBOX.set(Some(sandbox));
    in_child();
    true
}

/// Sends a piece of the answer: 0, or -1.
///
/// # Safety
/// `bytes` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zeroboot_answer(bytes: *const c_void, length: usize) -> c_int {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) };
    let sent = SANDBOX.with_borrow(|sandbox| sandbox.as_ref().is_some_and(|it| it.answer(bytes).is_ok()));
    if sent { 0 } else { -1 }
}

/// Ends the sandbox with this code, after the host has measured it. Outside a sandbox: just ends the process.
#[unsafe(no_mangle)]
pub extern "C" fn zeroboot_finish(code: c_int) -> ! {
    finish(code)
}

fn finish(code: c_int) -> ! {
    let code = code.to_le_bytes()[0];
    SANDBOX.with_borrow(|sandbox| match sandbox {
        Some(sandbox) => sandbox.finish(code),
        // SAFETY: ends the process; nothing after it runs.
        None => unsafe { libc::_exit(code.into()) },
    })
}
