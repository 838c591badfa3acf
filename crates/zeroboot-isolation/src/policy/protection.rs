//! What protects from what, and how much each is wanted.

/// How much a protection is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Without it there is no template: the error says why it cannot be had, and what to do.
    Require,
    /// Where it cannot be had, it is done without, and the seal says so. So it is with Landlock, the keyring, the limit of
    /// processes and cgroups; a kernel that refuses one of the others refuses sandboxes altogether, and that is an error.
    Prefer,
    /// Done without. For attacks that want to see what the other protections hold, and for programs that need what it
    /// forbids.
    Waive,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::Require, Self::Prefer, Self::Waive];

    /// Its name in a policy file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::Prefer => "prefer",
            Self::Waive => "waive",
        }
    }
}

/// A protection that can be done without. What is not listed here (the user, pid and mount namespaces, the read-only
/// tree, `no_new_privs`, not being dumpable, the closing of descriptors) is how a sandbox is made, and always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protection {
    /// The system-call filters: which calls, with which arguments. See `seccomp(2)`.
    Filter,
    /// A second wall around the file tree, the network and signals. See `landlock(7)`.
    Landlock,
    /// No capability in any set. See `capabilities(7)`.
    Capabilities,
    /// A network namespace without a network.
    NetNamespace,
    /// A host name of its own.
    UtsNamespace,
    /// A cgroup root of its own.
    CgroupNamespace,
    /// A session of its own: no controlling terminal. See `setsid(2)`.
    Session,
    /// A session keyring of its own: keyrings are not namespaced. See `keyrings(7)`.
    Keyring,
    /// A limit of processes: by a cgroup, or by the sandbox's user id, where that is its own: the kernel counts per user,
    /// and only a root host can give it one. See `RLIMIT_NPROC` in `getrlimit(2)`.
    ProcessLimit,
    /// Limits of the whole sandbox: memory, processes, CPU time. See [`crate::cgroup`]. Without it each process is
    /// limited for itself, as far as that goes.
    Cgroup,
}

impl Protection {
    /// Every protection.
    pub const ALL: [Self; 10] = [
        Self::Filter,
        Self::Landlock,
        Self::Capabilities,
        Self::NetNamespace,
        Self::UtsNamespace,
        Self::CgroupNamespace,
        Self::Session,
        Self::Keyring,
        Self::ProcessLimit,
        Self::Cgroup,
    ];

    /// Its name in a policy file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Landlock => "landlock",
            Self::Capabilities => "capabilities",
            Self::NetNamespace => "net-namespace",
            Self::UtsNamespace => "uts-namespace",
            Self::CgroupNamespace => "cgroup-namespace",
            Self::Session => "session",
            Self::Keyring => "keyring",
            Self::ProcessLimit => "process-limit",
            Self::Cgroup => "cgroup",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The rule of every protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protections {
    required: u32,
    waived: u32,
}

impl Protections {
    /// Everything is required but for the keyring, whose quota others can use up, and what not every host can give: the
    /// limit of processes, and cgroups.
    pub const STRICT: Self = Self {
        required: !(Protection::Keyring.bit() | Protection::ProcessLimit.bit() | Protection::Cgroup.bit()),
        waived: 0,
    };

    /// The rule of this protection.
    pub const fn rule(self, protection: Protection) -> Rule {
        match protection.bit() {
            bit if self.waived & bit != 0 => Rule::Waive,
            bit if self.required & bit != 0 => Rule::Require,
            _ => Rule::Prefer,
        }
    }

    /// Whether this protection is wanted at all.
    pub const fn wants(self, protection: Protection) -> bool {
        self.waived & protection.bit() == 0
    }

    /// Sets the rule of one.
    #[must_use]
    pub const fn with(self, protection: Protection, rule: Rule) -> Self {
        let (bit, Self { required, waived }) = (protection.bit(), self);
        match rule {
            Rule::Require => Self { required: required | bit, waived: waived & !bit },
            Rule::Prefer => Self { required: required & !bit, waived: waived & !bit },
            Rule::Waive => Self { required: required & !bit, waived: waived | bit },
        }
    }

    /// As two words, for a message between processes of one version.
    pub const fn to_bits(self) -> [u32; 2] {
        [self.required, self.waived]
    }

    /// The reverse of [`to_bits`](Self::to_bits).
    pub const fn from_bits([required, waived]: [u32; 2]) -> Self {
        Self { required, waived }
    }
}

impl Default for Protections {
    fn default() -> Self {
        Self::STRICT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_what_was_set_last() {
        let mut protections = Protections::STRICT;
        for protection in Protection::ALL {
            for rule in Rule::ALL.into_iter().chain(Rule::ALL) {
                protections = protections.with(protection, rule);
                assert_eq!(protections.rule(protection), rule, "{protection:?}");
                assert_eq!(protections.wants(protection), rule != Rule::Waive);
                assert_eq!(Protections::from_bits(protections.to_bits()), protections);
            }
        }
    }

    #[test]
    fn strict_waives_nothing() {
        assert!(Protection::ALL.into_iter().all(|protection| Protections::STRICT.wants(protection)));
        assert_eq!(Protections::STRICT.rule(Protection::Keyring), Rule::Prefer);
        assert_eq!(Protections::STRICT.rule(Protection::Landlock), Rule::Require);
    }
}
