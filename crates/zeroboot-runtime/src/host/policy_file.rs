//! A policy as a file: what is not said in it is as in [`Policy::strict`].
//!
//! ```toml
//! network = "none"       # or "loopback"
//!
//! [limits]
//! pids = 64              # processes and threads
//! files = 1024           # open files
//! memory = "256M"        # of the sandbox, beyond what it shares with its template
//! cpus = 1.5             # CPU time per time
//! file-size = "10M"      # of one file
//! tmp = "64M"            # of each private file system
//!
//! [storm]                # bursts of page faults
//! action = "report"      # or "off", "throttle", "kill"
//! faults = 10240         # one begins with so many faults
//! within-ms = 100        # in so many milliseconds
//! calm-faults = 2048     # and ends when there were fewer
//! calm-ms = 200          # in so many milliseconds
//! throttle-cpus = 0.1    # CPU time per time of a throttled sandbox
//!
//! [protections]          # "require", "prefer" or "waive"; the names are those of `Protection::name`
//! landlock = "prefer"
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use zeroboot_isolation::policy::{
    Bytes, Cpus, CpusError, Limits, Network, Policy, Protection, Rule, StormAction, StormPolicy,
};

use crate::words::with_cause;

/// Why a policy file says nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// The file.
    #[error("cannot read the policy {}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of it.
    #[error("{}, line {line}: {cause}", path.display())]
    Line {
        /// The path of the file.
        path: PathBuf,
        /// Which line, from 1 on.
        line: usize,
        /// What is wrong there.
        cause: String,
        /// What can stand there instead.
        remedy: String,
    },
}

with_cause!(PolicyFileError);

impl PolicyFileError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Read { .. } => "give a readable TOML file, or strict".to_owned(),
            Self::Line { remedy, .. } => remedy.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    network: Option<Spanned<String>>,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    storm: Storm,
    #[serde(default)]
    protections: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitsTable {
    pids: Option<Spanned<u64>>,
    files: Option<Spanned<u64>>,
    memory: Option<Spanned<String>>,
    cpus: Option<Spanned<Decimal>>,
    file_size: Option<Spanned<String>>,
    tmp: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Storm {
    action: Option<Spanned<String>>,
    faults: Option<Spanned<u64>>,
    within_ms: Option<Spanned<u64>>,
    calm_faults: Option<Spanned<u64>>,
    calm_ms: Option<Spanned<u64>>,
    throttle_cpus: Option<Spanned<Decimal>>,
}

/// A number with or without a point: TOML tells them apart.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Decimal {
    Whole(i64),
    Broken(f64),
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Broken(number) => number.fmt(f),
        }
    }
}

/// A mistake, and where it begins in the text.
struct Mistake {
    at: usize,
    cause: String,
    remedy: String,
}

/// The fewest descriptors with which a sandbox can start.
const LEAST_FILES: u64 = 16;

/// Reads a policy from a TOML file.
///
/// # Errors
/// [`PolicyFileError`], with the line.
pub fn read_policy(path: &Path) -> Result<Policy, PolicyFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| PolicyFileError::Read { path: path.to_owned(), source })?;
    policy(&text).map_err(|Mistake { at, cause, remedy }| PolicyFileError::Line {
        path: path.to_owned(),
        line: text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1,
        cause,
        remedy,
    })
}

