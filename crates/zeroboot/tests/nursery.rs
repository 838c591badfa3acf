//! The small objects of a sandbox lie in a nursery, and nothing but that is different: contents, threads, forks, tracing. That there
//! is one at all the first test says. With each version of Python that is found.

mod common;

use std::process::ExitCode;

use common::{WarmFile, interpreters, run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::{Interpreter, Status, Template};

fn main() -> ExitCode {
    let mut trials = Vec::new();
    for (name, script) in [
        ("the_interpreter_s_own_allocator_is_asked_only_when_the_nursery_is_full", FILL),
        ("contents_survive_growing_shrinking_and_moving", CHURN),
        ("what_a_thread_frees_that_another_has_made", THREADS),
        ("a_fork_from_a_thread", FORK),
        ("allocations_are_traced", TRACE),
    ] {
        trials.push(Trial::test(name, move || everywhere(|interpreter| succeeds(interpreter, script))));
    }
    trials.push(Trial::test("under_a_tracer_of_the_warm_up_there_is_none", traced_before));
    trials.push(Trial::test("hooks_of_others_run_in_sandboxes_only", hooks_of_others));
    run(trials)
}

/// The tracer takes its hooks away when it is stopped, and all that was put above them.
fn traced_before() -> Result<(), Failed> {
    let script = "
import tracemalloc
kept = [bytes(100) for _ in range(1000)]
tracemalloc.stop()
del kept
assert [bytes(100) for _ in range(5000)][4999] == bytes(100)
";
    warmed("tracer", "import tracemalloc; tracemalloc.start()\n", script)
}

/// The standard library's run in the template as well, a few times, which nobody can see.
fn hooks_of_others() -> Result<(), Failed> {
    let warm = "
import os, threading
runs = []
os.register_at_fork(after_in_child=lambda: runs.append(os.getpid()))
";
    warmed("hooks", warm, "from warm import runs\nassert len(runs) == 1, runs\n")
}

/// The script with each version of Python, after this warm file.
fn warmed(name: &str, warm: &str, script: &str) -> Result<(), Failed> {
    let file = WarmFile::new(name, warm)?;
    everywhere(|interpreter| {
        let builder = Template::python().interpreter(interpreter.executable());
        succeeds_in(&builder.warm_file(&file.0).build()?, interpreter, script)
    })
}

fn everywhere(test: impl Fn(&Interpreter) -> Result<(), Failed>) -> Result<(), Failed> {
    let found = interpreters();
    if found.is_empty() {
        return skip("no python3 from 3.9 on");
    }
    found.iter().try_for_each(test)
}

fn succeeds(interpreter: &Interpreter, script: &str) -> Result<(), Failed> {
    let template = Template::python().interpreter(interpreter.executable()).build()?;
    succeeds_in(&template, interpreter, script)
}

fn succeeds_in(template: &Template, interpreter: &Interpreter, script: &str) -> Result<(), Failed> {
    let name = interpreter.executable().display();
    let outcome = template.run(script)?;
    if outcome.status == Status::Exited(0) {
        return Ok(());
    }
    Err(format!("{name}: {:?}\n{}", outcome.status, outcome.stderr_lossy()).into())
}

/// `getallocatedblocks` counts the blocks of the interpreter's own allocator alone. A nursery holds 1 MiB.
const FILL: &str = "
import sys
def grown(objects, size):
    before = sys.getallocatedblocks()
    kept = [bytes(size) for _ in range(objects)]
    return sys.getallocatedblocks() - before, kept
few, _ = grown(1000, 64)
assert few < 100, few
many, _ = grown(100000, 64)
assert many > 80000, many
";

/// More than the nursery holds is made, resized and freed, in the sizes on both sides of its largest.
const CHURN: &str = "
import random
draw = random.Random(7)
def content(length, seed):
    return bytes((seed * 31 + index * 7) % 251 for index in range(length))
alive = {}
for step in range(4000):
    key = draw.randrange(150)
    length = draw.choice((0, 1, 15, 16, 17, 500, 512, 513, 640, 641, 4000, 8100, 8192, 8193, 20000)) + draw.randrange(3)
    made = alive.get(key)
    if made is None or draw.random() < 0.3:
        alive[key] = (bytearray(content(length, key)), key)
    else:
        array, seed = made
        assert array == content(len(array), seed), (step, key)
        if draw.random() < 0.5:
            del array[length:]
        array.extend(content(length, seed)[len(array):])
    if draw.random() < 0.2:
        alive.pop(draw.choice(list(alive)))
for array, seed in alive.values():
    assert array == content(len(array), seed)

numbers, table = [], {}
for index in range(60000):
    numbers.append(index)
    table[str(index)] = [index] * (index % 9)
assert numbers == list(range(60000))
assert all(value == [int(key)] * (int(key) % 9) for key, value in table.items())
assert bytes(5000) == b'\\0' * 5000 and not any(bytearray(3000))
";

const THREADS: &str = "
import queue, threading
there, back = queue.Queue(4), queue.Queue(4)
def other():
    while (batch := there.get()) is not None:
        assert all(item == [str(number), number] for number, item in enumerate(batch))
        del batch
        back.put([[str(number), number] for number in range(3000)])
thread = threading.Thread(target=other)
thread.start()
for _ in range(20):
    there.put([[str(number), number] for number in range(3000)])
    batch = back.get()
    batch[7].extend(range(1000))
    assert batch[7][2:] == list(range(1000)) and batch[2999] == ['2999', 2999]
    del batch
there.put(None)
thread.join()
";

const FORK: &str = "
import os, threading, warnings
warnings.simplefilter('ignore')
kept = [[number, str(number)] for number in range(2000)]
statuses = []
def forks():
    child = os.fork()
    if child == 0:
        kept[:1000] = [{number: str(number)} for number in range(3000)]
        os._exit(0 if kept[2999] == {2999: '2999'} and kept[-1] == [1999, '1999'] else 1)
    statuses.append(os.waitpid(child, 0)[1])
thread = threading.Thread(target=forks)
thread.start()
thread.join()
forks()
assert statuses == [0, 0], statuses
assert kept == [[number, str(number)] for number in range(2000)]
";

const TRACE: &str = "
import tracemalloc
tracemalloc.start()
kept = [bytes(100) for _ in range(1000)]
traced, _ = tracemalloc.get_traced_memory()
assert traced > 100000, traced
del kept
tracemalloc.stop()
assert [bytes(10) for _ in range(1000)][999] == bytes(10)
";
