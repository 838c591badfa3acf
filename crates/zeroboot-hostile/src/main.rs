//! Random hostile programs in sandboxes, from a seed, and what is checked from outside after each.
//!
//! | module | does |
//! |---|---|
//! | `chance` | numbers from a seed |
//! | `catalogue` | what a sandbox can do: the operations, and what each makes uncertain |
//! | `ends` | how a program ends |
//! | `program` | a seed's program, its surroundings, and what may come of it |
//! | `place` | the templates and pools |
//! | `trial` | one run, honest siblings beside it, and what is wrong with what came of them |
//! | `watchdog` | notices the call that does not come back |
//! | `holdings` | what host, warden and template hold |
//! | `campaign` | many runs, and what must be the same after them |
//! | `shrink` | the fewest steps that do it |
//!
//! Never here: believing a sandbox. What a program says counts only where its every word is known before.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod campaign;
mod catalogue;
mod chance;
mod ends;
mod findings;
mod holdings;
mod place;
mod program;
mod shrink;
mod tally;
mod trial;
mod watchdog;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;

use self::campaign::Asked;
use self::program::Program;

mod flags {
    use std::path::PathBuf;

    xflags::xflags! {
        /// Runs hostile programs, made by chance, in sandboxes. Exit status: 0; 1 when a promise was broken; 2 when it could
        /// not run.
        cmd hostile {
            /// How long: `90s`, `5m`, `1h`. A minute unless something else is said.
            optional --time time: String
            /// So many programs, however long they take.
            optional --runs runs: u64
            /// Where the numbers come from. That of the time unless something else is said.
            optional --seed seed: u64
            /// How many at once: 2 unless something else is said.
            optional --jobs jobs: usize
            /// Run each program so often.
            optional --repeat times: u64
            /// Only these steps of each program: `0,3,4`.
            optional --steps steps: String
            /// Find the fewest steps of the seed's program that still break a promise.
            optional --shrink
            /// Print the seed's program, and run nothing.
            optional --print
            /// Promises that are known to be broken, and are not counted: `account`, for example.
            optional --open kinds: String
            /// How long after its deadline a call may come back: `3s` unless something else is said.
            optional --slack time: String
            /// The Python of the templates.
            optional --interpreter python: PathBuf
            /// Where programs go that have broken a promise: `target/hostile` unless something else is said.
            optional --save directory: PathBuf
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let flags = flags::Hostile::from_env_or_exit();
    let seed = flags.seed.unwrap_or_else(seed_of_time);
    let steps = flags.steps.as_deref().map(numbers).transpose()?;
    if flags.print {
        let program = Program::of(seed);
        print!("{}", steps.map_or(program.clone(), |steps| program.with_steps(&steps)).text());
        return Ok(ExitCode::SUCCESS);
    }
    let time = |text: &Option<String>, usual| text.as_deref().map_or(Ok(usual), duration);
    let asked = Asked {
        seed,
        runs: flags.runs,
        time: time(&flags.time, Duration::from_secs(60))?,
        jobs: flags.jobs.unwrap_or(2).max(1),
        repeat: flags.repeat.unwrap_or(1).max(1),
        steps,
        slack: time(&flags.slack, Duration::from_secs(3))?,
        open: flags
            .open
            .iter()
            .flat_map(|kinds| kinds.split(','))
            .map(str::parse)
            .collect::<Result<_, _>>()?,
        interpreter: flags.interpreter.clone(),
        save: flags.save.clone().unwrap_or_else(|| PathBuf::from("target/hostile")),
    };
    if flags.shrink {
        let kept = shrink::shrink(seed, &handed_on(&flags))?;
        let words: Vec<_> = kept.iter().map(usize::to_string).collect();
        println!("--seed {seed} --runs 1 --steps {}\n", words.join(","));
        print!("{}", Program::of(seed).with_steps(&kept).text());
        return Ok(ExitCode::SUCCESS);
    }
    let user = if nix::unistd::geteuid().is_root() { "root" } else { "an ordinary user" };
    println!("seed {seed}, as {user}");
    let tally = campaign::run(asked)?;
    println!("{tally}");
    Ok(if tally.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the trials of a shrinking need of the command line.
fn handed_on(flags: &flags::Hostile) -> Vec<String> {
    let options = [
        ("--repeat", flags.repeat.map(|times| times.to_string())),
        ("--jobs", flags.jobs.map(|jobs| jobs.to_string())),
        ("--open", flags.open.clone()),
        ("--slack", flags.slack.clone()),
        ("--interpreter", flags.interpreter.as_ref().map(|python| python.display().to_string())),
        ("--save", flags.save.as_ref().map(|place| place.display().to_string())),
    ];
    options
        .into_iter()
        .flat_map(|(name, value)| value.map(|value| [name.to_owned(), value]))
        .flatten()
        .collect()
}

fn seed_of_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Short enough to be typed.
    u64::from(since.subsec_nanos()) ^ (since.as_secs() & 0xFFFF)
}

fn numbers(list: &str) -> anyhow::Result<Vec<usize>> {
    let words = list.split(',').filter(|word| !word.is_empty());
    words.map(|word| word.trim().parse().with_context(|| format!("{word:?} is no number"))).collect()
}

/// Of `90s`, `5m`, `1h`.
fn duration(text: &str) -> anyhow::Result<Duration> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => anyhow::bail!("{text:?} is no time\nremedy: such as 90s, 5m or 1h"),
    };
    let number: u64 = number.parse().with_context(|| format!("{text:?} is no time"))?;
    Ok(Duration::from_secs(number * seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, numbers};

    #[test]
    fn times_are_read() {
        assert_eq!(duration("90s").ok(), Some(Duration::from_secs(90)));
        assert_eq!(duration("2h").ok(), Some(Duration::from_secs(7200)));
        assert!(duration("1 day").is_err() && duration("s").is_err());
    }

    #[test]
    fn lists_are_read() {
        assert_eq!(numbers("0,3, 4").ok(), Some(vec![0, 3, 4]));
        assert_eq!(numbers("").ok(), Some(vec![]));
        assert!(numbers("x").is_err());
    }
}
