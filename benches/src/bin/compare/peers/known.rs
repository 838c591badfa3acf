//! Who the peers are: how each is called, and how to get it.

use super::bundle::Bundle;
use crate::process::JOB;

/// A program that is started for each job.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// How to get it.
    pub(super) install: &'static str,
    /// The program and its arguments.
    pub(super) words: fn(&Bundle) -> Vec<String>,
}

/// All of them, in the order in which they take turns.
pub(super) const ALL: [Known; 8] = [
    Known { name: "python3", install: "apt-get install python3", words: |bundle| python(bundle).into() },
    Known { name: "bwrap", install: "apt-get install bubblewrap", words: bubblewrap },
    Known { name: "firejail", install: "apt-get install firejail", words: firejail },
    Known { name: "crun", install: "apt-get install crun", words: crun },
    Known { name: "runc", install: "apt-get install runc", words: runc },
    Known { name: "runsc", install: "apt-get install runsc (gVisor)", words: gvisor },
    Known {
        name: "nsjail",
        install: "build it from its sources; some distributions package it",
        words: nsjail,
    },
    Known {
        name: "minijail0",
        install: "build it from its sources; some distributions package it",
        words: minijail,
    },
];

/// The container runtimes among them, which keep a state below the bundle.
pub(super) const RUNTIMES: [&str; 3] = ["crun", "runc", "runsc"];

/// The job, as a command.
pub(super) fn python(bundle: &Bundle) -> [String; 5] {
    [bundle.python(), "-I".to_owned(), "-S".to_owned(), "-c".to_owned(), JOB.to_owned()]
}

fn before_python(words: &[&str], bundle: &Bundle) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).chain(python(bundle)).collect()
}

/// Its `/proc` must be a new one, or the pid namespace would hide nothing.
fn bubblewrap(bundle: &Bundle) -> Vec<String> {
    let words = [
        "bwrap",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-net",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
    ];
    before_python(&words, bundle)
}

/// Namespaces for processes and mounts it makes unasked.
fn firejail(bundle: &Bundle) -> Vec<String> {
    let words =
        ["firejail", "--quiet", "--noprofile", "--net=none", "--ipc-namespace", "--read-only=/", "--"];
    before_python(&words, bundle)
}

/// All namespaces it makes unasked; the tree cannot be written unless that is asked for.
fn nsjail(bundle: &Bundle) -> Vec<String> {
    before_python(&["nsjail", "--mode", "o", "--really_quiet", "--chroot", "/", "--"], bundle)
}

/// A pid namespace brings a mount namespace and a read-only `/proc`.
fn minijail(bundle: &Bundle) -> Vec<String> {
    let root = bundle.root();
    let mut words: Vec<_> = ["minijail0", "-p", "-l", "-e", "-P", &root].map(str::to_owned).into();
    words.extend(bundle.shown().flat_map(|path| ["-b".to_owned(), path]));
    words.push("--".to_owned());
    words.extend(python(bundle));
    words
}

/// It needs no cgroup for this.
fn crun(bundle: &Bundle) -> Vec<String> {
    container("crun", &["--cgroup-manager=disabled"], bundle)
}

fn runc(bundle: &Bundle) -> Vec<String> {
    container("runc", &[], bundle)
}

fn gvisor(bundle: &Bundle) -> Vec<String> {
    container("runsc", &["--ignore-cgroups", "--network=none"], bundle)
}

fn container(runtime: &str, options: &[&str], bundle: &Bundle) -> Vec<String> {
    let (state, path) = (bundle.state(runtime), bundle.path());
    let words = [runtime, "--root", &state].into_iter().chain(options.iter().copied());
    words.chain(["run", "--bundle", &path, bundle.id()]).map(str::to_owned).collect()
}
