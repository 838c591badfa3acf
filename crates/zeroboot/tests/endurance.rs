//! Ten thousand sandboxes leave nothing behind; a template that is killed is built again.

mod common;

use std::fs;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use common::{descendants, run};
use libtest_mimic::{Failed, Trial};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use zeroboot::{Request, RunError, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("ten_thousand_sandboxes_leave_nothing", ten_thousand),
        Trial::test("a_killed_template_is_built_again", || killed("python")),
        Trial::test("a_killed_warden_is_built_again", || killed("zeroboot-warden")),
        Trial::test("a_cancelled_run_is_ended_at_once", cancelled),
        Trial::test("many_threads_share_a_template", many_threads),
    ])
}

/// What must not grow: descriptors, memory in KiB, mounts.
#[derive(Debug, Clone, Copy)]
struct Holds {
    descriptors: usize,
    resident_kib: u64,
    mounts: usize,
}

fn holds(pid: u32) -> Result<Holds, Failed> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(Holds {
        descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        resident_kib: line.trim().trim_end_matches(" kB").parse()?,
        mounts: fs::read_to_string(format!("/proc/{pid}/mountinfo"))?.lines().count(),
    })
}

/// How many shells a template keeps: as many processes wait.
const SHELLS: usize = 2;

/// What the warden holds of a shell that is being made or buried: pidfd, both ends of a socket or the report, rules.
const DESCRIPTORS_OF_A_SHELL: usize = 4;

/// Where allocators may end up higher than they began.
const MARGIN_KIB: u64 = 2048;

fn ten_thousand() -> Result<(), Failed> {
    let template = Template::python().parked_shells(SHELLS).build()?;
    let some = |count| (0..count).try_for_each(|_| template.run("1").map(drop));
    some(200)?;
    let core = |found: Vec<(u32, String)>| -> Vec<(u32, String)> {
        let wardens: Vec<_> = found.iter().filter(|(_, name)| name == "zeroboot-warden").cloned().collect();
        let others = found.into_iter().filter(|(_, name)| name != "zeroboot-warden");
        // The two stages of the warden were there first, its shells have its name.
        wardens.into_iter().take(2).chain(others).collect()
    };
    let watched = core(descendants());
    if watched.len() != 3 {
        return Err(format!("two stages of the warden and a template, not {watched:?}").into());
    }
    let watched: Vec<u32> = watched.into_iter().map(|(pid, _)| pid).chain([std::process::id()]).collect();
    let before = watched.iter().map(|pid| holds(*pid)).collect::<Result<Vec<_>, _>>()?;
    let population = descendants().len();

    some(10_000)?;

    for (pid, before) in watched.iter().zip(before) {
        let after = holds(*pid)?;
        // Each shell may be on its way now and not have been before.
        let grown = after.descriptors > before.descriptors + SHELLS * DESCRIPTORS_OF_A_SHELL
            || after.resident_kib > before.resident_kib + MARGIN_KIB
            || after.mounts != before.mounts;
        if grown {
            return Err(format!("process {pid}: {before:?} became {after:?}").into());
        }
    }
    let now = descendants().len();
    if now > population + SHELLS {
        Err(format!("{population} processes became {now}").into())
    } else {
        Ok(())
    }
}

fn killed(name: &str) -> Result<(), Failed> {
    let template = Template::python().build()?;
    let named = |name: &str| -> Vec<u32> {
        let all = descendants().into_iter();
        all.filter(|(_, other)| other.starts_with(name)).map(|(pid, _)| pid).collect()
    };
    let others = named(name);
    let warm = named("python").first().copied().ok_or("no template")?;
    let warm = zeroboot_fork::pidfd_open(warm)?;
    // Stage 1 is the parent of stage 2, which is the parent of all shells.
    let victim = others.get(usize::from(name == "zeroboot-warden")).copied().ok_or("nobody to kill")?;

    let (reader, writer) = std::io::pipe()?;
    let running = {
        let template = template.clone();
        std::thread::spawn(move || {
            let request = Request::script("loop.py", "print('here', flush=True)\nwhile True: pass")
                .stdout(zeroboot::Output::To(writer.into()))
                .timeout(Duration::from_secs(60));
            template.execute(request)
        })
    };
    // It runs once it has said so.
    let mut word = [0; 5];
    std::io::Read::read_exact(&mut &reader, &mut word)?;
    kill(Pid::from_raw(i32::try_from(victim)?), Signal::SIGKILL)?;
    match running.join().map_err(|_| "the runner panicked")? {
        Err(RunError::TemplateDied) => {}
        other => return Err(format!("{other:?}").into()),
    }
    // The kernel ends the template after its init: a request in that moment would be told so as well.
    poll(&mut [PollFd::new(warm.as_fd(), PollFlags::POLLIN)], PollTimeout::from(10_000_u16))?;
    let outcome = template.run("print(1 + 1)")?;
    if outcome.stdout_lossy() == "2\n" { Ok(()) } else { Err(outcome.stderr_lossy().into_owned().into()) }
}

fn cancelled() -> Result<(), Failed> {
    let template = Template::python().build()?;
    let (cancel, ours) = std::io::pipe()?;
    let (mut here, output) = std::io::pipe()?;
    let request = Request::code("print('here', flush=True)\nwhile True: pass")
        .stdout(zeroboot::Output::To(output.into()))
        .timeout(Duration::from_secs(60))
        .cancelled_by(cancel);
    let runner = template.clone();
    let running = std::thread::spawn(move || runner.execute(request));
    std::io::Read::read_exact(&mut here, &mut [0; 5])?;
    let youngest =
        descendants().into_iter().filter(|(_, name)| name.starts_with("python")).map(|(pid, _)| pid);
    let sandbox = zeroboot_fork::pidfd_open(youngest.max().ok_or("no sandbox")?)?;
    drop(ours);
    match running.join().map_err(|_| "the runner panicked")? {
        Err(RunError::Cancelled) => {}
        other => return Err(format!("{other:?}").into()),
    }
    match poll(&mut [PollFd::new(sandbox.as_fd(), PollFlags::POLLIN)], PollTimeout::from(20_000_u16))? {
        0 => Err("it lives on".into()),
        _ => Ok(()),
    }
}

fn many_threads() -> Result<(), Failed> {
    let template = Template::python().build()?;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let template = &template;
                scope.spawn(move || {
                    (0..25).all(|run| {
                        let code = format!("print({worker} * 100 + {run})");
                        let wanted = format!("{}\n", worker * 100 + run);
                        template.run(&code).is_ok_and(|outcome| outcome.stdout_lossy() == wanted)
                    })
                })
            })
            .collect();
        if workers.into_iter().all(|worker| worker.join().unwrap_or(false)) {
            Ok(())
        } else {
            Err("an answer was lost or went to another".into())
        }
    })
}
