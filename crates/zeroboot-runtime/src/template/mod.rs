//! The template's side: what a warm process does to serve.
//!
//! ```text
//! warm-up ─▶ audit ─▶ freeze ─▶ rehearsal ─▶ twins ─▶ seal ─▶ serve: request ─▶ join a shell's pid namespace ─▶ clone3 ─▶ next request
//!                                                                                                                 └─▶ child: harden ─▶ user code
//! ```
//!
//! [`Template::serve`] returns once per sandbox, in the sandbox. Never here: a language (that is the caller's), and
//! reading anything from a sandbox.

mod child;
mod findings;
mod inherited;
mod memory;
mod rehearsal;
mod sandbox;
mod serve;
mod server;
mod twins;

pub use inherited::{InheritedError, Template};
pub use sandbox::{ReceiveJobError, Sandbox};
pub use serve::ServeError;
pub use twins::TwinError;
