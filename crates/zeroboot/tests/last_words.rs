//! What a process said before it ended arrives, even if it left something unread: the kernel then tells of the reset
//! first, and of the words after it. Each is asked often, since the order of reading and ending is the scheduler's.

mod common;

use std::process::ExitCode;

use common::{interpreters, run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::{BuildError, Request, Status, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("the_cause_of_a_failed_warm_up_arrives", cause),
        Trial::test("an_answer_of_a_process_that_just_leaves_arrives", answer),
    ])
}

fn cause() -> Result<(), Failed> {
    let Some(interpreter) = interpreters().into_iter().next() else {
        return skip("no python3 from 3.9 on");
    };
    for round in 0..60 {
        let builder = Template::python().interpreter(interpreter.executable()).import("no_such_module");
        match builder.build() {
            Err(BuildError::WarmUp { cause, .. }) if cause.contains("no_such_module") => {}
            other => return Err(format!("round {round}: {other:?}").into()),
        }
    }
    Ok(())
}

/// A foreign program that waits until the host's *go* lies in the channel, answers, and leaves without having read it.
const LEAVES: &str = "
import ctypes, os, socket
library = ctypes.PyDLL('/proc/self/fd/' + os.environ['ZEROBOOT_FDS'].split(',')[2])
if library.zeroboot_serve(None, None) != 0:
    os._exit(1)
channel = socket.socket(fileno=3)
while channel.recv(65536)[0] & 1:
    pass
channel.recv(1, socket.MSG_PEEK)
library.zeroboot_answer(b'last', 4)
os._exit(3)
";

fn answer() -> Result<(), Failed> {
    let found = interpreters();
    let Some(interpreter) = found.iter().find(|interpreter| interpreter.executable().starts_with("/usr"))
    else {
        return skip("no python3 below /usr");
    };
    let builder = Template::command(interpreter.executable()).argument("-I").argument("-c");
    let template = builder.argument(LEAVES).build()?;
    for round in 0..200 {
        let outcome = template.execute(Request::script("job", "x"))?;
        if outcome.status != Status::Exited(3) || outcome.answer != b"last" {
            return Err(format!("round {round}: {outcome:?}").into());
        }
    }
    Ok(())
}
