//! What the command line looks like.

use std::path::PathBuf;

use clap::Parser;
use zeroboot_attack::catalogue::{Attack, Layer, Risk};
use zeroboot_attack::control::Places;
use zeroboot_attack::suite::Commands;

/// Runs attacks in a sandbox: small Python programs, each of which tries one way out.
///
/// Exit status: 0 if every attack was held, is open by --open, or was skipped; 1 if one got through or has no verdict;
/// 2 if the sandbox's command cannot be used.
#[derive(Debug, Parser)]
#[command(name = "zeroboot-attack", version)]
pub(crate) struct Arguments {
    /// The sandbox: a shell command that runs the Python program which it reads from standard input.
    ///
    /// Never one that is no sandbox. {shown} becomes a directory with a device and a named pipe, for the sandbox to show
    /// read-only at /opt/shown. Without a command the attacks are listed, with the layers that stop each.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) sandbox: Option<String>,
    /// The same in two sandboxes at once, as close to each other as they can be; otherwise --sandbox runs twice.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) pair: Option<String>,
    /// A weaker sandbox, in which each attack shall succeed; {waived} becomes the layers that stop it, with commas.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) control: Option<String>,
    /// The same in two sandboxes at once, as --pair; otherwise --control runs twice.
    #[arg(long, value_name = "COMMAND", requires = "control")]
    pub(crate) control_pair: Option<String>,
    /// A machine to throw away, for the controls that do not get through otherwise: COMMAND PROGRAM ARGUMENT... runs the
    /// program there, which is this one, and adds --sandbox and --pair with a sandbox that holds nothing.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) arena: Option<String>,
    /// A file with the attacks that no control is expected to show, and why: `files/read-shadow: reason`, one a line. With
    /// it, any other attack without a control that gets through is a failure.
    #[arg(long, value_name = "FILE")]
    pub(crate) unproven: Option<PathBuf>,
    /// Layers that the control's command can waive: only what they alone stop has a control. Otherwise all.
    #[arg(long, value_name = "LAYER,...", value_delimiter = ',', requires = "control")]
    pub(crate) waivable: Vec<Layer>,
    /// The worst that a control may do: harmless, namespace or machine.
    #[arg(long, value_name = "RISK", default_value = "harmless")]
    pub(crate) control_risk: Risk,
    /// The worst that an attack in the sandbox may do if it gets through.
    #[arg(long, value_name = "RISK", default_value = "machine")]
    pub(crate) risk: Risk,
    /// Only attacks whose group and name (files/read-shadow) contain this.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Option<String>,
    /// Only these attacks, each by its group and name.
    #[arg(long, value_name = "ATTACK,...", value_delimiter = ',', conflicts_with = "only")]
    pub(crate) attack: Vec<String>,
    /// Layers that the sandbox admits to lack: what they alone would stop is open, and no failure.
    #[arg(long, value_name = "LAYER,...", value_delimiter = ',')]
    pub(crate) open: Vec<Layer>,
    /// A file with the names of the system calls that the sandbox documents as allowed.
    #[arg(long, value_name = "FILE")]
    pub(crate) calls: Option<PathBuf>,
    /// One JSON document for each attack, one a line; a summary last.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Arguments {
    /// Where controls are run.
    pub(crate) fn places(&self) -> Places {
        let waived = |one: &String| Commands { one: one.clone(), pair: self.control_pair.clone() };
        Places {
            waived: self.control.as_ref().map(waived),
            waivable: self.waivable.clone(),
            arena: self.arena.clone(),
        }
    }

    pub(crate) fn wants(&self, attack: &Attack) -> bool {
        let path = attack.path();
        attack.risk <= self.risk
            && self.only.as_ref().is_none_or(|part| path.contains(part))
            && (self.attack.is_empty() || self.attack.contains(&path))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use clap::{CommandFactory, Parser};
    use zeroboot_attack::catalogue::{Layer, Risk};

    use super::Arguments;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_attack_is_wanted_by_its_whole_name() {
        let read =
            |words: [&str; 2]| Arguments::try_parse_from(["zeroboot-attack"].iter().chain(&words)).unwrap();
        let count = |arguments: &Arguments| {
            zeroboot_attack::catalogue::all().filter(|attack| arguments.wants(attack)).count()
        };
        assert_eq!(count(&read(["--attack", "kernel/bpf"])), 1);
        assert_eq!(count(&read(["--attack", "kernel/bpf,kernel/swap"])), 2);
        assert_eq!(count(&read(["--only", "kernel/bpf"])), 2);
    }

    #[test]
    fn layers_are_named() {
        let read = |open| Arguments::try_parse_from(["zeroboot-attack", "--sandbox", "true", "--open", open]);
        assert_eq!(read("memory-limit,landlock").unwrap().open, [Layer::MemoryLimit, Layer::Landlock]);
        assert!(
            read("magic").unwrap_err().to_string().contains("there is no layer `magic`; there are: filter")
        );
        assert_eq!(read("landlock").unwrap().control_risk, Risk::Harmless);
    }
}
