//! Unix sockets without a network: what works within a sandbox, and that none reaches a sibling.

mod common;

use std::io::Read;
use std::process::ExitCode;

use common::{run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::{Input, Outcome, Output, Policy, Protection, Request, Rule, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("processes_of_one_sandbox_talk", talk),
        Trial::test("every_kind_of_name_works_within_a_sandbox", kinds),
        Trial::test("no_name_of_a_sibling_is_reached", siblings),
        Trial::test("waiting_connections_are_bounded", waiting),
        Trial::test("without_scopes_there_are_pairs_alone", pairs),
    ])
}

/// What keeps abstract names apart, where this kernel has it.
const SCOPES: u32 = 6;

fn says(outcome: &Outcome, wanted: &str) -> Result<(), Failed> {
    if outcome.stdout_lossy() == wanted { Ok(()) } else { Err(format!("{outcome:?}").into()) }
}

fn has_scopes(template: &Template) -> Result<bool, Failed> {
    let seal = template.run("pass")?.seal.ok_or("no seal")?;
    Ok(seal.landlock.is_some_and(|version| version >= SCOPES))
}

const NO_SCOPES: &str = "this kernel's Landlock does not keep abstract names apart";

fn talk() -> Result<(), Failed> {
    let template = Template::python().build()?;
    if !has_scopes(&template)? {
        return skip(NO_SCOPES);
    }
    let code = "
import asyncio, multiprocessing
def square(shared, number): shared[number] = number * number
async def serve():
    async def answer(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()
    async with await asyncio.start_unix_server(answer, 'socket'):
        reader, writer = await asyncio.open_unix_connection('socket')
        writer.write(b'hello\\n')
        print(await reader.read())
        writer.close()
context = multiprocessing.get_context('fork')
with context.Manager() as manager:
    shared = manager.dict()
    children = [context.Process(target=square, args=(shared, number)) for number in range(3)]
    for child in children: child.start()
    for child in children: child.join()
    print(sorted(shared.items()))
asyncio.run(serve())
";
    says(&template.run(code)?, "[(0, 0), (1, 1), (2, 4)]\nb'HELLO\\n'\n")
}

/// By path, by abstract name, and by a name that the kernel chooses.
const KINDS: &str = "
import os, socket, sys, tempfile
path = tempfile.mkdtemp() + '/socket'
for name in (path, '\\0zeroboot-test', b''):
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
        server = socket.socket(socket.AF_UNIX, kind)
        server.bind(name)
        client = socket.socket(socket.AF_UNIX, kind)
        if kind == socket.SOCK_DGRAM:
            client.sendto(b'to', server.getsockname())
            print(server.recv(9), end=' ')
        else:
            server.listen()
        client.connect(server.getsockname())
        peer = server if kind == socket.SOCK_DGRAM else server.accept()[0]
        socket.send_fds(client, [b'fds'], [0])
        words, fds, _, _ = socket.recv_fds(peer, 9, 1)
        print(words, len(fds), peer.getsockname() == client.getpeername())
        os.close(fds[0])
        server.close()
        if name == path: os.unlink(path)
";

fn kinds() -> Result<(), Failed> {
    let template = Template::python().build()?;
    if !has_scopes(&template)? {
        return skip(NO_SCOPES);
    }
    let of_one = "b'fds' 1 True\nb'fds' 1 True\nb'to' b'fds' 1 True\n";
    says(&template.run(KINDS)?, &of_one.repeat(3))
}

/// Binds what a sibling might reach, says so, and waits for the end of its input.
const VICTIM: &str = "
import socket, sys
kept = []
for kind, name in ((socket.SOCK_STREAM, 'stream'), (socket.SOCK_SEQPACKET, 'seqpacket'), (socket.SOCK_DGRAM, 'dgram')):
    for place in ('\\0zeroboot-victim-', '/tmp/zeroboot-victim-', '/dev/shm/zeroboot-victim-'):
        server = socket.socket(socket.AF_UNIX, kind)
        server.bind(place + name)
        if kind != socket.SOCK_DGRAM: server.listen()
        kept.append(server)
print('bound', flush=True)
sys.stdin.read()
heard = 0
for server in kept:
    server.setblocking(False)
    try:
        if server.type == socket.SOCK_DGRAM: server.recv(9)
        else: server.accept()
        heard += 1
    except BlockingIOError: pass
print('heard', heard)
";

/// By each call that takes an address.
const ATTACKER: &str = "
import errno, socket
kept, found = [], {}
def attempt(place, what):
    try: what(); answer = 'reached'
    except OSError as error: answer = errno.errorcode[error.errno]
    found.setdefault(place, set()).add(answer)
for kind, name in ((socket.SOCK_STREAM, 'stream'), (socket.SOCK_SEQPACKET, 'seqpacket'), (socket.SOCK_DGRAM, 'dgram')):
    for place in ('\\0', '/tmp/', '/dev/shm/'):
        at = place + 'zeroboot-victim-' + name
        one = socket.socket(socket.AF_UNIX, kind)
        kept.append(one)
        attempt(place, lambda: one.connect(at))
        if kind == socket.SOCK_DGRAM:
            pair, _ = socket.socketpair(socket.AF_UNIX, kind)
            free = socket.socket(socket.AF_UNIX, kind)
            attempt(place, lambda: free.sendto(b'x', at))
            attempt(place, lambda: free.sendmsg([b'x'], [], 0, at))
            attempt(place, lambda: pair.sendmsg([b'x'], [], 0, at))
for place, answers in found.items(): print(repr(place), *sorted(answers))
";

/// What the victim has heard, and what the attacker says.
fn meet(template: &Template) -> Result<(String, String), Failed> {
    let (reader, writer) = std::io::pipe()?;
    let (mut told, far) = std::io::pipe()?;
    let victim = Request::code(VICTIM).stdin(Input::From(reader.into())).stdout(Output::To(far.into()));
    std::thread::scope(|scope| {
        let victim = scope.spawn(|| template.execute(victim));
        let mut word = [0; 6];
        told.read_exact(&mut word)?;
        let attacker = template.run(ATTACKER);
        drop(writer);
        let outcome = victim.join().map_err(|_| "the victim panicked")??;
        let mut heard = String::new();
        told.read_to_string(&mut heard)?;
        if !outcome.status.success() {
            return Err(format!("{outcome:?}").into());
        }
        Ok((heard, attacker?.stdout_lossy().into_owned()))
    })
}

fn siblings() -> Result<(), Failed> {
    let template = Template::python().build()?;
    if !has_scopes(&template)? {
        return skip(NO_SCOPES);
    }
    let paths = "'/tmp/' ENOENT\n'/dev/shm/' ENOENT\n";
    let found = meet(&template)?;
    if found != ("heard 0\n".to_owned(), format!("'\\x00' EPERM\n{paths}")) {
        return Err(format!("{found:?}").into());
    }
    // The control: without Landlock, and the filter that then refuses all sockets with a name.
    let policy = [Protection::Landlock, Protection::Filter]
        .into_iter()
        .fold(Policy::strict(), |policy, protection| policy.protection(protection, Rule::Waive));
    let (heard, said) = meet(&Template::python().policy(policy).build()?)?;
    if heard == "heard 3\n" && said.starts_with("'\\x00' reached\n") && said.ends_with(paths) {
        Ok(())
    } else {
        Err(format!("not a fair test: {heard} {said}").into())
    }
}

/// What waits has no descriptor that counts.
fn waiting() -> Result<(), Failed> {
    let template = Template::python().build()?;
    if !has_scopes(&template)? {
        return skip(NO_SCOPES);
    }
    let code = "
import socket
server = socket.socket(socket.AF_UNIX)
server.bind('socket')
server.listen(1 << 20)
count = 0
try:
    while count < 5000:
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        client.connect('socket')
        client.close()
        count += 1
except BlockingIOError: pass
print(count)
";
    let outcome = template.run(code)?;
    // An older kernel lets nobody in a user namespace set the bound: then it is the kernel's own.
    match outcome.stdout_lossy().trim().parse::<u32>() {
        Ok(128..=129 | 4096..=4097) => Ok(()),
        _ => Err(format!("{outcome:?}").into()),
    }
}

fn pairs() -> Result<(), Failed> {
    let code = "
import errno, socket
def made(kind):
    try: socket.socket(*kind); return 'made'
    except OSError as error: return errno.errorcode[error.errno]
print(made((socket.AF_UNIX, socket.SOCK_STREAM)), made((socket.AF_UNIX, socket.SOCK_DGRAM)), made((socket.AF_INET,)))
one, other = socket.socketpair()
one.send(b'x')
print(other.recv(1))
for what in (lambda: one.bind('\\0name'), lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)):
    try: what(); print('done')
    except OSError as error: print(errno.errorcode[error.errno])
";
    let policy = Policy::strict().protection(Protection::Landlock, Rule::Waive);
    let template = Template::python().policy(policy).build()?;
    says(&template.run(code)?, "EPERM EPERM EPERM\nb'x'\nEPERM\nEPERM\n")
}
