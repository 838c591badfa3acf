//! The list: which test cases of the standard library may fail in a sandbox, and why.
//!
//! Every reason is a decision of the policy. What fails without a sandbox too is not listed: that is the machine's or the
//! interpreter's.

/// When the cases of an entry fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Always: one that passes makes the list stale.
    Always,
    /// With some versions of Python, in which the case is written in another way.
    SomeVersions,
    /// Where an ordinary user runs the sandboxes; as root they pass.
    OrdinaryUser,
}

/// Cases that fail for one reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) why: &'static str,
    pub(crate) when: When,
    /// By name; the name of a class stands for all its cases.
    pub(crate) cases: &'static [&'static str],
}

/// The whole list.
pub(crate) const ALLOWED: &[Entry] = &[
    Entry {
        why: "socket.if_nameindex() asks the kernel over netlink: families beyond unix and the internet's are refused",
        when: When::Always,
        cases: &[
            "test.test_socket.GeneralModuleTests.testInterfaceNameIndex",
            "test.test_socket.GeneralModuleTests.test_getaddrinfo_ipv6_scopeid_symbolic",
            "test.test_socket.GeneralModuleTests.test_getnameinfo_ipv6_scopeid_symbolic",
        ],
    },
    Entry {
        why: "the same, for a case that calls socket.if_nameindex() in newer versions only",
        when: When::SomeVersions,
        cases: &["test.test_socket.GeneralModuleTests.testInvalidInterfaceIndexToName"],
    },
    Entry {
        why: "of the internet's protocols there are TCP and UDP; some versions do not look whether they may have UDP-Lite",
        when: When::SomeVersions,
        cases: &[
            "test.test_socket.BasicUDPLITETest",
            "test.test_socket.RecvmsgIntoRFC3542AncillaryUDPLITE6Test",
            "test.test_socket.RecvmsgIntoUDPLITE6Test",
            "test.test_socket.RecvmsgIntoUDPLITETest",
            "test.test_socket.RecvmsgRFC3542AncillaryUDPLITE6Test",
            "test.test_socket.RecvmsgUDPLITE6Test",
            "test.test_socket.RecvmsgUDPLITETest",
            "test.test_socket.SendmsgUDPLITE6Test",
            "test.test_socket.SendmsgUDPLITETest",
            "test.test_socket.UDPLITETimeoutTest",
        ],
    },
    Entry {
        why: "an ordinary user lends its sandboxes no id but its own: for another the kernel answers EINVAL, the case wants EPERM",
        when: When::OrdinaryUser,
        cases: &[
            "test.test_subprocess.POSIXProcessTestCase.test_group",
            "test.test_subprocess.POSIXProcessTestCase.test_user",
        ],
    },
];
