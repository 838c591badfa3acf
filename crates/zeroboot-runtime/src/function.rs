//! Rust functions as templates: the host program starts itself again, warms a state up, and answers each request in a
//! sandbox of its own.
//!
//! ```
//! zeroboot_runtime::function! {
//!     name: "count",
//!     warm_up: || vec!["a".to_owned(), "b".to_owned()],
//!     answer: |words: &Vec<String>, text: String| -> usize { words.iter().filter(|word| text.contains(*word)).count() },
//! }
//!
//! fn main() {
//!     zeroboot_runtime::function::init();
//! }
//! ```
//!
//! Never here: the host's side of it (that is `host::Template::function`).

use std::cell::RefCell;
use std::env;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroboot_fork::leave;

use crate::template::{Sandbox, Template};
use crate::words;

pub use inventory;

/// In a template's environment: which function it is for.
pub(crate) const FUNCTION_VARIABLE: &str = "ZEROBOOT_FUNCTION";

/// The function of the warden's program, for the host's own probe: it needs no program of the host's.
#[cfg(feature = "host")]
pub(crate) const PROBE: &str = "probe";

/// The exit code of a template or sandbox that cannot do its work; the text stands on standard error.
const FAILED: u8 = 125;

/// A registered function. Made by [`function!`](crate::function!).
#[derive(Debug, Clone, Copy)]
pub struct Registered {
    /// Its name.
    pub name: &'static str,
    /// Warms up and serves.
    pub serve: fn(Template) -> !,
}

inventory::collect!(Registered);

/// Something to do in each new sandbox of a Rust template, before its function: re-seeding a random generator that the
/// warm-up has used, for one. Made by [`after_fork!`](crate::after_fork!).
#[derive(Debug, Clone, Copy)]
pub struct AfterFork(pub fn());

inventory::collect!(AfterFork);

/// Registers a function under a name. `warm_up` runs once, in the template; `answer` once per sandbox, with what
/// `warm_up` made. Request and answer travel as JSON.
#[macro_export]
macro_rules! function {
    (name: $name:literal, warm_up: $warm_up:expr, answer: $answer:expr $(,)?) => {
        $crate::function::inventory::submit! {
            $crate::function::Registered {
                name: $name,
                serve: |template| $crate::function::serve(template, $warm_up, $answer),
            }
        }
    };
}

/// Registers something to do in each new sandbox of a Rust template, before its function.
///
/// Rust's `rand` (0.9) does not notice a fork: if the warm-up has used its thread generator, every sandbox would draw
/// the same numbers. `zeroboot::after_fork!(|| rand::rng().reseed().expect("the kernel has randomness"));`
#[macro_export]
macro_rules! after_fork {
    ($hook:expr $(,)?) => {
        $crate::function::inventory::submit! { $crate::function::AfterFork($hook) }
    };
}

/// In a process that was started as a template for a function: serves, and never returns. In every other: nothing.
///
/// The first line of `main`, before anything starts a thread.
pub fn init() {
    let Ok(name) = env::var(FUNCTION_VARIABLE) else { return };
    if !Template::is_expected() {
        return;
    }
    let template = match Template::inherited() {
        Ok(template) => template,
        Err(error) => give_up(&words::of(&error)),
    };
    match inventory::iter::<Registered>().find(|function| function.name == name) {
        Some(function) => (function.serve)(template),
        None => {
            let text = format!("this program has no function named {name:?}");
            // When the host is gone nobody wants to know.
            let _ = template.fail_warm_up(&text);
            give_up(&text)
        }
    }
}

thread_local! {
    /// What the warm-up, which runs on the thread that serves, has declared.
    static WRITE_HEAVY: RefCell<Vec<Range<u64>>> = const { RefCell::new(Vec::new()) };
}

/// Says, in the warm-up of a function, that each sandbox will rewrite this memory: it is then copied at one go, in huge pages,
/// before the function is called. Only whole blocks of 2 MiB are: align large buffers so. Whether it was is
/// [`Template::write_heavy`](crate::host::Template::write_heavy).
///
/// It pays when most pages of it are written, and costs each sandbox time and memory when they are not. Elsewhere than in a
/// warm-up it does nothing.
///
/// # After fork
/// Each sandbox has a copy of its own.
pub fn write_heavy<T>(memory: &[T]) {
    let memory = memory.as_ptr_range();
    let range = memory.start.addr() as u64..memory.end.addr() as u64;
    WRITE_HEAVY.with_borrow_mut(|declared| declared.push(range));
}

/// Warms up, then serves; each sandbox answers one request.
pub fn serve<State, Asked: DeserializeOwned, Answer: Serialize>(
    mut template: Template,
    warm_up: fn() -> State,
    answer: fn(&State, Asked) -> Answer,
) -> ! {
    let state = warm_up();
    WRITE_HEAVY.take().into_iter().for_each(|memory| template.declare_write_heavy(memory));
    let sandbox = match template.serve() {
        Ok(sandbox) => sandbox,
        Err(error) => give_up(&words::of(&error)),
    };
    for hook in inventory::iter::<AfterFork>() {
        (hook.0)();
    }
    let code =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answer_one(&sandbox, &state, answer)));
    match code {
        Ok(Ok(())) => sandbox.finish(0),
        Ok(Err(text)) => give_up(&text),
        // The panic's own message stands on standard error.
        Err(_) => sandbox.finish(101),
    }
}

fn answer_one<State, Asked: DeserializeOwned, Answer: Serialize>(
    sandbox: &Sandbox,
    state: &State,
    answer: fn(&State, Asked) -> Answer,
) -> Result<(), String> {
    let (job, _) = sandbox.job().map_err(|error| words::of(&error))?;
    let asked =
        serde_json::from_slice(&job.body).map_err(|error| format!("the request does not fit: {error}"))?;
    let answer = answer(state, asked);
    let answer =
        serde_json::to_vec(&answer).map_err(|error| format!("the answer cannot be written: {error}"))?;
    sandbox.answer(&answer).map_err(|error| format!("the answer cannot be sent: {error}"))
}

fn give_up(text: &str) -> ! {
    use std::io::Write;
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "zeroboot: {text}");
    leave(FAILED)
}
