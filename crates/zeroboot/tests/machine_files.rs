//! The files of `/proc` about the machine: they tell a sandbox's limits, nothing of the host, and
//! there are no others.

mod common;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};

use common::{run, skip, virtualenv};
use libtest_mimic::{Failed, Trial};
use zeroboot::{Bytes, Outcome, Policy, Request, Template};

/// Set where this program is to build one template and say what becomes of it.
const BELOW_A_COVER: &str = "ZEROBOOT_TEST_BELOW_A_COVER";

fn main() -> ExitCode {
    if std::env::var_os(BELOW_A_COVER).is_some() {
        let built = Template::python().build();
        let said = built.map_or_else(|error| error.cause(), |_| "a template".to_owned());
        let written = std::io::stdout().write_all(said.as_bytes());
        return if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    run(vec![
        Trial::test("the_machine_is_as_large_as_the_limits", limits),
        Trial::test("nothing_of_the_host_is_told", host),
        Trial::test("clocks_and_files_agree", clocks),
        Trial::test("no_other_file_of_the_host_is_there", others),
        Trial::test("each_reading_of_the_identifier_differs", identifiers),
        Trial::test("psutil_works", psutil),
        Trial::test("programs_work", programs),
        Trial::test("a_host_that_covers_parts_of_its_proc_is_told_so", covered),
    ])
}

/// What there is besides processes, links and directories left out.
const SHOWN: [&str; 26] = [
    "cpuinfo",
    "filesystems",
    "loadavg",
    "meminfo",
    "stat",
    "uptime",
    "version",
    "vmstat",
    "sys/fs/file-max",
    "sys/fs/nr_open",
    "sys/fs/pipe-max-size",
    "sys/kernel/cap_last_cap",
    "sys/kernel/hostname",
    "sys/kernel/ngroups_max",
    "sys/kernel/osrelease",
    "sys/kernel/ostype",
    "sys/kernel/pid_max",
    "sys/kernel/random/boot_id",
    "sys/kernel/random/entropy_avail",
    "sys/kernel/random/poolsize",
    "sys/kernel/random/uuid",
    "sys/kernel/threads-max",
    "sys/kernel/version",
    "sys/net/core/somaxconn",
    "sys/vm/max_map_count",
    "sys/vm/overcommit_memory",
];

fn output(outcome: &Outcome) -> Result<String, Failed> {
    match outcome.status.success() {
        true => Ok(outcome.stdout_lossy().into_owned()),
        false => Err(format!("{:?}: {}", outcome.status, outcome.stderr_lossy()).into()),
    }
}

fn ensure(holds: bool, complaint: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(complaint().into()) }
}

fn of_host(path: &str) -> Result<String, Failed> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}").into())
}

fn limits() -> Result<(), Failed> {
    let policy = Policy::strict().memory(Bytes::mebi(200)).processes(40);
    let template = Template::python().policy(policy).build()?;
    let code = "
import os
fields = dict(line.split(':') for line in open('/proc/meminfo'))
print(fields['MemTotal'].split(), fields['MemAvailable'].split()[0])
print(open('/proc/sys/kernel/threads-max').read().strip())
usable = len(os.sched_getaffinity(0))
print(sum(line.startswith('processor') for line in open('/proc/cpuinfo')) == usable)
print([line.split()[0] for line in open('/proc/stat') if line.startswith('cpu')] == ['cpu'] + ['cpu%d' % n for n in range(usable)])
print(open('/proc/mounts').read() == open('/proc/self/mounts').read(), os.listdir('/proc/net') == os.listdir('/proc/self/net'))
print(open('/proc/version').read().split()[2] == os.uname().release == open('/proc/sys/kernel/osrelease').read().strip())
";
    let found = output(&template.run(code)?)?;
    ensure(found == "['204800', 'kB'] 204800\n40\nTrue\nTrue\nTrue True\nTrue\n", || found)
}

