//! What a machine full of parked sandboxes is like: the memory of each, part by part, what it holds open, and how long a spawn and
//! a claim take beside so many:
//! `cargo run --release -p zeroboot-benches --example density -- 1000 10000`.
//!
//! With `--parts` it then measures shells alone, and sandboxes whose fork copies no pages, so that the memory of one falls into
//! that of its shell, of its process, and of the copied pages. It takes as many as there is room for, and says what ends first.
//!
//! | module | does |
//! |---|---|
//! | `population` | fills a pool, and looks at it |
//! | `parts` | what one sandbox is made of |
//! | `machine` | what the kernel uses memory for |
//! | `hosts` | more processes with pools, where one may not open enough |
//! | `family` | the processes, and what they hold open |
//! | `limits` | how many there is room for |
//! | `times` | spawns and claims |
//! | `table` | aligned tables |

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example that prints its findings")]

mod family;
mod hosts;
mod limits;
mod machine;
mod parts;
mod population;
mod table;
mod times;

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use zeroboot::Template;

mod flags {
    xflags::xflags! {
        /// Parks so many sandboxes, and looks at what they take: 1000 unless something else is said.
        cmd density {
            /// How many, one population after the other.
            repeated populations: usize
            /// What one sandbox is made of: measures shells alone, and sandboxes whose fork copies no pages, too.
            optional --parts
            /// Parks so many, says so, and waits for the end of its input: how this program starts more hosts.
            optional --hold size: usize
        }
    }
}

/// How many sandboxes are measured to find what one is made of.
const MANY_FOR_PARTS: usize = 1_000;

fn main() -> anyhow::Result<()> {
    let flags::Density { mut populations, parts, hold } = flags::Density::from_env_or_exit();
    let descriptors = limits::raise_descriptors()?;
    if let Some(size) = hold {
        return hosts::hold(size);
    }
    if populations.is_empty() && !parts {
        populations.push(1_000);
    }
    println!("a process may have {descriptors} files open");
    let others = template()?;
    for asked in populations {
        println!("\n{}", population::measure(asked, &others)?);
    }
    if parts {
        println!("\n{}", parts::measure(MANY_FOR_PARTS)?);
    }
    Ok(())
}

/// As the bench has it.
fn template() -> anyhow::Result<Template> {
    Ok(Template::python().without_site().build()?)
}

fn progress(length: usize, of: impl Into<std::borrow::Cow<'static, str>>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left");
    ProgressBar::new(length as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(of)
}
