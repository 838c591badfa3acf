//! Small programs that run inside as they do outside: output, status and files, byte for byte, with the `python3` in `PATH`.
//!
//! `programs/` has one file a program; the name begins with its kind. Each runs in a sandbox and, by the same interpreter as the
//! same kind of user, without one. What the policy wants to be different stands in the program's header with its reason, and
//! must be different. Addresses of objects (` at 0x7f...`), which no two processes share, are left out of the comparison.
//! `ZEROBOOT_FIDELITY=all` adds the programs that take long, and `ZEROBOOT_FIDELITY_PYTHON` names another interpreter.

#[path = "../common/mod.rs"]
mod common;
mod outside;
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::{skip, virtualenv};
use libtest_mimic::{Arguments, Failed, Trial};
use outside::Outside;
use program::{Program, Run, disagreement};
use zeroboot::{Input, Interpreter, Request, Status, Template};

/// Programs at once.
const AT_ONCE: usize = 3;

/// For one program: many times what the longest takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where a program runs.
#[derive(Debug)]
struct Place {
    interpreter: Interpreter,
    template: Template,
    outside: Outside,
}

fn main() -> ExitCode {
    let mut trials =
        vec![Trial::test("headers_are_read", headers), Trial::test("differences_are_found", differences)];
    match programs() {
        Ok(programs) => trials.extend(trials_of(programs)),
        Err(error) => trials.push(Trial::test("the_programs_are_read", move || Err(error.into()))),
    }
    let arguments = Arguments { test_threads: Some(AT_ONCE), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn programs() -> Result<Vec<Program>, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fidelity/programs");
    let entries = fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
    paths.sort();
    paths.iter().map(|path| Program::read(path)).collect()
}

fn trials_of(programs: Vec<Program>) -> Vec<Trial> {
    let bare = match std::env::var_os("ZEROBOOT_FIDELITY_PYTHON") {
        Some(program) => Ok(PathBuf::from(program)),
        None => match Interpreter::probe(Path::new("python3")) {
            Ok(interpreter) => Ok(interpreter.executable().to_owned()),
            Err(error) => Err(error.to_string()),
        },
    };
    let bare = Arc::new(Site::new(bare, &[]));
    let packaged = Arc::new(Site::new(virtualenv().map_err(str::to_owned), &["numpy", "pandas"]));
    let all = std::env::var_os("ZEROBOOT_FIDELITY").is_some_and(|value| value == "all");
    let chosen = programs.into_iter().filter(|program| all || !program.long);
    chosen
        .map(|program| {
            let packages = program.needs.iter().any(|need| ["numpy", "pandas"].contains(&&**need));
            let site = Arc::clone(if packages { &packaged } else { &bare });
            Trial::test(format!("as_outside {}", program.name), move || as_outside(&program, &site))
        })
        .collect()
}

/// A place that is made when the first program runs there.
#[derive(Debug)]
struct Site {
    /// The interpreter, or why there is none.
    program: Result<PathBuf, String>,
    imports: &'static [&'static str],
    place: OnceLock<Result<Place, String>>,
}

impl Site {
    fn new(program: Result<PathBuf, String>, imports: &'static [&'static str]) -> Self {
        Self { program, imports, place: OnceLock::new() }
    }

    /// An interpreter that is there and makes no place is a failure.
    fn place(&self, program: &Path) -> Result<&Place, Failed> {
        let made = self.place.get_or_init(|| Place::new(program, self.imports));
        made.as_ref().map_err(|error| error.as_str().into())
    }
}

impl Place {
    fn new(program: &Path, imports: &[&str]) -> Result<Self, String> {
        let interpreter = Interpreter::probe(program).map_err(|error| error.to_string())?;
        let outside = Outside::new(&interpreter)?;
        let mut builder = Template::python().interpreter(interpreter.executable());
        for module in imports {
            builder = builder.import(*module);
        }
        let template = builder.build().map_err(|error| error.cause())?;
        Ok(Self { interpreter, template, outside })
    }

