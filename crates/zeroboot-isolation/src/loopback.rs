//! A shell's own loopback: switched on, and with little memory for what is on its way.
//!
//! What TCP holds for connections is counted for the whole machine: past `net.ipv4.tcp_mem` the connections of everybody
//! are slowed down and dropped. How much one connection may take is each network namespace's own to say.
//!
//! Runs in a shell's init and obeys the child rules: system calls only. Never here: which sockets a sandbox may make
//! ([`crate::filter`]).

use std::ffi::CStr;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// Least, first and most bytes that a connection takes for one direction. A socket cannot ask for more: the
/// filter ignores that.
const PER_DIRECTION: &[u8] = b"4096 65536 131072";

/// How many connections of one listening socket may wait to be accepted. Each holds memory, and has no descriptor that would
/// count.
const UNACCEPTED: &[u8] = b"128";

/// Bounds what each connection of the calling process's network namespace takes while nobody reads it. It needs a `/proc`
/// that can be written to, and `CAP_NET_ADMIN` over the namespace. See `tcp(7)`.
pub(crate) fn bound_memory() -> Result<(), Errno> {
    for file in [c"/proc/sys/net/ipv4/tcp_rmem", c"/proc/sys/net/ipv4/tcp_wmem"] {
        put(file, PER_DIRECTION)?;
    }
    bound_waiting()
}

/// Bounds how many connections wait at each listening socket of the calling process's network namespace, unix sockets
/// included. Needs what [`bound_memory`] needs.
pub(crate) fn bound_waiting() -> Result<(), Errno> {
    match put(c"/proc/sys/net/core/somaxconn", UNACCEPTED) {
        // An older kernel shows it to the machine's first user namespace alone: 4,096 may wait there.
        Err(Errno::ENOENT) => Ok(()),
        result => result,
    }
}

fn put(file: &CStr, text: &[u8]) -> Result<(), Errno> {
    let file = open(file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    match nix::unistd::write(&file, text)? {
        written if written == text.len() => Ok(()),
        _ => Err(Errno::EIO),
    }
}

/// Switches the loopback of a new network namespace on. See `netdevice(7)`.
pub(crate) fn raise() -> Result<(), Errno> {
    // SAFETY: needed since child-side code keeps to system calls. No memory is passed.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    let socket = Errno::result(socket)?;
    // SAFETY: plain old data, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, letter) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = libc::c_char::from_ne_bytes([*letter]);
    }
    // The kernel adds the bits that follow from being up.
    request.ifr_ifru.ifru_flags = IFF_UP;
    // SAFETY: the request has the layout that this command reads, and lives through the call.
    let raised = unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request) };
    // SAFETY: made above, and not used after it.
    unsafe { libc::close(socket) };
    Errno::result(raised).map(drop)
}

#[expect(clippy::cast_possible_truncation, reason = "the first bit of a field of sixteen")]
const IFF_UP: libc::c_short = libc::IFF_UP as libc::c_short;
