//! `zeroboot doctor`: what this host can enforce, found out by a real sandbox that is thrown away.

use std::io::{IsTerminal, Write};
use std::path::Path;

use serde::Serialize;
use zeroboot::{
    BuildError, Bytes, Cpus, Interpreter, Missing, Outcome, Policy, Protection, Request, Rule, Template,
};

use crate::OWN_FAILURE;
use crate::arguments::DoctorOptions;
use crate::failure::Failure;

// The probe: a template of this program itself, which needs no interpreter.
zeroboot::function! {
    name: "probe",
    warm_up: || (),
    answer: |(): &(), (): ()| (),
}

/// What was found out about one thing.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    holds: bool,
    /// How, or why not.
    detail: String,
    /// What to do, where something can be done.
    remedy: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    kernel: String,
    /// Whether a sandbox of the policy `strict` can be made here.
    strict: bool,
    findings: Vec<Finding>,
}

/// Looks, and says what was found. 0 when the policy `strict` can be had.
pub(crate) fn run(options: &DoctorOptions) -> Result<u8, Failure> {
    let report = examine();
    let text = if options.json {
        let text = serde_json::to_string(&report).map_err(|error| Failure::new(error.to_string(), ""))?;
        text + "\n"
    } else {
        report.table(std::io::stdout().is_terminal())
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::stream("cannot write to standard output", &error))?;
    Ok(if report.strict { 0 } else { OWN_FAILURE })
}

fn examine() -> Report {
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
    findings.push(python());
    Report { kernel: kernel.trim().to_owned(), strict: is_strict, findings }
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
    let template = Template::function("probe").policy(policy).build()?;
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
                missing(what, "there is no cgroup, and an ordinary user lends its own id only", None)
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
            "an ordinary user can lend its own id only",
            Some("run as root: each sandbox gets an id of its own"),
        ));
    }
    findings.push(match template.copied_pages() {
        Some(pages) => holds("copy at fork", format!("{pages} pages of a small template")),
        None => missing(
            "copy at fork",
            "pages cannot be pinned; sandboxes start more slowly",
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
            .map(|what| holds(what, "of a whole sandbox, where it is asked for".to_owned())),
        Err(error) => [
            broken(cgroup, &error),
            missing(memory, "of each process only, where it is asked for", None),
            missing(cpu, "not without a cgroup", None),
        ],
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

impl Report {
    fn table(&self, colour: bool) -> String {
        let [green, red, plain] = if colour { ["\x1b[32m", "\x1b[31m", "\x1b[0m"] } else { [""; 3] };
        let verdict =
            if self.strict { "a strict sandbox can be made" } else { "no strict sandbox can be made" };
        let mut text = format!("Linux {}: {verdict}\n", self.kernel);
        for Finding { what, holds, detail, remedy } in &self.findings {
            let (colour, word) = if *holds { (green, "yes") } else { (red, "no ") };
            text += format!("  {colour}{word}{plain}  {what:18}  {detail}").trim_end();
            text += "\n";
            if let Some(remedy) = remedy {
                text += &format!("{:27}remedy: {remedy}\n", "");
            }
        }
        text
    }
}
