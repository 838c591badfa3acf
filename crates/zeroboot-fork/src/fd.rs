//! Passing descriptors and small messages over `SOCK_SEQPACKET` sockets: one packet is one message.
//!
//! Nothing here allocates, so that a template can serve without dirtying its heap. Never here: what the messages mean.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

/// The most descriptors that one packet carries.
pub const MAX_FDS: usize = 8;

/// Whether to wait for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Until there is one.
    Block,
    /// Not at all: `EAGAIN` when there is none.
    DontWait,
}

impl Waiting {
    fn flag(self) -> libc::c_int {
        match self {
            Self::Block => 0,
            Self::DontWait => libc::MSG_DONTWAIT,
        }
    }
}

/// A connected pair of `SOCK_SEQPACKET` sockets, both close-on-exec. See `unix(7)`.
///
/// # Errors
/// `EMFILE`, `ENFILE`.
pub fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

/// Sends one packet with descriptors; the receiver gets copies.
///
/// # Errors
/// `EPIPE` when the other end is gone (no signal is raised), `EMSGSIZE`, `EINVAL` for more than [`MAX_FDS`]
/// descriptors, `EAGAIN` on a non-blocking socket.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    if fds.len() > MAX_FDS {
        return Err(Errno::EINVAL);
    }
    let mut control = Control::default();
    let mut iov = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut header = message_header(&mut iov);
    if !fds.is_empty() {
        let raw: [RawFd; MAX_FDS] =
            std::array::from_fn(|index| fds.get(index).map_or(-1, AsRawFd::as_raw_fd));
        control.attach(&mut header, fds.len());
        put_rights(&header, &raw[..fds.len()]);
    }
    loop {
        // SAFETY: the header points to live buffers, which the kernel only reads.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) };
        match Errno::result(sent) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// A packet that came with descriptors.
#[derive(Debug)]
pub struct Received {
    /// Its length in bytes; 0 when the other end is gone.
    pub length: usize,
    /// Its descriptors, close-on-exec.
    pub fds: FdArray,
}

/// Up to [`MAX_FDS`] descriptors.
#[derive(Debug, Default)]
pub struct FdArray {
    fds: [Option<OwnedFd>; MAX_FDS],
}

impl FdArray {
    /// Exactly `N` of them; `None`, and all closed, when there are more or fewer.
    #[must_use]
    pub fn exactly<const N: usize>(self) -> Option<[OwnedFd; N]> {
        let mut fds = self.into_iter();
        let array: [Option<OwnedFd>; N] = std::array::from_fn(|_| fds.next());
        if fds.next().is_some() || array.iter().any(Option::is_none) {
            return None;
        }
        Some(array.map(|fd| fd.expect("every place was just seen to be filled")))
    }
}

impl IntoIterator for FdArray {
    type Item = OwnedFd;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<OwnedFd>, MAX_FDS>>;

    fn into_iter(self) -> Self::IntoIter {
        self.fds.into_iter().flatten()
    }
}

/// Receives one packet and its descriptors. For a trusted peer: whoever sends descriptors chooses what is held here.
///
/// # Errors
/// `EAGAIN` when there is none and nobody waits; `EMSGSIZE` when the packet is longer than `buffer`, or carries more than
/// [`MAX_FDS`] descriptors (it is lost then); `ECONNRESET`.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8], waiting: Waiting) -> Result<Received, Errno> {
    let mut control = Control::default();
    let mut iov = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut header = message_header(&mut iov);
    // Room for just so many: the kernel closes the others, and says MSG_CTRUNC.
    control.attach(&mut header, MAX_FDS);
    let length = receive_message(socket, &mut header, waiting)?;
    let fds = take_rights(&header);
    if header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
        return Err(Errno::EMSGSIZE);
    }
    Ok(Received { length, fds })
}

/// Receives one packet from a peer that is not trusted: descriptors that come with it are closed by the kernel, unseen.
/// Gives its length; 0 when the other end is gone, and for an empty packet: only a peer that is trusted never sends one, see
/// [`queued`].
///
/// # Errors
/// As [`receive`].
pub fn receive_bytes(socket: BorrowedFd<'_>, buffer: &mut [u8], waiting: Waiting) -> Result<usize, Errno> {
    let mut iov = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut header = message_header(&mut iov);
    let length = receive_message(socket, &mut header, waiting)?;
    if header.msg_flags & libc::MSG_TRUNC != 0 { Err(Errno::EMSGSIZE) } else { Ok(length) }
}

