//! Sockets: families, flags and options.

use nix::errno::Errno;

use super::any;
use crate::filter::table::{Arguments, Condition, Rule, Under};
use crate::sockets::Sockets;

const fn loopback(conditions: &'static [Condition]) -> Rule {
    Rule { under: Under::Sockets(&[Sockets::Loopback]), conditions }
}

/// Where unix sockets may have names.
const fn named(conditions: &'static [Condition]) -> Rule {
    Rule { under: Under::Sockets(&[Sockets::Unix, Sockets::Loopback]), conditions }
}

const fn pairs(conditions: &'static [Condition]) -> Rule {
    Rule { under: Under::Sockets(&[Sockets::Pairs]), conditions }
}

const fn without_network(conditions: &'static [Condition]) -> Rule {
    Rule { under: Under::Sockets(&[Sockets::Pairs, Sockets::Unix]), conditions }
}

/// Without the flags that `socket` and `socketpair` take beside the type.
const TYPE: u32 = 0xf;

const UNIX: Condition = Condition::OneOf(0, &[libc::AF_UNIX as u32]);
const UNIX_PROTOCOLS: Condition = Condition::OneOf(2, &[0, libc::PF_UNIX as u32]);
const INTERNET: Condition = Condition::OneOf(0, &[libc::AF_INET as u32, libc::AF_INET6 as u32]);

/// `bind`, `connect`, `listen`, `accept` and `accept4`.
pub(in crate::filter) const NAMED: Arguments = Arguments {
    why: "everything, where nothing keeps an abstract name from siblings",
    pass: &[named(&[])],
    ignored: &[],
    otherwise: Errno::EPERM,
};

/// `socket`.
pub(in crate::filter) const SOCKET: Arguments = Arguments {
    why: "everything, where nothing keeps an abstract name from siblings; without a network families other than unix; \
          families other than unix and the internet's, and of these every protocol but TCP and UDP",
    pass: &[
        loopback(&[INTERNET, Condition::Masked(1, TYPE, &[libc::SOCK_STREAM as u32]), TCP]),
        loopback(&[INTERNET, Condition::Masked(1, TYPE, &[libc::SOCK_DGRAM as u32]), UDP]),
        named(&[UNIX, UNIX_PROTOCOLS]),
    ],
    ignored: &[],
    otherwise: Errno::EPERM,
};

const TCP: Condition = Condition::OneOf(2, &[0, libc::IPPROTO_TCP as u32]);
const UDP: Condition = Condition::OneOf(2, &[0, libc::IPPROTO_UDP as u32]);

/// `socketpair`.
pub(in crate::filter) const PAIR: Arguments = Arguments {
    why: "families other than unix; datagram pairs (raw is the same for unix), with which sendmsg could address anybody's \
          abstract name, where nothing keeps such a name from siblings",
    pass: &[
        named(&[UNIX, UNIX_PROTOCOLS]),
        pairs(&[
            UNIX,
            UNIX_PROTOCOLS,
            Condition::Masked(1, TYPE, &[libc::SOCK_STREAM as u32, libc::SOCK_SEQPACKET as u32]),
        ]),
    ],
    ignored: &[],
    otherwise: Errno::EPERM,
};

const SENT: u32 = (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | libc::MSG_MORE | libc::MSG_EOR) as u32;
const RECEIVED: u32 = (libc::MSG_DONTWAIT
    | libc::MSG_NOSIGNAL
    | libc::MSG_PEEK
    | libc::MSG_TRUNC
    | libc::MSG_WAITALL
    | libc::MSG_WAITFORONE
    | libc::MSG_CMSG_CLOEXEC) as u32;
const FLAGS_WHY: &str = "flags that no script needs: out-of-band data, which is code with a history, the queue of errors, \
                         memory lent to the kernel, data before the connection";
/// What a socket answers that has no such thing.
const NO_SUCH_FLAG: Errno = Errno::EOPNOTSUPP;

/// `sendto`.
pub(in crate::filter) const SEND_TO: Arguments = Arguments {
    why: "flags that no script needs; an address of one's own choice, where nothing keeps an abstract name from siblings",
    pass: &[named(&[Condition::within(3, SENT)]), pairs(&[Condition::within(3, SENT), Condition::Null(4)])],
    ignored: &[],
    otherwise: NO_SUCH_FLAG,
};

/// `sendmsg`.
pub(in crate::filter) const SEND_AT_2: Arguments = Arguments {
    why: FLAGS_WHY,
    pass: &[any(&[Condition::within(2, SENT)])],
    ignored: &[],
    otherwise: NO_SUCH_FLAG,
};

/// `sendmmsg`.
pub(in crate::filter) const SEND_AT_3: Arguments = Arguments {
    why: FLAGS_WHY,
    pass: &[any(&[Condition::within(3, SENT)])],
    ignored: &[],
    otherwise: NO_SUCH_FLAG,
};

/// `recvmsg`.
pub(in crate::filter) const RECEIVE_AT_2: Arguments = Arguments {
    why: FLAGS_WHY,
    pass: &[any(&[Condition::within(2, RECEIVED)])],
    ignored: &[],
    otherwise: NO_SUCH_FLAG,
};

