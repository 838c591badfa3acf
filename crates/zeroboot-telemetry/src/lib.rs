//! Faults, memory and CPU time of any process, measured from outside.
//!
//! A sandbox's own word about itself cannot be trusted, so everything here comes from what the kernel says
//! about the process in `/proc`. [`sample`] takes one picture; two pictures make a rate.
//!
//! What this crate never does: ask the process itself, stop it, change it, or keep anything between two calls.
//! It has no thread, no cache and no state.
//!
//! ```
//! use nix::unistd::Pid;
//!
//! let before = zeroboot_telemetry::sample(Pid::this())?;
//! let page = vec![1_u8; 1 << 20];
//! let after = zeroboot_telemetry::sample(Pid::this())?;
//!
//! let faults = after.faults.since(before.faults);
//! assert!(faults.minor + faults.major > 0);
//! if let Some(memory) = after.memory {
//!     println!("{} bytes written, {} private, {} shared", page.len(), memory.private_kib, memory.shared_kib);
//! }
//! # Ok::<(), zeroboot_telemetry::SampleError>(())
//! ```

#![forbid(unsafe_code)]

mod error;
mod kib;
mod sample;

pub use error::{SampleError, Source};
pub use kib::Kib;
pub use sample::{Cpu, Faults, Memory, Sample, State, sample};
