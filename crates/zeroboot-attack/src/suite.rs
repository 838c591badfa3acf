//! Running an attack, and judging what came out.

use std::time::{Duration, Instant};

use crate::bait::Bait;
use crate::catalogue::{Attack, Layer, Manner};
use crate::program::{Role, compose};
use crate::sandbox::{Finished, Running, StartError};
use crate::verdict::{Said, Verdict, shared_mark};

/// What a sandbox has for one attack: no attack takes longer by itself.
pub const TIME_LIMIT: Duration = Duration::from_secs(90);

/// How long a victim may take until it is ready.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// How long a command may take to end after its program has spoken, where that is what the attack is aimed at: an instant is
/// enough.
const RETURN_LIMIT: Duration = Duration::from_secs(5);

/// The commands of a sandbox. Each reads a program from standard input.
#[derive(Debug, Clone)]
pub struct Commands {
    /// Runs it once.
    pub one: String,
    /// Runs it in two sandboxes at once, which have as much in common as two sandboxes can (for Zeroboot: their
    /// template). Without it, both are made by `one`.
    pub pair: Option<String>,
}

/// How an attack ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Something stopped it.
    Held(String),
    /// It got through.
    Through(String),
    /// It could not be tried.
    Skipped(String),
    /// It has not spoken: neither the sandbox nor the attack can be judged.
    Unclear(String),
}

impl Outcome {
    /// One word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Held(_) => "held",
            Self::Through(_) => "through",
            Self::Skipped(_) => "skipped",
            Self::Unclear(_) => "unclear",
        }
    }

    /// What stopped it, the evidence, or the reason.
    pub fn detail(&self) -> &str {
        match self {
            Self::Held(text) | Self::Through(text) | Self::Skipped(text) | Self::Unclear(text) => text,
        }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Held(text) => Self::Held(text),
            Verdict::Through(text) => Self::Through(text),
            Verdict::Skipped(text) => Self::Skipped(text),
        }
    }
}

/// What one attack did, and how long that took.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// From the start of the first sandbox to the end of the last.
    pub took: Duration,
}

/// Runs one attack.
///
/// # Errors
/// [`StartError`]: the command could not be started at all.
pub fn run(attack: &Attack, commands: &Commands, bait: &Bait) -> Result<Report, StartError> {
    let begun = Instant::now();
    let start = |command: &str, role| Running::start(command, compose(attack, role, bait), bait);
    let outcome = match (attack.manner, &commands.pair) {
        (Manner::Alone | Manner::Ending, _) => {
            judge(&start(&commands.one, Role::Alone)?.finish(TIME_LIMIT), attack.manner)
        }
        (Manner::Returning, _) => {
            let mut running = start(&commands.one, Role::Alone)?;
            running.wait_for(|said| matches!(said, Said::Verdict(_)), TIME_LIMIT);
            judge_return(&running.finish(RETURN_LIMIT))
        }
        (Manner::Pair, Some(pair)) => judge_both(&start(pair, Role::Both)?.finish(TIME_LIMIT)),
        (Manner::Pair, None) | (Manner::Beside, _) => {
            let mut victim = start(&commands.one, Role::Victim)?;
            if victim.wait_for(|said| *said == Said::Ready, READY_LIMIT) {
                let attacker = start(&commands.one, Role::Attacker)?.finish(TIME_LIMIT);
                // It stays until the attacker has ended, and is ended then.
                let victim = victim.finish(Duration::ZERO);
                judge_marks(&[victim.said, attacker.said.clone()].concat())
                    .unwrap_or_else(|| judge(&attacker, attack.manner))
            } else {
                // A victim that was stopped leaves nothing to be found.
                judge(&victim.finish(Duration::ZERO), attack.manner)
            }
        }
    };
    Ok(Report { outcome, took: begun.elapsed() })
}

/// Whether the sandbox admits to lack every layer that would stop the attack.
pub fn is_open(attack: &Attack, open: &[Layer]) -> bool {
    attack.layers.iter().all(|layer| open.contains(layer))
}

fn judge(finished: &Finished, manner: Manner) -> Outcome {
    let verdicts = verdicts(&finished.said);
    match (verdicts.last(), finished.status) {
        (Some(verdict), _) => (*verdict).clone().into(),
        (None, Some(_)) if matches!(manner, Manner::Ending | Manner::Returning) => {
            Outcome::Held(format!("the sandbox {}", finished.ending()))
        }
        (None, _) if manner == Manner::Beside => {
            Outcome::Through(format!("the other sandbox has not spoken; {}", silence(finished)))
        }
        (None, _) => silent(finished),
    }
}

/// Whatever was said: a command that does not end keeps its caller for ever.
fn judge_return(finished: &Finished) -> Outcome {
    match finished.status {
        None => Outcome::Through("its program has ended, and the command has not".to_owned()),
        Some(_) => judge(finished, Manner::Returning),
    }
}

