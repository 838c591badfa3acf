//! What was copied out of a sandbox, in JSON and in words. Sandboxes choose the names.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;
use zeroboot::{Collected, CollectedFile, LeftOut, WhyLeftOut};

use crate::document::base64_unless_text;
use crate::failure::Failure;

#[derive(Debug, Serialize)]
pub(crate) struct CollectedDocument {
    files: Vec<FileDocument>,
    left_out: Vec<LeftOutDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more_left_out: Option<u64>,
}

#[derive(Debug, Serialize)]
struct FileDocument {
    #[serde(flatten)]
    path: PathDocument,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct LeftOutDocument {
    #[serde(flatten)]
    path: PathDocument,
    reason: String,
}

#[derive(Debug, Serialize)]
struct PathDocument {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
}

impl PathDocument {
    fn of(path: &Path) -> Self {
        let path_b64 = base64_unless_text(path.as_os_str().as_bytes());
        Self { path: path.to_string_lossy().into_owned(), path_b64 }
    }
}

impl CollectedDocument {
    pub(crate) fn of(collected: &Collected) -> Self {
        let file = |CollectedFile { path, bytes }: &CollectedFile| FileDocument {
            path: PathDocument::of(path),
            bytes: bytes.0,
        };
        let left_out = |LeftOut { path, why }: &LeftOut| LeftOutDocument {
            path: PathDocument::of(path),
            reason: why.to_string(),
        };
        Self {
            files: collected.files.iter().map(file).collect(),
            left_out: collected.left_out.iter().map(left_out).collect(),
            more_left_out: Some(collected.more_left_out).filter(|more| *more > 0),
        }
    }
}

/// How much of what was left out a line names.
const NAMED: usize = 3;

/// What was left out, in one line; `None` where nothing was.
pub(crate) fn left_out_in_words(collected: &Collected) -> Option<String> {
    let (named, others) = collected.left_out.split_at(collected.left_out.len().min(NAMED));
    let others = others.len() as u64 + collected.more_left_out;
    // Names may hold what a terminal takes for a command.
    let mut words: Vec<_> = named.iter().map(|LeftOut { path, why }| format!("{path:?}: {why}")).collect();
    if others > 0 {
        words.push(format!("{others} more"));
    }
    (!named.is_empty()).then(|| format!("not copied: {}", words.join(", ")))
}

/// Fails where nothing could be copied at all.
pub(crate) fn check(collected: Option<&Collected>) -> Result<(), Failure> {
    let lost = |left_out: &LeftOut| left_out.why == WhyLeftOut::Lost;
    if collected.is_some_and(|collected| collected.left_out.iter().any(lost)) {
        return Err(Failure::new("the files of the sandbox could not be had", "run it again"));
    }
    Ok(())
}