fn host() -> Result<(), Failed> {
    let template = Template::python().build()?;
    let read = |path: &str| output(&template.run(&format!("print(open('/proc/{path}').read(), end='')"))?);
    for path in ["meminfo", "stat", "vmstat", "loadavg", "version", "sys/kernel/random/boot_id"] {
        let (inside, outside) = (read(path)?, of_host(&format!("/proc/{path}"))?);
        ensure(inside != outside && !inside.is_empty(), || format!("{path} is the host's: {inside}"))?;
    }
    let total = |text: &str| -> Option<u64> {
        text.lines().next()?.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok()
    };
    let (inside, outside) = (total(&read("meminfo")?), total(&of_host("/proc/meminfo")?));
    let (inside, outside) = inside.zip(outside).ok_or("no MemTotal")?;
    let digits = u64::BITS - inside.leading_zeros() - inside.trailing_zeros();
    ensure(inside <= outside && inside >= outside / 2 && digits <= 3, || {
        format!("{inside} of {outside} kB")
    })?;
    let again = Template::python().build()?;
    let identifier =
        |template: &Template| output(&template.run("print(open('/proc/sys/kernel/random/boot_id').read())")?);
    ensure(identifier(&template)? != identifier(&again)?, || "two templates have one boot".to_owned())
}

/// What counts from the boot counts from the template's start, where the kernel can do that.
fn clocks() -> Result<(), Failed> {
    if !std::path::Path::new("/proc/self/timens_offsets").exists() {
        return skip("this kernel has no time namespaces");
    }
    let template = Template::python().build()?;
    let code = "
import os, time
up = float(open('/proc/uptime').read().split()[0])
booted = int([line for line in open('/proc/stat') if line.startswith('btime')][0].split()[1])
clock, now = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()
started = int(open('/proc/self/stat').read().rsplit(')', 1)[1].split()[19]) / os.sysconf('SC_CLK_TCK')
print(0 <= up <= started + 0.02 <= clock + 0.02, abs(booted + clock - now) < 2, clock)
";
    let found = output(&template.run(code)?)?;
    let (agree, clock) = found.trim().rsplit_once(' ').ok_or("no clock")?;
    let of_host: f64 = of_host("/proc/uptime")?.split(' ').next().unwrap_or_default().parse()?;
    // A machine that is itself a second old proves nothing.
    ensure(agree == "True True" && (clock.parse::<f64>()? < of_host || of_host < 2.0), || found.clone())
}

fn others() -> Result<(), Failed> {
    let template = Template::python().build()?;
    let mut names: BTreeSet<String> = BTreeSet::new();
    for entry in std::fs::read_dir("/proc")? {
        names.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    let links_and_directories = ["sys", "mounts", "net", "self", "thread-self"];
    names.retain(|name| {
        !name.bytes().all(|byte| byte.is_ascii_digit())
            && !SHOWN.contains(&name.as_str())
            && !links_and_directories.contains(&name.as_str())
    });
    ensure(names.len() > 20, || format!("not a fair test: {names:?}"))?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let code = format!(
        "import os\nprint([name for name in {names:?} if os.path.lexists('/proc/' + name)])
print(sorted(os.path.relpath(os.path.join(place, name), '/proc') for place, _, names in os.walk('/proc/sys') for name in names))"
    );
    let found = output(&template.run(&code)?)?;
    let settings: Vec<_> = SHOWN.into_iter().filter(|name| name.starts_with("sys/")).collect();
    let wanted = format!("[]\n{settings:?}\n").replace('"', "'");
    ensure(found == wanted, || format!("{found} instead of {wanted}"))
}

fn identifiers() -> Result<(), Failed> {
    let template = Template::python().build()?;
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let code = "for _ in range(2): print(open('/proc/sys/kernel/random/uuid').read(), end='')";
        seen.extend(output(&template.run(code)?)?.lines().map(str::to_owned));
    }
    ensure(seen.len() == 4 && seen.iter().all(|one| one.len() == 36), || format!("{seen:?}"))
}

