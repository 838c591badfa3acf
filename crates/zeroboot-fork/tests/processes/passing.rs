//! Passing descriptors and small messages.

use std::fs::File;
use std::io::{IoSlice, Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{ControlMessage, MsgFlags, Shutdown, sendmsg, shutdown};
use zeroboot_fork::fd::{MAX_FDS, Waiting, is_hung_up, pair, queued, receive, receive_bytes, send};
use zeroboot_fork::{ExitStatus, Way};

use crate::common::{Verdict, open_descriptors, plan, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("0, 1 and 8 descriptors arrive, close-on-exec", arrive),
        trial("9 descriptors are refused", nine),
        trial("more than 8 from elsewhere are an error, and none of them stays open", too_many),
        trial("what is queued is counted over all packets, and empty ones do not count", counted),
        trial("a descriptor works in a child it was sent to", to_a_child),
        trial("packets keep their bounds", bounds),
        trial("a long packet is an error and its descriptors are closed", long_packet),
        trial("descriptors from one who is not trusted are never open", untrusted),
        trial("the end of the other side is length 0, then EPIPE without a signal", other_end),
        trial("nobody waits who does not want to", dont_wait),
        trial("exactly as many, or all are closed", exactly),
    ]
}

fn null() -> OwnedFd {
    File::open("/dev/null").expect("/dev/null").into()
}

fn copies(fd: &OwnedFd, count: usize) -> Vec<BorrowedFd<'_>> {
    vec![fd.as_fd(); count]
}

fn arrive() -> Verdict {
    let (near, far) = pair().expect("sockets");
    let null = null();
    for count in [0, 1, MAX_FDS] {
        let before = open_descriptors();
        send(near.as_fd(), b"word", &copies(&null, count)).expect("room");
        let mut buffer = [0; 16];
        let received = receive(far.as_fd(), &mut buffer, Waiting::Block).expect("a packet");
        assert_eq!(&buffer[..received.length], b"word");
        let fds: Vec<OwnedFd> = received.fds.into_iter().collect();
        assert_eq!((fds.len(), open_descriptors()), (count, before + count));
        for fd in &fds {
            let flags = fcntl(fd, FcntlArg::F_GETFD).expect("open");
            assert_eq!(flags, FdFlag::FD_CLOEXEC.bits());
        }
        drop(fds);
        assert_eq!(open_descriptors(), before);
    }
    Ok(())
}

fn nine() -> Verdict {
    let (near, far) = pair().expect("sockets");
    let null = null();
    assert_eq!(send(near.as_fd(), b"word", &copies(&null, MAX_FDS + 1)), Err(Errno::EINVAL));
    let nothing = receive(far.as_fd(), &mut [0; 16], Waiting::DontWait);
    assert_eq!(nothing.map(|_| ()), Err(Errno::EAGAIN), "nothing was sent");
    Ok(())
}

/// The kernel installs as many as there is room for: one more than that, and as many as the alignment would have room for,
/// and more.
fn too_many() -> Verdict {
    let (near, far) = pair().expect("sockets");
    let null = null();
    let before = open_descriptors();
    for count in [MAX_FDS + 1, 13, 100] {
        let fds = vec![null.as_raw_fd(); count];
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(near.as_raw_fd(), &[IoSlice::new(b"word")], &rights, MsgFlags::empty(), None)
            .expect("room");
        let received = receive(far.as_fd(), &mut [0; 16], Waiting::Block);
        assert_eq!(received.map(|_| ()), Err(Errno::EMSGSIZE), "{count}");
        assert_eq!(open_descriptors(), before, "{count}");
    }
    Ok(())
}

fn counted() -> Verdict {
    let (near, far) = pair().expect("sockets");
    let queued = || queued(far.as_fd()).expect("a socket");
    assert_eq!(queued(), 0);
    for (packet, bytes) in [(&b"four"[..], 4), (b"", 4), (b"three", 9)] {
        send(near.as_fd(), packet, &[]).expect("room");
        assert_eq!(queued(), bytes);
    }
    assert!(!is_hung_up(far.as_fd()));
    shutdown(near.as_raw_fd(), Shutdown::Write).expect("a socket");
    assert!(is_hung_up(far.as_fd()), "nobody can send any more");
    let receive = || receive_bytes(far.as_fd(), &mut [0; 16], Waiting::Block).expect("a packet");
    assert_eq!([receive(), receive(), receive(), receive()], [4, 0, 5, 0]);
    assert_eq!(queued(), 0);
    Ok(())
}

