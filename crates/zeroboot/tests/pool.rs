//! Parked sandboxes: what a claim gets, what it does not see, and what happens when sandboxes, template or pool end.

mod common;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::{WarmFile, descendants, run};
use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use zeroboot::{
    Bytes, Input, Outcome, Pool, PoolCounters, PoolError, PoolOptions, Request, RunError, SpawnError, Status,
    Template,
};

zeroboot::function! {
    name: "double",
    warm_up: || (),
    answer: |(): &(), number: u64| -> u64 { number * 2 },
}

fn main() -> ExitCode {
    zeroboot::init();
    run(vec![
        Trial::test("a_claim_gets_a_sealed_sandbox", sealed),
        Trial::test("what_ran_ahead_is_not_seen", unseen),
        Trial::test("what_a_request_asks_for_holds_for_a_claim", request),
        Trial::test("no_two_parked_sandboxes_draw_the_same_numbers", randomness),
        Trial::test("each_sandbox_is_claimed_once", once),
        Trial::test("an_empty_pool_serves_on_demand", on_demand),
        Trial::test("code_that_fails_ahead_is_an_error", failing_ahead),
        Trial::test("a_function_can_be_parked", function),
        Trial::test("a_parked_sandbox_that_dies_is_replaced", replaced),
        Trial::test("a_pool_outlives_its_template", outlives),
        Trial::test("a_rotated_template_has_another_layout", layout),
        Trial::test("rotation_leaves_no_gap", no_gap),
        Trial::test("crashes_and_age_rotate", crashes_and_age),
        Trial::test("a_dropped_pool_leaves_nothing", dropped),
    ])
}

/// Long enough for a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(20);

fn python() -> Result<Template, Failed> {
    Ok(Template::python().without_site().build()?)
}

fn full(template: &Template, options: PoolOptions) -> Result<Pool, Failed> {
    let pool = template.pool_with(options)?;
    pool.wait_until_full(PATIENCE)?;
    Ok(pool)
}

fn expect(outcome: &Outcome, status: Status, stdout: &str) -> Result<(), Failed> {
    if outcome.status == status && outcome.stdout_lossy() == stdout && outcome.stderr.is_empty() {
        return Ok(());
    }
    Err(format!("{outcome:?}; wanted {status}, {stdout:?}").into())
}

/// Waits until the counters say so.
fn eventually(pool: &Pool, holds: impl Fn(&PoolCounters) -> bool) -> Result<(), Failed> {
    let deadline = Instant::now() + PATIENCE;
    while !holds(&pool.counters()) {
        if Instant::now() > deadline {
            return Err(format!("{:?}", pool.counters()).into());
        }
        std::thread::yield_now();
    }
    Ok(())
}

fn sealed() -> Result<(), Failed> {
    let template = python()?;
    let pool = full(&template, PoolOptions::new(2).ahead("open('mark', 'w').write('ahead')"))?;
    let sandbox = pool.claim()?;
    match sandbox.seal() {
        Some(seal) if seal.no_new_privs && seal.seccomp_filters == 2 && seal.capabilities == 0 => {}
        seal => return Err(format!("{seal:?}").into()),
    }
    let outcome = sandbox.run(Request::code("print(open('mark').read())"))?;
    expect(&outcome, Status::Exited(0), "ahead\n")?;
    let times = &outcome.account.times;
    if outcome.seal.is_none() || times.steps.len() != 1 || times.steps[0] != ("claim", times.spawn) {
        return Err(format!("{outcome:?}").into());
    }
    let plain = full(&template, PoolOptions::new(1).nothing_ahead())?;
    expect(&plain.run("print(1)")?, Status::Exited(0), "1\n")
}

fn unseen() -> Result<(), Failed> {
    let template = python()?;
    let ahead = "
import os, sys
secret = 1
print('out')
print('err', file=sys.stderr)
os.write(1, b'out'); os.write(2, b'err')
assert sys.stdin.read() == '' and os.read(0, 1) == b''
assert sys.argv == ['<ahead>'] and sys.modules['__main__'].secret == 1
";
    let pool = full(&template, PoolOptions::new(2).ahead(ahead))?;
    let code = "
import gc, linecache, os, sys
print(sorted(globals()), sys.argv, dict(os.environ), __name__, sys.modules['__main__'].__dict__ is globals())
print(sorted(linecache.cache), sorted(os.listdir('/proc/self/fd')), os.listdir('.'), os.getcwd(), sys.stdin.read())
print(sum(isinstance(it, dict) and 'secret' in it for it in gc.get_objects()))
";
    let request = || {
        Request::script("job.py", code).argument("a").environment("K", "V").stdin(Input::Bytes(b"in".into()))
    };
    let on_demand = template.execute(request())?;
    let parked = pool.claim()?.run(request())?;
    if !on_demand.status.success() || parked.account.times.steps.len() != 1 {
        return Err(format!("{on_demand:?} {parked:?}").into());
    }
    expect(&parked, on_demand.status, &on_demand.stdout_lossy())
}

