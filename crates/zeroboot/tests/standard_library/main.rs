//! The standard library's own regression tests, each module in sandboxes of its own, with the `python3` in `PATH`.
//!
//! [`allowed`] lists the cases that may fail, with the reason. An unlisted case that fails here is run again without a
//! sandbox: only what passes there is held against the sandbox. A listed case that passes is a failure as well.

mod allowed;
#[path = "../common/mod.rs"]
mod common;
mod judge;

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use allowed::{ALLOWED, Entry, When};
use common::skip;
use judge::{Disagreement, End, Ends, User, judge, read};
use libtest_mimic::{Arguments, Failed, Trial};
use zeroboot::{Interpreter, Network, Policy, Request, Template};

/// Runs the cases; see there.
const CASES: &str = include_str!("cases.py");

/// Prints which of the modules in its arguments are there.
const PROBE: &str = "
import importlib.util, sys
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
print(*filter(there, sys.argv[1:]))
";

/// For one share of a module: several times what the longest takes.
const DEADLINE: Duration = Duration::from_secs(240);

/// Sandboxes at once. The tests mostly wait, so that two processors are not busy with them.
const AT_ONCE: usize = 4;

struct Module {
    /// Its name, and the one that older versions have for it.
    names: &'static [&'static str],
    network: Network,
    /// Among how many sandboxes its classes are dealt out.
    shares: usize,
}

const fn module(names: &'static [&'static str], network: Network, shares: usize) -> Module {
    Module { names, network, shares }
}

/// The slowest first, which makes the whole end sooner.
const MODULES: [Module; 12] = [
    module(&["test_asyncio"], Network::Loopback, 4),
    module(&["test_subprocess"], Network::None, 2),
    module(&["test_socket"], Network::Loopback, 1),
    module(&["test_ssl"], Network::Loopback, 2),
    module(&["test_threading"], Network::None, 1),
    module(&["test_json"], Network::None, 1),
    module(&["test_re"], Network::None, 1),
    module(&["test_sqlite3", "test_sqlite"], Network::None, 1),
    module(&["test_tempfile"], Network::None, 1),
    module(&["test_hashlib"], Network::None, 1),
    module(&["test_random"], Network::None, 1),
    module(&["test_mmap"], Network::None, 1),
];

fn main() -> ExitCode {
    let mut trials = vec![Trial::test("the_list_is_held_against_what_has_run", list)];
    match interpreter() {
        Ok((interpreter, there)) => trials.extend(trials_of(&interpreter, &there)),
        Err(reason) => trials.push(Trial::test("the_standard_library_is_there", move || skip(&reason))),
    }
    let arguments = Arguments { test_threads: Some(AT_ONCE), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The interpreter, and which of the modules it has; or why there is nothing to run.
fn interpreter() -> Result<(Interpreter, Vec<String>), String> {
    let interpreter = Interpreter::probe(Path::new("python3")).map_err(|error| error.to_string())?;
    let names = MODULES.iter().flat_map(|module| module.names).map(|name| format!("test.{name}"));
    let output = Command::new(interpreter.executable()).args(["-I", "-c", PROBE]).args(names).output();
    let output = output.map_err(|error| error.to_string())?;
    let there: Vec<_> =
        String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect();
    if there.is_empty() {
        Err(format!("{} comes without the standard library's tests", interpreter.executable().display()))
    } else {
        Ok((interpreter, there))
    }
}

fn trials_of(interpreter: &Interpreter, there: &[String]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for module in &MODULES {
        let name = module.names[0];
        let Some(found) = module.names.iter().map(|name| format!("test.{name}")).find(|n| there.contains(n))
        else {
            let reason = format!("{} comes without {name}", interpreter.executable().display());
            trials.push(Trial::test(format!("the_standard_library_passes {name}"), move || skip(&reason)));
            continue;
        };
        for share in 0..module.shares {
            let label = format!("the_standard_library_passes {name} {}/{}", share + 1, module.shares);
            let (interpreter, found) = (interpreter.clone(), found.clone());
            trials.push(Trial::test(label, move || passes(&interpreter, module, &found, share)));
        }
    }
    trials
}

fn passes(interpreter: &Interpreter, module: &Module, name: &str, share: usize) -> Result<(), Failed> {
    let ends = inside(interpreter, module, name, share)?;
    if ends.values().all(|end| *end == End::Skipped) {
        return skip(&format!("{name} has skipped itself"));
    }
    let user = if nix::unistd::geteuid().is_root() { User::Root } else { User::Ordinary };
    let mut found = judge(&ends, ALLOWED, user);
    if !found.unlisted.is_empty() {
        let control = outside(interpreter, &found.unlisted)?;
        found.unlisted.retain(|case| match control.get(case) {
            Some(End::Failed(why)) => {
                let _ = writeln!(std::io::stderr(), "{case} fails without a sandbox too: {why}");
                false
            }
            _ => true,
        });
    }
    if found == Disagreement::default() {
        return Ok(());
    }
    let unlisted =
        found.unlisted.iter().map(|case| format!("fails in a sandbox only: {case}: {:?}", ends.get(case)));
    let stale = found.stale.iter().map(|(case, why)| format!("passes, but is listed: {case}: {why}"));
    Err(unlisted.chain(stale).collect::<Vec<_>>().join("\n").into())
}

/// How the cases of one share end in a sandbox.
fn inside(interpreter: &Interpreter, module: &Module, name: &str, share: usize) -> Result<Ends, Failed> {
    let template = Template::python()
        .interpreter(interpreter.executable())
        .policy(Policy::strict().network(module.network))
        .build()?;
    let request = Request::script("<string>", CASES)
        .argv0("-c")
        .argument(share.to_string())
        .argument(module.shares.to_string())
        .argument(name)
        .timeout(DEADLINE);
    let outcome = template.execute(request)?;
    match read(&outcome.stdout_lossy()) {
        Some(ends) if outcome.status.success() => Ok(ends),
        _ => Err(format!("{}: {}", outcome.status, outcome.stderr_lossy()).into()),
    }
}

/// How these cases end in an ordinary process.
fn outside(interpreter: &Interpreter, cases: &[String]) -> Result<Ends, Failed> {
    let output = Command::new(interpreter.executable())
        .args(["-I", "-c", CASES, "0", "1"])
        .args(cases)
        .stdin(Stdio::null())
        .output()?;
    read(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| format!("{output:?}").into())
}

fn list() -> Result<(), Failed> {
    let entry = |when, cases| Entry { why: "why", when, cases };
    let list = [
        entry(When::Always, &["fails", "mended", "absent"]),
        entry(When::SomeVersions, &["passes"]),
        entry(When::OrdinaryUser, &["user"]),
    ];
    let report = "printed\n\ncase\tfailed\tfails\twhy\ncase\tpassed\tmended\t\ncase\tpassed\tpasses\t\n\
        case\tfailed\tuser\twhy\ncase\tfailed\tnew\twhy\ncase\tskipped\tskipped\twhy\nend\n";
    let ends = read(report).ok_or("the report was not read")?;
    for (user, unlisted) in [(User::Root, &["new", "user"][..]), (User::Ordinary, &["new"])] {
        let found = judge(&ends, &list, user);
        if found.unlisted != unlisted || found.stale != [("mended".to_owned(), "why")] {
            return Err(format!("{user:?}: {found:?}").into());
        }
    }
    // A report that breaks off says nothing.
    if read(report.trim_end_matches("end\n")).is_some() {
        Err("half a report was believed".into())
    } else {
        Ok(())
    }
}
