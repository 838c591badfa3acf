//! What this host can enforce, found out by a real sandbox that is thrown away.
//!
//! Never here: guessing from version numbers.

use std::path::Path;
use std::sync::OnceLock;

use nix::unistd::{Gid, Uid};
use serde::Serialize;
use zeroboot_isolation::policy::{Bytes, Cpus, Policy, Protection, Rule};
use zeroboot_isolation::seal::Missing;

use super::builder::TemplateBuilder;
use super::error::BuildError;
use super::interpreter::Interpreter;
use super::outcome::Outcome;
use super::request::Request;
use super::template::Template;

/// What was found out about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The thing: a protection by the name that policies use, or a part of Zeroboot.
    pub what: &'static str,
    /// Whether it can be had.
    pub holds: bool,
    /// How, or why not.
    pub detail: String,
    /// What to do, where something can be done.
    pub remedy: Option<String>,
}

/// What a host can enforce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostReport {
    /// The version of its kernel.
    pub kernel: String,
    /// Whether a sandbox of the policy `strict` can be made.
    pub strict: bool,
    /// One by one.
    pub findings: Vec<Finding>,
}

/// Finds out what this host can enforce for this user, by sandboxes that are thrown away: a few tens of milliseconds. It is
/// found out once in the life of a process; later calls give the same report.
pub fn examine_host() -> &'static HostReport {
    static REPORT: OnceLock<HostReport> = OnceLock::new();
    REPORT.get_or_init(examine)
}

fn examine() -> HostReport {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut findings = Vec::new();
    let strict = probe(Policy::strict());
    let is_strict = strict.is_ok();
    // What is only preferred does not stand in the way of the rest.
    let probed = strict.or_else(|error| {
        findings.push(broken("strict", &error));
        let prefer = |policy: Policy, protection| policy.protection(protection, Rule::Prefer);
        probe(Protection::ALL.into_iter().fold(Policy::strict(), prefer))
    });
    match probed {
        Ok((template, outcome)) => findings.extend(of_a_sandbox(&template, &outcome)),
        Err(error) => findings.push(broken("sandbox", &error)),
    }
    findings.extend([groups(), core_pattern(), python()]);
    HostReport { kernel: kernel.trim().to_owned(), strict: is_strict, findings }
}

/// Why there is no sandbox.
struct NoSandbox {
    cause: String,
    remedy: Option<String>,
}

impl From<BuildError> for NoSandbox {
    fn from(error: BuildError) -> Self {
        Self { cause: error.cause(), remedy: error.remedy() }
    }
}

fn probe(policy: Policy) -> Result<(Template, Outcome), NoSandbox> {
    let template = TemplateBuilder::probe().policy(policy).build()?;
    let outcome = template
        .execute(Request::script("probe", "null"))
        .map_err(|error| NoSandbox { cause: error.cause(), remedy: error.remedy() })?;
    Ok((template, outcome))
}

fn broken(what: &'static str, NoSandbox { cause, remedy }: &NoSandbox) -> Finding {
    Finding { what, holds: false, detail: cause.clone(), remedy: remedy.clone() }
}

fn of_a_sandbox(template: &Template, outcome: &Outcome) -> Vec<Finding> {
    let spawn = outcome.account.times.spawn.as_micros();
    let mut findings = vec![holds("sandbox", format!("made and measured; the spawn took {spawn} us"))];
    let Some(seal) = &outcome.seal else { return findings };
    for protection in Protection::ALL.into_iter().filter(|one| *one != Protection::Cgroup) {
        let what = protection.name();
        findings.push(match (seal.missing.contains(&Missing::Protection(protection)), protection) {
            (true, Protection::ProcessLimit) => {
                missing(what, "there is no cgroup, and an ordinary user has one id for all sandboxes", None)
            }
            (true, _) => missing(what, "the kernel refuses it", remedy_for(protection)),
            (false, Protection::Landlock) => {
                holds(what, format!("version {}", seal.landlock.unwrap_or_default()))
            }
            (false, _) => holds(what, String::new()),
        });
    }
    findings.extend(cgroup());
    if seal.missing.contains(&Missing::OwnUser) {
        findings.push(missing(
            Missing::OwnUser.name(),
            "an ordinary user has one id for all sandboxes",
            Some("run as root: each sandbox gets an id of its own"),
        ));
    }
    findings.push(machine_files(Path::new("/proc/self/timens_offsets").exists()));
    findings.push(match template.copied_pages() {
        Some(pages) => holds("copy at fork", format!("{pages} pages of a small template")),
        None => missing(
            "copy at fork",
            "pages cannot be pinned, so sandboxes start more slowly",
            Some(
                "allow io_uring (kernel.io_uring_disabled=0), raise RLIMIT_MEMLOCK; RUST_LOG=warn says which",
            ),
        ),
    });
    findings
}