/// The calls that `dask`, `joblib` and the like make, by a module that was imported before the
/// fork, and after it.
fn psutil() -> Result<(), Failed> {
    let python = match virtualenv() {
        Ok(python) => python,
        Err(reason) => return skip(reason),
    };
    let there = Command::new(&python).args(["-c", "import psutil"]).stderr(Stdio::null()).status()?;
    if !there.success() {
        return skip("the virtualenv has no psutil");
    }
    let code = "
import os, psutil, time, warnings
warnings.simplefilter('error')
memory = psutil.virtual_memory()
print(memory.total, memory.available <= memory.total, psutil.swap_memory().total)
print(psutil.cpu_count() == len(os.sched_getaffinity(0)), psutil.cpu_count(logical=False) >= 1)
print(len(psutil.cpu_times(percpu=True)) == psutil.cpu_count(), psutil.cpu_percent(), psutil.cpu_times_percent().user)
print(psutil.cpu_stats().ctx_switches, psutil.cpu_freq() is None or psutil.cpu_freq().current > 0)
me = psutil.Process()
print(me.memory_info().rss > 0, me.memory_percent() > 0, me.cpu_percent(), me.num_threads())
print(psutil.boot_time() <= me.create_time() + 2, abs(me.create_time() - time.time()) < 600)
print(sorted(each.pid for each in psutil.process_iter()), psutil.pid_exists(1), psutil.Process(1).ppid())
print(psutil.disk_usage('/tmp').total > 0, len(psutil.disk_partitions(all=True)) > 3)
print(sorted(psutil.net_io_counters(pernic=True)))
";
    let policy = Policy::strict().memory(Bytes::mebi(300));
    let wanted = format!(
        "{} True 0\nTrue True\nTrue 0.0 0.0\n0 True\nTrue True 0.0 1\nTrue True\n[1, 2] True 0\nTrue True\n['lo']\n",
        300 << 20
    );
    for warm in [true, false] {
        let mut template = Template::python().interpreter(&python).policy(policy);
        if warm {
            template = template.import("psutil");
        }
        let found = output(&template.build()?.run(code)?)?;
        ensure(found == wanted, || format!("warm: {warm}: {found} instead of {wanted}"))?;
    }
    Ok(())
}

fn programs() -> Result<(), Failed> {
    let template = Template::python().policy(Policy::strict().memory(Bytes::mebi(512))).build()?;
    let node = "node -p 'os.cpus().length + \" \" + os.totalmem()'";
    let mut tried = 0;
    for (command, wanted) in [
        ("free -k", "524288"),
        ("nproc", ""),
        ("ps aux", "ps aux"),
        ("ps -eo pid,lstart,etime,comm", "ps"),
        ("uptime", "load average: 0.00"),
        ("vmstat", "524288"),
        ("top -bn1", "512.0 total"),
        ("df /tmp", "/tmp"),
        ("mount", "on /proc type proc"),
        (node, "536870912"),
    ] {
        let program = command.split(' ').next().unwrap_or_default();
        if !["/usr/bin", "/bin"].iter().any(|place| std::path::Path::new(place).join(program).exists()) {
            skip(&format!("there is no {program}"))?;
            continue;
        }
        tried += 1;
        let code = format!(
            "import subprocess, sys\ndone = subprocess.run({command:?}, shell=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
print(done.stdout, done.stderr)\nsys.exit(done.returncode or bool(done.stderr))"
        );
        let request = Request::script("machine.py", code).environment("PATH", "/usr/bin:/bin");
        let outcome = template.execute(request)?;
        let said = outcome.stdout_lossy();
        ensure(outcome.status.success() && said.contains(wanted), || format!("{command}: {said}"))?;
    }
    ensure(tried > 0, || "nothing was tried".to_owned())
}

/// As in a container: there is no sandbox then, since the kernel would uncover by a new `/proc`
/// what is covered.
fn covered() -> Result<(), Failed> {
    if !nix::unistd::geteuid().is_root() {
        return skip("only root covers parts of /proc");
    }
    // One that shows everything would be enough for the kernel.
    let script = "for each in $(awk '/ - proc / { print $5 }' /proc/self/mountinfo); do \
                  mount --bind /dev/null $each/interrupts || exit; done; exec \"$0\"";
    let done = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(std::env::current_exe()?)
        .env(BELOW_A_COVER, "1")
        .output()?;
    let said = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        return skip(&format!("nothing can be mounted: {}", String::from_utf8_lossy(&done.stderr)));
    }
    ensure(said.contains("parts of the one that is there") && said.contains("systempaths"), || {
        said.into_owned()
    })
}
