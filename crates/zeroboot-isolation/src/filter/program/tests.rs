//! The program against the table that it was made from.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may end there, and wants the low half"
)]

use super::*;
use crate::child::OwnUser;
use crate::filter::table::{Arguments, Under};
use crate::filter::{ALLOWED, CompiledFilter, Filters, REFUSED, verdicts};
use crate::sockets::Sockets;

/// What the kernel hands a filter.
#[derive(Clone, Copy)]
struct Data {
    number: u32,
    architecture: u32,
    arguments: [u64; 6],
}

impl Data {
    fn word(&self, at: u32) -> u32 {
        let half = |argument: u64, at| (argument >> (8 * (at & 4))) as u32;
        match at {
            0 => self.number,
            4 => self.architecture,
            16..64 => half(self.arguments[(at as usize - 16) / 8], at),
            _ => panic!("a load from {at}"),
        }
    }
}

/// Runs a program as the kernel does.
fn run(program: &[Instruction], data: Data) -> Action {
    let (mut next, mut word) = (0, 0);
    loop {
        let Instruction { code, if_true, if_false, value } = program[next];
        let choose = |condition| usize::from(if condition { if_true } else { if_false });
        next += 1;
        match code {
            LOAD => word = data.word(value),
            AND => word &= value,
            GO => next += value as usize,
            EQUAL => next += choose(word == value),
            AT_LEAST => next += choose(word >= value),
            GREATER => next += choose(word > value),
            ANY_BIT => next += choose(word & value != 0),
            RETURN => return value,
            other => panic!("no such code {other}"),
        }
    }
}

fn holds_for(condition: Condition, arguments: &[u64; 6]) -> bool {
    let low = |place: u8| arguments[usize::from(place)] as u32;
    match condition {
        Condition::OneOf(place, values) => values.contains(&low(place)),
        Condition::Masked(place, mask, values) => values.contains(&(low(place) & mask)),
        Condition::AtMost(place, value) => low(place) <= value,
        Condition::Null(place) => arguments[usize::from(place)] == 0,
    }
}

/// What the table says, read in the plainest way.
fn expected(verdict: Option<&Verdict>, arguments: &[u64; 6], otherwise: Action) -> Action {
    match verdict {
        None => otherwise,
        Some(Verdict::Always(action)) => *action,
        Some(Verdict::Arguments(rules, refused)) => {
            let holds = |rule: &Rule| rule.conditions.iter().all(|one| holds_for(*one, arguments));
            rules.iter().find(|(rule, _)| holds(rule)).map_or(*refused, |(_, action)| *action)
        }
    }
}

/// Values near which a condition changes its mind.
fn edges(condition: Condition) -> (u8, Vec<u64>) {
    let (place, values) = match condition {
        Condition::OneOf(place, values) => (place, values.to_vec()),
        Condition::Masked(place, mask, values) => {
            let bits = (0..32).map(|bit| 1_u32 << bit);
            (
                place,
                bits.chain([mask, !mask])
                    .chain(values.iter().map(|value| value | !mask))
                    .chain(values.iter().copied())
                    .collect(),
            )
        }
        Condition::AtMost(place, value) => (place, vec![value]),
        Condition::Null(place) => (place, vec![0]),
    };
    let around = values.iter().flat_map(|value| [value.wrapping_sub(1), *value, value.wrapping_add(1)]);
    let low = around.chain([0, 1, u32::MAX]).map(u64::from);
    // With high bits set as well.
    (place, low.flat_map(|value| [value, value | 1 << 40]).collect())
}

/// Each combination of the edges of all conditions on this call, other arguments being zero: up to three arguments decide.
fn combinations(arguments: &Arguments) -> Vec<[u64; 6]> {
    let mut by_place: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    for condition in arguments.pass.iter().chain(arguments.ignored).flat_map(|rule| rule.conditions) {
        let (place, values) = edges(*condition);
        by_place.entry(place).or_default().extend(values);
    }
    let mut all = vec![[0; 6]];
    for (place, mut values) in by_place {
        values.sort_unstable();
        values.dedup();
        all = all
            .iter()
            .flat_map(|base| {
                values.iter().map(move |value| {
                    let mut arguments = *base;
                    arguments[usize::from(place)] = *value;
                    arguments
                })
            })
            .collect();
    }
    all
}