fn request() -> Result<(), Failed> {
    let pool = full(&python()?, PoolOptions::new(4))?;
    let run = |request| -> Result<Outcome, RunError> { pool.claim()?.run(request) };
    let outcome = run(Request::code("while True: pass").timeout(Duration::from_millis(200)))?;
    expect(&outcome, Status::Deadline, "")?;
    let outcome = run(Request::code("while True: print('x' * 1000)").output_limit(Bytes::kibi(4)))?;
    expect(&outcome, Status::OutputLimit, &outcome.stdout_lossy())?;
    if outcome.stdout.len() != 4 << 10 {
        return Err(format!("{} bytes", outcome.stdout.len()).into());
    }
    let code = format!("x = '{}'\nprint(len(x))", "y".repeat(1_000_000));
    expect(&run(Request::code(code))?, Status::Exited(0), "1000000\n")?;
    expect(&run(Request::code("import sys; sys.exit(7)"))?, Status::Exited(7), "")
}

fn randomness() -> Result<(), Failed> {
    let names = ["random", "secrets", "ssl", "tempfile", "uuid", "warm", "ahead", "inside"];
    let warm = WarmFile::new("randomness", "import random\nown = random.Random()\n")?;
    let imports = names.into_iter().take(5);
    let template = imports.fold(Template::python(), |it, name| it.import(name)).warm_file(&warm.0).build()?;
    // The worst that an author can do: each source is in the same state in every sandbox.
    let ahead = "
import random, ssl, tempfile, warm
random.seed(1)
random.random()
warm.own.seed(2)
warm.new = random.Random(3)
warm.numbers = iter(random.Random(4).random, None)
class Same:
    rng = random.Random(1)
    def __next__(self): return 'same' + str(self.rng.random())
tempfile._name_sequence = Same()
ssl.RAND_bytes(8)
";
    let pool = full(&template, PoolOptions::new(32).ahead(ahead))?;
    let code = "
import random, secrets, ssl, tempfile, uuid, warm
print(random.random(), secrets.token_hex(8), ssl.RAND_bytes(8).hex(), next(tempfile._get_candidate_names()), uuid.uuid4())
print(warm.own.random(), warm.new.random(), next(warm.numbers))
";
    let claimed = (0..32).map(|_| pool.claim()).collect::<Result<Vec<_>, _>>()?;
    let mut drawn = vec![BTreeSet::new(); names.len()];
    for sandbox in claimed {
        let outcome = sandbox.run(Request::code(code))?;
        for (values, value) in drawn.iter_mut().zip(outcome.stdout_lossy().split_whitespace()) {
            values.insert(value.to_owned());
        }
    }
    match drawn.iter().position(|values| values.len() != 32) {
        None => Ok(()),
        Some(source) => Err(format!("{}: {:?}", names[source], drawn[source]).into()),
    }
}

fn once() -> Result<(), Failed> {
    let pool = full(&python()?, PoolOptions::new(8))?;
    let code = "import os; print(os.path.exists('used')); open('used', 'w')";
    let fresh = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| (0..20).all(|_| pool.run(code).is_ok_and(|it| it.stdout == b"False\n"))))
            .collect();
        callers.into_iter().all(|caller| caller.join().unwrap_or(false))
    });
    let counters = pool.counters();
    if fresh && counters.hits >= 8 && counters.hits + counters.misses == 320 {
        Ok(())
    } else {
        Err(format!("{fresh} {counters:?}").into())
    }
}

