//! What the kernel counts for a user: what is left of it outside of a namespace, and what is closed inside.

use std::io::{Read, Write};

use libtest_mimic::Failed;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare as plain_unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use zeroboot_isolation::policy::Protections;
use zeroboot_isolation::quotas::{close_unused, leave_room};
use zeroboot_isolation::world::unshare;

use super::common::{Forked, Outcome, content, ensure};
use super::in_world;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Left,
    Taken,
}

pub(crate) fn host_keeps_signals() -> Result<(), Failed> {
    content(|| host_makes_a_timer_beside(Room::Left))?;
    // The control: the same namespaces, whose maker keeps nothing.
    let refused = Forked::start(|| host_makes_a_timer_beside(Room::Taken))?.end()?.0;
    Ok(ensure(refused.contains("EAGAIN"), || format!("nothing was taken: {refused:?}"))?)
}

/// In namespaces of its own a process makes timers until the kernel refuses; then the host wants one.
fn host_makes_a_timer_beside(room: Room) -> Outcome {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let queued = status.lines().find_map(|line| line.strip_prefix("SigQ:")?.trim().split_once('/'));
    let queued: u64 = queued.ok_or("no queue")?.0.parse()?;
    // Few more than what somebody else has in use: the test shall not take long.
    let (_, hard) = getrlimit(Resource::RLIMIT_SIGPENDING)?;
    setrlimit(Resource::RLIMIT_SIGPENDING, 2 * queued + 64, hard)?;

    let (mut taken_here, mut taken) = std::io::pipe()?;
    let (mut never, open) = std::io::pipe()?;
    let greedy = Forked::start(|| {
        if room == Room::Left {
            leave_room()?;
            let limit = |limit| getrlimit(limit);
            let (files, most) = limit(Resource::RLIMIT_NOFILE)?;
            let found = (limit(Resource::RLIMIT_SIGPENDING)?, limit(Resource::RLIMIT_MSGQUEUE)?, files);
            let half = queued + 32;
            ensure(found == ((half, half), (0, 0), most), || format!("{found:?}"))?;
        }
        unshare(Protections::STRICT)?;
        while make_timer() == Ok(()) {}
        taken.write_all(b"t")?;
        // Until it is killed.
        Ok(never.read_exact(&mut [0])?)
    })?;
    drop(taken);
    let all_taken = taken_here.read(&mut [0])? == 1;
    let made = make_timer();
    let (complaint, _) = greedy.kill()?;
    drop(open);
    ensure(all_taken, || format!("not a fair test: {complaint}"))?;
    Ok(made?)
}

/// One that never goes off, and is gone with its process. It has its place in the queue from now on.
fn make_timer() -> Result<(), Errno> {
    let mut timer: libc::c_int = 0;
    // SAFETY: without an event the kernel reads nothing; it writes the number of the timer.
    let made = unsafe {
        libc::syscall(
            libc::SYS_timer_create,
            libc::CLOCK_MONOTONIC,
            std::ptr::null::<libc::sigevent>(),
            &raw mut timer,
        )
    };
    Errno::result(made).map(drop)
}

fn watch() -> Result<(), Errno> {
    // SAFETY: no memory is passed; the descriptor is gone with this process.
    Errno::result(unsafe { libc::inotify_init1(libc::IN_CLOEXEC) }).map(drop)
}

pub(crate) fn what_nobody_makes_is_closed() -> Result<(), Failed> {
    in_world(&[], || {
        // The control.
        watch()?;
        plain_unshare(CloneFlags::CLONE_NEWUTS)?;
        close_unused()?;
        ensure(watch() == Err(Errno::EMFILE), || "files can be watched".to_owned())?;
        for flag in [CloneFlags::CLONE_NEWUTS, CloneFlags::CLONE_NEWUSER] {
            let found = plain_unshare(flag);
            ensure(found == Err(Errno::ENOSPC), || format!("{flag:?}: {found:?}"))?;
        }
        // What a shell needs.
        Ok(plain_unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWNET)?)
    })
}
