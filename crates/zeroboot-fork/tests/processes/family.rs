//! Whose child it is, and where it is born.

use std::fs::{self, File};
use std::io::{Read, Write, pipe};
use std::path::PathBuf;

use libtest_mimic::Trial;
use nix::errno::Errno;
use zeroboot_fork::{
    Child, ExitStatus, ForkError, ForkOptions, ForkPlan, Namespaces, Parent, SpawnError, StepFailure, StepId,
    Way, reap_any,
};

use crate::common::{Skip, Verdict, code_of, plan, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a child of the caller's parent is reaped there", callers_parent),
        trial("a failing hook is told to a caller who is not the parent", callers_parent_failing_hook),
        trial("in a new pid namespace the child is pid 1", pid_namespace),
        trial("an ordinary user gets one with a user namespace", user_and_pid_namespace),
        trial("a child is born in its cgroup", cgroup),
    ]
}

fn sibling() -> ForkPlan {
    let options = ForkOptions { parent: Parent::CallersParent, ..ForkOptions::default() };
    ForkPlan::prepare(options).expect("a plan")
}

/// This process is the grandparent; its child makes another child for it.
fn callers_parent() -> Verdict {
    let (mut reader, writer) = pipe().expect("a pipe");
    let mut middle = plan(Way::Clone3)
        .spawn(&|| Ok(()), || {
            let mut child = sibling().spawn(&|| Ok(()), || 9).expect("a child");
            (&writer).write_all(&child.pid().to_ne_bytes()).expect("a number");
            u8::from(child.wait() == Err(Errno::ECHILD))
        })
        .expect("a child");
    let mut pid = [0; 4];
    reader.read_exact(&mut pid).expect("a number");
    let status = middle.wait().expect("its end").status;
    assert_eq!(status, ExitStatus::Exited(1), "it cannot wait for a child that is not its own");
    let (reaped, exit) = loop {
        if let Some(ended) = reap_any().expect("a child of this process") {
            break ended;
        }
        std::thread::yield_now();
    };
    assert_eq!((reaped, exit.status), (u32::from_ne_bytes(pid), ExitStatus::Exited(9)));
    assert_eq!(reap_any(), Err(Errno::ECHILD));
    Ok(())
}

fn callers_parent_failing_hook() -> Verdict {
    let failure = StepFailure::new(StepId(123), Errno::EXDEV);
    let code = code_of(&plan(Way::Clone3), || {
        let result = sibling().spawn(&|| Err(failure), || 0);
        u8::from(matches!(result, Err(SpawnError::Step(told)) if told == failure))
    });
    assert_eq!(code, 1);
    Ok(())
}

fn pid_namespace() -> Verdict {
    born_as_pid_1(Namespaces::PID)
}

fn user_and_pid_namespace() -> Verdict {
    born_as_pid_1(Namespaces::USER | Namespaces::PID)
}

fn born_as_pid_1(namespaces: Namespaces) -> Verdict {
    let own_pid = || u8::from(std::process::id() == 1);
    assert_eq!(code_of(&plan(Way::Clone3), own_pid), 0, "the control");
    let options = ForkOptions { namespaces, ..ForkOptions::default() };
    let mut child = match ForkPlan::prepare(options).expect("a plan").spawn(&|| Ok(()), own_pid) {
        Err(SpawnError::Fork(error @ ForkError::Fork { errno: Errno::EPERM | Errno::ENOSPC })) => {
            return Err(Skip(error.to_string()));
        }
        child => child.expect("a child"),
    };
    assert_ne!(child.pid(), 1, "the parent sees it by another number");
    assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(1));
    Ok(())
}

/// A cgroup that goes with its owner.
struct Cgroup(PathBuf);

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The path of a process's cgroup, version 2.
fn cgroup_of(process: &str) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    groups.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

fn new_cgroup() -> Result<Cgroup, Skip> {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc");
    let mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        (kind == "cgroup2").then_some(place)
    });
    let mount = mount.ok_or_else(|| Skip("no cgroup2 hierarchy is mounted".to_owned()))?;
    let own = cgroup_of("self").ok_or_else(|| Skip("no cgroup of version 2".to_owned()))?;
    let path = PathBuf::from(format!("{mount}{own}/zeroboot-fork-test-{}", std::process::id()));
    match fs::create_dir(&path) {
        Ok(()) => Ok(Cgroup(path)),
        Err(error) => Err(Skip(format!("cannot make a cgroup {}: {error}", path.display()))),
    }
}

fn cgroup() -> Verdict {
    let group = new_cgroup()?;
    let name = group.0.file_name().expect("a name").to_str().expect("text").to_owned();
    let (reader, mut writer) = pipe().expect("a pipe");
    let wait = || {
        let _ = (&reader).read(&mut [0]);
        0
    };
    let is_inside = |child: &Child| cgroup_of(&child.pid().to_string()).expect("a cgroup").ends_with(&name);

    let directory = File::open(&group.0).expect("a directory").into();
    let options = ForkOptions { cgroup: Some(directory), ..ForkOptions::default() };
    let mut plan = ForkPlan::prepare(options).expect("a plan");
    let mut inside = plan.spawn(&|| Ok(()), wait).expect("a child");
    plan.set_cgroup(None).expect("a plan with clone3");
    let mut outside = plan.spawn(&|| Ok(()), wait).expect("a child");
    let seen = (is_inside(&outside), is_inside(&inside));
    writer.write_all(&[0, 0]).expect("two bytes");
    for child in [&mut outside, &mut inside] {
        assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(0));
    }
    assert_eq!(seen, (false, true));
    fs::remove_dir(&group.0).expect("an empty cgroup");
    Ok(())
}
