//! `cargo xtask ci`: what a change must pass, step by step, up to the first failure.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::tidy;

/// Runs the steps and prints how long each took.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let readme = root.join("README.md");
    let readme = fs::read_to_string(&readme).with_context(|| format!("cannot read {}", readme.display()))?;
    let test =
        test_command(&readme).context("README.md has no code line that starts with `cargo xtask test`")?;

    let steps: [(&str, &dyn Fn() -> anyhow::Result<()>); 8] = [
        ("format", &|| shell(root, "cargo fmt --all --check")),
        ("tidy", &|| tidy_is_clean(root)),
        ("clippy", &|| {
            shell(root, "cargo clippy --workspace --all-targets --features zeroboot/tokio -- -D warnings")
        }),
        ("test", &|| shell(root, test)),
        ("attack", &|| shell(root, "cargo xtask attack")),
        ("hostile", &|| shell(root, "cargo xtask hostile --time 30s")),
        ("vm", &|| shell(root, "cargo xtask vm --brief")),
        ("doc", &|| {
            shell(
                root,
                "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --features zeroboot/tokio",
            )
        }),
    ];
    let mut done = Vec::new();
    for (name, step) in steps {
        println!("\n=== {name} ===");
        let begun = Instant::now();
        let result = step();
        let took = begun.elapsed();
        println!("=== {name}: {:.1} s ===", took.as_secs_f64());
        done.push((name, took, result.is_ok()));
        if let Err(error) = result {
            eprintln!("error: {error:#}");
            break;
        }
    }
    println!("\n{}", summary(&done));
    Ok(if done.iter().all(|(_, _, passed)| *passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A line per step: name, seconds, result.
fn summary(steps: &[(&str, Duration, bool)]) -> String {
    let line = |(name, took, passed): &(&str, Duration, bool)| {
        format!("{name:<8} {:>8.1} s  {}\n", took.as_secs_f64(), if *passed { "ok" } else { "FAILED" })
    };
    steps.iter().map(line).collect()
}

/// The command with which the README says to run the tests: what is promised there is what is run here.
fn test_command(readme: &str) -> Option<&str> {
    let mut fenced = false;
    readme.lines().find_map(|line| {
        let line = line.trim();
        if line.starts_with("```") {
            fenced = !fenced;
        }
        (fenced && line.starts_with("cargo xtask test")).then_some(line)
    })
}

fn tidy_is_clean(root: &Path) -> anyhow::Result<()> {
    if tidy::run(root)? != ExitCode::SUCCESS {
        bail!("the project's rules are broken");
    }
    Ok(())
}

fn shell(root: &Path, line: &str) -> anyhow::Result<()> {
    println!("$ {line}");
    let status =
        Command::new("sh").args(["-c", line]).current_dir(root).status().context("cannot start sh")?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{summary, test_command};

    #[test]
    fn the_command_is_a_fenced_line() {
        let readme = "Run cargo xtask test.\ncargo xtask test prose\n```sh\ncargo build\ncargo xtask test # all\n```\n";
        assert_eq!(test_command(readme), Some("cargo xtask test # all"));
    }

    #[test]
    fn prose_is_no_command() {
        assert_eq!(test_command("```\nls\n```\ncargo xtask test\n"), None);
    }

    #[test]
    fn the_summary_has_a_line_per_step() {
        let steps = [("format", Duration::from_millis(1234), true), ("tidy", Duration::from_secs(60), false)];
        assert_eq!(summary(&steps), "format        1.2 s  ok\ntidy         60.0 s  FAILED\n");
    }
}
