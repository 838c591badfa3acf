//! What holds a sandbox in.
//!
//! The work is done where it is cheapest, so the crate has one room per process that does some of it:
//!
//! | module | runs in | does |
//! |---|---|---|
//! | [`policy`] | anywhere | says what is asked: plain data |
//! | [`filter`] | template | compiles the system-call filters |
//! | [`sockets`] | template | says which sockets there are |
//! | [`cgroup`] | host and warden | bounds whole sandboxes |
//! | [`landlock`] | parked shell | makes the rules of the second wall |
//! | [`world`] | warden | namespaces and file tree, once |
//! | [`quotas`] | warden and template | leaves the host of what the kernel counts per user |
//! | [`shell`] | parked shell | private mounts, a quiet init |
//! | `procfs` | parked shell | its `/proc` |
//! | `init` | parked shell | reaps orphans, ends the sandbox |
//! | [`template`] | template | seals it: capabilities, `no_new_privs`, base filter, once |
//! | [`child`] | each sandbox | the rest, by system calls only |
//! | [`seal`] | host | reads back what really holds, from outside |
//!
//! Never here: forking a template, running user code, measuring, and believing what a sandbox says about itself.

pub mod cgroup;
pub mod child;
pub mod filter;
mod init;
pub mod landlock;
mod loopback;
pub mod policy;
mod procfs;
pub mod quotas;
pub mod seal;
pub mod shell;
pub mod sockets;
mod spot;
pub mod template;
pub mod world;
