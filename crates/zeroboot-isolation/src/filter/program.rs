//! From verdicts to a program of classic BPF. See `seccomp(2)`.
//!
//! A program checks the architecture first, then finds the number's verdict by halving: neighbours with the same
//! verdict share a leaf, so some eight comparisons decide whatever is called. Every jump goes forwards, over code that
//! was made before it, so its distance is known; there are no labels to resolve.

use std::collections::BTreeMap;

use super::FilterError;
use super::table::{Condition, Rule};

/// One instruction, as the kernel reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

impl From<seccompiler::sock_filter> for Instruction {
    fn from(it: seccompiler::sock_filter) -> Self {
        Self { code: it.code, if_true: it.jt, if_false: it.jf, value: it.k }
    }
}

pub(super) type Code = Vec<Instruction>;

/// What the kernel does with a call: one of `SECCOMP_RET_*` and its data.
pub(super) type Action = u32;

/// What becomes of a call.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// This, always.
    Always(Action),
    /// That of the first rule which holds; the last one otherwise.
    Arguments(Vec<(&'static Rule, Action)>, Action),
}

/// The program that kills whatever calls in another architecture's way, and gives each call its verdict: `otherwise`
/// where there is none.
pub(super) fn compile(verdicts: &BTreeMap<u32, Verdict>, otherwise: Action) -> Result<Code, FilterError> {
    let mut program = vec![
        load(ARCHITECTURE_AT),
        jump(EQUAL, architecture()?, 1, 0),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        load(NUMBER_AT),
    ];
    program.extend(halve(&leaves(verdicts, otherwise)?)?);
    Ok(program)
}

/// What the filter does from this number on, up to the next leaf.
struct Leaf {
    from: u32,
    code: Code,
}

fn leaves(verdicts: &BTreeMap<u32, Verdict>, otherwise: Action) -> Result<Vec<Leaf>, FilterError> {
    let mut leaves = vec![Leaf { from: 0, code: vec![answer(otherwise)] }];
    let mut add = |from, code| match leaves.last_mut() {
        Some(last) if last.code == code => {}
        Some(last) if last.from == from => last.code = code,
        _ => leaves.push(Leaf { from, code }),
    };
    for (number, verdict) in verdicts {
        add(*number, decide(verdict)?);
        // Up to the next number that is known; if that comes at once, it takes this leaf's place.
        add(number + 1, vec![answer(otherwise)]);
    }
    // Where the neighbours of a replaced leaf are the same now.
    leaves.dedup_by(|next, last| next.code == last.code);
    Ok(leaves)
}

/// The number is loaded.
fn halve(leaves: &[Leaf]) -> Result<Code, FilterError> {
    if let [leaf] = leaves {
        return Ok(leaf.code.clone());
    }
    let (low, high) = leaves.split_at(leaves.len() / 2);
    let from = high[0].from;
    let (low, high) = (halve(low)?, halve(high)?);
    let mut code = match u8::try_from(low.len()) {
        Ok(distance) => vec![jump(AT_LEAST, from, distance, 0)],
        Err(_) => vec![jump(AT_LEAST, from, 0, 1), go(low.len())?],
    };
    code.extend(low);
    code.extend(high);
    Ok(code)
}

fn decide(verdict: &Verdict) -> Result<Code, FilterError> {
    let (rules, otherwise) = match verdict {
        Verdict::Always(action) => return Ok(vec![answer(*action)]),
        Verdict::Arguments(rules, otherwise) => (rules, *otherwise),
    };
    let mut code = Code::new();
    for (rule, action) in rules {
        code.extend(holds(rule.conditions, *action)?);
        if rule.conditions.is_empty() {
            return Ok(code);
        }
    }
    code.push(answer(otherwise));
    Ok(code)
}

/// This action if all of the conditions hold; runs into what follows otherwise. Made from its end.
fn holds(conditions: &[Condition], action: Action) -> Result<Code, FilterError> {
    let Some((first, others)) = conditions.split_first() else { return Ok(vec![answer(action)]) };
    let then = holds(others, action)?;
    let mut code = test(*first, short(then.len())?)?;
    code.extend(then);
    Ok(code)
}

/// Runs into what follows if the condition holds, and over `skip` instructions otherwise.
fn test(condition: Condition, skip: u8) -> Result<Code, FilterError> {
    let mut code = Code::new();
    match condition {
        Condition::OneOf(place, values) => {
            code.push(load(low_half(place)));
            one_of(values, skip, &mut code)?;
        }
        Condition::Masked(place, mask, [0]) => {
            code.extend([load(low_half(place)), jump(ANY_BIT, mask, skip, 0)]);
        }
        Condition::Masked(place, mask, values) => {
            code.extend([
                load(low_half(place)),
                Instruction { code: AND, if_true: 0, if_false: 0, value: mask },
            ]);
            one_of(values, skip, &mut code)?;
        }
        Condition::AtMost(place, value) => {
            code.extend([load(low_half(place)), jump(GREATER, value, skip, 0)]);
        }
        Condition::Null(place) => code.extend([
            load(low_half(place)),
            jump(EQUAL, 0, 0, short(usize::from(skip) + 2)?),
            load(low_half(place) + 4),
            jump(EQUAL, 0, 0, skip),
        ]),
    }
    Ok(code)
}

fn one_of(values: &[u32], skip: u8, code: &mut Code) -> Result<(), FilterError> {
    for (index, value) in values.iter().enumerate() {
        let others = short(values.len() - 1 - index)?;
        code.push(jump(EQUAL, *value, others, if others == 0 { skip } else { 0 }));
    }
    Ok(())
}

fn short(distance: usize) -> Result<u8, FilterError> {
    u8::try_from(distance).map_err(|_| FilterError::Distance(distance))
}

// Where `struct seccomp_data` has what. The machines that there is a filter for have the low half of a word first.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;

fn low_half(place: u8) -> u32 {
    16 + 8 * u32::from(place)
}

/// `AUDIT_ARCH_*`.
fn architecture() -> Result<u32, FilterError> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(0xc000_003e),
        "aarch64" => Ok(0xc000_00b7),
        "riscv64" => Ok(0xc000_00f3),
        other => Err(FilterError::Architecture(other)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "codes of classic BPF have 16 bits")]
