//! Projects: a working directory that is a copy-on-write view of a directory of the host, views in it, and what comes out of it.

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod out;
mod view;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use common::{run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::{BuildError, CollectLimits, Collected, Outcome, Request, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_sandbox_changes_a_copy_of_its_own", view::copy_on_write),
        Trial::test("programs_that_write_work_in_a_copy", view::programs),
        Trial::test("a_copy_is_bounded", view::bounded),
        Trial::test("a_warm_up_sees_the_directory", view::warm_up),
        Trial::test("nothing_special_leads_out_of_a_copy", view::special),
        Trial::test("what_lies_below_a_copy_is_not_reached", view::below),
        Trial::test("views_lie_in_private_file_systems", view::views),
        Trial::test("a_link_in_the_place_of_a_view_is_not_followed", view::link_in_the_place),
        Trial::test("what_cannot_be_the_working_directory_is_refused", view::refused),
        Trial::test("new_files_come_out", out::new_files),
        Trial::test("of_a_copy_only_what_is_new_or_changed_comes_out", out::changed_files),
        Trial::test("files_come_out_however_the_script_ends", out::however_it_ends),
        Trial::test("files_come_out_of_parked_and_spawned_sandboxes", out::parked),
        Trial::test("a_directory_that_cannot_be_made_is_told", out::no_directory),
        Trial::test("no_link_is_followed_on_the_way_out", hostile::links),
        Trial::test("nothing_but_files_comes_out", hostile::kinds),
        Trial::test("odd_names_stay_in_the_directory", hostile::names),
        Trial::test("permissions_hide_nothing", hostile::permissions),
        Trial::test("what_comes_out_is_bounded", hostile::bounds),
    ])
}

/// A directory of the host, gone with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Result<Self, Failed> {
        let path = std::env::temp_dir().join(format!("zeroboot-projects-{}-{name}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Failed> {
        let path = self.0.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(fs::write(path, text)?)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is not worth a second panic.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everything in a directory: kind, permissions, owner, time of the last change, and what a file holds or a link says.
fn everything(directory: &Path) -> Result<BTreeMap<PathBuf, String>, Failed> {
    let mut found = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            let status = fs::symlink_metadata(&path)?;
            let content = if status.is_file() {
                format!("{:?}", fs::read(&path)?)
            } else if status.is_symlink() {
                format!("{:?}", fs::read_link(&path)?)
            } else {
                String::new()
            };
            if status.is_dir() {
                directories.push(path.clone());
            }
            let (mode, owner, time) = (status.mode(), (status.uid(), status.gid()), status.mtime_nsec());
            found.insert(path, format!("{mode:o} {owner:?} {time} {content}"));
        }
    }
    Ok(found)
}

/// A template with a working directory of the host's; `None`, and that is said, where this kernel or file system has no way to
/// make one.
fn built(result: Result<Template, BuildError>) -> Result<Option<Template>, Failed> {
    match result {
        Err(BuildError::Directory { cause, .. }) => skip(&cause).map(|()| None),
        result => Ok(Some(result?)),
    }
}

/// What a script says that has to succeed.
fn says(template: &Template, code: &str) -> Result<String, Failed> {
    succeeded(&template.run(code)?)
}

fn succeeded(outcome: &Outcome) -> Result<String, Failed> {
    if outcome.status.success() {
        return Ok(outcome.stdout_lossy().into_owned());
    }
    Err(format!("{}: {}{}", outcome.status, outcome.stdout_lossy(), outcome.stderr_lossy()).into())
}

fn ensure_same(found: &str, wanted: &str) -> Result<(), Failed> {
    if found == wanted { Ok(()) } else { Err(format!("{found:?} instead of {wanted:?}").into()) }
}

/// Runs this, which has to succeed, and collects its files.
fn collected(template: &Template, code: &str, into: &Path) -> Result<Collected, Failed> {
    let request = Request::code(code).collect_into(into, CollectLimits::default());
    let outcome = template.execute(request)?;
    succeeded(&outcome)?;
    Ok(outcome.collected.ok_or("nothing was collected")?)
}

/// Files with their sizes, and what was left out with the reason, each in a line.
fn in_lines(collected: &Collected) -> String {
    let files = collected.files.iter().map(|file| format!("{:?} {}\n", file.path, file.bytes.0));
    let left_out = collected.left_out.iter().map(|left| format!("{:?}: {}\n", left.path, left.why));
    files.chain(left_out).collect()
}
