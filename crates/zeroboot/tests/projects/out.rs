//! What comes out, and when.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use libtest_mimic::Failed;
use zeroboot::{CollectLimits, Request, RunError, Status, Template};

use super::{Directory, built, collected, ensure_same, everything, in_lines};

const WRITE: &str = "
import os
os.makedirs('results/deep')
open('results/deep/table.csv', 'w').write('1,2\\n')
open('program', 'w').write('#!/bin/sh\\n')
os.chmod('program', 0o4755)
os.mkdir('empty')
";

pub(super) fn new_files() -> Result<(), Failed> {
    let out = Directory::new("new-out")?;
    let template = Template::python().build()?;
    let into = out.at("made/for/it");
    let files = collected(&template, WRITE, &into)?;
    ensure_same(&in_lines(&files), "\"program\" 10\n\"results/deep/table.csv\" 4\n")?;
    ensure_same(&fs::read_to_string(into.join("results/deep/table.csv"))?, "1,2\n")?;
    let mode = fs::metadata(into.join("program"))?.permissions().mode() & 0o7777;
    if mode & 0o7000 != 0 || mode & 0o100 == 0 {
        return Err(format!("{mode:o}").into());
    }
    // Again, over what is there: nothing is left of the first, and no name but these.
    let again = "open('program', 'w').write('other')";
    ensure_same(&in_lines(&collected(&template, again, &into)?), "\"program\" 5\n")?;
    ensure_same(&fs::read_to_string(into.join("program"))?, "other")?;
    ensure_same(&in_lines(&collected(&template, "1", &into)?), "")?;
    let names: Vec<_> =
        everything(&into)?.into_keys().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
    if names == ["program", "results", "deep", "table.csv"] {
        Ok(())
    } else {
        Err(format!("{names:?}").into())
    }
}

pub(super) fn changed_files() -> Result<(), Failed> {
    let (directory, out) = (Directory::new("changed")?, Directory::new("changed-out")?);
    for (path, text) in [
        ("same", "1"),
        ("changed", "2"),
        ("removed", "3"),
        ("in/same", "4"),
        ("in/changed", "5"),
        ("old/6", "6"),
    ] {
        directory.write(path, text)?;
    }
    let before = everything(&directory.0)?;
    let template = Template::python()
        .directory(&directory.0)
        .read_only_at(directory.at("same"), "/home/sandbox/shown")
        .build();
    let Some(template) = built(template)? else { return Ok(()) };
    let code = "
import os, shutil
open('changed', 'a').write('!'); open('in/changed', 'w').write('other'); open('in/new', 'w').write('new')
os.remove('removed'); shutil.move('old', 'moved'); open('same').read(); open('shown').read()
";
    let files = collected(&template, code, &out.0)?;
    ensure_same(&in_lines(&files), "\"changed\" 2\n\"in/changed\" 5\n\"in/new\" 3\n\"moved/6\" 1\n")?;
    ensure_same(&fs::read_to_string(out.at("changed"))?, "2!")?;
    if everything(&directory.0)? == before { Ok(()) } else { Err("the directory has changed".into()) }
}

pub(super) fn however_it_ends() -> Result<(), Failed> {
    let template = Template::python().build()?;
    for (name, end, status) in [
        ("failed", "1 / 0", Status::Exited(1)),
        ("killed", "os.kill(os.getpid(), 9)", Status::Signaled(9)),
        ("deadline", "while True: pass", Status::Deadline),
        // What is left behind goes on writing until it is ended.
        (
            "orphan",
            "os.fork() and os._exit(3)\nwhile True: open('results/other', 'w').write('x')",
            Status::Exited(3),
        ),
        ("output", "while True: print('x' * 4096)", Status::OutputLimit),
    ] {
        let out = Directory::new(name)?;
        let request = Request::code(format!("{WRITE}{end}\n"))
            .timeout(Duration::from_secs(2))
            .output_limit(zeroboot::Bytes::kibi(64))
            .collect_into(&out.0, CollectLimits::default());
        let outcome = template.execute(request)?;
        let files = outcome.collected.as_ref().map(in_lines).unwrap_or_default();
        if outcome.status != status || !files.contains("\"results/deep/table.csv\" 4\n") {
            return Err(format!("{name}: {}, {files}", outcome.status).into());
        }
        ensure_same(&fs::read_to_string(out.at("results/deep/table.csv"))?, "1,2\n")?;
    }
    Ok(())
}

pub(super) fn parked() -> Result<(), Failed> {
    let template = Template::python().build()?;
    let pool = template.pool(1)?;
    pool.wait_until_full(Duration::from_secs(30))?;
    let wanted = "\"program\" 10\n\"results/deep/table.csv\" 4\n";
    for (name, sandbox) in [("parked", pool.claim()?), ("spawned", template.spawn()?)] {
        let out = Directory::new(name)?;
        let request = Request::code(WRITE).collect_into(&out.0, CollectLimits::default());
        let files = sandbox.run(request)?.collected.ok_or("nothing was collected")?;
        ensure_same(&in_lines(&files), wanted)?;
    }
    // Who does not ask gets nothing.
    match template.run(WRITE)?.collected {
        None => Ok(()),
        Some(files) => Err(format!("{files:?}").into()),
    }
}

pub(super) fn no_directory() -> Result<(), Failed> {
    let out = Directory::new("no-directory")?;
    out.write("file", "x")?;
    let template = Template::python().build()?;
    let request = Request::code("1").collect_into(out.at("file/below"), CollectLimits::default());
    match template.execute(request) {
        Err(error @ RunError::Collect { .. }) if error.remedy().is_some() => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
