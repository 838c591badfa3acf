//! Ordinary programs below both filters.

use std::os::unix::net::UnixStream;
use std::process::Command;

use libtest_mimic::Failed;
use nix::errno::Errno;

use super::common::{content, skip};
use super::{Wall, enclose};

pub(crate) fn threads_and_subprocesses() -> Result<(), Failed> {
    content(|| {
        enclose(Wall::BaseAndDelta)?;
        let sum: u32 = std::thread::spawn(|| (1..=4).sum()).join().map_err(|_| "the thread panicked")?;
        let status = Command::new("/bin/true").status()?;
        let (_one, _other) = UnixStream::pair()?;
        // SAFETY: no memory is passed.
        Errno::result(unsafe { libc::epoll_create1(0) })?;
        if sum == 10 && status.success() { Ok(()) } else { Err(format!("{sum} {status}").into()) }
    })
}

const PYTHON: &str = r#"
import asyncio, concurrent.futures, mmap, multiprocessing, os, random, signal, socket, sqlite3, subprocess
import sys, tempfile, threading, time, uuid
thread = threading.Thread(target=time.sleep, args=(0,)); thread.start(); thread.join()
with concurrent.futures.ThreadPoolExecutor(2) as pool: assert list(pool.map(abs, [-1, -2])) == [1, 2]
assert subprocess.run(["/bin/sh", "-c", "echo a | cat; exit 3"], stdout=subprocess.PIPE).returncode == 3
assert subprocess.run(["/bin/true"], start_new_session=True, preexec_fn=lambda: None).returncode == 0
async def main():
    process = await asyncio.create_subprocess_exec("/bin/echo", "x", stdout=subprocess.PIPE)
    assert (await process.communicate())[0] == b"x\n"
    await asyncio.to_thread(time.sleep, 0)
asyncio.run(main())
def square(queue): queue.put(os.getpid())
def pipe(end): end.send(1)
for method in ("fork", "spawn"):
    context = multiprocessing.get_context(method)
    if method == "fork":
        queue = context.Queue(); process = context.Process(target=square, args=(queue,)); process.start()
        assert queue.get() == process.pid; process.join(); assert process.exitcode == 0
        near, far = context.Pipe(); process = context.Process(target=pipe, args=(far,)); process.start()
        assert near.recv() == 1; process.join()
        lock = context.Lock()
        with lock: pass
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "x.db")
    base = sqlite3.connect(path); base.execute("pragma journal_mode=wal")
    base.execute("create table t(a)"); base.execute("insert into t values (1)"); base.commit(); base.close()
    os.mkfifo(os.path.join(folder, "fifo"))
    with open(path, "r+b") as file: mmap.mmap(file.fileno(), 0)[:4]
assert isinstance(os.memfd_create("x"), int)
a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
try: socket.socket(); sys.exit("a socket was made")
except PermissionError: pass
signal.setitimer(signal.ITIMER_REAL, 100); signal.setitimer(signal.ITIMER_REAL, 0)
uuid.uuid4(); random.random()
"#;

pub(crate) fn python() -> Result<(), Failed> {
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("there is no python3");
    }
    script("python3", &["-c", PYTHON])
}

const NUMPY: &str = r#"
import numpy, pandas
assert numpy.linalg.norm(numpy.ones((64, 64)) @ numpy.ones((64, 64))) > 0
assert pandas.DataFrame({"a": [1, 2]}).groupby("a").size().sum() == 2
"#;

pub(crate) fn numpy_and_pandas() -> Result<(), Failed> {
    let python = std::env::var("ZEROBOOT_TEST_VENV")
        .map_or("python3".to_owned(), |venv| format!("{venv}/bin/python3"));
    match Command::new(&python).args(["-c", "import numpy, pandas"]).output() {
        Ok(output) if output.status.success() => script(&python, &["-c", NUMPY]),
        _ => skip("there is no python3 with numpy and pandas"),
    }
}

pub(crate) fn shell() -> Result<(), Failed> {
    script(
        "/bin/bash",
        &[
            "-c",
            "set -e; set -o pipefail; d=$(mktemp -d); cd $d; seq 9 | sort -r > a; cp -a a b; mv b c; ls -la >/dev/null; \
           stat c >/dev/null; tar cf t.tar a; grep -q 9 c; sleep 0 & wait; cd /; rm -r $d",
        ],
    )
}

/// Runs a program below both filters; what it says is the complaint.
fn script(program: &str, arguments: &[&str]) -> Result<(), Failed> {
    content(|| {
        enclose(Wall::BaseAndDelta)?;
        let output = Command::new(program).args(arguments).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
    })
}