const fn code(bits: u32) -> u16 {
    bits as u16
}

const LOAD: u16 = code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS);
const AND: u16 = code(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K);
const GO: u16 = code(libc::BPF_JMP | libc::BPF_JA);
const EQUAL: u16 = code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K);
const AT_LEAST: u16 = code(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K);
const GREATER: u16 = code(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K);
const ANY_BIT: u16 = code(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K);
const RETURN: u16 = code(libc::BPF_RET | libc::BPF_K);

const fn load(from: u32) -> Instruction {
    Instruction { code: LOAD, if_true: 0, if_false: 0, value: from }
}

const fn jump(code: u16, value: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code, if_true, if_false, value }
}

fn go(distance: usize) -> Result<Instruction, FilterError> {
    let value = u32::try_from(distance).map_err(|_| FilterError::Distance(distance))?;
    Ok(Instruction { code: GO, if_true: 0, if_false: 0, value })
}

const fn answer(action: Action) -> Instruction {
    Instruction { code: RETURN, if_true: 0, if_false: 0, value: action }
}

/// By hand, since it is the shortest that there is: answers for three calls, and what it does not name passes. The
/// architecture was checked by the filter above it, whose verdict wins where it is the stricter one.
pub(super) fn take_away(
    (unknown, as_unknown): (u32, Action),
    (refused, as_refused): ([u32; 2], Action),
) -> Code {
    vec![
        load(NUMBER_AT),
        jump(EQUAL, unknown, 3, 0),
        jump(EQUAL, refused[0], 3, 0),
        jump(EQUAL, refused[1], 2, 0),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(as_unknown),
        answer(as_refused),
    ]
}

#[cfg(test)]
mod tests;
