//! What the command line looks like.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroU8;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use zeroboot::{Bytes, BytesError, Cpus, Network, Protection, StormAction};

/// Runs code in sandboxes that are forked from a warm process.
#[derive(Debug, Parser)]
#[command(name = "zeroboot", disable_version_flag = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a Python script in a sandbox.
    ///
    /// Exit status: the script's own; 124 at its deadline; 125 when zeroboot itself could not do it; 128+n when signal n
    /// ended it. The script's output passes through unchanged.
    Run(Box<RunOptions>),
    /// Says which memory of its template a sandbox shares, has copied and has added, by mapping.
    ///
    /// For root: the pages of a sandbox are nobody else's to see.
    Map(MapOptions),
    /// Shows the templates, pools and sandboxes of this user's processes, as they change.
    ///
    /// Keys: q quits, a column's letter sorts by it, the arrows choose a sandbox whose memory is then measured each time.
    Top(TopOptions),
    /// Says what this host can enforce, with the cause and remedy of what it cannot.
    ///
    /// A real sandbox is made and thrown away. Exit status: 0 when the policy strict can be had, 125 when not.
    Doctor(DoctorOptions),
    /// Says which version this is.
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct MapOptions {
    /// The process of a sandbox that lives, or `last`: what the last `zeroboot run` has left.
    #[arg(value_name = "PID|last")]
    pub(crate) subject: Subject,
    /// Draws it, page by page: a file called .svg or .png.
    #[arg(short, long, value_name = "FILE", value_parser = picture)]
    pub(crate) output: Option<PathBuf>,
}

/// Whose map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Process(u32),
    Last,
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            _ => text.parse().map(Self::Process).map_err(|_| "neither a process id nor `last`".to_owned()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TopOptions {
    /// One plain table, as where standard output is no terminal.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// One JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "zeroboot run [OPTIONS] SCRIPT [ARGS]...\n       zeroboot run [OPTIONS] -c CODE [ARGS]..."
)]
pub(crate) struct RunOptions {
    /// A file, or - for standard input; all that follows is for the script.
    #[arg(value_name = "SCRIPT", trailing_var_arg = true, required_unless_present = "code")]
    pub(crate) script: Vec<OsString>,
    /// Code to run instead of a file; all that follows is for the script.
    #[arg(short = 'c', value_name = "CODE", num_args = 1.., allow_hyphen_values = true)]
    pub(crate) code: Vec<OsString>,
    /// Modules to import while the template warms up.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) import: Vec<String>,
    /// Which interpreter; a virtualenv's works with its packages.
    #[arg(long, value_name = "PATH", default_value = "python3")]
    pub(crate) python: PathBuf,
    /// Without the interpreter's module site, as by its own option -S: no installed packages; starts faster.
    #[arg(long)]
    pub(crate) no_site: bool,
    /// A file to run in the template after the imports; scripts import from it as `warm`.
    #[arg(long, value_name = "FILE")]
    pub(crate) warm: Option<PathBuf>,
    /// Fresh heap in huge pages: for scripts that allocate many MiB at once.
    #[arg(long)]
    pub(crate) huge_heap: bool,
    /// Deadline: 500ms, 30s, 2m.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// How much the script may write: 64K, 16M, 1G.
    #[arg(long, default_value = "16M", value_parser = bytes)]
    pub(crate) output: Bytes,
    /// What a sandbox may do and take: strict, or a TOML file; the limits below go before what it says.
    #[arg(long, value_name = "NAME|FILE", default_value = "strict")]
    pub(crate) policy: PathBuf,
    /// Which network: none, or a loopback of the sandbox's own [strict: none].
    #[arg(long, value_name = "none|loopback", value_parser = network)]
    pub(crate) network: Option<Network>,
    /// Protections to do without, by the names of a policy file: to see what the others hold.
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = protection)]
    pub(crate) waive: Vec<Protection>,
    /// Size limit of each private file system [strict: 64M].
    #[arg(long, value_parser = bytes)]
    pub(crate) tmp: Option<Bytes>,
    /// Limit of open files [strict: 1024]; of an ordinary user half of what `ulimit -Hn` says at most.
    #[arg(long, value_parser = clap::value_parser!(u64).range(16..))]
    pub(crate) files: Option<u64>,
    /// Memory of the sandbox, beyond what it shares with its template; of each process where there is no cgroup v2
    /// with a memory controller [strict: no limit].
    #[arg(long, value_parser = bytes)]
    pub(crate) memory: Option<Bytes>,
    /// CPU time per time, as in 1.5: how many processors at once; needs cgroup v2 with a cpu controller
    /// [strict: no limit].
    #[arg(long)]
    pub(crate) cpus: Option<Cpus>,
    /// Limit of processes and threads [strict: 64].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) pids: Option<u64>,
    /// What to do about a burst of page faults, besides telling it: report (nothing else), throttle (less CPU time while it
    /// lasts; needs cgroup v2 with a cpu controller), kill; or off: nobody looks [strict: report].
    #[arg(long, value_name = "report|throttle|kill|off", value_parser = storm_action)]
    pub(crate) storm: Option<StormAction>,
    /// A variable of the script's environment.
    #[arg(long, value_name = "K=V", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,
    /// A file or directory of the host to show, read-only; at the same place unless another one is given, such as
    /// /home/sandbox/NAME for the working directory.
    #[arg(long, value_name = "PATH[:DEST]", value_parser = clap::value_parser!(OsString))]
    pub(crate) ro: Vec<OsString>,
    /// The working directory is a copy-on-write view of this directory: changes are private, bounded by --tmp, and gone
    /// afterwards unless --out copies them. DIR itself is never changed.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Copies the new and changed regular files of the working directory to this directory when the script has ended, also when it
    /// has failed; with --count to DIR/1, DIR/2 and so on. At most 10,000 files and 1 GiB; links are left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// In how many sandboxes of one template.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// How many of them at once.
    #[arg(long, value_name = "P", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) parallel: u32,
    /// Keep so many sandboxes parked: made before they are asked for, so that each answers at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) pool: Option<u16>,
    /// How many processes of the template fork the sandboxes, in turn; they share its memory. Where forks take long and there are
    /// many processors.
    #[arg(long, value_name = "N", default_value_t = NonZeroU8::MIN)]
    pub(crate) template_processes: NonZeroU8,
    /// Draws which memory of the template its sandboxes share, copy and add: a file called .svg or .png. For root.
    #[arg(long, value_name = "FILE", value_parser = picture)]
    pub(crate) map: Option<PathBuf>,
    /// One JSON document for each sandbox, one a line; a summary last if there are several.
    #[arg(long)]
    pub(crate) json: bool,
    /// Nothing of zeroboot's own on standard error.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What `--ro` says: the path, and the place after the last colon. A path with a colon in it needs its place.
