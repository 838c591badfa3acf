//! The C ABI from another language's side: a program that opens the library by itself and serves.

mod common;

use std::process::ExitCode;

use common::{interpreters, run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::{BuildError, Request, Status, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_foreign_program_serves_and_answers", serves),
        Trial::test("a_foreign_program_can_fail_its_warm_up", fails),
    ])
}

/// The beginning of a program in a language that can call C.
const OPEN: &str = "
import ctypes, os
library = ctypes.PyDLL('/proc/self/fd/' + os.environ['ZEROBOOT_FDS'].split(',')[2])
";

/// A template of a bare interpreter, which knows nothing of us; `None` where only a version manager has one.
fn template(code: &str) -> Option<Result<Template, BuildError>> {
    let found = interpreters();
    let interpreter = found.iter().find(|interpreter| interpreter.executable().starts_with("/usr"))?;
    let builder = Template::command(interpreter.executable()).argument("-I").argument("-c");
    Some(builder.argument(format!("{OPEN}{code}")).build())
}

fn serves() -> Result<(), Failed> {
    let code = "
if library.zeroboot_serve(None, None) != 0:
    os._exit(1)
packet = os.read(3, 65536)
library.zeroboot_answer(packet[-4:], 4)
library.zeroboot_answer(b'!', 1)
library.zeroboot_finish(4)
";
    let Some(template) = template(code) else { return skip("no python3 below /usr") };
    let template = template?;
    for body in ["ping", "pong"] {
        let outcome = template.execute(Request::script("job", body))?;
        let wanted = format!("{body}!").into_bytes();
        if outcome.status != Status::Exited(4) || outcome.answer != wanted || outcome.account.memory.is_none()
        {
            return Err(format!("{outcome:?}").into());
        }
    }
    Ok(())
}

fn fails() -> Result<(), Failed> {
    match template("library.zeroboot_fail(b'no model')\nos._exit(1)") {
        None => skip("no python3 below /usr"),
        Some(Err(BuildError::WarmUp { cause, .. })) if cause == "no model" => Ok(()),
        Some(other) => Err(format!("{other:?}").into()),
    }
}
