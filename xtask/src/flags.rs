//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::bail;

use crate::vm::Selection;

xflags::xflags! {
    /// The project's own commands. Start them anywhere in the project.
    cmd xtask {
        /// Run every test that this machine can run, in release mode: each test forks many sandboxes.
        ///
        /// Makes a virtual environment with numpy and pandas in target/venvs once. What cannot run here says
        /// `SKIP` and why; with ZEROBOOT_NO_SKIP=1 a skip is a failure. The last line counts.
        cmd test {
            /// Run only the tests whose name contains this.
            optional filter: String
        }
        /// Run small programs, and all of CPython's own regression tests, inside and outside: what differs without a reason is a failure.
        ///
        /// Takes an hour or more; what came of each module goes to target/fidelity as it comes.
        cmd fidelity {
            /// Run only the modules whose name contains this, and no program.
            optional --only pattern: String
            /// Run the small programs only.
            optional --programs
            /// Run the modules only.
            optional --modules
            /// Run the contract, the command's tests and the programs with newer interpreters instead: those of Debian's `sid`.
            optional --interpreters
            /// Which interpreter: `python3` unless another is named.
            optional --python path: PathBuf
            /// Which `zeroboot`: a release build, made first, unless another is named.
            optional --command path: PathBuf
            /// As which user: `root` or `ordinary`; who starts this unless one is named.
            optional --user user: String
            /// How many modules at once: 2 unless something else is said.
            optional --jobs jobs: usize
            /// Seconds for a module on one side: 300 unless something else is said.
            optional --limit seconds: u64
        }
        /// Run the attack suite against the `zeroboot` command: what gets through is a failure.
        ///
        /// What the command's own seal names as missing is listed as open.
        cmd attack {
            /// Handed to the suite as they are; `cargo xtask attack --help` lists them.
            repeated args: OsString
        }
        /// Run the attack suite where it has been built, without controls: what `vm` does in its machine.
        cmd attack-built {
            /// Where cargo has built.
            required target: PathBuf
            /// Run only the attacks whose group and name contain one of these.
            repeated patterns: String
        }
        /// Run hostile programs made by chance, from a seed, and check from outside what they leave: a broken promise is a failure.
        ///
        /// As root, it runs as root and then as an ordinary user. Programs that break a promise go to target/hostile.
        cmd hostile {
            /// How long, for each user: `90s`, `5m`, `1h`. A minute unless something else is said.
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
            /// Promises that are known to be broken, and are not counted.
            optional --open kinds: String
            /// How long after its deadline a call may come back: `3s` unless something else is said.
            optional --slack time: String
            /// Only as this user: `root` or `ordinary`.
            optional --user user: String
        }
        /// Run tests and attacks in a virtual machine with another kernel: Debian's 6.1, as root and as an ordinary user.
        ///
        /// Emulated in software, and so 10 to 20 times slower than this machine. Debian 12 on x86-64 only; as root
        /// it installs the packages that it needs. Says what it leaves out, and why. The last lines count.
        cmd vm {
            /// Run only the tests whose name contains this, and no attack.
            optional filter: String
            /// Run only the attacks whose group and name contain this, and no test.
            optional --attacks pattern: String
            /// Run only what says most about a kernel: some minutes.
            optional --brief
            /// Only as this user: `root` or `ordinary`.
            optional --user user: String
        }
        /// Measure on this machine, next to the alternatives.
        cmd bench {
            /// Handed to the comparison as they are; `cargo xtask bench --help` lists them.
            repeated args: OsString
        }
        /// Import the packages that people use, at warm-up and in a script, as root and as an ordinary user, and print a table.
        ///
        /// Installs them into a virtual environment in target/venvs once (2 GB). An import that fails for another reason than a
        /// known one is a failure.
        cmd packages {}
        /// All that a change must pass: format, tidy, clippy, the README's test command, the attacks, hostile programs, `vm --brief`, documentation.
        cmd ci {}
        /// Check the project's own rules, which no lint knows: layers, unsafe, child-side code, sizes.
        cmd tidy {}
        /// Print this page.
        cmd help {}
    }
}

