//! Samples of a subject: a process whose faults, memory and CPU time are known.

mod allocations;
mod counters;
mod pages;
mod pressure;
mod storms;
mod subject;

use std::env;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use zeroboot_telemetry::{Memory, Sample};

fn main() -> ExitCode {
    match env::var(subject::ROLE).as_deref() {
        Ok("subject") => exit_code(subject::live()),
        Ok("stranger") => exit_code(counters::stranger()),
        _ => {
            let mut arguments = Arguments::from_args();
            arguments.test_threads = Some(1);
            libtest_mimic::run(&arguments, trials()).exit_code()
        }
    }
}

/// One trial for each function, of the same name.
macro_rules! trials {
    ($($module:ident: $($name:ident),+;)+) => {
        vec![$($(Trial::test(stringify!($name), $module::$name)),+),+]
    };
}

fn trials() -> Vec<Trial> {
    trials! {
        counters: writing_pages_makes_them_private, memory_agrees_with_smaps_rollup, counters_agree_with_getrusage,
            a_zombie_keeps_its_final_counters, cpu_time_is_counted_where_it_is_spent,
            a_stopped_process_can_be_sampled, a_reaped_process_is_gone,
            an_ordinary_user_sees_its_own_and_no_other;
        pages: what_is_written_is_copied, a_map_has_each_page_once, what_is_read_is_shared, what_was_not_there_is_zeroed,
            the_page_of_zeroes_is_nobodys,
            the_page_of_zeroes_is_something_in_a_template, many_places_are_all_found, frozen_memory_is_copied_where_it_is_written,
            shared_memory_is_not_private, a_huge_page_counts_in_full, a_page_that_is_dropped_counts_no_more,
            what_the_template_writes_stays_with_the_fork, without_a_baseline_nothing_is_divided,
            names_from_inside_change_nothing;
        allocations: a_second_sample_allocates_nothing;
        storms: a_counter_agrees_with_getrusage, a_fork_counts_from_zero, what_is_reaped_is_gone,
            the_machine_counts_the_faults_of_all, a_count_allocates_nothing;
        pressure: pressure_of_the_machine_never_shrinks, pressure_of_what_is_no_cgroup_is_absent;
    }
}

fn memory_of(sample: &Sample) -> Result<Memory, Failed> {
    sample.memory.ok_or_else(|| "no memory in a living process".into())
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failed> {
    ensure(&format!("{what}: found {found:?}, expected {expected:?}"), found == expected)
}

fn ensure(what: &str, holds: bool) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// Says that a test could not run here; an error where nothing may be skipped.
fn skip(reason: &str) -> Result<(), Failed> {
    if env::var_os("ZEROBOOT_NO_SKIP").is_some_and(|value| value == "1") {
        return Err(format!("skipped: {reason}").into());
    }
    let _ = writeln!(std::io::stderr(), "SKIP {reason}");
    Ok(())
}

fn exit_code(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    // Nothing is lost when this fails: the exit code says it as well.
    let _ = writeln!(std::io::stderr(), "{error}");
    ExitCode::FAILURE
}
