//! Both ways to fork, and a child from start to end.

use std::cell::Cell;
use std::io::{PipeReader, Read, Write, pipe, stdout};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use zeroboot_fork::{
    ExitStatus, Forked, SpawnError, StepFailure, StepId, Way, is_reaped, leave, pidfd_get, pidfd_signal,
    reap, reap_any,
};

use crate::common::{Verdict, both_ways, code_of, plan};

pub(crate) fn trials() -> Vec<Trial> {
    [
        both_ways("every exit code comes back", every_exit_code),
        both_ways("try_wait answers before and after the end", try_wait),
        both_ways("by its pidfd a child is collected once, and its number is its own until then", by_pidfd),
        both_ways("a descriptor of a child is had by its pidfd and its number", by_number),
        both_ways("a child ends by kill and by signal", signals),
        both_ways("usage is that of the child", usage),
        both_ways("memory is a copy", memory_is_a_copy),
        both_ways("a failing hook is told by step and errno", failing_hook),
        both_ways("a child killed in its hook has died", killed_in_hook),
        both_ways("a panic in the body is code 101", panic_in_body),
        both_ways("a panic in the hook never reaches the body", panic_in_hook),
        both_ways("unflushed text appears once", unflushed_text),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn every_exit_code(way: Way) -> Verdict {
    let plan = plan(way);
    for code in [0, 1, 101, 125, 255] {
        assert_eq!(code_of(&plan, || code), code);
    }
    Ok(())
}

fn try_wait(way: Way) -> Verdict {
    let (reader, mut writer) = pipe().expect("a pipe");
    let mut child = plan(way).spawn(&|| Ok(()), || read_byte(&reader)).expect("a child");
    assert_eq!(child.try_wait(), Ok(None), "it waits for a byte");
    writer.write_all(&[3]).expect("a byte");
    let exit = child.wait().expect("its end");
    assert_eq!(exit.status, ExitStatus::Exited(3));
    assert_eq!(child.try_wait(), Ok(Some(exit)));
    assert_eq!(child.wait(), Ok(exit));
    assert_eq!(reap_any(), Err(Errno::ECHILD), "nothing is left to collect");
    Ok(())
}

fn by_pidfd(way: Way) -> Verdict {
    let (reader, mut writer) = pipe().expect("a pipe");
    let child = plan(way).spawn(&|| Ok(()), || read_byte(&reader)).expect("a child");
    let (_, pidfd) = child.into_parts();
    assert_eq!(reap(pidfd.as_fd()), Ok(None), "it waits for a byte");
    writer.write_all(&[5]).expect("a byte");
    let mut end = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    poll(&mut end, PollTimeout::NONE).expect("its end");
    assert!(!is_reaped(pidfd.as_fd()), "a process that has ended keeps its number");
    let exit = reap(pidfd.as_fd()).expect("a child").expect("its end");
    assert_eq!(exit.status, ExitStatus::Exited(5));
    assert!(is_reaped(pidfd.as_fd()));
    assert_eq!(reap(pidfd.as_fd()), Err(Errno::ECHILD));
    Ok(())
}

fn by_number(way: Way) -> Verdict {
    let (reader, mut writer) = pipe().expect("a pipe");
    let (own_reader, own_writer) = pipe().expect("a pipe");
    let child = plan(way).spawn(&|| Ok(()), || read_byte(&reader)).expect("a child");
    let (_, pidfd) = child.into_parts();
    // From here on the child alone has it.
    let number = own_reader.as_raw_fd();
    drop(own_reader);
    let copy = pidfd_get(pidfd.as_fd(), number).expect("a copy");
    (&own_writer).write_all(&[7]).expect("a byte");
    assert_eq!(read_byte(&PipeReader::from(copy)), 7);
    assert_eq!(pidfd_get(pidfd.as_fd(), i32::MAX).err(), Some(Errno::EBADF));
    writer.write_all(&[5]).expect("a byte");
    let mut end = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    poll(&mut end, PollTimeout::NONE).expect("its end");
    reap(pidfd.as_fd()).expect("a child").expect("its end");
    assert_eq!(pidfd_get(pidfd.as_fd(), number).err(), Some(Errno::ESRCH));
    Ok(())
}

fn read_byte(mut reader: &PipeReader) -> u8 {
    let mut byte = [0];
    reader.read_exact(&mut byte).expect("a byte");
    byte[0]
}

fn signals(way: Way) -> Verdict {
    let (reader, _writer) = pipe().expect("a pipe");
    let plan = plan(way);
    let mut killed = plan.spawn(&|| Ok(()), || read_byte(&reader)).expect("a child");
    killed.kill().expect("kill");
    let ended_by = |signal: Signal| ExitStatus::Signaled { signal: signal as i32, core_dumped: false };
    assert_eq!(killed.wait().expect("its end").status, ended_by(Signal::SIGKILL));
    assert_eq!(killed.kill(), Ok(()), "nothing happens to one that has ended");

    let mut terminated = plan.spawn(&|| Ok(()), || read_byte(&reader)).expect("a child");
    pidfd_signal(terminated.as_fd(), Signal::SIGTERM).expect("a signal");
    assert_eq!(terminated.wait().expect("its end").status, ended_by(Signal::SIGTERM));
    assert_eq!(pidfd_signal(terminated.as_fd(), Signal::SIGTERM), Err(Errno::ESRCH));
    Ok(())
}

/// The child touches 32 MiB and burns 20 ms of CPU time; its parent does neither.
fn usage(way: Way) -> Verdict {
    const SIZE: usize = 32 << 20;
    let mut child = plan(way)
        .spawn(&|| Ok(()), || {
            std::hint::black_box(vec![1_u8; SIZE]);
            while cpu_time() < Duration::from_millis(20) {}
            0
        })
        .expect("a child");
    let usage = child.wait().expect("its end").usage;
    assert!(usage.peak_resident_kib >= (SIZE >> 10) as u64, "{usage:?}");
    assert!(usage.minor_faults > 0, "{usage:?}");
    assert!(usage.user + usage.system >= Duration::from_millis(15), "{usage:?}");
    assert!(usage.user + usage.system < Duration::from_secs(50), "{usage:?}");
    Ok(())
}

fn cpu_time() -> Duration {
    // SAFETY: an all-zero value is a valid timespec, and the call writes only to it.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        time
    };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("nanoseconds"))
}