fn remedy_for(protection: Protection) -> Option<&'static str> {
    match protection {
        Protection::Landlock => Some("a kernel from 5.13 on, with landlock in its lsm= list"),
        Protection::Keyring => Some("raise kernel.keys.maxkeys"),
        _ => None,
    }
}

/// Every limit that a cgroup can give, required: so it says which cannot be had, and why.
fn cgroup() -> [Finding; 3] {
    let [cgroup, memory, cpu] =
        [Protection::Cgroup.name(), Missing::MemoryLimit.name(), Missing::CpuLimit.name()];
    let all = Policy::strict().memory(Bytes::mebi(64)).cpus(Cpus::milli(1000));
    match probe(all.protection(Protection::Cgroup, Rule::Require)) {
        Ok(_) => [cgroup, memory, cpu]
            .map(|what| holds(what, "limits the whole sandbox, where a limit is set".to_owned())),
        Err(error) => [
            broken(cgroup, &error),
            missing(memory, "limits each process only", None),
            missing(cpu, "needs a cgroup", None),
        ],
    }
}

/// A shell without them is never joined, so that there is a sandbox says that they are there.
fn machine_files(has_time_namespaces: bool) -> Finding {
    let detail = match has_time_namespaces {
        true => "/proc tells the limits of a sandbox, and counts from the start of its template",
        false => {
            "/proc tells the limits of a sandbox; its uptime is the host's, since this kernel has no time namespaces \
             (CONFIG_TIME_NS)"
        }
    };
    holds("machine files", detail.to_owned())
}

/// Groups of this user that its sandboxes keep: who maps only itself into a user namespace may not drop them.
fn groups() -> Finding {
    const WHAT: &str = "no other groups";
    if Uid::effective().is_root() {
        return holds(WHAT, "each sandbox drops them".to_owned());
    }
    let own = Gid::effective();
    match nix::unistd::getgroups() {
        Err(errno) => missing(WHAT, &format!("cannot be read: {errno}"), None),
        Ok(groups) => match groups.iter().filter(|group| **group != own).count() {
            0 => holds(WHAT, "this user has none".to_owned()),
            count => missing(
                WHAT,
                &format!(
                    "sandboxes keep {count} other groups of this user, and with them access to files that are shown"
                ),
                Some("run as root, or as a user without other groups (setpriv --clear-groups)"),
            ),
        },
    }
}

fn core_pattern() -> Finding {
    match std::fs::read_to_string("/proc/sys/kernel/core_pattern") {
        Ok(pattern) => of_core_pattern(pattern.trim()),
        Err(error) => missing(CORE_PATTERN, &format!("cannot be read: {error}"), None),
    }
}

const CORE_PATTERN: &str = "core pattern";

/// Whether the host has something started or called where a process crashes, and what keeps that away from sandboxes.
fn of_core_pattern(pattern: &str) -> Finding {
    let plain = Some("set kernel.core_pattern to the name of a file");
    match pattern.as_bytes().first() {
        Some(b'|') => missing(
            CORE_PATTERN,
            &format!(
                "a crash starts a program of the host ({pattern}); in a sandbox the limit of 1 for core files holds it"
            ),
            plain,
        ),
        Some(b'@') => missing(
            CORE_PATTERN,
            &format!(
                "a crash calls a server of the host ({pattern}), which no limit holds: it gets the memory of programs that \
                 sandboxes execute"
            ),
            plain,
        ),
        _ => holds(CORE_PATTERN, "a file, which no sandbox writes".to_owned()),
    }
}

fn python() -> Finding {
    match Interpreter::probe(Path::new("python3")) {
        Ok(interpreter) => {
            let (major, minor) = interpreter.version();
            holds("python3", format!("{major}.{minor}, {}", interpreter.executable().display()))
        }
        Err(error) => broken("python3", &BuildError::from(error).into()),
    }
}

fn holds(what: &'static str, detail: String) -> Finding {
    Finding { what, holds: true, detail, remedy: None }
}

fn missing(what: &'static str, detail: &str, remedy: Option<&str>) -> Finding {
    Finding { what, holds: false, detail: detail.to_owned(), remedy: remedy.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_or_a_server_for_crashes_is_a_warning() {
        for pattern in ["|/usr/lib/handler %p", "@/run/crashes.socket", "@@/run/crashes.socket"] {
            let finding = of_core_pattern(pattern);
            let said = finding.detail.contains(pattern) && finding.remedy.is_some();
            assert!(!finding.holds && said, "{finding:?}");
        }
        assert!(of_core_pattern("|x").detail.contains("limit of 1"));
        for pattern in ["core", "/var/crash/core.%p", ""] {
            assert!(of_core_pattern(pattern).holds, "{pattern}");
        }
    }
}
