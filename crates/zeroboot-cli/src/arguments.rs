//! What the command line looks like.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroU8;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use zeroboot::{Bytes, BytesError, Cpus, Network, Protection, StormAction};

/// Run code in sandboxes that are forked from a warm process.
#[derive(Debug, Parser)]
#[command(name = "zeroboot", disable_version_flag = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a Python script in a sandbox.
    ///
    /// The script's output passes through unchanged. Exit status: the script's own; 124 at its deadline; 125 when zeroboot itself
    /// failed; 128+n when signal n ended it.
    Run(Box<RunOptions>),
    /// Show which memory of its template a sandbox shares, has copied and has added, by mapping.
    ///
    /// Needs root: the pages of a sandbox are visible to root only.
    Map(MapOptions),
    /// Show the templates, pools and sandboxes of this user's processes, as they change.
    ///
    /// Keys: q quits, a column's letter sorts by it, the arrows choose a sandbox whose memory is measured each time.
    Top(TopOptions),
    /// Show what this host can enforce, with the cause and remedy of what it cannot.
    ///
    /// Makes a real sandbox and throws it away. Exit status: 0 when the policy strict can be enforced, 125 when not.
    Doctor(DoctorOptions),
    /// Print the version.
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct MapOptions {
    /// The process id of a living sandbox, or `last` for the last `zeroboot run`.
    #[arg(value_name = "PID|last")]
    pub(crate) subject: Subject,
    /// Draw it, page by page, to a file named .svg or .png.
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
    /// Print one plain table, as when standard output is no terminal.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "zeroboot run [OPTIONS] SCRIPT [ARGS]...\n       zeroboot run [OPTIONS] -c CODE [ARGS]...\n       \
                      zeroboot run [OPTIONS] -m MODULE [ARGS]..."
)]
pub(crate) struct RunOptions {
    /// A file, or - for standard input. Arguments after it are passed to the script.
    #[arg(value_name = "SCRIPT", trailing_var_arg = true, required_unless_present_any = ["code", "module"])]
    pub(crate) script: Vec<OsString>,
    /// Code to run instead of a file. Arguments after it are passed to the code.
    #[arg(short = 'c', value_name = "CODE", num_args = 1.., allow_hyphen_values = true)]
    pub(crate) code: Vec<OsString>,
    /// Run a module as a program, like `python3 -m`. Arguments after it are passed to the module.
    #[arg(short = 'm', value_name = "MODULE", num_args = 1.., allow_hyphen_values = true, conflicts_with = "code")]
    pub(crate) module: Vec<OsString>,
    /// Pass on at once what the script prints, like `python3 -u`. At a terminal this is always so.
    #[arg(short = 'u')]
    pub(crate) unbuffered: bool,
    /// Import these modules once, in the template.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) import: Vec<String>,
    /// The interpreter: a path, or a name to look up in PATH. A virtualenv's works with its packages.
    #[arg(long, value_name = "PATH", default_value = "python3")]
    pub(crate) python: PathBuf,
    /// Start the interpreter without its module site, like its option -S: no installed packages, faster start.
    #[arg(long)]
    pub(crate) no_site: bool,
    /// Run this file in the template after the imports; scripts import from it as `warm`.
    #[arg(long, value_name = "FILE")]
    pub(crate) warm: Option<PathBuf>,
    /// Set a variable of the warm-up's environment, for libraries that read it when they are imported. It overrides what a
    /// template sets itself, such as OMP_NUM_THREADS=1 (docs/packages.md).
    #[arg(long, value_name = "K=V", value_parser = variable)]
    pub(crate) warm_env: Vec<(String, String)>,
    /// Serve fresh heap in huge pages, for scripts that allocate many MiB at once.
    #[arg(long)]
    pub(crate) huge_heap: bool,
    /// Deadline: 500ms, 30s, 2m. The sandbox is killed then. What Python has passed on arrives; what is still in its
    /// buffers is lost: up to 8 KiB of standard output, unless it is a terminal or -u is given.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Send SIGTERM this long before the deadline, for a script that cleans up by itself.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) grace: Option<Duration>,
    /// Limit of what the script may write: 64K, 16M, 1G.
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = bytes)]
    pub(crate) output: Bytes,
    /// What a sandbox may do and take: strict, or a TOML file. The limits below override it.
    #[arg(long, value_name = "NAME|FILE", default_value = "strict")]
    pub(crate) policy: PathBuf,
    /// The network: none, or a loopback of the sandbox's own [strict: none].
    #[arg(long, value_name = "none|loopback", value_parser = network)]
    pub(crate) network: Option<Network>,
    /// Do without these protections, by their names in a policy file: to see what the others hold.
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = protection)]
    pub(crate) waive: Vec<Protection>,
    /// Size limit of each private file system, at least 64K [strict: 64M].
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) tmp: Option<Bytes>,
    /// Limit of open files [strict: 1024]; for an ordinary user at most half of `ulimit -Hn`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(16..))]
    pub(crate) files: Option<u64>,
    /// Memory limit of the sandbox, beyond what it shares with its template, at least 1M. Without a memory controller of
    /// cgroup v2 it limits each process instead [strict: no limit].
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) memory: Option<Bytes>,
    /// Limit of CPU time, in processors, as in 1.5; needs a cpu controller of cgroup v2 [strict: no limit].
    #[arg(long, value_name = "N")]
    pub(crate) cpus: Option<Cpus>,
    /// Limit of processes and threads [strict: 64].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) pids: Option<u64>,
    /// What to do at a burst of page faults: report it, throttle (less CPU time while it lasts; needs a cpu controller of
    /// cgroup v2), kill, or off to not watch for one [strict: report].
    #[arg(long, value_name = "report|throttle|kill|off", value_parser = storm_action)]
    pub(crate) storm: Option<StormAction>,
    /// Set a variable of the script's environment.
    #[arg(long, value_name = "K=V", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,
    /// Show a file or directory of the host, read-only, at the same path or at DEST, such as /home/sandbox/NAME for the
    /// working directory.
    #[arg(long, value_name = "PATH[:DEST]", value_parser = clap::value_parser!(OsString))]
    pub(crate) ro: Vec<OsString>,
    /// Make the working directory a copy-on-write view of DIR: changes are private, bounded by --tmp, and gone afterwards
    /// unless --out copies them. DIR itself never changes.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Copy new and changed regular files of the working directory to DIR when the script has ended, also when it has
    /// failed; with --count to DIR/1, DIR/2 and so on. At most 10,000 files and 1 GiB; links are left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Run the script in N sandboxes of one template.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// Run P of them at a time.
    #[arg(long, value_name = "P", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) parallel: u32,
    /// Keep N sandboxes parked: made before they are needed, so that each answers at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) pool: Option<u16>,
    /// Fork from N processes of the template in turn, which share its memory: where forks take long and there are many
    /// processors.
    #[arg(long, value_name = "N", default_value_t = NonZeroU8::MIN)]
    pub(crate) template_processes: NonZeroU8,
    /// Draw which memory of the template the sandboxes share, copy and add, to a file named .svg or .png. Needs root.
    #[arg(long, value_name = "FILE", value_parser = picture)]
    pub(crate) map: Option<PathBuf>,
    /// Print one JSON document for each sandbox, one a line; if there are several, a summary comes last.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing of zeroboot's own on standard error, unless it fails.
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
        .ok_or_else(|| "not a positive time".to_owned())
}