/// A pipe made after the fork, so that only the packet can have brought it there.
fn to_a_child() -> Verdict {
    let (near, far) = pair().expect("sockets");
    let mut child = plan(Way::Clone3)
        .spawn(&|| Ok(()), || {
            let received = receive(far.as_fd(), &mut [0; 16], Waiting::Block).expect("a packet");
            let [writer] = received.fds.exactly().expect("one descriptor");
            u8::from(File::from(writer).write_all(b"from the child").is_ok())
        })
        .expect("a child");
    let (mut reader, writer) = pipe().expect("a pipe");
    send(near.as_fd(), b"w", &[writer.as_fd()]).expect("room");
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    assert_eq!(text, "from the child");
    assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(1));
    Ok(())
}

fn bounds() -> Verdict {
    let (near, far) = pair().expect("sockets");
    for text in ["one", "two and more", "3"] {
        send(near.as_fd(), text.as_bytes(), &[]).expect("room");
    }
    for text in ["one", "two and more", "3"] {
        let mut buffer = [0; 64];
        let length = receive_bytes(far.as_fd(), &mut buffer, Waiting::Block).expect("a packet");
        assert_eq!(&buffer[..length], text.as_bytes());
    }
    Ok(())
}

fn long_packet() -> Verdict {
    let (near, far) = pair().expect("sockets");
    let null = null();
    let before = open_descriptors();
    send(near.as_fd(), b"five!", &copies(&null, 2)).expect("room");
    let short = receive(far.as_fd(), &mut [0; 4], Waiting::Block);
    assert_eq!(short.map(|_| ()), Err(Errno::EMSGSIZE));
    send(near.as_fd(), b"five!", &[]).expect("room");
    assert_eq!(receive_bytes(far.as_fd(), &mut [0; 4], Waiting::Block), Err(Errno::EMSGSIZE));
    assert_eq!(open_descriptors(), before);
    send(near.as_fd(), b"four", &[]).expect("room");
    assert_eq!(receive_bytes(far.as_fd(), &mut [0; 4], Waiting::Block), Ok(4), "the next is whole");
    Ok(())
}

fn untrusted() -> Verdict {
    let (near, far) = pair().expect("sockets");
    let (mut reader, writer) = pipe().expect("a pipe");
    let before = open_descriptors();
    send(near.as_fd(), b"here", &[writer.as_fd()]).expect("room");
    assert_eq!(receive_bytes(far.as_fd(), &mut [0; 16], Waiting::Block), Ok(4));
    assert_eq!(open_descriptors(), before);
    drop(writer);
    assert_eq!(
        reader.read(&mut [0]).expect("end of file"),
        0,
        "nobody holds the writer, nor does the socket"
    );
    Ok(())
}

fn other_end() -> Verdict {
    let (near, far) = pair().expect("sockets");
    drop(near);
    let mut buffer = [0; 16];
    let received = receive(far.as_fd(), &mut buffer, Waiting::Block).expect("the end");
    assert_eq!((received.length, received.fds.into_iter().count()), (0, 0));
    assert_eq!(receive_bytes(far.as_fd(), &mut buffer, Waiting::Block), Ok(0));
    // Rust's start ignores SIGPIPE, which would hide one.
    // SAFETY: the default is a valid disposition.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_eq!(send(far.as_fd(), b"word", &[]), Err(Errno::EPIPE));
    Ok(())
}

fn dont_wait() -> Verdict {
    let (near, far) = pair().expect("sockets");
    assert_eq!(receive_bytes(far.as_fd(), &mut [0; 4], Waiting::DontWait), Err(Errno::EAGAIN));
    send(near.as_fd(), b"word", &[]).expect("room");
    assert_eq!(receive_bytes(far.as_fd(), &mut [0; 4], Waiting::DontWait), Ok(4));
    Ok(())
}

fn exactly() -> Verdict {
    let (near, far) = pair().expect("sockets");
    let null = null();
    let before = open_descriptors();
    let fds = || {
        send(near.as_fd(), b"two", &copies(&null, 2)).expect("room");
        receive(far.as_fd(), &mut [0; 4], Waiting::Block).expect("a packet").fds
    };
    assert!(fds().exactly::<1>().is_none());
    assert!(fds().exactly::<3>().is_none());
    assert!(fds().exactly::<0>().is_none());
    assert_eq!(open_descriptors(), before);
    let two: [OwnedFd; 2] = fds().exactly().expect("two");
    assert_eq!(open_descriptors(), before + two.len());
    Ok(())
}
