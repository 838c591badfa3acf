//! What a template has done to its memory, so that its forks are cheap, as it tells when it begins to serve.

use tracing::{debug, warn};
use zeroboot_isolation::policy::Bytes;

use crate::protocol::{
    CopiedPages, FrozenMemory, FrozenPlace, HeavyMemory, HugeCode, HugeHeap, PreparedMemory,
};

/// The figures; `None` where there is nothing, or where it could not be done.
#[derive(Debug, Clone, Default)]
pub(super) struct Ready {
    /// How many pages each fork copies.
    pub(super) copied_pages: Option<u64>,
    /// How much is frozen.
    pub(super) frozen: Option<Bytes>,
    /// What of it was called what before.
    pub(super) places: Vec<FrozenPlace>,
    /// How much each sandbox copies at one go.
    pub(super) write_heavy: Option<Bytes>,
    /// How much heap is set apart for huge pages.
    pub(super) huge_heap: Option<Bytes>,
}

impl Ready {
    /// Says in the log what cannot be had: sandboxes are slower then, and nothing else.
    pub(super) fn told(memory: PreparedMemory) -> Self {
        match memory.code {
            HugeCode::Moved(bytes) => debug!(bytes, "code of large libraries is in huge pages"),
            HugeCode::Not(cause) => debug!(cause, "code of large libraries stays in small pages"),
        }
        let (frozen, places) = frozen(memory.frozen);
        Self {
            copied_pages: copied_pages(memory.copied),
            frozen,
            places,
            write_heavy: write_heavy(memory.heavy),
            huge_heap: huge_heap(memory.heap),
        }
    }

    /// The same, when another process of the template has told this: the pages that its forks copy are its own, all else is shared.
    pub(super) fn and_of_another(self, memory: PreparedMemory) -> Self {
        if self.copied_pages.is_none() {
            // It has been said why.
            return self;
        }
        Self { copied_pages: self.copied_pages.min(copied_pages(memory.copied)), ..self }
    }
}

fn copied_pages(copied: CopiedPages) -> Option<u64> {
    match copied {
        CopiedPages::Copied(pages) => {
            debug!(pages, "each fork copies what the rehearsal has written");
            Some(pages)
        }
        CopiedPages::None(cause) => {
            warn!("sandboxes start more slowly than they could: {cause}");
            None
        }
    }
}

fn frozen(frozen: FrozenMemory) -> (Option<Bytes>, Vec<FrozenPlace>) {
    match frozen {
        FrozenMemory::Frozen { bytes, mappings_before, mappings_after, places } => {
            debug!(bytes, mappings_before, mappings_after, "the template is frozen");
            (Some(Bytes(bytes)), places)
        }
        FrozenMemory::Not(cause) => {
            warn!("sandboxes start more slowly than they could: the template is not frozen: {cause}");
            (None, Vec::new())
        }
    }
}

fn write_heavy(HeavyMemory { bytes, trouble }: HeavyMemory) -> Option<Bytes> {
    if let Some(cause) = trouble {
        warn!(
            "sandboxes write more slowly than they could: only {bytes} bytes are copied at one go: {cause}"
        );
    }
    if bytes == 0 {
        return None;
    }
    debug!(bytes, "each sandbox copies at one go what it will rewrite");
    Some(Bytes(bytes))
}

fn huge_heap(heap: HugeHeap) -> Option<Bytes> {
    match heap {
        HugeHeap::SetApart(0) => None,
        HugeHeap::SetApart(bytes) => Some(Bytes(bytes as u64)),
        HugeHeap::Not(cause) => {
            warn!(
                "sandboxes allocate more slowly than they could: no heap is set apart for huge pages: {cause}"
            );
            None
        }
    }
}