/// Both sandboxes speak into the same stream: the worse verdict counts, and both must have spoken.
fn judge_both(finished: &Finished) -> Outcome {
    if let Some(outcome) = judge_marks(&finished.said) {
        return outcome;
    }
    let verdicts = verdicts(&finished.said);
    let through = verdicts.iter().find(|verdict| matches!(verdict, Verdict::Through(_)));
    let skipped = verdicts.iter().find(|verdict| matches!(verdict, Verdict::Skipped(_)));
    match (through.or(skipped), verdicts.as_slice()) {
        (Some(verdict), _) => (*verdict).clone().into(),
        (None, [first, _]) => (*first).clone().into(),
        (None, _) => silent(finished),
    }
}

fn judge_marks(said: &[Said]) -> Option<Outcome> {
    shared_mark(said).map(|mark| Outcome::Through(format!("both sandboxes have {mark}")))
}

fn verdicts(said: &[Said]) -> Vec<&Verdict> {
    let mut verdicts = Vec::new();
    for each in said {
        if let Said::Verdict(verdict) = each {
            verdicts.push(verdict);
        }
    }
    verdicts
}

fn silent(finished: &Finished) -> Outcome {
    Outcome::Unclear(format!("no verdict; {}", silence(finished)))
}

/// What is known of a sandbox that has given no verdict.
fn silence(finished: &Finished) -> String {
    let complaint = if finished.complaint.is_empty() { "nothing was said" } else { &finished.complaint };
    format!("{}: {complaint}", finished.ending())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::{Attack, Bait, Commands, Layer, Manner, Outcome, is_open, run};
    use crate::catalogue::{Group, Risk};

    fn attack(manner: Manner, source: &'static str) -> Attack {
        let layers = &[Layer::MemoryLimit, Layer::PrivateTmp];
        Attack { group: Group::Files, name: "test", layers, risk: Risk::Harmless, manner, source }
    }

    fn outcome(manner: Manner, source: &'static str) -> Outcome {
        let commands = Commands { one: "python3 -".to_owned(), pair: None };
        let bait = Bait::lay(Vec::new()).unwrap();
        run(&attack(manner, source), &commands, &bait).unwrap().outcome
    }

    #[test]
    fn a_verdict_is_taken_as_it_is() {
        assert_eq!(outcome(Manner::Alone, "through('a  b')"), Outcome::Through("a b".to_owned()));
        let refused = "with refused():\n    os.stat('/attack-no-such-file')\n";
        assert_eq!(outcome(Manner::Alone, refused), Outcome::Held("ENOENT".to_owned()));
    }

    #[test]
    fn an_unforeseen_mistake_is_not_held() {
        let Outcome::Unclear(text) = outcome(Manner::Alone, "1 / 0") else { panic!() };
        assert!(text.ends_with("ended with status 1: ZeroDivisionError: division by zero"), "{text}");
    }

    #[test]
    fn being_ended_counts_only_where_it_is_the_point() {
        let source = "os.kill(os.getpid(), 9)";
        assert!(matches!(outcome(Manner::Ending, source), Outcome::Held(_)));
        assert!(matches!(outcome(Manner::Alone, source), Outcome::Unclear(_)));
    }

    #[test]
    fn a_pair_is_compared() {
        let same = "mark('x', 1)\n# part: attacker\nheld('different')\n";
        assert!(matches!(outcome(Manner::Pair, same), Outcome::Through(_)));
        let different = "mark('x', os.urandom(8).hex())\n# part: attacker\nheld('different')\n";
        assert_eq!(outcome(Manner::Pair, different), Outcome::Held("different".to_owned()));
        let stopped = "# part: victim\nheld('EPERM')\n# part: attacker\nthrough('')\n";
        assert_eq!(outcome(Manner::Pair, stopped), Outcome::Held("EPERM".to_owned()));
    }

    #[test]
    fn a_command_that_does_not_return_is_through() {
        // A process in a group of its own, which holds the streams.
        let stays = "if os.fork() == 0:\n    os.setpgid(0, 0)\n    time.sleep(8)\nheld('said')\n";
        assert!(matches!(outcome(Manner::Returning, stays), Outcome::Through(_)));
        assert_eq!(outcome(Manner::Returning, "held('said')"), Outcome::Held("said".to_owned()));
        assert!(matches!(outcome(Manner::Returning, "os._exit(0)"), Outcome::Held(_)));
    }

    #[test]
    fn what_does_not_speak_beside_a_greedy_one_was_held_up() {
        let source = |other| format!("# part: greedy\n# part: other\n{other}\n").leak();
        assert!(matches!(outcome(Manner::Beside, source("os._exit(0)")), Outcome::Through(_)));
        assert_eq!(outcome(Manner::Beside, source("held('x')")), Outcome::Held("x".to_owned()));
    }

    #[test]
    fn open_means_that_every_layer_is_lacking() {
        let attack = attack(Manner::Alone, "");
        assert!(!is_open(&attack, &[Layer::MemoryLimit]));
        assert!(is_open(&attack, &[Layer::PrivateTmp, Layer::MemoryLimit]));
    }
}
