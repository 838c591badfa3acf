//! The world that a template and its sandboxes live in: namespaces of their own and a small read-only file tree.
//!
//! Built once by the warden, a small single-threaded program, before the template starts: everything that happens
//! here is paid once and inherited by every sandbox. The order follows from what the kernel asks:
//!
//! 1. [`Covers::look_through`] and [`unshare`] in the warden's first stage; its host then maps the user ids ([`IdMap::write`]) that it has to lend
//!    ([`Lending`]).
//! 2. A fork: the second stage is pid 1 of the new pid namespace.
//! 3. [`build_tree`] opens the sources while it still has the host user's identity (they may lie below a directory
//!    that only that user can enter), takes the mapped identity, and moves everything below a new root.
//!
//! Never here: anything a sandbox does for itself (that is [`crate::child`]), and any decision about policy.

mod clock;
mod cover;
mod etc;
mod identity;
mod lending;
mod machine;
pub(crate) mod mount;
mod names;
mod project;
mod store;
mod tree;

pub use cover::Covers;
pub use identity::{IdMap, IdMapError, LendError, TEMPLATE_USER, UnshareError, lend_capabilities, unshare};
pub use lending::{IdRange, Lending, LendingError};
pub(crate) use mount::{attach_over, open_tree};
pub(crate) use names::OwnNames;
pub use project::{Owner, Project, ProjectError};
pub use store::Shown;
pub(crate) use store::{StoredView, UPPER, WORK, overlay_options};
pub use tree::{Bind, Content, HOME, TreeError, build_tree};
