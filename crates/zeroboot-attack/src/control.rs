//! Controls: an attack again, where it shall succeed. Only then does it say something that it is held elsewhere.
//!
//! | place | what is missing there | never |
//! |---|---|---|
//! | [`Waived`](Place::Waived) | the layers that stop the attack, in the sandbox itself | a layer that the attack does not name |
//! | [`Arena`](Place::Arena) | everything: a careless sandbox on a machine to throw away, with a bait of its own | the bare host |
//!
//! Never here: whether a control that did not get through may be one; that is whoever's who runs the suite.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::bait::Bait;
use crate::catalogue::{Attack, Layer, Manner};
use crate::sandbox::StartError;
use crate::suite::{self, Commands, Outcome};

/// Where a control is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the sandbox, without the layers that stop the attack.
    Waived,
    /// On the machine to throw away.
    Arena,
}

impl Place {
    /// One word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waived => "waived",
            Self::Arena => "arena",
        }
    }
}

/// What controls are run with.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The weaker sandbox; `{waived}` becomes the layers, with commas.
    pub waived: Option<Commands>,
    /// What it can waive. Empty: everything.
    pub waivable: Vec<Layer>,
    /// The command of a machine to throw away: it runs there the program after it, which is this suite, and gives it the
    /// commands of a careless sandbox.
    pub arena: Option<String>,
}

/// One control that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Where.
    pub place: Place,
    /// How it ended.
    pub outcome: Outcome,
}

impl Control {
    /// Whether the attack has succeeded.
    pub fn proves(&self) -> bool {
        matches!(self.outcome, Outcome::Through(_))
    }
}

/// Runs the controls of an attack until one gets through; the last one run is the answer. `None`: there is no place for any.
///
/// # Errors
/// [`StartError`]: a command could not be started at all.
pub fn run(attack: &Attack, places: &Places, bait: &Bait) -> Result<Option<Control>, StartError> {
    let mut last = None;
    if let Some(commands) = places.waived.as_ref().filter(|_| can_waive(attack, &places.waivable)) {
        let outcome = suite::run(attack, &waiving(attack, commands), bait)?.outcome;
        last = Some(Control { place: Place::Waived, outcome });
    }
    match &places.arena {
        Some(arena) if !last.as_ref().is_some_and(Control::proves) => {
            let mut control = Control { place: Place::Arena, outcome: in_arena(attack, arena)? };
            for _ in 1..attempts(attack.manner) {
                if control.proves() {
                    break;
                }
                control.outcome = in_arena(attack, arena)?;
            }
            Ok(Some(control))
        }
        _ => Ok(last),
    }
}

/// Two sandboxes that shall meet may miss each other on a busy machine.
const fn attempts(manner: Manner) -> u32 {
    match manner {
        Manner::Pair => 3,
        Manner::Alone | Manner::Ending | Manner::Beside | Manner::Returning => 1,
    }
}

/// A control waives every layer of an attack, or there is none.
pub fn can_waive(attack: &Attack, waivable: &[Layer]) -> bool {
    waivable.is_empty() || attack.layers.iter().all(|layer| waivable.contains(layer))
}

fn waiving(attack: &Attack, commands: &Commands) -> Commands {
    let layers: Vec<_> = attack.layers.iter().map(|layer| layer.name()).collect();
    let fill = |command: &String| command.replace("{waived}", &layers.join(","));
    Commands { one: fill(&commands.one), pair: commands.pair.as_ref().map(fill) }
}

/// What of a line of the inner suite counts.
#[derive(Deserialize)]
struct Line {
    standing: String,
    detail: String,
}

fn in_arena(attack: &Attack, arena: &str) -> Result<Outcome, StartError> {
    let failed = |source| StartError::Shell { command: arena.to_owned(), source };
    let this = std::env::current_exe().map_err(failed)?;
    let output = Command::new("sh")
        .args(["-c", &command(attack, arena, &this)])
        .stdin(Stdio::null())
        .output()
        .map_err(failed)?;
    let told = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    Ok(told.lines().find_map(|line| serde_json::from_str(line).ok().map(judge)).unwrap_or_else(|| {
        let last = complaint.lines().last().unwrap_or("nothing was said");
        Outcome::Unclear(format!("no verdict from the arena: {last}"))
    }))
}

fn command(attack: &Attack, arena: &str, program: &Path) -> String {
    format!("{arena} '{}' --json --attack {}", program.display(), attack.path())
}

fn judge(Line { standing, detail }: Line) -> Outcome {
    match standing.as_str() {
        "through" => Outcome::Through(detail),
        "held" => Outcome::Held(detail),
        "skipped" => Outcome::Skipped(detail),
        _ => Outcome::Unclear(detail),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::{Control, Place, Places, can_waive, run};
    use crate::bait::Bait;
    use crate::catalogue::{self, Attack, Layer};
    use crate::suite::{Commands, Outcome};

    fn listening() -> &'static Attack {
        catalogue::all().find(|attack| attack.path() == "network/listen").unwrap()
    }

    fn control(waived: &str, arena: &str) -> Control {
        let commands = Commands { one: waived.to_owned(), pair: None };
        let places = Places { waived: Some(commands), waivable: Vec::new(), arena: Some(arena.to_owned()) };
        run(listening(), &places, &Bait::lay(Vec::new()).unwrap()).unwrap().unwrap()
    }

    #[test]
    fn what_gets_through_needs_no_second_place() {
        let seen = control("echo 'through: {waived}'", "false");
        assert_eq!(
            seen,
            Control { place: Place::Waived, outcome: Outcome::Through("filter,landlock".into()) }
        );
    }

    #[test]
    fn the_arena_comes_second() {
        let seen = control("echo 'held: EPERM'", r#"echo '{"standing":"through","detail":"x"}' #"#);
        assert_eq!(seen, Control { place: Place::Arena, outcome: Outcome::Through("x".into()) });
        let seen = control("echo 'held: EPERM'", "echo no place >&2; false");
        assert!(!seen.proves() && seen.outcome.detail().ends_with("no place"), "{seen:?}");
    }

    #[test]
    fn every_layer_is_waived_or_none() {
        for attack in catalogue::all() {
            let alone = attack.layers.iter().all(|layer| matches!(layer, Layer::Filter | Layer::Landlock));
            assert_eq!(can_waive(attack, &[Layer::Filter, Layer::Landlock]), alone, "{}", attack.path());
            assert!(can_waive(attack, &[]));
        }
    }
}