    fn inside(&self, program: &Program) -> Result<Run, Failed> {
        let mut request = Request::script(program.file(), program.code.clone()).timeout(DEADLINE);
        for argument in &program.arguments {
            request = request.argument(argument);
        }
        let outcome = self.template.execute(request.stdin(Input::Bytes(program.stdin.clone())))?;
        let status = match outcome.status {
            Status::Exited(code) => format!("exited {code}"),
            Status::Signaled(signal) => format!("signal {signal}"),
            other => other.to_string(),
        };
        Ok(Run { status, stdout: outcome.stdout, stderr: outcome.stderr })
    }

    /// What the program needs and is not there.
    fn missing(&self, program: &Program) -> Option<String> {
        program.needs.iter().find_map(|need| match need.split_once(' ') {
            Some(("python", version)) => {
                let (major, minor) = self.interpreter.version();
                let wanted =
                    version.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
                (wanted > Some((major, minor))).then(|| format!("python {major}.{minor}: {need} is needed"))
            }
            Some(("program", name)) => {
                let found = Command::new("sh")
                    .args(["-c", "command -v \"$0\"", name])
                    .stdout(Stdio::null())
                    .status()
                    .is_ok_and(|status| status.success());
                (!found).then(|| format!("no {name}"))
            }
            // A package, which decides about the interpreter.
            _ => None,
        })
    }
}

fn as_outside(program: &Program, site: &Site) -> Result<(), Failed> {
    let interpreter = match &site.program {
        Ok(interpreter) => interpreter,
        Err(reason) => return skip(&format!("{}: {reason}", program.name)),
    };
    let place = site.place(interpreter)?;
    if let Some(reason) = place.missing(program) {
        return skip(&format!("{}: {reason}", program.name));
    }
    let inside = place.inside(program)?;
    let outside = place.outside.run(program)?;
    match disagreement(&inside, &outside, program.difference.as_ref()) {
        None => Ok(()),
        Some(what) => Err(what.into()),
    }
}

fn headers() -> Result<(), Failed> {
    let text = "# -*- coding: utf-8 -*-\n# stdin: \"a\\nb\"\n# argv: [\"x\", \"y z\"]\n# policy: because\n\
        # inside: status \"exited 1\"\nprint(1)\n# needs: numpy\n";
    let program = Program::parse("name".to_owned(), text.into())?;
    let expected = program.stdin == b"a\nb"
        && program.arguments == ["x", "y z"]
        && program.needs == ["numpy"]
        && program.difference.as_ref().is_some_and(|listed| listed.status.as_deref() == Some("exited 1"));
    if !expected {
        return Err(format!("{program:?}").into());
    }
    for wrong in
        ["# policy: because\n", "# inside: stdout \"x\"\n", "# stdin: x\n", "# inside: color \"x\"\n"]
    {
        if Program::parse("name".to_owned(), wrong.into()).is_ok() {
            return Err(format!("{wrong:?} was believed").into());
        }
    }
    Ok(())
}

fn differences() -> Result<(), Failed> {
    let run = |status: &str, stdout: &str| Run {
        status: status.to_owned(),
        stdout: stdout.into(),
        stderr: Vec::new(),
    };
    let listed = program::Difference {
        reason: "because".to_owned(),
        stdout: Some("denied".to_owned()),
        ..program::Difference::default()
    };
    let outside = run("exited 0", "done");
    let cases = [
        (outside.clone(), None, true),
        (run("exited 1", "done"), None, false),
        (run("exited 0", "denied"), None, false),
        (run("exited 0", "denied"), Some(&listed), true),
        // A listed difference that does not occur.
        (outside.clone(), Some(&listed), false),
        (run("exited 1", "denied"), Some(&listed), false),
    ];
    for (inside, listed, agrees) in cases {
        if disagreement(&inside, &outside, listed).is_none() != agrees {
            return Err(format!("{inside:?} {listed:?}").into());
        }
    }
    Ok(())
}
