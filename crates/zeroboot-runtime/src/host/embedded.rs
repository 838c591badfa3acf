//! The programs that the build script made, as sealed memory files: nothing has to be installed next to the host.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A memory file that is made once per process.
pub(super) struct Embedded {
    name: &'static str,
    bytes: &'static [u8],
    file: OnceLock<OwnedFd>,
}

/// The warden's program.
pub(super) static WARDEN: Embedded = Embedded {
    name: "zeroboot-warden",
    bytes: include_bytes!(env!("ZEROBOOT_EMBEDDED_WARDEN")),
    file: OnceLock::new(),
};

/// The library of the C ABI.
pub(super) static LIBRARY: Embedded = Embedded {
    name: "libzeroboot_template.so",
    bytes: include_bytes!(env!("ZEROBOOT_EMBEDDED_LIBRARY")),
    file: OnceLock::new(),
};

/// The Python side.
pub(super) static PYTHON: Embedded = Embedded {
    name: "template.py",
    bytes: include_bytes!(env!("ZEROBOOT_EMBEDDED_PYTHON")),
    file: OnceLock::new(),
};

impl Embedded {
    /// The file, at its beginning and never written again.
    pub(super) fn file(&self) -> std::io::Result<BorrowedFd<'_>> {
        if let Some(file) = self.file.get() {
            return Ok(file.as_fd());
        }
        let mut file = File::from(memory_file(self.name)?);
        file.write_all(self.bytes)?;
        file.rewind()?;
        let seals = nix::fcntl::SealFlag::F_SEAL_SEAL
            | nix::fcntl::SealFlag::F_SEAL_SHRINK
            | nix::fcntl::SealFlag::F_SEAL_GROW
            | nix::fcntl::SealFlag::F_SEAL_WRITE;
        nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_ADD_SEALS(seals))?;
        // Two threads may have come here at once: the first file stays.
        Ok(self.file.get_or_init(|| file.into()).as_fd())
    }
}

/// Says that the file may be executed, where `vm.memfd_noexec` would have it otherwise. Newer than libc's list.
const MFD_EXEC: nix::libc::c_uint = 0x10;

fn memory_file(name: &str) -> Result<OwnedFd, Errno> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    match memfd_create(name, flags | MFdFlags::from_bits_retain(MFD_EXEC)) {
        // A kernel before 6.3 does not know the last flag, and does not need it.
        Err(Errno::EINVAL) => memfd_create(name, flags),
        result => result,
    }
}
