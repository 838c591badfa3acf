//! Whatever a sandbox does, the host's call returns: at the deadline and a bounded time after it at the latest.

mod common;

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::run;
use libtest_mimic::{Failed, Trial};
use zeroboot::{Input, Outcome, Pool, PoolOptions, Request, Status, Template};

/// The deadline of sandboxes that would go on for ever.
const DEADLINE: Duration = Duration::from_millis(1500);

/// How long after its deadline a call may return at the latest, on a machine that does other things as well.
const BOUND: Duration = Duration::from_secs(20);

/// What hostile code needs: `send` puts a packet into the channel, with these descriptors.
const CHANNEL: &str = "
import array, os, signal, socket, sys, time
channel = socket.socket(fileno=os.dup(3))
def send(packet, fds=()):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
    channel.sendmsg([packet], rights)
";

/// Name, code, and how it ends.
const ENDS_BY_ITSELF: &[(&str, &str, u8)] = &[
    ("an empty packet, and the standard output after it", "send(b''); send(b'x', [1]); os._exit(7)", 7),
    ("the standard output in an empty packet", "send(b'', [1]); send(b'', [2]); os._exit(8)", 8),
    ("all of its descriptors, and then no reader any more", "send(b'A', [0, 1, 2, 3]); os._exit(9)", 9),
    ("a channel that holds its own other end", "send(b'', [3, channel.fileno()]); os._exit(10)", 10),
    ("a channel that is shut down", "channel.shutdown(socket.SHUT_RDWR); os._exit(11)", 11),
    ("a channel that is closed", "channel.close(); os.close(3); os._exit(12)", 12),
    (
        "a channel that is full",
        "
channel.setblocking(False)
try:
    while True: send(b'', [1])
except OSError: pass
os._exit(13)",
        13,
    ),
    (
        "standard output in a process that is left behind",
        "
if os.fork() == 0:
    os.setsid()
    for number in range(1, 32):
        try: signal.signal(number, signal.SIG_IGN)
        except OSError: pass
    time.sleep(1000)
os._exit(14)",
        14,
    ),
];

/// Name and code; each ends at its deadline.
const GOES_ON: &[(&str, &str)] = &[
    ("an early last word", "send(b'D'); time.sleep(1000)"),
    ("a channel that is shut down", "channel.shutdown(socket.SHUT_WR); time.sleep(1000)"),
    ("a channel that is closed", "channel.close(); os.close(3); time.sleep(1000)"),
    (
        "a flood of empty packets",
        "
while True:
    try: send(b'')
    except OSError: pass",
    ),
    ("a process that is stopped", "os.kill(os.getpid(), signal.SIGSTOP)"),
    (
        "its own output taken back",
        "
try: end = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK)
except OSError: time.sleep(1000)
for _ in range(2):
    if os.fork() == 0:
        while True:
            try: os.read(end, 65536)
            except BlockingIOError: pass
until, turn = time.monotonic() + 1, 0
while time.monotonic() < until:
    turn += 1
    os.write(1, b'x')
    if turn % 3 == 0: time.sleep(0.0001)
time.sleep(1000)",
    ),
];

fn main() -> ExitCode {
    run(vec![
        Trial::test("of_a_run", || {
            of(|template| {
                let template = template.clone();
                Ok(Box::new(move |request| Ok(template.execute(request)?)))
            })
        }),
        Trial::test("of_a_claimed_run", || {
            of(|template| {
                let pool = template.pool_with(PoolOptions::new(2))?;
                Ok(Box::new(move |request| claimed(&pool, request)))
            })
        }),
        Trial::test("what_it_printed_is_there", what_it_printed_is_there),
    ])
}

type Execute = Box<dyn Fn(Request) -> Result<Outcome, Failed> + Send>;

fn claimed(pool: &Pool, request: Request) -> Result<Outcome, Failed> {
    Ok(pool.claim()?.run(request)?)
}

fn of(execute: impl Fn(&Template) -> Result<Execute, Failed>) -> Result<(), Failed> {
    let template = Template::python().import("socket").build()?;
    let execute = execute(&template)?;
    let (asked, asks) = mpsc::channel::<Request>();
    let (answers, answered) = mpsc::channel();
    // A call that does not return cannot be waited for: its thread is left behind, and the test fails.
    std::thread::spawn(move || {
        for request in asks {
            if answers.send(execute(request)).is_err() {
                return;
            }
        }
    });
    let check = |name: &str, code: &str, status: Status| {
        let request = Request::script("hostile.py", format!("{CHANNEL}{code}"));
        let request = request.stdin(Input::Bytes(b"input".to_vec())).timeout(DEADLINE);
        let begun = Instant::now();
        asked.send(request)?;
        let outcome = answered.recv_timeout(DEADLINE + BOUND).map_err(|_| format!("{name}: no answer"))??;
        if outcome.status != status {
            return Err(format!(
                "{name}: {} after {:?}: {}",
                outcome.status,
                begun.elapsed(),
                outcome.stderr_lossy()
            )
            .into());
        }
        Ok::<(), Failed>(())
    };
    for (name, code, status) in ENDS_BY_ITSELF {
        check(name, code, Status::Exited(*status))?;
    }
    for (name, code) in GOES_ON {
        check(name, code, Status::Deadline)?;
    }
    Ok(())
}

/// The end of its streams is what is in them when it is gone, all of it, even if their other ends are still open.
fn what_it_printed_is_there() -> Result<(), Failed> {
    let template = Template::python().build()?;
    let code = format!(
        "{CHANNEL}send(b'', [1, 2])\nos.write(1, b'o' * 60000)\nos.write(2, b'e' * 60000)\nos._exit(0)"
    );
    for _ in 0..20 {
        let outcome = template.run(&code)?;
        let whole = outcome.stdout == [b'o'; 60000] && outcome.stderr == [b'e'; 60000];
        if !whole || !outcome.status.success() {
            let (out, error) = (outcome.stdout.len(), outcome.stderr.len());
            return Err(format!("{}: {out} and {error} bytes", outcome.status).into());
        }
    }
    Ok(())
}
