//! What is refused, and that it is refused in time.

use std::hint::black_box;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use nix::errno::Errno;
use zeroboot_fork::{
    ForkError, ForkOptions, ForkPlan, Forked, Namespaces, Parent, PrepareError, Way, leave, reap_any,
};

use crate::common::{Verdict, both_ways, code_of, plan, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = [
        both_ways("two threads are refused by name", two_threads),
        both_ways("a thread that holds the allocator's lock is an error, never a hang", allocating_thread),
        both_ways("a child's own threads count in its copy of a plan", threads_of_a_child),
        both_ways("without a place for the pidfd there is no child", no_descriptor_left),
    ]
    .into_iter()
    .flatten()
    .collect();
    trials.push(trial("a thread that was joined does not count", joined_thread));
    trials.push(trial("fork(3) refuses what only clone3 can", needs_clone3));
    trials
}

/// Runs `body` while a second thread, called `holder`, does `work` again and again. The thread is joined, since the end
/// of a scope alone does not await a thread's very end.
fn beside<T>(work: impl Fn() + Sync, body: impl FnOnce() -> T) -> T {
    let (started, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
    let repeat = || {
        while !stopped.load(Ordering::Relaxed) {
            work();
            started.store(true, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let holder = thread::Builder::new().name("holder".to_owned());
        let holder = holder.spawn_scoped(scope, repeat).expect("a thread");
        while !started.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let result = catch_unwind(AssertUnwindSafe(body));
        stopped.store(true, Ordering::Relaxed);
        holder.join().expect("its end");
        result.unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Why the plan does not fork; a child that it makes all the same does not stay.
fn refusal(plan: &ForkPlan) -> Option<ForkError> {
    match plan.fork() {
        Err(error) => Some(error),
        Ok(Forked::Child(_)) => leave(0),
        Ok(Forked::Parent(mut child)) => {
            child.wait().expect("its end");
            None
        }
    }
}

fn two_threads(way: Way) -> Verdict {
    let plan = plan(way);
    assert_eq!(code_of(&plan, || 4), 4, "alone");
    beside(thread::yield_now, || {
        let error = refusal(&plan).expect("a refusal");
        let ForkError::Threads(threads) = &error else { panic!("{error}") };
        assert_eq!(threads.len(), 2);
        assert_eq!(threads[0].tid, std::process::id(), "this one first");
        assert_eq!(threads[1].name, "holder");
        let text = error.to_string();
        assert!(text.contains("2 threads") && text.contains("holder ("), "{text}");

        // SAFETY: the child leaves by its first system call.
        let code = match unsafe { plan.fork_unchecked() }.expect("a child") {
            Forked::Child(_) => leave(5),
            Forked::Parent(mut child) => child.wait().expect("its end").status,
        };
        assert_eq!(code, zeroboot_fork::ExitStatus::Exited(5), "the control");
    });
    assert_eq!(code_of(&plan, || 6), 6, "alone again");
    Ok(())
}

fn allocating_thread(way: Way) -> Verdict {
    let plan = plan(way);
    let allocate = || drop(black_box((1..64).map(|size| vec![1_u8; size * 97]).collect::<Vec<_>>()));
    beside(allocate, || {
        for _ in 0..200 {
            assert!(matches!(
                plan.spawn(&|| Ok(()), || 0).map(drop),
                Err(zeroboot_fork::SpawnError::Fork(ForkError::Threads(_)))
            ));
        }
    });
    Ok(())
}

/// The kernel may go on to count it for a moment: seldom seen, once in a few thousand times. A slow machine tries fewer.
fn joined_thread() -> Verdict {
    let plan = plan(Way::Clone3);
    let begun = Instant::now();
    for _ in 0..2000 {
        if begun.elapsed() > Duration::from_secs(5) {
            break;
        }
        thread::spawn(|| ()).join().expect("its end");
        match plan.fork().expect("no refusal") {
            Forked::Child(_) => leave(0),
            Forked::Parent(mut child) => drop(child.wait().expect("its end")),
        }
    }
    Ok(())
}

fn threads_of_a_child(way: Way) -> Verdict {
    let plan = plan(way);
    let code = code_of(&plan, || {
        let alone = code_of(&plan, || 1);
        let refused = beside(thread::yield_now, || matches!(refusal(&plan), Some(ForkError::Threads(_))));
        alone + 2 * u8::from(refused)
    });
    assert_eq!(code, 3);
    Ok(())
}

fn no_descriptor_left(way: Way) -> Verdict {
    let plan = plan(way);
    let next = OwnedFd::from(std::fs::File::open("/dev/null").expect("/dev/null")).as_raw_fd();
    let limit = libc::rlimit {
        rlim_cur: libc::rlim_t::from(next.unsigned_abs()),
        rlim_max: libc::rlim_t::from(next.unsigned_abs()),
    };
    // SAFETY: `limit` is valid for reading.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    match plan.fork() {
        Err(ForkError::Fork { errno: Errno::EMFILE }) => {}
        Ok(Forked::Child(_)) => leave(0),
        other => panic!("{other:?}"),
    }
    assert_eq!(reap_any(), Err(Errno::ECHILD), "no child is left");
    Ok(())
}

fn needs_clone3() -> Verdict {
    let libc = || ForkOptions { way: Way::Libc, ..ForkOptions::default() };
    let somewhere = || std::fs::File::open("/").expect("a directory").into();
    for options in [
        ForkOptions { namespaces: Namespaces::USER, ..libc() },
        ForkOptions { parent: Parent::CallersParent, ..libc() },
        ForkOptions { cgroup: Some(somewhere()), ..libc() },
    ] {
        assert!(matches!(ForkPlan::prepare(options), Err(PrepareError::NeedsClone3)));
    }
    let mut plan = ForkPlan::prepare(libc()).expect("a plan");
    assert!(matches!(plan.set_cgroup(Some(somewhere())), Err(PrepareError::NeedsClone3)));
    Ok(())
}