/// `recvfrom` and `recvmmsg`.
pub(in crate::filter) const RECEIVE_AT_3: Arguments = Arguments {
    why: FLAGS_WHY,
    pass: &[any(&[Condition::within(3, RECEIVED)])],
    ignored: &[],
    otherwise: NO_SUCH_FLAG,
};

const OF_SOCKETS: &[u32] = &[
    libc::SO_ERROR as u32,
    libc::SO_TYPE as u32,
    libc::SO_DOMAIN as u32,
    libc::SO_PROTOCOL as u32,
    libc::SO_REUSEADDR as u32,
    libc::SO_REUSEPORT as u32,
    libc::SO_KEEPALIVE as u32,
    libc::SO_BROADCAST as u32,
    libc::SO_LINGER as u32,
    libc::SO_SNDLOWAT as u32,
    libc::SO_RCVLOWAT as u32,
    libc::SO_SNDTIMEO as u32,
    libc::SO_RCVTIMEO as u32,
    libc::SO_ACCEPTCONN as u32,
    libc::SO_PASSCRED as u32,
    libc::SO_PEERCRED as u32,
];

const BUFFERS: &[u32] = &[libc::SO_SNDBUF as u32, libc::SO_RCVBUF as u32];

const OF_TCP: &[u32] = &[
    libc::TCP_NODELAY as u32,
    libc::TCP_CORK as u32,
    libc::TCP_MAXSEG as u32,
    libc::TCP_KEEPIDLE as u32,
    libc::TCP_KEEPINTVL as u32,
    libc::TCP_KEEPCNT as u32,
    libc::TCP_SYNCNT as u32,
    libc::TCP_LINGER2 as u32,
    libc::TCP_DEFER_ACCEPT as u32,
    libc::TCP_WINDOW_CLAMP as u32,
    libc::TCP_INFO as u32,
    libc::TCP_QUICKACK as u32,
    libc::TCP_USER_TIMEOUT as u32,
    libc::TCP_NOTSENT_LOWAT as u32,
];

const OF_IP: &[u32] = &[
    libc::IP_TOS as u32,
    libc::IP_TTL as u32,
    libc::IP_PKTINFO as u32,
    libc::IP_MTU_DISCOVER as u32,
    libc::IP_MTU as u32,
    libc::IP_RECVERR as u32,
    libc::IP_RECVTTL as u32,
    libc::IP_RECVTOS as u32,
    libc::IP_BIND_ADDRESS_NO_PORT as u32,
];

const OF_IPV6: &[u32] = &[
    libc::IPV6_V6ONLY as u32,
    libc::IPV6_UNICAST_HOPS as u32,
    libc::IPV6_MTU_DISCOVER as u32,
    libc::IPV6_MTU as u32,
    libc::IPV6_DONTFRAG as u32,
    libc::IPV6_RECVERR as u32,
    libc::IPV6_RECVPKTINFO as u32,
    libc::IPV6_PKTINFO as u32,
    libc::IPV6_RECVHOPLIMIT as u32,
    libc::IPV6_HOPLIMIT as u32,
    libc::IPV6_RECVTCLASS as u32,
    libc::IPV6_TCLASS as u32,
];

const OPTION_WHY: &str = "options that no script needs: filters and programs on sockets, the pidfd and labels of a peer, busy \
                          polling, devices, multicast, encryption in the kernel, repair, the tables of netfilter. Some of \
                          them can be given along with a message all the same";
const OF_SOCKET: Condition = Condition::OneOf(1, &[libc::SOL_SOCKET as u32]);

/// `getsockopt`.
pub(in crate::filter) const GET_OPTION: Arguments = Arguments {
    why: OPTION_WHY,
    pass: &[
        any(&[OF_SOCKET, Condition::OneOf(2, OF_SOCKETS)]),
        any(&[OF_SOCKET, Condition::OneOf(2, BUFFERS)]),
        loopback(&[Condition::OneOf(1, &[libc::IPPROTO_TCP as u32]), Condition::OneOf(2, OF_TCP)]),
        loopback(&[Condition::OneOf(1, &[libc::IPPROTO_IP as u32]), Condition::OneOf(2, OF_IP)]),
        loopback(&[Condition::OneOf(1, &[libc::IPPROTO_IPV6 as u32]), Condition::OneOf(2, OF_IPV6)]),
    ],
    ignored: &[],
    otherwise: Errno::ENOPROTOOPT,
};

/// `setsockopt`.
pub(in crate::filter) const SET_OPTION: Arguments = Arguments {
    why: OPTION_WHY,
    pass: &[
        any(&[OF_SOCKET, Condition::OneOf(2, OF_SOCKETS)]),
        without_network(&[OF_SOCKET, Condition::OneOf(2, BUFFERS)]),
        loopback(&[Condition::OneOf(1, &[libc::IPPROTO_TCP as u32]), Condition::OneOf(2, OF_TCP)]),
        loopback(&[Condition::OneOf(1, &[libc::IPPROTO_IP as u32]), Condition::OneOf(2, OF_IP)]),
        loopback(&[Condition::OneOf(1, &[libc::IPPROTO_IPV6 as u32]), Condition::OneOf(2, OF_IPV6)]),
    ],
    // What internet sockets hold is the machine's: see `crate::loopback`. The kernel takes such a size for a hint, too.
    ignored: &[loopback(&[OF_SOCKET, Condition::OneOf(2, BUFFERS)])],
    otherwise: Errno::ENOPROTOOPT,
};
