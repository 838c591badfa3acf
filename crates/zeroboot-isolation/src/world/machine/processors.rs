//! The processors: as many as may be used, of the kind that the host has, without what tells one
//! machine from another.

use std::fmt::Write;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::policy::Cpus;

/// What of the host's description is said as it is. A program can ask a processor itself for all of
/// it.
const COMMON: [&str; 22] = [
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "stepping",
    "cache size",
    "fpu",
    "fpu_exception",
    "cpuid level",
    "wp",
    "flags",
    "bugs",
    "clflush size",
    "cache_alignment",
    "address sizes",
    "Features",
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
    "isa",
];

/// Speeds are measured at each boot, so they tell machines apart: they are rounded to this.
const SPEED_STEP: f64 = 100.0;

/// How many kinds of software interrupts the kernel counts.
const SOFTWARE_INTERRUPTS: usize = 10;

/// How many the calling process may use, and a limit allows, at least for a part of the time.
pub(super) fn visible(limit: Option<Cpus>) -> Result<usize, Errno> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    let usable = (0..CpuSet::count()).filter(|number| set.is_set(*number) == Ok(true)).count().max(1);
    let allowed = limit.map_or(u32::MAX, |limit| limit.to_milli().div_ceil(1000));
    Ok(usable.min(usize::try_from(allowed).unwrap_or(usize::MAX)))
}

/// `/proc/cpuinfo` for so many processors, each like the host's first one, in one package. Tabs
/// stay as they are: programs look for whole beginnings of lines.
pub(super) fn describe(of_host: &str, number: usize) -> String {
    let first: Vec<(&str, &str)> = of_host
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| line.split_once(':'))
        .collect();
    let mut text = String::new();
    for index in 0..number {
        for (beginning, value) in &first {
            let value = value.trim();
            let said = match (beginning.trim(), value.parse::<f64>()) {
                (common, _) if COMMON.contains(&common) => value.to_owned(),
                ("cpu MHz" | "bogomips" | "BogoMIPS", Ok(speed)) => {
                    format!("{:.2}", (speed / SPEED_STEP).round() * SPEED_STEP)
                }
                ("physical id", _) => "0".to_owned(),
                ("siblings" | "cpu cores", _) => number.to_string(),
                ("processor" | "core id" | "apicid" | "initial apicid", _) => index.to_string(),
                _ => continue,
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{beginning}: {said}");
        }
        text.push('\n');
    }
    text
}

/// `/proc/stat` for so many processors, of a machine that has done nothing yet.
pub(super) fn times(number: usize, booted_at: u64) -> String {
    let zeros = " 0".repeat(10);
    let mut text = format!("cpu {zeros}\n");
    for index in 0..number {
        let _ = writeln!(text, "cpu{index}{zeros}");
    }
    let software = " 0".repeat(SOFTWARE_INTERRUPTS);
    let _ = write!(
        text,
        "intr 0\nctxt 0\nbtime {booted_at}\nprocesses 1\nprocs_running 1\nprocs_blocked 0\nsoftirq 0{software}\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unknown_is_described() {
        let host = "processor\t: 3\nvendor_id\t: GenuineIntel\nmicrocode\t: 0x1\ncpu MHz\t\t: 2893.201\nphysical id\t: 1\n\
                    siblings\t: 64\ncore id\t\t: 9\npower management:\nSerial\t\t: 0001\n\nprocessor\t: 4\n";
        let text = describe(host, 2);
        let block = |index| {
            format!(
                "processor\t: {index}\nvendor_id\t: GenuineIntel\ncpu MHz\t\t: 2900.00\nphysical id\t: 0\nsiblings\t: 2\n\
                 core id\t\t: {index}\n\n"
            )
        };
        assert_eq!(text, block(0) + &block(1));
    }

    #[test]
    fn a_limit_of_processors_is_rounded_up() {
        let all = visible(None).expect("an affinity");
        assert!(all >= 1);
        assert_eq!(visible(Some(Cpus::milli(250))), Ok(1));
        assert_eq!(visible(Some(Cpus::milli(1001))), Ok(all.min(2)));
    }
}
