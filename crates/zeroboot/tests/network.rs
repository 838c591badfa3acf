//! What a sandbox reaches with a loopback of its own, and that it reaches nothing without.

mod common;

use std::net::TcpListener;
use std::process::ExitCode;

use common::run;
use libtest_mimic::{Failed, Trial};
use zeroboot::{Network, Policy, Request, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_server_and_a_client_in_one_sandbox_find_one_another", loopback),
        Trial::test("two_sandboxes_have_a_loopback_each", siblings),
        Trial::test("the_hosts_loopback_is_another_one", hosts),
        Trial::test("what_nobody_reads_holds_little_memory", unread),
        Trial::test("families_beyond_unix_and_the_internet_are_refused", families),
        Trial::test("without_a_network_there_is_no_internet_socket", none),
    ])
}

fn template(network: Network) -> Result<Template, Failed> {
    Ok(Template::python().policy(Policy::strict().network(network)).build()?)
}

fn prints(template: &Template, code: &str, wanted: &str) -> Result<(), Failed> {
    let outcome = template.run(code)?;
    if outcome.stdout_lossy() == wanted { Ok(()) } else { Err(format!("{outcome:?}").into()) }
}

/// Serves one client at port 8080, and says what it got.
const SERVER: &str = "
import socket, threading
server = socket.create_server(('127.0.0.1', 8080))
def serve():
    peer, _ = server.accept()
    peer.sendall(peer.recv(16).upper())
    peer.close()
threading.Thread(target=serve).start()
";

fn loopback() -> Result<(), Failed> {
    let client = "
client = socket.create_connection(('127.0.0.1', 8080))
client.sendall(b'hello')
print(client.recv(16))
six = socket.create_server(('::1', 8081), family=socket.AF_INET6)
named = socket.socket(socket.AF_UNIX)
named.bind('/tmp/socket')
print(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9)))
";
    prints(&template(Network::Loopback)?, &format!("{SERVER}{client}"), "b'HELLO'\n1\n")
}

/// The first one waits, with its port taken and its abstract name bound, until the second has had its turn.
fn siblings() -> Result<(), Failed> {
    let template = template(Network::Loopback)?;
    let code = "
import socket, sys
server = socket.create_server(('127.0.0.1', 8080))
named = socket.socket(socket.AF_UNIX)
named.bind('\\0name')
print('bound', flush=True)
sys.stdin.read()
";
    let (reader, writer) = std::io::pipe()?;
    let (mut told, far) = std::io::pipe()?;
    let first = Request::script("first.py", code)
        .stdin(zeroboot::Input::From(reader.into()))
        .stdout(zeroboot::Output::To(far.into()));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| template.execute(first));
        let mut word = [0; 6];
        std::io::Read::read_exact(&mut told, &mut word)?;
        let second = prints(&template, code, "bound\n");
        drop(writer);
        let outcome = first.join().map_err(|_| "the first one panicked")??;
        second?;
        if outcome.status.success() { Ok(()) } else { Err(format!("{outcome:?}").into()) }
    })
}

fn hosts() -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let code = format!(
        "import socket\ntry: socket.create_connection(('127.0.0.1', {port}))\nexcept OSError as e: print(type(e).__name__)"
    );
    prints(&template(Network::Loopback)?, &code, "ConnectionRefusedError\n")
}

/// What is counted for the whole machine: with the limits that a machine usually has it is some MiB.
fn unread() -> Result<(), Failed> {
    let code = "
import select, socket
server = socket.create_server(('127.0.0.1', 8080))
client = socket.create_connection(('127.0.0.1', 8080))
peer, _ = server.accept()
client.setblocking(False)
sent = 0
while select.select([], [client], [], 0.2)[1]:
    try: sent += client.send(bytes(65536))
    except BlockingIOError: pass
print(65536 <= sent <= 1 << 20 or sent)
peer.close()
";
    prints(&template(Network::Loopback)?, code, "True\n")
}

fn families() -> Result<(), Failed> {
    let code = "
import socket
def family(number, kind, protocol=0):
    try: socket.socket(number, kind, protocol)
    except OSError as e: return e.errno
print(family(socket.AF_NETLINK, socket.SOCK_RAW), family(socket.AF_PACKET, socket.SOCK_RAW), family(40, 1),
      family(38, 5), family(socket.AF_INET, socket.SOCK_RAW, 1))
";
    prints(&template(Network::Loopback)?, code, "1 1 1 1 1\n")
}

fn none() -> Result<(), Failed> {
    let code = "
import socket
for family in (socket.AF_INET, socket.AF_INET6):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        try: socket.socket(family, kind)
        except OSError as e: print(e.errno, end=' ')
print(len(socket.socketpair()))
";
    prints(&template(Network::None)?, code, "1 1 1 1 1 1 2\n")
}
