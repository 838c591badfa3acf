//! What was copied since the fork, from the page tables of both processes.
//!
//! A page that the parent has for itself, where the child has one too, is not the same page for both any more: one of them
//! has written, and the kernel has copied. Physical addresses would say the same and are for root only.
//!
//! Never here: who has written, which no page table tells (a soft-dirty bit speaks of whole mappings where they have grown).

use std::fs::File;
use std::io;

use nix::unistd::{SysconfVar, sysconf};

use super::Bytes;
use crate::maps;
use crate::pagemap::Window;

/// How many bytes of this process, the child, are copies of what the process with this page table has now. `parent` was
/// opened by that process for itself: such a file stays with its memory, whoever reads it.
pub(super) fn copied(parent: &File) -> io::Result<Bytes> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|page| page.try_into().ok());
    let page: u64 = page.ok_or(io::ErrorKind::Unsupported)?;
    let child = File::open("/proc/self/pagemap")?;
    let mappings = maps::of_this_process()?.into_iter();
    let (mut theirs, mut ours) = (Window::new(page), Window::new(page));
    let mut pages = 0;
    // What cannot be read cannot be written either, and may be a reservation of terabytes.
    for mapping in mappings.filter(|mapping| mapping.is_readable && !mapping.is_shared) {
        let mut rest = mapping.addresses;
        while !rest.is_empty() {
            let ours = ours.read(&child, &rest)?;
            let theirs = theirs.read(parent, &rest)?;
            let mut looked_at = 0;
            for (ours, theirs) in ours.zip(theirs) {
                looked_at += 1;
                let inherited = ours.is_present() && !ours.is_of_file();
                let apart = theirs.is_present() && !theirs.is_of_file() && theirs.is_mapped_once();
                pages += u64::from(inherited && apart);
            }
            if looked_at == 0 {
                // Beyond what user space may map: `[vsyscall]`.
                break;
            }
            rest.start += looked_at * page;
        }
    }
    Ok(Bytes(pages * page))
}