fn bytes(text: &str) -> Result<Bytes, String> {
    let bytes: Bytes = text.parse().map_err(|error: BytesError| error.to_string())?;
    if bytes == Bytes(0) { Err("must be more than 0".to_owned()) } else { Ok(bytes) }
}

fn network(text: &str) -> Result<Network, String> {
    match text {
        "none" => Ok(Network::None),
        "loopback" => Ok(Network::Loopback),
        _ => Err("use none or loopback".to_owned()),
    }
}

fn protection(text: &str) -> Result<Protection, String> {
    let found = Protection::ALL.into_iter().find(|protection| protection.name() == text);
    found.ok_or_else(|| format!("use one of {}", Protection::ALL.map(Protection::name).join(", ")))
}

fn storm_action(text: &str) -> Result<StormAction, String> {
    let found = StormAction::ALL.into_iter().find(|action| action.name() == text);
    found.ok_or_else(|| format!("use one of {}", StormAction::ALL.map(StormAction::name).join(", ")))
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
    fn every_option_is_documented() {
        use clap::CommandFactory;
        let page = include_str!("../../../docs/cli.md");
        for command in CommandLine::command().get_subcommands() {
            assert!(page.contains(&format!("zeroboot {}", command.get_name())), "{}", command.get_name());
            for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
                let is_there = ['`', ' ', ']'].iter().any(|next| page.contains(&format!("--{option}{next}")));
                assert!(option == "help" || is_there, "docs/cli.md has no --{option}");
            }
        }
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