fn policy(text: &str) -> Result<Policy, Mistake> {
    let file: File = toml::from_str(text).map_err(|error| Mistake {
        at: error.span().map_or(0, |span| span.start),
        cause: error.message().to_owned(),
        remedy: "network, and the tables [limits] (pids, files, memory, cpus, file-size, tmp), [storm] (action, faults, \
                 within-ms, calm-faults, calm-ms, throttle-cpus) and [protections] are allowed"
            .to_owned(),
    })?;
    let mut policy = Policy::strict();
    if let Some(name) = file.network {
        policy.network = match name.as_ref().as_str() {
            "none" => Network::None,
            "loopback" => Network::Loopback,
            other => {
                let cause = format!("there is no network {other:?}");
                return Err(wrong(&name, cause, "use \"none\" or \"loopback\""));
            }
        };
    }
    let LimitsTable { pids, files, memory, cpus, file_size, tmp } = file.limits;
    if let Some(pids) = pids {
        policy = policy.processes(at_least(&pids, 1)?);
    }
    if let Some(files) = files {
        policy = policy.open_files(at_least(&files, LEAST_FILES)?);
    }
    if let Some(size) = memory {
        policy = policy.memory(amount(&size, Limits::LEAST_MEMORY)?);
    }
    if let Some(cpus) = cpus {
        policy = policy.cpus(processors(&cpus)?);
    }
    if let Some(size) = file_size {
        policy = policy.file_size(amount(&size, Bytes(0))?);
    }
    if let Some(size) = tmp {
        policy = policy.tmp(amount(&size, Limits::LEAST_TMP)?);
    }
    policy = policy.storm(storm(&file.storm)?);
    for (name, rule) in &file.protections {
        policy = policy.protection(protection(name)?, rule_of(rule)?);
    }
    Ok(policy)
}

fn storm(said: &Storm) -> Result<StormPolicy, Mistake> {
    let mut storm = StormPolicy::default();
    if let Some(name) = &said.action {
        storm.action = action(name)?;
    }
    let faults = |said: &Option<_>, usual| said.as_ref().map_or(Ok(usual), |faults| at_least(faults, 1));
    let time = |said: &Option<_>, usual| said.as_ref().map_or(Ok(usual), milliseconds);
    let begin = (faults(&said.faults, storm.begin_faults)?, time(&said.within_ms, storm.begin_within)?);
    let end = (faults(&said.calm_faults, storm.end_faults)?, time(&said.calm_ms, storm.end_within)?);
    if let Some(cpus) = &said.throttle_cpus {
        storm.throttle = processors(cpus)?;
    }
    Ok(storm.begins_at(begin.0, begin.1).ends_below(end.0, end.1))
}

fn action(name: &Spanned<String>) -> Result<StormAction, Mistake> {
    let found = StormAction::ALL.into_iter().find(|action| action.name() == name.as_ref());
    found.ok_or_else(|| {
        let known = StormAction::ALL.map(StormAction::name).join(", ");
        wrong(name, format!("there is no action {:?}", name.as_ref()), format!("use one of {known}"))
    })
}

fn milliseconds(count: &Spanned<u64>) -> Result<Duration, Mistake> {
    let least = u64::try_from(StormPolicy::SHORTEST.as_millis()).unwrap_or_default();
    at_least(count, least).map(Duration::from_millis)
}

fn processors(number: &Spanned<Decimal>) -> Result<Cpus, Mistake> {
    let text = number.as_ref().to_string();
    text.parse().map_err(|error: CpusError| wrong(number, format!("{text} is {error}"), "write it as in 1.5"))
}

fn wrong<T>(place: &Spanned<T>, cause: String, remedy: impl Into<String>) -> Mistake {
    Mistake { at: place.span().start, cause, remedy: remedy.into() }
}

fn at_least(count: &Spanned<u64>, least: u64) -> Result<u64, Mistake> {
    let given = *count.as_ref();
    if given < least {
        return Err(wrong(count, format!("{given} is too few"), format!("use {least} or more")));
    }
    Ok(given)
}

fn amount(text: &Spanned<String>, least: Bytes) -> Result<Bytes, Mistake> {
    let bytes: Bytes =
        text.as_ref().parse().map_err(|error| wrong(text, format!("{error}"), "write it as in \"64M\""))?;
    if bytes < least {
        let least = least.0 >> 10;
        return Err(wrong(
            text,
            format!("{:?} is too little", text.as_ref()),
            format!("use \"{least}K\" or more"),
        ));
    }
    Ok(bytes)
}

fn protection(name: &Spanned<String>) -> Result<Protection, Mistake> {
    let found = Protection::ALL.into_iter().find(|protection| protection.name() == name.as_ref());
    found.ok_or_else(|| {
        let known = Protection::ALL.map(Protection::name).join(", ");
        wrong(name, format!("there is no protection {:?}", name.as_ref()), format!("use one of {known}"))
    })
}

