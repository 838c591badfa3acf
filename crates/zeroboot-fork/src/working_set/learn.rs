//! Learning: what a child has written, from its page table.
//!
//! A page that the child has for itself is one that the child has written, or its parent, which then has a copy. To tell these apart
//! there is a third process, the [`Witness`], which writes nothing: what only the parent has written, the witness still
//! shares with the child.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{SysconfVar, getpid, getppid, pause, sysconf};

use super::{WorkingSet, clip, extend};
use crate::maps::{self, Mapping};
use crate::pagemap::{Page, Window};
use crate::{Child, ForkOptions, ForkPlan, PrepareError, SpawnError, StepFailure, StepId, leave};

/// Why there is no working set.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// Preparing the fork of the witness.
    #[error("cannot prepare the fork of a witness")]
    Prepare(#[from] PrepareError),
    /// The fork of the witness.
    #[error("cannot fork a witness")]
    Witness(#[from] SpawnError),
    /// Opening or reading the child's mappings.
    #[error("cannot read the mappings of the child")]
    Maps(#[source] io::Error),
    /// Opening or reading the child's page table.
    #[error("cannot read the page table of the child")]
    PageTable(#[source] io::Error),
    /// The size of a page.
    #[error("the size of a page is unknown")]
    PageSize,
}

/// A copy of this process that waits and writes nothing. It ends when it is dropped, or with this thread.
#[derive(Debug)]
pub struct Witness(Child);

impl Witness {
    /// Forks it: right before the child that is to be observed, and in the same pid namespace as other children.
    ///
    /// # Errors
    /// [`LearnError`], also where this process has more than one thread.
    ///
    /// # After fork
    /// It gives up all descriptors, so that nobody waits for an end of file in vain, and waits for its end.
    pub fn new() -> Result<Self, LearnError> {
        let parent = getpid();
        let end_with_parent = || {
            set_pdeathsig(Signal::SIGKILL).map_err(|errno| StepFailure::new(StepId::DEATH_SIGNAL, errno))?;
            if getppid() != parent {
                leave(0);
            }
            Ok(())
        };
        let plan = ForkPlan::prepare(ForkOptions::default())?;
        Ok(Self(plan.spawn(&end_with_parent, || {
            close_everything();
            loop {
                pause();
            }
        })?))
    }

    /// Opens the memory of a child, before it has written what it is to write.
    ///
    /// # Errors
    /// [`LearnError`]; the caller needs the same rights as for `PTRACE_MODE_READ`, see `ptrace(2)`.
    pub fn observe(self, pid: u32) -> Result<Observer, LearnError> {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
        Ok(Observer {
            maps: File::open(format!("/proc/{pid}/maps")).map_err(LearnError::Maps)?,
            pagemap: File::open(format!("/proc/{pid}/pagemap")).map_err(LearnError::PageTable)?,
            page: page.and_then(|page| page.try_into().ok()).ok_or(LearnError::PageSize)?,
            _witness: self,
        })
    }
}

/// Every descriptor of this process, the standard streams included. A kernel before 5.9 leaves them open.
fn close_everything() {
    // SAFETY: needed since their owners are those of the process that this one is a copy of, and will never run here: this is a
    // process that only waits from now on.
    unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
}

impl Drop for Witness {
    fn drop(&mut self) {
        // It can only be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A hold on the memory of a child. It stays readable when the child changes its user id or becomes non-dumpable.
#[derive(Debug)]
pub struct Observer {
    maps: File,
    pagemap: File,
    page: u64,
    _witness: Witness,
}

impl Observer {
    /// What the child has written until now; it should wait meanwhile.
    ///
    /// A page that is no file's and that only the child maps is one that it has written, as long as there is a witness.
    ///
    /// # Errors
    /// [`LearnError`].
    pub fn working_set(&mut self) -> Result<WorkingSet, LearnError> {
        let mut text = Vec::new();
        self.maps.read_to_end(&mut text).map_err(LearnError::Maps)?;
        let mut set = WorkingSet { page: self.page, ..WorkingSet::default() };
        for mapping in String::from_utf8_lossy(&text).lines().filter_map(Mapping::parse) {
            if !mapping.is_shared && (mapping.is_writable || mapping.has_file()) {
                self.walk(&mapping, &mut set).map_err(LearnError::PageTable)?;
            }
        }
        Ok(set)
    }

    fn walk(&self, mapping: &Mapping, set: &mut WorkingSet) -> io::Result<()> {
        Window::new(self.page).each(&self.pagemap, mapping.addresses.clone(), |address, page| {
            if page.is_present() && page.is_of_file() {
                extend(&mut set.read, address, self.page);
            } else if mapping.is_writable && page.is_present() && page.is_mapped_once() {
                extend(&mut set.written, address, self.page);
            }
        })
    }
}

/// Those blocks of which this process has so many pages of content in private memory: of its own, and of files.
pub(super) fn with_content(
    mut blocks: Vec<Range<u64>>,
    enough: u64,
    page: u64,
) -> Result<Vec<Range<u64>>, LearnError> {
    let mut mappings = maps::of_this_process().map_err(LearnError::Maps)?;
    mappings.retain(|mapping| mapping.is_writable && !mapping.is_shared);
    let pagemap = File::open("/proc/self/pagemap").map_err(LearnError::PageTable)?;
    let mut window = Window::new(page);
    let mut unreadable = None;
    blocks.retain(|block| {
        let mut pages = 0;
        for mapping in &mappings {
            for part in clip(std::slice::from_ref(block), &mapping.addresses) {
                let count = |_, found: Page| {
                    pages += u64::from(mapping.has_file() || found.is_present() || found.is_swapped());
                };
                unreadable = window.each(&pagemap, part, count).err().or(unreadable.take());
            }
        }
        pages >= enough
    });
    unreadable.map_or(Ok(blocks), |error| Err(LearnError::PageTable(error)))
}
