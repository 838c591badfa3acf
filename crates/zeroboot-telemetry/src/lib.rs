//! Faults, memory and CPU time of any process, measured from outside.
//!
//! A sandbox's own word about itself cannot be trusted, so everything here comes from what the kernel says
//! about the process in `/proc`. A [`Sampler`] takes one picture; two pictures make a rate. With a [`Baseline`] of the
//! process that it was forked from, the picture tells which pages were copied, from where, and which are new.
//! [`Pressure`] tells what a machine or a cgroup waits for, [`storm`] when faults come in a burst.
//!
//! Of a process that is not dumpable, an ordinary user sees sums only; a process that has ended keeps its
//! faults and CPU time until it is reaped. What cannot be known is `None`, never zero.
//!
//! What this crate never does: ask the process itself, stop it, change it, or believe a name that it gave itself.
//! It has no thread, and keeps nothing between two samples but its buffers.
//!
//! ```
//! use std::sync::Arc;
//!
//! use nix::unistd::Pid;
//! use zeroboot_telemetry::Sampler;
//!
//! let mut sampler = Sampler::new();
//! let template = Arc::new(sampler.baseline(Pid::this())?); // usually of a process that is forked next
//! let mut sampler = sampler.against(template);
//!
//! let before = sampler.sample(Pid::this())?;
//! let page = vec![1_u8; 1 << 20];
//! let after = sampler.sample(Pid::this())?;
//!
//! let faults = after.faults.since(before.faults);
//! assert!(faults.minor + faults.major > 0);
//! if let Some(memory) = after.memory {
//!     println!("{} bytes written, {:?} copied, {:?} zeroed", page.len(), memory.copied_kib, memory.zeroed_kib);
//! }
//! for (mapping, amount) in sampler.copied_from() {
//!     println!("{amount} of {mapping}");
//! }
//! # Ok::<(), zeroboot_telemetry::SampleError>(())
//! ```

mod baseline;
mod counters;
mod directory;
mod error;
mod kib;
mod maps;
mod page_map;
mod pagemap;
mod pressure;
mod ranges;
mod sample;
mod sampler;
mod scan;
pub mod storm;

pub use baseline::Baseline;
pub use error::{SampleError, Source};
pub use kib::Kib;
pub use page_map::{MappedPages, PageMap};
pub use pressure::{Pressure, PressureError, Resource};
pub use sample::{Counters, Cpu, Faults, Memory, Sample, State};
pub use sampler::Sampler;
