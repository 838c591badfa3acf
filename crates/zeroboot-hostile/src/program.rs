//! One hostile program, from a seed: what it does, in which surroundings, and what may come of it.

use std::fmt::Write as _;
use std::time::Duration;

use zeroboot::{Network, Status};

use crate::catalogue::{Effect, GROUPS, Operation};
use crate::chance::Chance;
use crate::ends::{End, Fate, Means};

/// A program and what is known about it.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) seed: u64,
    pub(crate) setting: Setting,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

/// One line of it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) function: &'static str,
    arguments: String,
    effects: &'static [Effect],
}

/// How it is run.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) network: Network,
    pub(crate) way: Way,
    pub(crate) input: InputKind,
    pub(crate) output: OutputKind,
    pub(crate) account: Account,
    pub(crate) output_limit_kib: u64,
    pub(crate) deadline: Duration,
    /// When the host wants no more of it, if it does so before.
    pub(crate) cancelled_after: Option<Duration>,
}

/// Where its sandbox comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Template,
    Pool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputKind {
    Empty,
    Bytes(u64),
    /// A pipe into which nobody writes and that nobody closes.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputKind {
    Collected,
    /// Passed on to a pipe that is read.
    Read,
    /// Passed on to a pipe that nobody reads any more.
    Unread,
    /// Passed on to nowhere.
    Dropped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    Nothing,
    Sums,
    Map,
}

/// What may come of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truth {
    /// How it ends if nothing comes before; `None`: nobody can know.
    pub(crate) fate: Option<Fate>,
    pub(crate) deadline: Possible,
    pub(crate) output_limit: Possible,
    pub(crate) memory_limit: Possible,
    /// Whether what it says on standard output arrives.
    pub(crate) heard: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Possible {
    Yes,
    No,
}

impl From<bool> for Possible {
    fn from(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

/// What ends by itself has this long, so that a busy machine decides nothing.
const AMPLE: Duration = Duration::from_secs(5);

impl Program {
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let end = End::draw(&mut chance);
        // A few kinds of things at a time: what belongs together meets more often than if all were mixed.
        let kinds: Vec<_> = (0..chance.between(1, 3)).map(|_| &GROUPS[chance.place(GROUPS.len())]).collect();
        let steps: Vec<_> = (0..chance.between(1, 12))
            .map(|_| {
                let group = if chance.once_in(5) {
                    &GROUPS[chance.place(GROUPS.len())]
                } else {
                    kinds[chance.place(kinds.len())]
                };
                Step::draw(&group.operations[chance.place(group.operations.len())], &mut chance)
            })
            .collect();
        let setting = Setting::draw(&mut chance, &steps, &end);
        Self { seed, setting, steps, end }
    }

    /// The same with these steps only.
    pub(crate) fn with_steps(mut self, kept: &[usize]) -> Self {
        let steps = self.steps.into_iter().enumerate();
        self.steps = steps.filter(|(place, _)| kept.contains(place)).map(|(_, step)| step).collect();
        self
    }

    /// What it says before and after all else.
    pub(crate) fn marks(&self) -> [String; 2] {
        [format!("begin {:016x}", self.seed), format!("end {:016x}", self.seed)]
    }

    /// As Python.
    pub(crate) fn text(&self) -> String {
        let [begin, end] = self.marks();
        let mut text = format!(
            "# seed {}: {}\n# again: cargo xtask hostile --seed {} --runs 1\nfrom warm import *\n",
            self.seed, self.setting, self.seed
        );
        let _ = writeln!(text, "attempt(say, '{begin}')");
        for Step { function, arguments, .. } in &self.steps {
            let comma = if arguments.is_empty() { "" } else { ", " };
            let _ = writeln!(text, "attempt({function}{comma}{arguments})");
        }
        let _ = writeln!(text, "attempt(say, '{end}')\n{}", self.end.lines);
        text
    }

    /// What may come of it.
    pub(crate) fn truth(&self) -> Truth {
        let has = |effect: Effect| self.steps.iter().any(|step| step.effects.contains(&effect));
        let sure = !has(Effect::Wild)
            && (!has(Effect::Fragile) || self.end.means == Means::Nothing)
            && !has(Effect::Hungry);
        let fate = sure.then_some(self.end.fate);
        let waits = has(Effect::Channel) && self.end.means == Means::LastWord;
        Truth {
            fate,
            deadline: (fate.is_none() || fate == Some(Fate::Stays) || waits || has(Effect::Slow)).into(),
            output_limit: (has(Effect::Floods) || has(Effect::Wild)).into(),
            memory_limit: has(Effect::Hungry).into(),
            heard: !has(Effect::Output)
                && !has(Effect::Wild)
                && !has(Effect::Fragile)
                && matches!(self.setting.output, OutputKind::Collected | OutputKind::Read),
        }
    }
}

impl Step {
    fn draw(operation: &Operation, chance: &mut Chance) -> Self {
        let arguments = (operation.arguments)(chance);
        Self { function: operation.function, arguments, effects: operation.effects }
    }
}

impl Setting {
    fn draw(chance: &mut Chance, steps: &[Step], end: &End) -> Self {
        let wild = steps.iter().any(|step| step.effects.contains(&Effect::Wild));
        let short = Duration::from_millis(chance.between(200, 800));
        Self {
            network: if chance.once_in(4) { Network::Loopback } else { Network::None },
            way: if chance.once_in(3) { Way::Pool } else { Way::Template },
            input: match chance.place(4) {
                0 => InputKind::Bytes(chance.between(0, 300_000)),
                1 => InputKind::Open,
                _ => InputKind::Empty,
            },
            output: match chance.place(10) {
                0 | 1 => OutputKind::Read,
                2 => OutputKind::Unread,
                3 => OutputKind::Dropped,
                _ => OutputKind::Collected,
            },
            account: match chance.place(6) {
                0 => Account::Nothing,
                1 => Account::Map,
                _ => Account::Sums,
            },
            output_limit_kib: if chance.once_in(3) { 64 } else { 1024 },
            deadline: if wild || end.fate == Fate::Stays { short } else { AMPLE },
            cancelled_after: chance.once_in(25).then(|| Duration::from_millis(chance.between(0, 150))),
        }
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            to,
            "by {:?}, network {:?}, input {:?}, output {:?}, account {:?}, {} KiB of output, deadline {} ms",
            self.way,
            self.network,
            self.input,
            self.output,
            self.account,
            self.output_limit_kib,
            self.deadline.as_millis()
        )?;
        match self.cancelled_after {
            Some(time) => write!(to, ", cancelled after {} ms", time.as_millis()),
            None => Ok(()),
        }
    }
}

