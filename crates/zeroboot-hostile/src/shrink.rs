//! The fewest steps of a program that still break a promise: found by leaving out, in processes of their own, since what
//! hangs ends its process.

use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::program::Program;

/// Leaves out as much as can be, first halves and then single steps. Gives what is left.
pub(crate) fn shrink(seed: u64, options: &[String]) -> anyhow::Result<Vec<usize>> {
    let mut kept: Vec<usize> = (0..Program::of(seed).steps.len()).collect();
    if !breaks(seed, &kept, options)? {
        bail!("the program breaks no promise here\nremedy: --repeat, where it does not always");
    }
    let mut piece = kept.len().div_ceil(2);
    while piece > 0 && !kept.is_empty() {
        let mut at = 0;
        while at < kept.len() {
            let without: Vec<usize> = [&kept[..at], &kept[kept.len().min(at + piece)..]].concat();
            if breaks(seed, &without, options)? {
                eprintln!("{} steps are enough", without.len());
                kept = without;
            } else {
                at += piece;
            }
        }
        piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
    }
    Ok(kept)
}

/// Whether these steps alone do it.
fn breaks(seed: u64, steps: &[usize], options: &[String]) -> anyhow::Result<bool> {
    let steps: Vec<_> = steps.iter().map(usize::to_string).collect();
    let status = Command::new("/proc/self/exe")
        .args(["--seed", &seed.to_string(), "--runs", "1", "--steps", &steps.join(",")])
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("cannot start this program again")?;
    match status.code() {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => bail!("it could not be run: {status}"),
    }
}