#[test]
fn the_program_says_what_the_table_says() {
    const OTHERWISE: Action = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let native = architecture().unwrap();
    for (sockets, own_user) in [
        (Sockets::Pairs, OwnUser::Yes),
        (Sockets::Pairs, OwnUser::No),
        (Sockets::Unix, OwnUser::Yes),
        (Sockets::Unix, OwnUser::No),
        (Sockets::Loopback, OwnUser::Yes),
        (Sockets::Loopback, OwnUser::No),
    ] {
        let program = Filters::compile(sockets, own_user).unwrap().base.program;
        let verdicts = verdicts(sockets, own_user);
        let plain = (0..2048)
            .chain([1 << 30, 1 << 30 | 39, u32::MAX])
            .map(|number| (number, vec![[0; 6], [u64::MAX; 6]]));
        let with_arguments = ALLOWED.iter().flat_map(|group| group.entries).filter_map(|entry| {
            entry
                .arguments
                .map(|arguments| (super::super::number(entry.call.number), combinations(arguments)))
        });
        for (number, all) in plain.chain(with_arguments) {
            for arguments in all {
                let got = run(&program, Data { number, architecture: native, arguments });
                let wanted = expected(verdicts.get(&number), &arguments, OTHERWISE);
                assert_eq!(got, wanted, "call {number} with {arguments:x?}, {sockets:?}, {own_user:?}");
            }
        }
        let foreign = Data { number: 0, architecture: 0x4000_0003, arguments: [0; 6] };
        assert_eq!(run(&program, foreign), libc::SECCOMP_RET_KILL_PROCESS);
    }
}

/// Each rule has to let something pass, and each call with rules to refuse something, in one setting at least.
#[test]
fn every_rule_decides_something() {
    for entry in ALLOWED.iter().flat_map(|group| group.entries) {
        let Some(arguments) = entry.arguments else { continue };
        let all = combinations(arguments);
        for rule in arguments.pass.iter().chain(arguments.ignored).filter(|rule| rule.under == Under::Any) {
            let passes = |one: &&[u64; 6]| rule.conditions.iter().all(|condition| holds_for(*condition, one));
            assert!(all.iter().any(|one| passes(&one)), "{}: {rule:?}", entry.call.name());
            assert!(all.iter().any(|one| !passes(&one)), "{}: {rule:?}", entry.call.name());
        }
    }
}

#[test]
fn a_call_stands_once_in_the_table() {
    let allowed = ALLOWED.iter().flat_map(|group| group.entries).map(|entry| entry.call.number);
    let mut numbers: Vec<_> =
        allowed.chain(REFUSED.iter().flat_map(|group| group.calls).map(|call| call.number)).collect();
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), all);
}

#[test]
fn a_delta_takes_away_and_nothing_else() {
    let program = Filters::compile(Sockets::Pairs, OwnUser::Yes).unwrap().delta.program;
    for number in 0..1024 {
        let wanted = match i64::from(number) {
            libc::SYS_clone3 => libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32,
            libc::SYS_setns | libc::SYS_keyctl => libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
            _ => libc::SECCOMP_RET_ALLOW,
        };
        assert_eq!(
            run(&program, Data { number, architecture: 0, arguments: [0; 6] }),
            wanted,
            "call {number}"
        );
    }
}

#[test]
fn a_waiting_shell_is_killed_for_the_rest() {
    let program = CompiledFilter::shell().unwrap().program;
    let native = architecture().unwrap();
    let verdict = |number| run(&program, Data { number, architecture: native, arguments: [0; 6] });
    let killed = (0..1024).filter(|number| verdict(*number) == libc::SECCOMP_RET_KILL_PROCESS).count();
    let passed = (0..1024).filter(|number| verdict(*number) == libc::SECCOMP_RET_ALLOW).count();
    assert_eq!((passed, killed), (crate::init::CALLS.len(), 1024 - passed));
}