impl Truth {
    /// Whether a run may have ended so.
    pub(crate) fn admits(&self, status: Status) -> bool {
        match status {
            Status::Deadline => self.deadline == Possible::Yes,
            Status::OutputLimit => self.output_limit == Possible::Yes,
            Status::MemoryLimit => self.memory_limit == Possible::Yes,
            // What only another process ends with.
            Status::Exited(Self::FORGED) => false,
            Status::Exited(_) | Status::Signaled(_) => {
                self.fate.is_none_or(|fate| fate == Fate::Ends(status))
            }
            _ => false,
        }
    }

    /// `FORGED` of `primitives/base.py`.
    const FORGED: u8 = 201;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_program_for_ever() {
        let program = Program::of(7);
        assert_eq!(program.text(), Program::of(7).text());
        assert_ne!(program.text(), Program::of(8).text());
    }

    #[test]
    fn every_program_is_python() -> std::io::Result<()> {
        let texts: Vec<_> = (0..2000).map(|seed| Program::of(seed).text()).collect();
        let check = "import ast, sys; [ast.parse(text) for text in sys.stdin.read().split('\\0')]";
        let mut python = std::process::Command::new("python3")
            .args(["-c", check])
            .stdin(std::process::Stdio::piped())
            .spawn()?;
        let mut input = python.stdin.take().expect("its input is piped");
        std::io::Write::write_all(&mut input, texts.join("\0").as_bytes())?;
        drop(input);
        assert!(python.wait()?.success());
        Ok(())
    }

    #[test]
    fn steps_can_be_left_out() {
        let program = (0..).map(Program::of).find(|program| program.steps.len() > 2);
        let program = program.expect("some are long");
        let second = program.steps[1].function;
        let kept = program.with_steps(&[1]);
        assert_eq!((kept.steps.len(), kept.steps[0].function), (1, second));
    }

    #[test]
    fn a_forged_end_is_never_the_truth() {
        for seed in 0..200 {
            let truth = Program::of(seed).truth();
            assert!(!truth.admits(Status::Exited(201)), "{seed}");
            assert!(!truth.admits(Status::Storm), "{seed}");
        }
    }

    #[test]
    fn many_ends_are_known() {
        let known = (0..1000).filter(|seed| Program::of(*seed).truth().fate.is_some()).count();
        assert!(known > 400, "{known} of 1000");
    }

    #[test]
    fn a_known_end_admits_no_other() {
        let sure = (0..).map(Program::of).find(|program| {
            let truth = program.truth();
            truth.deadline == Possible::No && truth.output_limit == Possible::No
        });
        let truth = sure.expect("some are sure").truth();
        let Some(Fate::Ends(status)) = truth.fate else { panic!("it ends by itself") };
        assert!(truth.admits(status) && !truth.admits(Status::Deadline));
        assert!(!truth.admits(Status::Exited(121)) && !truth.admits(Status::Signaled(60)));
    }
}