impl Xtask {
    pub(crate) const HELP: &'static str = Self::HELP_;

    /// Reads the words after the program's name.
    pub(crate) fn read(words: impl Iterator<Item = OsString>) -> xflags::Result<Self> {
        let mut words: Vec<_> = words.collect();
        // Everything after these belongs to another program, also what begins with a dash.
        if words.first().is_some_and(|word| word == "attack" || word == "bench") {
            words.insert(1, "--".into());
        }
        Self::from_vec(words)
    }
}

impl Vm {
    /// What shall run.
    pub(crate) fn selection(&self) -> anyhow::Result<Selection<'_>> {
        match (self.brief, self.filter.as_deref(), self.attacks.as_deref()) {
            (false, None, None) => Ok(Selection::Complete),
            (true, None, None) => Ok(Selection::Brief),
            (false, Some(filter), None) => Ok(Selection::Tests(filter)),
            (false, None, Some(pattern)) => Ok(Selection::Attacks(pattern)),
            _ => bail!("two choices of what to run\nremedy: a filter, or --attacks, or --brief, or none"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::{Selection, Xtask, XtaskCmd};

    fn read(words: &[&str]) -> XtaskCmd {
        Xtask::read(words.iter().map(Into::into)).unwrap().subcommand
    }

    #[test]
    fn bench_hands_everything_on() {
        let XtaskCmd::Bench(bench) = read(&["bench", "--quick", "--json", "out.json", "--help"]) else {
            panic!()
        };
        assert_eq!(bench.args, ["--quick", "--json", "out.json", "--help"]);
    }

    #[test]
    fn attack_hands_everything_on() {
        let XtaskCmd::Attack(attack) = read(&["attack", "--only", "files/"]) else { panic!() };
        assert_eq!(attack.args, ["--only", "files/"]);
    }

    #[test]
    fn test_takes_a_filter() {
        let XtaskCmd::Test(test) = read(&["test", "fork"]) else { panic!() };
        assert_eq!(test.filter.as_deref(), Some("fork"));
    }

    #[test]
    fn fidelity_takes_a_pattern_and_an_interpreter() {
        let words = ["fidelity", "--only", "test_os", "--python", "/usr/bin/python3", "--limit", "60"];
        let XtaskCmd::Fidelity(fidelity) = read(&words) else { panic!() };
        assert_eq!((fidelity.only.as_deref(), fidelity.limit), (Some("test_os"), Some(60)));
        assert_eq!(fidelity.python, Some("/usr/bin/python3".into()));
    }

    #[test]
    fn hostile_takes_a_seed_and_a_time() {
        let words = ["hostile", "--seed", "7", "--time", "90s", "--user", "ordinary"];
        let XtaskCmd::Hostile(hostile) = read(&words) else { panic!() };
        assert_eq!((hostile.seed, hostile.time.as_deref()), (Some(7), Some("90s")));
    }

    #[test]
    fn vm_takes_a_user() {
        let XtaskCmd::Vm(vm) = read(&["vm", "seal", "--user", "ordinary"]) else { panic!() };
        assert_eq!(vm.selection().unwrap(), Selection::Tests("seal"));
        assert_eq!(vm.user.as_deref(), Some("ordinary"));
    }

    #[test]
    fn vm_takes_one_choice() {
        let selection = |words: &[&str]| {
            let XtaskCmd::Vm(vm) = read(words) else { panic!() };
            vm.selection().map(|selection| format!("{selection:?}")).ok()
        };
        assert_eq!(selection(&["vm"]).as_deref(), Some("Complete"));
        assert_eq!(selection(&["vm", "--brief"]).as_deref(), Some("Brief"));
        assert_eq!(selection(&["vm", "--attacks", "files/"]).as_deref(), Some("Attacks(\"files/\")"));
        assert_eq!(selection(&["vm", "--brief", "seal"]), None);
    }

    #[test]
    fn help_names_every_command() {
        for command in
            ["test", "fidelity", "attack", "attack-built", "hostile", "vm", "bench", "ci", "tidy", "help"]
        {
            assert!(Xtask::HELP.contains(&format!("xtask {command}\n")), "{command} is missing");
        }
    }
}