fn on_demand() -> Result<(), Failed> {
    let pool = full(&python()?, PoolOptions::new(1))?;
    let held = (0..50).map(|_| pool.claim()).collect::<Result<Vec<_>, _>>()?;
    for sandbox in held {
        expect(&sandbox.run(Request::code("print(1 + 1)"))?, Status::Exited(0), "2\n")?;
    }
    match pool.counters() {
        PoolCounters { hits: 1.., misses: 1.., died: 0, failures: 0, .. } => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn failing_ahead() -> Result<(), Failed> {
    let template = python()?;
    let pool = |code: &str| template.pool_with(PoolOptions::new(2).ahead(code));
    match pool("import no_such_module") {
        Err(PoolError::Spawn(SpawnError::Ahead(1))) => {}
        other => return Err(format!("{other:?}").into()),
    }
    match pool("raise SystemExit(3)") {
        Err(error @ PoolError::Spawn(SpawnError::Ahead(3))) if error.remedy().is_some() => {}
        other => return Err(format!("{other:?}").into()),
    }
    match pool("import os; os._exit(0)") {
        Err(PoolError::Spawn(SpawnError::Died)) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn function() -> Result<(), Failed> {
    let pool = full(&Template::function("double").build()?, PoolOptions::new(2))?;
    let outcome = pool.claim()?.run(Request::script("call", "21"))?;
    if outcome.answer == b"42" && outcome.seal.is_some() {
        Ok(())
    } else {
        Err(format!("{outcome:?}").into())
    }
}

/// The template's process, then its sandboxes'.
fn interpreters() -> Vec<Pid> {
    let found = descendants().into_iter().filter(|(_, name)| name.starts_with("python"));
    let mut pids: Vec<i32> = found.filter_map(|(pid, _)| i32::try_from(pid).ok()).collect();
    // A sandbox is younger, and numbers have not come round in the moment since.
    pids.sort_unstable();
    pids.into_iter().map(Pid::from_raw).collect()
}

fn replaced() -> Result<(), Failed> {
    let pool = full(&python()?, PoolOptions::new(3))?;
    let parked = interpreters();
    let [_, parked @ ..] = &*parked else { return Err("no processes".into()) };
    if parked.len() != 3 {
        return Err(format!("{} parked", parked.len()).into());
    }
    for process in parked {
        kill(*process, Signal::SIGKILL)?;
    }
    eventually(&pool, |counters| counters.died == 3 && counters.parked == 3)?;
    expect(&pool.claim()?.run(Request::code("print(3)"))?, Status::Exited(0), "3\n")?;
    match pool.counters() {
        PoolCounters { hits: 1, misses: 0, failures: 0, trouble: None, .. } => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn outlives() -> Result<(), Failed> {
    let pool = full(&python()?, PoolOptions::new(3))?;
    let template = interpreters().first().copied().ok_or("no template")?;
    kill(template, Signal::SIGKILL)?;
    eventually(&pool, |counters| counters.refills == 6 && counters.parked == 3)?;
    expect(&pool.run("print(3)")?, Status::Exited(0), "3\n")
}

/// Where the interpreter is loaded, and whatever else is as the kernel has laid it out.
const LAYOUT: &str = "print(id(print), open('/proc/self/maps').read().split('-')[0])";

fn layout() -> Result<(), Failed> {
    let template = python()?;
    let before = template.run(LAYOUT)?.stdout;
    if template.run(LAYOUT)?.stdout != before {
        return Err("two sandboxes of one generation have two layouts".into());
    }
    let older = template.spawn()?;
    template.rotate()?;
    if template.run(LAYOUT)?.stdout == before {
        return Err("the layout is the same as before".into());
    }
    let outcome = older.run(Request::code(LAYOUT))?;
    expect(&outcome, Status::Exited(0), &String::from_utf8_lossy(&before))
}

fn no_gap() -> Result<(), Failed> {
    let pool = full(&python()?, PoolOptions::new(4).rotate_after_forks(40))?;
    let mut layouts = BTreeSet::new();
    for _ in 0..200 {
        let outcome = pool.run(LAYOUT)?;
        if !outcome.status.success() {
            return Err(format!("{outcome:?}").into());
        }
        layouts.insert(outcome.stdout);
    }
    eventually(&pool, |counters| counters.rotations >= 2)?;
    let counters = pool.counters();
    if layouts.len() >= 2 && counters.failures == 0 && counters.died == 0 {
        Ok(())
    } else {
        Err(format!("{} layouts, {counters:?}", layouts.len()).into())
    }
}

fn crashes_and_age() -> Result<(), Failed> {
    let template = python()?;
    let pool = full(&template, PoolOptions::new(2).rotate_after_crashes(2))?;
    let crash = || pool.run("import os; os.abort()");
    expect(&crash()?, Status::Signaled(6), "")?;
    expect(&pool.run("import os; os.kill(os.getpid(), 9)")?, Status::Signaled(9), "")?;
    pool.wait_until_full(PATIENCE)?;
    if pool.counters().rotations != 0 {
        return Err("rotated after one crash".into());
    }
    expect(&crash()?, Status::Signaled(6), "")?;
    eventually(&pool, |counters| counters.rotations == 1)?;
    drop(pool);

    let pool = template.pool_with(PoolOptions::new(1).rotate_after(Duration::from_millis(300)))?;
    eventually(&pool, |counters| counters.rotations == 2)
}

fn dropped() -> Result<(), Failed> {
    let template = python()?;
    let pool = full(&template, PoolOptions::new(6))?;
    let clone = pool.clone();
    let claimed = pool.claim()?;
    pool.wait_until_full(PATIENCE)?;
    drop(pool);
    expect(&clone.run("print(1)")?, Status::Exited(0), "1\n")?;
    drop(clone);
    // The template, and the sandbox that is claimed.
    if interpreters().len() != 2 {
        return Err(format!("{:?}", descendants()).into());
    }
    expect(&claimed.run(Request::code("print(2)"))?, Status::Exited(0), "2\n")?;
    drop(template);
    if descendants().is_empty() { Ok(()) } else { Err(format!("{:?}", descendants()).into()) }
}