/// Waits for a packet and gives its length in bytes, without taking it; 0 when the other end is gone. See `MSG_TRUNC` in
/// `recv(2)`.
///
/// # Errors
/// `ECONNRESET`.
pub fn await_length(socket: BorrowedFd<'_>) -> Result<usize, Errno> {
    loop {
        let flags = libc::MSG_PEEK | libc::MSG_TRUNC;
        // SAFETY: needed since `nix` gives no more than the length of the buffer. With a length of zero nothing is written.
        let length = unsafe { libc::recv(socket.as_raw_fd(), std::ptr::null_mut(), 0, flags) };
        match Errno::result(length) {
            Ok(length) => return Ok(length.unsigned_abs()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// How many bytes wait to be received, over all packets. See `SIOCINQ` in `unix(7)`.
///
/// When no other process can send any more, and this is 0, nothing but empty packets is left.
///
/// # Errors
/// None is expected of a socket of [`pair`].
pub fn queued(socket: BorrowedFd<'_>) -> Result<usize, Errno> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: needed since `nix` has no function for this command. It writes one integer, which lives through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
    Errno::result(result)?;
    usize::try_from(bytes).map_err(|_| Errno::EOVERFLOW)
}

/// Whether nobody can send any more over the other end of a socket: it is closed, or shut down for writing. What was sent
/// before may still be there. See `POLLRDHUP` in `poll(2)`.
#[must_use]
pub fn is_hung_up(socket: BorrowedFd<'_>) -> bool {
    let mut source = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 };
    let (one, no_time) = (1, 0);
    // SAFETY: needed since `nix` does not know this flag. The one entry lives through the call, which does not wait.
    let ready = unsafe { libc::poll(&raw mut source, one, no_time) };
    ready == 1 && source.revents & (libc::POLLRDHUP | libc::POLLHUP) != 0
}

fn receive_message(
    socket: BorrowedFd<'_>,
    header: &mut libc::msghdr,
    waiting: Waiting,
) -> Result<usize, Errno> {
    let flags = libc::MSG_CMSG_CLOEXEC | waiting.flag();
    loop {
        // SAFETY: the header points to live buffers of the lengths it states.
        let length = unsafe { libc::recvmsg(socket.as_raw_fd(), header, flags) };
        match Errno::result(length) {
            Ok(length) => return Ok(length.unsigned_abs()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Makes every open descriptor but the standard streams close-on-exec: what the program that started this one forgot to
/// keep to itself goes no further. See `close_range(2)`.
///
/// # Errors
/// `EINVAL` or `ENOSYS` on a kernel before 5.11.
pub fn pass_none_on() -> Result<(), Errno> {
    let (first, last) = (libc::STDERR_FILENO + 1, libc::c_uint::MAX);
    // SAFETY: no memory is passed, and no descriptor is closed: the flag takes nothing from an owner in this process.
    // The raw call, since older C libraries have no wrapper.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) };
    Errno::result(result).map(drop)
}

/// Takes possession of a descriptor that this program was started with, by its number, and makes it close-on-exec.
///
/// A descriptor made by this program has that flag already (Rust's library sets it always) and is refused, as is one
/// taken before: so there is never a second owner.
///
/// # Errors
/// `EBADF` when the number is not open, or a standard stream; `EEXIST` when it was made or taken here.
pub fn take_inherited(number: RawFd) -> Result<OwnedFd, Errno> {
    if number <= libc::STDERR_FILENO {
        return Err(Errno::EBADF);
    }
    // SAFETY: no memory is passed; libc's call, since there is no owner to borrow from yet.
    let flags = Errno::result(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
    if flags & libc::FD_CLOEXEC != 0 {
        return Err(Errno::EEXIST);
    }
    // SAFETY: the same.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, flags | libc::FD_CLOEXEC) })?;
    // SAFETY: open, and not made by this program, as was just seen: it came through exec, and had no owner.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Room for one control message with [`MAX_FDS`] descriptors, aligned as `cmsghdr` wants it.
#[derive(Default)]
#[repr(C, align(8))]
struct Control([u64; 8]);

const _: () = assert!(control_space(MAX_FDS) <= size_of::<Control>());

impl Control {
    /// With room for `count` descriptors.
    fn attach(&mut self, header: &mut libc::msghdr, count: usize) {
        header.msg_control = self.0.as_mut_ptr().cast();
        header.msg_controllen = control_space(count) as _;
    }
}

const fn rights_bytes(count: usize) -> u32 {
    assert!(count <= MAX_FDS);
    #[expect(clippy::cast_possible_truncation, reason = "at most eight descriptors of four bytes")]
    let bytes = (count * size_of::<RawFd>()) as u32;
    bytes
}

const fn control_space(count: usize) -> usize {
    // SAFETY: arithmetic only.
    unsafe { libc::CMSG_SPACE(rights_bytes(count)) as usize }
}

fn message_header(iov: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: an all-zero value is a valid header without name, data and control.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = iov;
    header.msg_iovlen = 1;
    header
}

/// Writes the one control message.
fn put_rights(header: &libc::msghdr, fds: &[RawFd]) {
    // SAFETY: the control buffer has room for a header and `MAX_FDS` descriptors, `fds` are no more, and it is aligned.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        (*message).cmsg_level = libc::SOL_SOCKET;
        (*message).cmsg_type = libc::SCM_RIGHTS;
        (*message).cmsg_len = libc::CMSG_LEN(rights_bytes(fds.len())) as _;
        std::ptr::copy_nonoverlapping(fds.as_ptr(), libc::CMSG_DATA(message).cast(), fds.len());
    }
}

/// Takes the descriptors that the kernel has installed.
fn take_rights(header: &libc::msghdr) -> FdArray {
    let mut array = FdArray::default();
    // SAFETY: the kernel has set length and content of the control buffer.
    let message = unsafe { libc::CMSG_FIRSTHDR(header) };
    if message.is_null() {
        return array;
    }
    // SAFETY: not null, so within the buffer.
    let head = unsafe { *message };
    if head.cmsg_level != libc::SOL_SOCKET || head.cmsg_type != libc::SCM_RIGHTS {
        return array;
    }
    // SAFETY: the message holds the descriptors after its header.
    let (empty, data) = unsafe { (libc::CMSG_LEN(0) as usize, libc::CMSG_DATA(message).cast::<RawFd>()) };
    let count = (head.cmsg_len as usize).saturating_sub(empty) / size_of::<RawFd>();
    for (index, place) in array.fds.iter_mut().enumerate().take(count) {
        // SAFETY: within the message; the kernel has just given us this descriptor, and nobody else knows of it.
        *place = Some(unsafe { OwnedFd::from_raw_fd(data.add(index).read_unaligned()) });
    }
    array
}
