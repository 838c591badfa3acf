//! Telling others what this process has: its templates, pools and living sandboxes, for `zeroboot top` and its like.
//!
//! ```text
//! publisher (a thread): waits at PID.sock ─▶ takes a picture ─▶ answers in JSON, closes
//! reader (any process of the user): each socket in the directory ─▶ pictures
//! both: remove what the dead have left
//! ```
//!
//! | module | does |
//! |---|---|
//! | `directory` | where the sockets are |
//! | `picture` | what is told |
//! | `answer` | the thread that tells it |
//! | `read` | asks all who publish, and clears up |
//!
//! Never here: measuring a sandbox, which whoever reads can do for himself, and anything that a request waits for.

mod answer;
mod directory;
mod picture;
mod read;

pub use self::answer::{PublishError, Publisher, publish};
pub use self::directory::{DirectoryError, make_run_time_directory, run_time_directory};
pub use self::picture::{
    PublishedPlace, PublishedPool, PublishedProcess, PublishedSandbox, PublishedTemplate, SandboxState,
};
pub use self::read::{PublishedError, published};
