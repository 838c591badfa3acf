//! What the tests share: a process of their own for each, with a watchdog, and skips that can be forbidden.

use std::io::{Write, stderr};
use std::os::fd::AsFd;

use libtest_mimic::{Failed, Trial};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use zeroboot_fork::{Child, ExitStatus, ForkOptions, ForkPlan, Way};

/// A promise that this machine does not let us check.
pub(crate) struct Skip(pub(crate) String);

/// How a test ends that does not panic.
pub(crate) type Verdict = Result<(), Skip>;

/// A test in a process of its own, which has no descriptors but the standard ones. What it leaves behind goes with it.
pub(crate) fn trial(name: impl Into<String>, body: impl FnOnce() -> Verdict + Send + 'static) -> Trial {
    Trial::test(name, || isolated(body))
}

/// The same test for both ways to fork.
pub(crate) fn both_ways(name: &str, body: fn(Way) -> Verdict) -> [Trial; 2] {
    [
        trial(format!("{name}, by clone3"), move || body(Way::Clone3)),
        trial(format!("{name}, by libc"), move || body(Way::Libc)),
    ]
}

const SKIPPED: u8 = 77;
const HUNG: &str = "hung";

fn isolated(body: impl FnOnce() -> Verdict) -> Result<(), Failed> {
    let mut child = plan(Way::Libc).spawn(&|| Ok(()), || {
        close_all();
        match body() {
            Ok(()) => 0,
            Err(Skip(reason)) => {
                let _ = writeln!(stderr(), "SKIP {reason}");
                SKIPPED
            }
        }
    })?;
    match end_of(&mut child)? {
        ExitStatus::Exited(0) => Ok(()),
        ExitStatus::Exited(SKIPPED) if std::env::var_os("ZEROBOOT_NO_SKIP").is_none_or(|v| v != "1") => {
            Ok(())
        }
        ExitStatus::Exited(SKIPPED) => Err("skipped, which ZEROBOOT_NO_SKIP=1 forbids".into()),
        status => Err(format!("the test's process ended by {status:?}; see above").into()),
    }
}

/// A watchdog: a child that hangs is an error, and does not stay.
fn end_of(child: &mut Child) -> Result<ExitStatus, Failed> {
    const A_MINUTE: u16 = 60_000;
    let mut fds = [PollFd::new(child.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::from(A_MINUTE))? == 0 {
        child.kill()?;
        child.wait()?;
        return Err(HUNG.into());
    }
    Ok(child.wait()?.status)
}

fn close_all() {
    // SAFETY: nothing in this process uses or drops a descriptor of before: it leaves by `_exit` after the test.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    assert_eq!(result, 0, "close_range");
}

/// A plan with nothing special.
pub(crate) fn plan(way: Way) -> ForkPlan {
    ForkPlan::prepare(ForkOptions { way, ..ForkOptions::default() }).expect("a plan")
}

/// Forks `body`, and waits for its exit code.
pub(crate) fn code_of(plan: &ForkPlan, body: impl FnOnce() -> u8) -> u8 {
    let mut child = plan.spawn(&|| Ok(()), body).expect("a child");
    match child.wait().expect("its end").status {
        ExitStatus::Exited(code) => code,
        status => panic!("the child ended by {status:?}"),
    }
}

/// The number of open descriptors, without the one that counts.
pub(crate) fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc").count() - 1
}
