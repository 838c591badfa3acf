//! Attacks on a sandbox: small Python programs, each of which tries one way out of whatever runs it.
//!
//! What it is for: somebody who builds a sandbox (this project, or another one) wants to know what a hostile script
//! reaches in it, today and after the next change. The only thing asked of a sandbox is a command that reads a Python
//! program (3.9 or later) from standard input and passes its standard output through.
//!
//! | module | what |
//! |---|---|
//! | [`catalogue`] | the attacks: group, name, what stops each, what its success would damage |
//! | [`program`] | how an attack becomes the text that a sandbox runs |
//! | [`bait`] | what the suite lays out on the host for attacks to reach: a secret, sockets, a descriptor |
//! | [`sandbox`] | starting the sandbox's command, listening to it, ending it |
//! | [`verdict`] | what an attack says: `held`, `through` or `skipped` |
//! | [`suite`] | running an attack and judging what came out |
//! | [`control`] | running it again where it shall succeed |
//!
//! Each attack bounds itself in time and in what it takes, and removes what it has made. Some succeed by asking only:
//! they open a setting for writing and write nothing, or make a privileged call with arguments that only a privileged
//! caller would be told are wrong.
//!
//! What it never does: prove that a sandbox is tight (it tries what is known, and no kernel bug), measure channels of
//! timing or of load, speak the protocol of a sandbox's supervisor, or depend on any crate of Zeroboot.
//!
//! **Never give it a command that is no sandbox**, such as a bare `python3 -`, on a machine that matters, unless
//! [`Risk::Harmless`](catalogue::Risk::Harmless) bounds what is run.
#![forbid(unsafe_code)]

pub mod bait;
pub mod catalogue;
pub mod control;
pub mod program;
pub mod sandbox;
pub mod suite;
pub mod verdict;