fn memory_is_a_copy(way: Way) -> Verdict {
    let value = Cell::new(1_u8);
    let code = code_of(&plan(way), || {
        value.set(value.get() + 1);
        value.get()
    });
    assert_eq!((code, value.get()), (2, 1));
    Ok(())
}

fn failing_hook(way: Way) -> Verdict {
    let failure = StepFailure::new(StepId(150), Errno::EXDEV);
    let result = plan(way).spawn(&|| Err(failure), || leave(0));
    assert!(matches!(&result, Err(SpawnError::Step(told)) if *told == failure), "{result:?}");
    assert_eq!(reap_any(), Err(Errno::ECHILD), "the child is gone");
    Ok(())
}

fn killed_in_hook(way: Way) -> Verdict {
    let hook = || {
        let _ = raise(Signal::SIGKILL);
        Ok(())
    };
    let result = plan(way).spawn(&hook, || 0);
    let killed = ExitStatus::Signaled { signal: libc::SIGKILL, core_dumped: false };
    assert!(matches!(&result, Err(SpawnError::Died(exit)) if exit.status == killed), "{result:?}");
    assert_eq!(reap_any(), Err(Errno::ECHILD), "the child is gone");
    Ok(())
}

fn panic_in_body(way: Way) -> Verdict {
    std::panic::set_hook(Box::new(|_| ()));
    let code = code_of(&plan(way), || panic!("in the child"));
    let _ = std::panic::take_hook();
    assert_eq!(code, 101);
    Ok(())
}

fn panic_in_hook(way: Way) -> Verdict {
    std::panic::set_hook(Box::new(|_| ()));
    let result = plan(way).spawn(&|| panic!("in the child"), || 0);
    let _ = std::panic::take_hook();
    let panicked = ExitStatus::Exited(101);
    assert!(matches!(&result, Err(SpawnError::Died(exit)) if exit.status == panicked), "{result:?}");
    Ok(())
}

/// The control is a child that leaves by `exit(3)`, as none should: its copy of the buffer is written as well.
fn unflushed_text(way: Way) -> Verdict {
    let output = |role: &str| {
        let this = std::env::current_exe().expect("this program");
        let output = Command::new(this).arg(format!("role={role} {way:?}")).output().expect("a run");
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(output("flush"), "text".repeat(2), "the control");
    assert_eq!(output("leave"), "text");
    Ok(())
}

/// What this program does when it is run by a test: text in a buffer, a child, and a regular end.
pub(crate) fn play(role: &str) {
    let way = if role.ends_with("Libc") { Way::Libc } else { Way::Clone3 };
    stdout().write_all(b"text").expect("a place in the buffer");
    match plan(way).fork().expect("a child") {
        Forked::Child(fresh) => {
            fresh.repair().expect("repairs");
            if role.starts_with("leave") {
                leave(0);
            }
            std::process::exit(0);
        }
        Forked::Parent(mut child) => drop(child.wait().expect("its end")),
    }
}
