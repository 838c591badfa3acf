//! The command line.

use std::ffi::OsString;

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
        /// Run the attack suite against the `zeroboot` command: what gets through is a failure.
        ///
        /// What the command's own seal names as missing is listed as open.
        cmd attack {
            /// Handed to the suite as they are; `cargo xtask attack --help` lists them.
            repeated args: OsString
        }
        /// Run the tests in a virtual machine with another kernel: Debian's 6.1, as root and as an ordinary user.
        ///
        /// Emulated in software, and so 10 to 20 times slower than this machine. Debian 12 on x86-64 only; as root
        /// it installs the packages that it needs. Says what it leaves out, and why. The last line counts.
        cmd vm {
            /// Run only the tests whose name contains this.
            optional filter: String
            /// Only as this user: `root` or `ordinary`.
            optional --user user: String
        }
        /// Measure on this machine, next to the alternatives.
        cmd bench {
            /// Handed to the comparison as they are; `cargo xtask bench --help` lists them.
            repeated args: OsString
        }
        /// All that a change must pass: format, tidy, clippy, the README's test command, the attacks, documentation.
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::{Xtask, XtaskCmd};

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
    fn vm_takes_a_user() {
        let XtaskCmd::Vm(vm) = read(&["vm", "seal", "--user", "ordinary"]) else { panic!() };
        assert_eq!((vm.filter.as_deref(), vm.user.as_deref()), (Some("seal"), Some("ordinary")));
    }

    #[test]
    fn help_names_every_command() {
        for command in ["test", "attack", "vm", "bench", "ci", "tidy", "help"] {
            assert!(Xtask::HELP.contains(&format!("xtask {command}\n")), "{command} is missing");
        }
    }
}
