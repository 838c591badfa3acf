//! What the command line looks like.

use std::path::PathBuf;

use clap::Parser;
use zeroboot_attack::catalogue::{Attack, Layer, Risk};

/// Runs attacks in a sandbox: small Python programs, each of which tries one way out.
///
/// Exit status: 0 if every attack was held, is open by --open, or was skipped; 1 if one got through or has no verdict;
/// 2 if the sandbox's command cannot be used.
#[derive(Debug, Parser)]
#[command(name = "zeroboot-attack", version)]
pub(crate) struct Arguments {
    /// The sandbox: a shell command that runs the Python program which it reads from standard input.
    ///
    /// Never one that is no sandbox. Without it, the attacks are listed, with the layers that stop each.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) sandbox: Option<String>,
    /// The same in two sandboxes at once, as close to each other as they can be; otherwise --sandbox runs twice.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) pair: Option<String>,
    /// A weaker sandbox, in which each attack shall succeed; {waived} becomes the layers that stop it, with commas.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) control: Option<String>,
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
    /// Whether a control of this attack can be made, and may be.
    pub(crate) fn controls(&self, attack: &Attack) -> bool {
        let can = |layer| self.waivable.is_empty() || self.waivable.contains(layer);
        attack.risk <= self.control_risk && attack.layers.iter().all(can)
    }

    pub(crate) fn wants(&self, attack: &Attack) -> bool {
        attack.risk <= self.risk && self.only.as_ref().is_none_or(|part| attack.path().contains(part))
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
    fn a_control_waives_every_layer_or_is_none() {
        let all = ["zeroboot-attack", "--control", "c", "--control-risk", "machine"];
        let some = all.iter().copied().chain(["--waivable", "filter,landlock"]);
        let (all, some) = (Arguments::try_parse_from(all).unwrap(), Arguments::try_parse_from(some).unwrap());
        for attack in zeroboot_attack::catalogue::all() {
            assert!(all.controls(attack), "{}", attack.path());
            let alone = attack.layers.iter().all(|layer| matches!(layer, Layer::Filter | Layer::Landlock));
            assert_eq!(some.controls(attack), alone, "{}", attack.path());
        }
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
