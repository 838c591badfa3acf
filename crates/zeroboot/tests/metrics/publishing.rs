//! What a process publishes, who hears it, and what is left of it.

use std::io::{Read, pipe};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use libtest_mimic::Failed;
use zeroboot::{
    DirectoryError, Input, Output, PublishError, PublishedTemplate, Request, SandboxState, Template,
};

use super::{PATIENCE, python};

/// What this process tells of a template.
fn own(template: &Template) -> Result<PublishedTemplate, Failed> {
    let mut processes = zeroboot::published()?;
    processes.retain(|process| process.pid == std::process::id());
    let [process] = &processes[..] else { return Err(format!("{processes:?}").into()) };
    let found = process.templates.iter().find(|found| found.name == template.name());
    Ok(found.ok_or_else(|| format!("{process:?}"))?.clone())
}

fn directory() -> Result<PathBuf, Failed> {
    Ok(zeroboot::run_time_directory().ok_or("no directory")?)
}

pub(super) fn published() -> Result<(), Failed> {
    let publisher = zeroboot::publish()?;
    if !matches!(zeroboot::publish(), Err(PublishError::Already)) {
        return Err("it publishes twice".into());
    }
    let template = python("published")?;
    let pool = template.pool(2)?;
    pool.wait_until_full(PATIENCE)?;

    let (reader, input) = pipe()?;
    let (mut said, output) = pipe()?;
    let request = Request::code("import sys\nprint(1, flush=True)\nsys.stdin.read()")
        .stdin(Input::From(reader.into()))
        .stdout(Output::To(output.into()));
    let runs = template.clone();
    let run = std::thread::spawn(move || runs.execute(request));
    said.read_exact(&mut [0])?;

    let told = own(&template)?;
    let of = |state| told.sandboxes.iter().filter(move |sandbox| sandbox.state == state);
    let running: Vec<_> = of(SandboxState::Running).collect();
    let [sandbox] = running[..] else { return Err(format!("{told:?}").into()) };
    let exists = |pid: u32| PathBuf::from(format!("/proc/{pid}")).exists();
    let shape = of(SandboxState::Parked).count() == 2
        && told.sandboxes.iter().all(|sandbox| exists(sandbox.pid) && sandbox.age > Duration::ZERO)
        && told.pid.is_some_and(exists)
        && (told.started, told.in_flight) == (1, 1)
        && told.pools.iter().map(|pool| (pool.number, pool.size, pool.parked)).eq([(1, 2, 2)]);
    if !shape {
        return Err(format!("{told:?}").into());
    }
    let ended = sandbox.pid;
    drop(input);
    run.join().map_err(|_| "the run has panicked")??;
    let told = own(&template)?;
    if told.in_flight != 0 || told.sandboxes.iter().any(|sandbox| sandbox.pid == ended) {
        return Err(format!("{told:?}").into());
    }

    let mode = std::fs::metadata(directory()?)?.permissions().mode() & 0o777;
    drop(publisher);
    let left: Vec<_> = std::fs::read_dir(directory()?)?.collect();
    let again = zeroboot::publish();
    if mode == 0o700 && left.is_empty() && again.is_ok() {
        return Ok(());
    }
    Err(format!("mode {mode:o}, left {left:?}, again {again:?}").into())
}

pub(super) fn stale() -> Result<(), Failed> {
    let socket = zeroboot::make_run_time_directory()?.join("4194304.sock");
    drop(UnixListener::bind(&socket)?);
    let others = directory()?.join("notes.txt");
    std::fs::write(&others, "not a socket")?;
    let found = zeroboot::published()?;
    let next = directory()?.join("4194305.sock");
    drop(UnixListener::bind(&next)?);
    drop(zeroboot::publish()?);
    if next.exists() {
        return Err("whoever publishes next does not clear up".into());
    }
    let kept = others.exists();
    std::fs::remove_file(&others)?;
    if found.is_empty() && !socket.exists() && kept {
        return Ok(());
    }
    Err(format!("{found:?}, the socket is there: {}, the other file: {kept}", socket.exists()).into())
}

pub(super) fn silent() -> Result<(), Failed> {
    let _publisher = zeroboot::publish()?;
    let socket = directory()?.join("1.sock");
    let _listens = UnixListener::bind(&socket)?;
    let found = zeroboot::published()?;
    std::fs::remove_file(&socket)?;
    let pids: Vec<u32> = found.iter().map(|process| process.pid).collect();
    if pids == [std::process::id()] { Ok(()) } else { Err(format!("{pids:?}").into()) }
}

pub(super) fn open_directory() -> Result<(), Failed> {
    let directory = zeroboot::make_run_time_directory()?;
    let open = |mode| std::fs::set_permissions(&directory, PermissionsExt::from_mode(mode));
    open(0o755)?;
    let refused = zeroboot::publish();
    open(0o700)?;
    match refused {
        Err(PublishError::Directory(DirectoryError::Open(path))) if path == directory => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