fn rule_of(name: &Spanned<String>) -> Result<Rule, Mistake> {
    let found = Rule::ALL.into_iter().find(|rule| rule.name() == name.as_ref());
    found.ok_or_else(|| {
        let known = Rule::ALL.map(Rule::name).join(", ");
        wrong(name, format!("there is no rule {:?}", name.as_ref()), format!("use one of {known}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, line: usize, words: &str) {
        let mistake = policy(text).err().unwrap_or_else(|| panic!("{text:?} was accepted"));
        let found = text.bytes().take(mistake.at).filter(|byte| *byte == b'\n').count() + 1;
        assert_eq!(found, line, "{text:?}: {}", mistake.cause);
        assert!(mistake.cause.contains(words), "{text:?}: {}", mistake.cause);
        assert!(!mistake.remedy.is_empty());
    }

    #[test]
    fn what_is_said_is_set_and_the_rest_is_strict() {
        assert_eq!(policy("").ok(), Some(Policy::strict()));
        let text = "network = \"none\"\n[limits]\npids = 3\nfiles = 32\nmemory = \"9M\"\ncpus = 2\nfile-size = \"1M\"\ntmp = \"2M\"\n\
                    [storm]\naction = \"kill\"\nfaults = 9\nwithin-ms = 30\ncalm-ms = 40\nthrottle-cpus = 0.5\n\
                    [protections]\nlandlock = \"prefer\"\nfilter = \"waive\"\nkeyring = \"require\"\n";
        let wanted = Policy::strict()
            .processes(3)
            .open_files(32)
            .memory(Bytes::mebi(9))
            .cpus(Cpus::milli(2000))
            .file_size(Bytes::mebi(1))
            .tmp(Bytes::mebi(2))
            .storm(
                StormPolicy::of(StormAction::Kill)
                    .begins_at(9, Duration::from_millis(30))
                    .ends_below(2048, Duration::from_millis(40))
                    .throttled_to(Cpus::milli(500)),
            )
            .protection(Protection::Landlock, Rule::Prefer)
            .protection(Protection::Filter, Rule::Waive)
            .protection(Protection::Keyring, Rule::Require);
        assert_eq!(policy(text).ok(), Some(wanted));
    }

    #[test]
    fn each_mistake_is_named_with_its_line() {
        refused("\nlimit = 3\n", 2, "unknown field `limit`");
        refused("[limits]\n\npid = 3\n", 3, "unknown field `pid`");
        refused("[limits]\npids = 0\n", 2, "too few");
        refused("[limits]\npids = -1\n", 2, "invalid value");
        refused("[limits]\npids = \"many\"\n", 2, "invalid type");
        refused("[limits]\nfiles = 3\n", 2, "too few");
        refused("[limits]\ntmp = \"1X\"\n", 2, "unit");
        refused("[limits]\ntmp = \"1K\"\n", 2, "too little");
        refused("[limits]\nmemory = \"1K\"\n", 2, "too little");
        refused("[limits]\ncpus = 0\n", 2, "not a number of processors");
        refused("[limits]\ncpus = -0.5\n", 2, "not a number of processors");
        refused("[limits]\ncpus = \"many\"\n", 2, "");
        refused("[storm]\naction = \"panic\"\n", 2, "no action");
        refused("[storm]\nfault = 1\n", 2, "unknown field `fault`");
        refused("[storm]\nfaults = 0\n", 2, "too few");
        refused("[storm]\n\nwithin-ms = 19\n", 3, "too few");
        refused("[storm]\nthrottle-cpus = 0\n", 2, "not a number of processors");
        refused("[protections]\nfilter = \"off\"\n", 2, "no rule");
        refused("[protections]\nlandlock = \"prefer\"\nwalls = \"waive\"\n", 3, "no protection");
        refused("network = \"host\"\n", 1, "no network");
        refused("network = \n", 1, "");
        refused("[limits]\npids = 1\npids = 2\n", 3, "duplicate");
    }
}
