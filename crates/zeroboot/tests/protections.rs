//! Each protection that can be waived: what holds with it, and what it would be without.

mod common;

use std::process::ExitCode;

use common::run;
use libtest_mimic::{Failed, Trial};
use zeroboot::{BuildError, Missing, Namespace, Policy, Protection, Rule, Template, examine_host};

fn main() -> ExitCode {
    let trials = PROBES.iter().map(|probe| Trial::test(probe.protection.name(), || holds(probe)));
    let more = [
        Trial::test("a_policy_without_anything_still_runs", without_anything),
        Trial::test("a_host_is_examined_once", examined),
        Trial::test("what_is_required_and_cannot_be_had_is_an_error", required),
    ];
    run(trials.chain(more).collect())
}

/// A look from inside: what the code prints with the protection, and without it.
struct Probe {
    protection: Protection,
    code: &'static str,
    /// What is waived in both runs, since it forbids the same.
    beside: &'static [Protection],
    with: &'static str,
    without: &'static str,
}

const PROBES: &[Probe] = &[
    Probe {
        protection: Protection::Filter,
        code: "import socket\ntry: print(bool(socket.socket()))\nexcept PermissionError as e: print(e.errno)",
        beside: &[],
        with: "1\n",
        without: "True\n",
    },
    Probe {
        protection: Protection::Landlock,
        // With both waived it may mount, were it not for the rules.
        code: "import ctypes; print(ctypes.CDLL(None).mount(b't', b'/tmp', b'tmpfs', 0, None))",
        beside: &[Protection::Filter, Protection::Capabilities],
        with: "-1\n",
        without: "0\n",
    },
    Probe {
        protection: Protection::Capabilities,
        code: "print([l for l in open('/proc/self/status') if l.startswith('CapEff')][0].split()[1] == '0' * 16)",
        beside: &[],
        with: "True\n",
        without: "False\n",
    },
    Probe {
        protection: Protection::UtsNamespace,
        code: "import os; print(os.uname().nodename == 'sandbox')",
        beside: &[],
        with: "True\n",
        without: "False\n",
    },
    Probe {
        protection: Protection::Session,
        code: "import os; print(os.getsid(0) == os.getpid())",
        beside: &[],
        with: "True\n",
        without: "False\n",
    },
    // What follows cannot be told apart from inside; the seal tells.
    Probe { protection: Protection::NetNamespace, code: "", beside: &[], with: "", without: "" },
    Probe { protection: Protection::CgroupNamespace, code: "", beside: &[], with: "", without: "" },
    Probe { protection: Protection::Keyring, code: "", beside: &[], with: "", without: "" },
    Probe { protection: Protection::ProcessLimit, code: "", beside: &[], with: "", without: "" },
    Probe { protection: Protection::Cgroup, code: "", beside: &[], with: "", without: "" },
];

fn holds(probe: &Probe) -> Result<(), Failed> {
    let waive = |policy: Policy, protection| policy.protection(protection, Rule::Waive);
    let policy = probe.beside.iter().copied().fold(Policy::strict(), waive);
    let strict = Template::python().policy(policy).build()?.run(probe.code)?;
    let waived = Template::python().policy(waive(policy, probe.protection)).build()?.run(probe.code)?;
    if strict.stdout_lossy() != probe.with || waived.stdout_lossy() != probe.without {
        return Err(format!("{strict:?}\n{waived:?}").into());
    }
    let (strict, waived) = (strict.seal.ok_or("no seal")?, waived.seal.ok_or("no seal")?);
    let names =
        |seal: &zeroboot::Seal| -> Vec<_> { seal.missing.iter().map(|missing| missing.name()).collect() };
    // An ordinary user has no limit of processes to give, unless by a cgroup; not every host has those.
    let bounded = strict.cgroup.is_some();
    let had = match probe.protection {
        Protection::ProcessLimit => bounded || !names(&strict).contains(&"own user id"),
        Protection::Cgroup => bounded,
        _ => true,
    };
    if names(&strict).contains(&probe.protection.name()) == had
        || !names(&waived).contains(&probe.protection.name())
    {
        return Err(format!("{strict:?}\n{waived:?}").into());
    }
    let namespace = match probe.protection {
        Protection::NetNamespace => Namespace::Net,
        Protection::UtsNamespace => Namespace::Uts,
        Protection::CgroupNamespace => Namespace::Cgroup,
        _ => return Ok(()),
    };
    match (strict.namespaces.contains(&namespace), waived.namespaces.contains(&namespace)) {
        (true, false) => Ok(()),
        _ => Err(format!("{strict:?}\n{waived:?}").into()),
    }
}

fn without_anything() -> Result<(), Failed> {
    let policy = Protection::ALL
        .into_iter()
        .fold(Policy::strict(), |policy, protection| policy.protection(protection, Rule::Waive));
    let outcome = Template::python().policy(policy).build()?.run("print(1)")?;
    let seal = outcome.seal.ok_or("no seal")?;
    if outcome.stdout == b"1\n" && seal.missing.len() >= Protection::ALL.len() && seal.no_new_privs {
        Ok(())
    } else {
        Err(format!("{seal:?}").into())
    }
}

fn examined() -> Result<(), Failed> {
    let report = examine_host();
    let found = |what: &str| report.findings.iter().find(|finding| finding.what == what);
    let all = Protection::ALL.into_iter().all(|protection| found(protection.name()).is_some());
    let told = report.findings.iter().all(|finding| finding.holds || !finding.detail.is_empty());
    if report.strict && all && told && std::ptr::eq(report, examine_host()) {
        Ok(())
    } else {
        Err(format!("{report:?}").into())
    }
}

/// As root everything but a cgroup can be had, or the other tests fail; an ordinary user needs a cgroup for the limit of
/// processes.
fn required() -> Result<(), Failed> {
    let limited = Policy::strict().protection(Protection::ProcessLimit, Rule::Require);
    for policy in [limited, limited.protection(Protection::Cgroup, Rule::Waive)] {
        match Template::python().policy(policy).build() {
            Ok(template) => {
                let seal = template.run("1")?.seal.ok_or("no seal")?;
                if seal.cgroup.is_none() && seal.missing.contains(&Missing::OwnUser) {
                    return Err("an ordinary user has it".into());
                }
            }
            Err(error @ (BuildError::ProcessLimit | BuildError::Cgroup { .. }))
                if error.remedy().is_some() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
