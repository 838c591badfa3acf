//! Templates and sandboxes: this crate joins the fork engine, the isolation and the telemetry.
//!
//! Three processes run its code: the program that wants sandboxes ([`host`], feature `host`), the [`warden`] that owns
//! their namespaces, and the warm process itself ([`template`]). Feature `tokio`: the host's side for programs of tasks. What they tell one another is in [`protocol`]. See
//! `docs/architecture.md` for the whole picture.
//!
//! Never here: `unsafe`, and anything that a sandbox's word about itself would decide.

#![forbid(unsafe_code)]

pub mod function;
#[cfg(feature = "host")]
pub mod host;
pub mod protocol;
pub mod template;
#[cfg(feature = "tokio")]
pub mod tokio;
pub mod warden;
mod words;

/// In the template's environment: the numbers of its descriptors, separated by commas: control, link, extras.
pub const FDS_VARIABLE: &str = "ZEROBOOT_FDS";