pub(crate) fn view(text: &OsStr) -> (&Path, Option<&Path>) {
    let path = |bytes| Path::new(OsStr::from_bytes(bytes));
    let bytes = text.as_bytes();
    match bytes.iter().rposition(|byte| *byte == b':') {
        Some(colon) => (path(&bytes[..colon]), Some(path(&bytes[colon + 1..]))),
        None => (path(bytes), None),
    }
}

fn picture(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(OsStr::to_str) {
        Some("svg" | "png") => Ok(path),
        _ => Err("neither .svg nor .png".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("unknown unit {unit:?}: use ms, s, m or h")),
    };
    let number: f64 = digits.parse().map_err(|_| "not a number with a unit, as in 30s".to_owned())?;
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "not a length of time".to_owned())
}

fn bytes(text: &str) -> Result<Bytes, String> {
    let bytes: Bytes = text.parse().map_err(|error: BytesError| error.to_string())?;
    if bytes == Bytes(0) { Err("not an amount".to_owned()) } else { Ok(bytes) }
}

fn network(text: &str) -> Result<Network, String> {
    match text {
        "none" => Ok(Network::None),
        "loopback" => Ok(Network::Loopback),
        _ => Err("it is none or loopback".to_owned()),
    }
}

fn protection(text: &str) -> Result<Protection, String> {
    let found = Protection::ALL.into_iter().find(|protection| protection.name() == text);
    found.ok_or_else(|| format!("it is one of {}", Protection::ALL.map(Protection::name).join(", ")))
}

fn storm_action(text: &str) -> Result<StormAction, String> {
    let found = StormAction::ALL.into_iter().find(|action| action.name() == text);
    found.ok_or_else(|| format!("it is one of {}", StormAction::ALL.map(StormAction::name).join(", ")))
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("not of the form K=V".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }

    #[test]
    fn views() {
        for (text, path, place) in [
            ("/data", "/data", None),
            ("data:/data", "data", Some("/data")),
            ("a:b:/data", "a:b", Some("/data")),
            ("/data:", "/data", Some("")),
        ] {
            assert_eq!(view(OsStr::new(text)), (Path::new(path), place.map(Path::new)));
        }
    }

    #[test]
    fn lengths_of_time() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "-1s", "0s", "1y", "infs"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts() {
        assert_eq!(bytes("64K"), Ok(Bytes::kibi(64)));
        assert_eq!(bytes("16M"), Ok(Bytes::mebi(16)));
        assert_eq!(bytes("7"), Ok(Bytes(7)));
        for wrong in ["", "M", "-1M", "0", "1T", "99999999999G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
