//! Leaving the Python frames that lie below a call for good.
//!
//! A script sees what lies below it: `traceback.print_stack`, `faulthandler`, tracers and profilers show each frame. Below a script
//! that the interpreter runs by itself there is none. So before a template serves, its thread gets a new state, which has
//! no frame yet. Nothing ever returns to the frames that are left: a template ends by `_exit`, as a sandbox does.
//!
//! What the old state held for its thread goes over: the values of `threading.local`, up to 3.12, and the context of `contextvars`. The
//! interface is <https://docs.python.org/3/c-api/init.html#low-level-api>.

use super::api::Api;

/// Leaves all frames of the calling thread.
///
/// # Safety
/// The interpreter's lock is held, there is no other thread, and the caller never returns to the interpreter.
pub(super) unsafe fn leave(api: &Api) {
    // SAFETY: the caller's promise. The dictionary is borrowed, and kept by a reference of its own, as the context is, for good. The
    // state is cleared with the lock held and then given up with it; `enter_thread` makes a new one and takes the lock again. The third
    // one is never current. It is there since the interpreter keeps the memory of its first state, and up to 3.11 does not
    // expect to use it twice, as it would where no other is left.
    unsafe {
        let items = (api.thread_items)();
        if !items.is_null() {
            (api.take)(items);
        }
        let context = (api.context)();
        let old = (api.thread)();
        let third = (api.new_thread)((api.interpreter)(old));
        (api.clear_thread)(old);
        (api.leave_thread)();
        (api.enter_thread)();
        (api.clear_thread)(third);
        (api.delete_thread)(third);
        let fresh = (api.thread_items)();
        let kept = items.is_null() || fresh.is_null() || (api.update)(fresh, items) == 0;
        if !kept || context.is_null() || (api.enter_context)(context) != 0 {
            // Without it a script misses what the warm-up has set for its thread, and nothing else.
            (api.clear)();
        }
    }
}
