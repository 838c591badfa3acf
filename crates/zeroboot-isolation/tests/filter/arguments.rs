//! Calls whose arguments decide, each with arguments that are refused and with some that reach the kernel.

use libtest_mimic::Failed;
use nix::errno::Errno;
use zeroboot_isolation::child::OwnUser;
use zeroboot_isolation::sockets::Sockets;

use super::common::{Outcome, content, ensure};
use super::{Arguments, BAD, Wall, enclose, expect, raw};

/// A call, what it answers for refused arguments, those arguments, and arguments that the kernel itself gets to see.
type Probe = (&'static str, i64, Errno, Arguments, Arguments);

const HIGH: u64 = 1 << 40;

/// Each probe's refusal, and that its other form reaches the kernel, whatever that says.
fn decide(wall: Wall, probes: &[Probe]) -> Outcome {
    enclose(wall)?;
    for (what, number, errno, denied, passed) in probes {
        expect(what, raw(*number, *denied), Err(*errno))?;
        match raw(*number, *passed) {
            Err(Errno::EPERM | Errno::ENOSYS) => {
                return Err(format!("{what}: the permitted form did not reach the kernel").into());
            }
            Err(other) if other == *errno => {
                return Err(format!("{what}: {other} might be the filter's answer or the kernel's").into());
            }
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn arguments_decide() -> Result<(), Failed> {
    use Errno::{EINVAL, ENOMEM, ENOPROTOOPT, ENOSYS, ENOTTY, EOPNOTSUPP, EPERM};
    const CHILD: u64 = libc::SIGCHLD as u64;
    let unix = libc::AF_UNIX as u64;
    let clone = |what, flags: u64| -> Probe {
        (
            what,
            libc::SYS_clone,
            EPERM,
            [flags, 0, 0, 0, 0, 0],
            [libc::CLONE_SIGHAND as u64 | CHILD, 0, 0, 0, 0, 0],
        )
    };
    let first = |what, call, errno, denied, passed| -> Probe {
        (what, call, errno, [denied, BAD, 0, 0, 0, 0], [passed, BAD, 0, 0, 0, 0])
    };
    // A descriptor that does not exist.
    let second = |what, call, errno, denied, passed| -> Probe {
        (what, call, errno, [BAD, denied, 0, 0, 0, 0], [BAD, passed, 0, 0, 0, 0])
    };
    let option = |what, level: libc::c_int, name: libc::c_int| -> Probe {
        let call = if what == "SO_PEERPIDFD" { libc::SYS_getsockopt } else { libc::SYS_setsockopt };
        let fair = [BAD, 1, libc::SO_KEEPALIVE as u64, 0, 0, 0];
        (what, call, ENOPROTOOPT, [BAD, level as u64, name as u64, 0, 0, 0], fair)
    };
    let out_of_band = libc::MSG_OOB as u64;
    let table: Vec<Probe> = vec![
        clone("clone newuser", libc::CLONE_NEWUSER as u64 | CHILD),
        clone("clone newnet", HIGH | libc::CLONE_NEWNET as u64 | CHILD),
        clone("clone newns", libc::CLONE_NEWNS as u64 | CHILD),
        clone("clone parent", libc::CLONE_PARENT as u64 | CHILD),
        clone("clone pidfd", libc::CLONE_PIDFD as u64 | CHILD),
        clone("clone io", libc::CLONE_IO as u64 | CHILD),
        clone("clone untraced", libc::CLONE_UNTRACED as u64 | CHILD),
        clone("clone without a signal", 0),
        clone("clone with another signal", 34),
        clone("clone a thread that traces", (libc::CLONE_THREAD | libc::CLONE_PTRACE) as u64),
        ("socketpair inet", libc::SYS_socketpair, EPERM, [2, 1, 0, BAD, 0, 0], [unix, 1, 0, BAD, 0, 0]),
        (
            "socketpair inet, high",
            libc::SYS_socketpair,
            EPERM,
            [HIGH | 2, 1, 0, BAD, 0, 0],
            [HIGH | unix, 1, 0, BAD, 0, 0],
        ),
        ("socketpair dgram", libc::SYS_socketpair, EPERM, [unix, 2, 0, BAD, 0, 0], [unix, 5, 0, BAD, 0, 0]),
        (
            "socketpair dgram cloexec",
            libc::SYS_socketpair,
            EPERM,
            [unix, 0x80002, 0, BAD, 0, 0],
            [unix, 0x80001, 0, BAD, 0, 0],
        ),
        ("socketpair raw", libc::SYS_socketpair, EPERM, [unix, 3, 0, BAD, 0, 0], [unix, 1, 0, BAD, 0, 0]),
        (
            "socketpair protocol",
            libc::SYS_socketpair,
            EPERM,
            [unix, 1, 6, BAD, 0, 0],
            [unix, 1, 1, BAD, 0, 0],
        ),
        ("sendto address", libc::SYS_sendto, EOPNOTSUPP, [BAD, 0, 0, 0, 16, 16], [BAD, 0, 0, 0, 0, 0]),
        (
            "sendto address, high",
            libc::SYS_sendto,
            EOPNOTSUPP,
            [BAD, 0, 0, 0, HIGH, 16],
            [BAD, 0, 0, 0, 0, 0],
        ),
        (
            "sendto oob",
            libc::SYS_sendto,
            EOPNOTSUPP,
            [BAD, 0, 0, out_of_band, 0, 0],
            [BAD, 0, 0, 0x4000, 0, 0],
        ),
        (
            "recvfrom oob",
            libc::SYS_recvfrom,
            EOPNOTSUPP,
            [BAD, 0, 0, out_of_band, 0, 0],
            [BAD, 0, 0, 2, 0, 0],
        ),
        (
            "sendmsg zerocopy",
            libc::SYS_sendmsg,
            EOPNOTSUPP,
            [BAD, 0, 0x400_0000, 0, 0, 0],
            [BAD, 0, 0x40, 0, 0, 0],
        ),
        (
            "recvmsg errors",
            libc::SYS_recvmsg,
            EOPNOTSUPP,
            [BAD, 0, 0x2000, 0, 0, 0],
            [BAD, 0, 0x4000_0000, 0, 0, 0],
        ),
        (
            "sendmmsg fast open",
            libc::SYS_sendmmsg,
            EOPNOTSUPP,
            [BAD, 0, 0, 0x2000_0000, 0, 0],
            [BAD, 0, 0, 0, 0, 0],
        ),
        (
            "recvmmsg oob",
            libc::SYS_recvmmsg,
            EOPNOTSUPP,
            [BAD, 0, 0, HIGH | 1, 0, 0],
            [BAD, 0, 0, 0x10000, 0, 0],
        ),
        option("SO_ATTACH_FILTER", libc::SOL_SOCKET, libc::SO_ATTACH_FILTER),
        option("SO_LOCK_FILTER", libc::SOL_SOCKET, libc::SO_LOCK_FILTER),
        option("SO_PEERPIDFD", libc::SOL_SOCKET, 77),
        option("TCP_NODELAY without a network", libc::IPPROTO_TCP, libc::TCP_NODELAY),
        second("TIOCSTI", libc::SYS_ioctl, ENOTTY, libc::TIOCSTI, libc::TCGETS),
        second("TIOCSTI, high", libc::SYS_ioctl, ENOTTY, HIGH | libc::TIOCSTI, HIGH | libc::TCGETS),
        second("TIOCLINUX, high", libc::SYS_ioctl, ENOTTY, HIGH | libc::TIOCLINUX, libc::FIONREAD),
        second("FIEMAP", libc::SYS_ioctl, ENOTTY, 0xc020_660b, libc::FIOCLEX),
        second("SIOCGIFCONF without a network", libc::SYS_ioctl, ENOTTY, 0x8912, libc::TIOCGPTPEER),
        second("lease", libc::SYS_fcntl, EINVAL, libc::F_SETLEASE as u64, libc::F_GETFD as u64),
        second("dnotify, high", libc::SYS_fcntl, EINVAL, HIGH | libc::F_NOTIFY as u64, libc::F_SETFL as u64),
        first("keyctl", libc::SYS_keyctl, EPERM, 0, 1),
        first("keyctl, high", libc::SYS_keyctl, EPERM, HIGH | 5, HIGH | 1),
        ("seccomp flags", libc::SYS_seccomp, EPERM, [1, 8, BAD, 0, 0, 0], [1, 0, BAD, 0, 0, 0]),
        (
            "dumpable",
            libc::SYS_prctl,
            EPERM,
            [HIGH | libc::PR_SET_DUMPABLE as u64, 1, 0, 0, 0, 0],
            BAD_PDEATHSIG,
        ),
        (
            "dumpable, high",
            libc::SYS_prctl,
            EPERM,
            [libc::PR_SET_DUMPABLE as u64, HIGH, 0, 0, 0, 0],
            BAD_PDEATHSIG,
        ),
        first("prctl mm", libc::SYS_prctl, EPERM, libc::PR_SET_MM as u64, libc::PR_SET_NAME as u64),
        first("securebits", libc::SYS_prctl, EPERM, libc::PR_SET_SECUREBITS as u64, libc::PR_SET_NAME as u64),
        ("futex fd", libc::SYS_futex, ENOSYS, [0, 2, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]),
        ("futex requeue pi", libc::SYS_futex, ENOSYS, [0, 12 | 128, 0, 0, 0, 0], [1, 9 | 384, 0, 0, 0, 0]),
        ("a device", libc::SYS_mknodat, EPERM, [BAD, BAD, 0o20666, 0, 0, 0], [BAD, BAD, 0o10666, 0, 0, 0]),
        ("huge pages", libc::SYS_mmap, ENOMEM, [0, 4096, 0, 0x40022, BAD, 0], [0, 4096, 0, 2, BAD, 0]),
        (
            "merging",
            libc::SYS_madvise,
            EINVAL,
            [4096, 4096, libc::MADV_MERGEABLE as u64, 0, 0, 0],
            [4096, 4096, 4, 0, 0, 0],
        ),
        ("huge memory file", libc::SYS_memfd_create, EINVAL, [BAD, 4, 0, 0, 0, 0], [BAD, 1, 0, 0, 0, 0]),
        ("preadv2 nowait", libc::SYS_preadv2, EOPNOTSUPP, [BAD, 0, 0, 0, 0, 8], [BAD, 0, 0, 0, 0, 0]),
        ("pwritev2 atomic", libc::SYS_pwritev2, EOPNOTSUPP, [BAD, 0, 0, 0, 0, 0x40], [BAD, 0, 0, 0, 0, 0x10]),
        (
            "core limit and the old one",
            libc::SYS_prlimit64,
            EPERM,
            [0, 4, BAD, BAD, 0, 0],
            [0, 4, 0, BAD, 0, 0],
        ),
        #[cfg(target_arch = "x86_64")]
        (
            "arch_prctl cpuid",
            libc::SYS_arch_prctl,
            EINVAL,
            [0x1012, 0, 0, 0, 0, 0],
            [0x1003, BAD, 0, 0, 0, 0],
        ),
    ];
    content(|| {
        decide(Wall::Base, &table)?;
        expect("personality query", raw(libc::SYS_personality, [0xffff_ffff, 0, 0, 0, 0, 0]), Ok(0))?;
        expect("personality", raw(libc::SYS_personality, [8, 0, 0, 0, 0, 0]), Err(EPERM))
    })
}

pub(crate) fn settings_decide() -> Result<(), Failed> {
    use Errno::EPERM;
    let queue = libc::SYS_rt_sigqueueinfo;
    // Nobody has this number.
    let nobody = u64::from(u32::MAX >> 1);
    let shared: &[Probe] = &[
        ("kill", libc::SYS_kill, EPERM, [nobody, 34, 0, 0, 0, 0], [nobody, 31, 0, 0, 0, 0]),
        ("tkill", libc::SYS_tkill, EPERM, [nobody, 64, 0, 0, 0, 0], [nobody, 15, 0, 0, 0, 0]),
        ("tgkill", libc::SYS_tgkill, EPERM, [nobody, nobody, 34, 0, 0, 0], [nobody, nobody, 33, 0, 0, 0]),
        ("pidfd", libc::SYS_pidfd_send_signal, EPERM, [BAD, 64, 0, 0, 0, 0], [BAD, 9, 0, 0, 0, 0]),
    ];
    content(|| {
        decide(Wall::BaseOf(Sockets::Pairs, OwnUser::No), shared)?;
        expect("a queued signal", raw(queue, [nobody, 34, BAD, 0, 0, 0]), Err(EPERM))
    })?;
    content(|| {
        enclose(Wall::BaseOf(Sockets::Pairs, OwnUser::Yes))?;
        for (what, number, _, denied, _) in shared {
            let passed = raw(*number, *denied);
            ensure(passed != Err(EPERM), || format!("{what} with a user of its own: {passed:?}"))?;
        }
        expect("a queued signal", raw(queue, [nobody, 34, BAD, 0, 0, 0]), Err(Errno::EFAULT))
    })?;

    let socket =
        |family: u64, kind: u64, protocol: u64| raw(libc::SYS_socket, [family, kind, protocol, 0, 0, 0]);
    let kinds =
        [(2, 1, 0), (2, 1, 6), (10, 1, 6), (2, 0x80802, 17), (10, 2, 0), (1, 1, 0), (1, 2, 1), (1, 5, 0)];
    let others = [
        (2, 1, 262),
        (2, 5, 132),
        (2, 1, 132),
        (2, 2, 136),
        (2, 6, 33),
        (2, 2, 1),
        (2, 3, 255),
        (2, 10, 0),
        (2, 5, 0),
        (2, 1, 17),
        (2, 2, 6),
        (2, 1, HIGH | 262),
        (16, 3, 0),
        (17, 3, 0),
        (40, 1, 0),
        (38, 5, 0),
        (1, 1, 6),
    ];
    content(|| {
        enclose(Wall::BaseOf(Sockets::Loopback, OwnUser::Yes))?;
        for (family, kind, protocol) in kinds {
            let made = socket(family, kind, protocol);
            // A kernel without IPv6 says so itself.
            ensure(matches!(made, Ok(_) | Err(Errno::EAFNOSUPPORT)), || {
                format!("{family} {kind} {protocol}: {made:?}")
            })?;
        }
        for (family, kind, protocol) in others {
            expect(
                &format!("socket {family} {kind} {protocol}"),
                socket(family, kind, protocol),
                Err(EPERM),
            )?;
        }
        let option =
            |level: libc::c_int, name: u64| raw(libc::SYS_setsockopt, [BAD, level as u64, name, 0, 0, 0]);
        expect("TCP_NODELAY", option(libc::IPPROTO_TCP, 1), Err(Errno::EBADF))?;
        for (what, level, name) in [
            ("TCP_ULP", libc::IPPROTO_TCP, 31),
            ("TCP_REPAIR", libc::IPPROTO_TCP, 19),
            ("TCP_MD5SIG", libc::IPPROTO_TCP, 14),
            ("IPT_SO_SET_REPLACE", libc::IPPROTO_IP, 64),
            ("IP_ADD_MEMBERSHIP", libc::IPPROTO_IP, 35),
            ("IP6T_SO_SET_REPLACE", libc::IPPROTO_IPV6, 64),
            ("SO_BINDTODEVICE", libc::SOL_SOCKET, 25),
            ("a level of its own", libc::SOL_NETLINK, 1),
        ] {
            expect(what, option(level, name), Err(Errno::ENOPROTOOPT))?;
        }
        expect("SIOCGIFCONF", raw(libc::SYS_ioctl, [BAD, 0x8912, 0, 0, 0, 0]), Err(Errno::EBADF))?;
        expect("bind", raw(libc::SYS_bind, [BAD, 0, 0, 0, 0, 0]), Err(Errno::EBADF))
    })?;
    content(|| {
        enclose(Wall::BaseOf(Sockets::Unix, OwnUser::Yes))?;
        for (family, kind, protocol) in kinds.into_iter().chain(others) {
            let made = socket(family, kind, protocol);
            let fair = if family == 1 && protocol < 2 { made.is_ok() } else { made == Err(EPERM) };
            ensure(fair, || format!("{family} {kind} {protocol}: {made:?}"))?;
        }
        let calls =
            [libc::SYS_bind, libc::SYS_connect, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4];
        for call in calls {
            expect("with names", raw(call, [BAD, 0, 0, 0, 0, 0]), Err(Errno::EBADF))?;
        }
        // An address, and a datagram pair.
        expect("sendto", raw(libc::SYS_sendto, [BAD, 0, 0, 0, 16, 16]), Err(Errno::EBADF))?;
        expect("socketpair", raw(libc::SYS_socketpair, [1, 2, 0, BAD, 0, 0]), Err(Errno::EFAULT))?;
        expect("socketpair inet", raw(libc::SYS_socketpair, [2, 1, 0, BAD, 0, 0]), Err(EPERM))
    })?;
    content(|| {
        enclose(Wall::Base)?;
        for (family, kind, protocol) in kinds.into_iter().chain(others) {
            expect("socket without a network", socket(family, kind, protocol), Err(EPERM))?;
        }
        let calls =
            [libc::SYS_bind, libc::SYS_connect, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4];
        calls.iter().try_for_each(|call| expect("without a network", raw(*call, [BAD; 6]), Err(EPERM)))
    })
}

pub(crate) fn ignored() -> Result<(), Failed> {
    // To take the advice, the kernel would need a descriptor, and to set the limit, its value.
    let ignored: [(&str, i64, Arguments, Errno); 3] = [
        ("dontneed", libc::SYS_fadvise64, [BAD, 0, 0, libc::POSIX_FADV_DONTNEED as u64, 0, 0], Errno::EBADF),
        ("core limit", libc::SYS_prlimit64, [0, 4, BAD, 0, 0, 0], Errno::EFAULT),
        ("core limit, older form", libc::SYS_setrlimit, [HIGH | 4, BAD, 0, 0, 0, 0], Errno::EFAULT),
    ];
    content(|| {
        enclose(Wall::Base)?;
        ignored
            .iter()
            .try_for_each(|(what, number, arguments, _)| expect(what, raw(*number, *arguments), Ok(0)))?;
        let willneed = [BAD, 0, 0, libc::POSIX_FADV_WILLNEED as u64, 0, 0];
        expect("willneed", raw(libc::SYS_fadvise64, willneed), Err(Errno::EBADF))?;
        expect("another limit", raw(libc::SYS_setrlimit, [7, BAD, 0, 0, 0, 0]), Err(Errno::EFAULT))
    })?;
    content(|| {
        enclose(Wall::None)?;
        ignored.iter().try_for_each(|(what, number, arguments, errno)| {
            expect(&format!("{what} without a filter"), raw(*number, *arguments), Err(*errno))
        })
    })
}

const BAD_PDEATHSIG: Arguments = [libc::PR_SET_PDEATHSIG as u64, 4096, 0, 0, 0, 0];
