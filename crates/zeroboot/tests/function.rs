//! Functions of this program as templates.

mod common;

use std::collections::BTreeSet;
use std::process::ExitCode;

use common::run;
use libtest_mimic::{Failed, Trial};
use rand::Rng;
use zeroboot::{Bytes, RunError, Template};

zeroboot::function! {
    name: "lookup",
    warm_up: || vec!["zero".to_owned(), "one".to_owned()],
    answer: |words: &Vec<String>, index: usize| -> String { words[index].clone() },
}

zeroboot::function! {
    name: "large",
    warm_up: || (),
    answer: |(): &(), length: usize| -> String { "x".repeat(length) },
}

zeroboot::function! {
    name: "rewrite",
    warm_up: || {
        let memory = vec![1_u8; 16 << 20];
        zeroboot::write_heavy(&memory);
        memory
    },
    answer: |memory: &Vec<u8>, add: u8| -> usize { memory.iter().map(|byte| usize::from(byte + add)).sum() },
}

zeroboot::function! {
    name: "chance",
    warm_up: || rand::rng().random::<u64>(),
    answer: |_: &u64, (): ()| -> u64 { rand::rng().random() },
}

zeroboot::after_fork!(|| rand::rng().reseed().expect("the kernel has randomness"));

fn main() -> ExitCode {
    zeroboot::init();
    run(vec![
        Trial::test("a_function_uses_what_its_warm_up_made", lookup),
        Trial::test("a_panic_is_no_answer", panics),
        Trial::test("a_large_answer_arrives", large),
        Trial::test("declared_memory_is_copied_at_one_go", declared),
        Trial::test("rand_differs_over_200_sandboxes", chance),
        Trial::test("an_unknown_function_is_a_build_error", unknown),
    ])
}

fn lookup() -> Result<(), Failed> {
    let template = Template::function("lookup").build()?;
    let answer: String = template.call(&1_usize)?;
    if answer == "one" { Ok(()) } else { Err(answer.into()) }
}

fn panics() -> Result<(), Failed> {
    let template = Template::function("lookup").build()?;
    match template.call::<usize, String>(&2) {
        Err(RunError::NoAnswer(text)) if text.contains("101") => {}
        other => return Err(format!("{other:?}").into()),
    }
    let answer: String = template.call(&0_usize)?;
    if answer == "zero" { Ok(()) } else { Err(answer.into()) }
}

fn declared() -> Result<(), Failed> {
    let template = Template::function("rewrite").build()?;
    // The buffer need not begin at a boundary.
    if template.write_heavy() < Some(Bytes::mebi(12)) {
        return Err(format!("{:?}", template.write_heavy()).into());
    }
    let sums = (template.call::<u8, usize>(&0)?, template.call::<u8, usize>(&1)?);
    if sums == (16 << 20, 32 << 20) { Ok(()) } else { Err(format!("{sums:?}").into()) }
}

fn large() -> Result<(), Failed> {
    let template = Template::function("large").build()?;
    let answer: String = template.call(&1_000_000_usize)?;
    if answer.len() == 1_000_000 { Ok(()) } else { Err(format!("{} bytes", answer.len()).into()) }
}

fn chance() -> Result<(), Failed> {
    let template = Template::function("chance").build()?;
    let drawn: BTreeSet<u64> = (0..200).map(|_| template.call(&())).collect::<Result<_, _>>()?;
    if drawn.len() == 200 { Ok(()) } else { Err(format!("{} different values", drawn.len()).into()) }
}

fn unknown() -> Result<(), Failed> {
    match Template::function("nobody").build() {
        Err(error) if error.cause().contains("nobody") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
