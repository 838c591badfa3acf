//! What libraries of a warm-up find in its environment, and what their exit handlers do in sandboxes.

mod common;

use std::process::ExitCode;

use common::{WarmFile, run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::Template;

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_warm_up_has_an_environment_of_its_own", environment),
        Trial::test("exit_handlers_of_a_warm_up_run_in_each_sandbox", exit_handlers),
        Trial::test("exit_handlers_that_take_down_a_process_do_not_run", taking_down),
        Trial::test("what_exit_handlers_write_is_not_copied_ahead", written_at_exit),
    ])
}

fn prints(template: &Template, code: &str, expected: &str) -> Result<(), Failed> {
    for _ in 0..2 {
        let outcome = template.run(code)?;
        if outcome.stdout_lossy() != expected || !outcome.status.success() {
            return Err(format!("not {expected:?}: {outcome:?}").into());
        }
    }
    Ok(())
}

fn environment() -> Result<(), Failed> {
    let file = WarmFile::new("environment", "import os\nfound = dict(os.environ)\n")?;
    let template = Template::python()
        .warm_file(&file.0)
        .warm_environment("GREETING", "hello")
        .warm_environment("OMP_NUM_THREADS", "3")
        .build()?;
    let code = "import os, subprocess\nfrom warm import found\n\
        print(*map(found.get, ['GREETING', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'JE_ARROW_MALLOC_CONF']))\n\
        print(*sorted(os.environ))\n\
        print(*sorted(line.split('=')[0] for line in subprocess.check_output('env', text=True).splitlines()))\n";
    let own = "HOME LANG PATH TMPDIR\n";
    prints(&template, code, &format!("hello 3 1 background_thread:false\n{own}{own}"))
}

fn exit_handlers() -> Result<(), Failed> {
    let code = "import atexit\natexit.register(print, 'of the warm-up')\n";
    let file = WarmFile::new("exit", code)?;
    let template = Template::python().warm_file(&file.0).build()?;
    let code = "import atexit\natexit.register(print, 'of the script')\nprint('its end')\n";
    prints(&template, code, "its end\nof the script\nof the warm-up\n")
}

/// Known by module and name, which these pretend to have.
fn taking_down() -> Result<(), Failed> {
    let file = WarmFile::new(
        "down",
        "
import atexit
def clean_up(): print('taken down')
def keep(): print('kept')
atexit.register(clean_up)
clean_up.__module__ = keep.__module__ = 'jax._src.api'
atexit.register(keep)
class Odd:
    def __call__(self): print('odd')
    def __getattr__(self, name): raise AttributeError(name)
atexit.register(Odd())
",
    )?;
    let template = Template::python().warm_file(&file.0).build()?;
    prints(&template, "pass", "odd\nkept\n")?;
    // One that a script registers is the script's.
    let code = "import atexit, warm\natexit.register(warm.clean_up)\n";
    prints(&template, code, "taken down\nodd\nkept\n")
}

fn written_at_exit() -> Result<(), Failed> {
    const PAGES: u64 = 300;
    let write = "def write():\n  for i in range(0, len(pages), 4096): pages[i] += 1\n";
    let pages = format!("import atexit\npages = bytearray({PAGES} * 4096)\n{write}");
    let file = WarmFile::new("written", &format!("{pages}atexit.register(write)\n"))?;
    let template = Template::python().warm_file(&file.0).build()?;
    // The control: the same pages, written before the end.
    let rehearsed = Template::python().warm_file(&file.0).rehearsal("import warm\nwarm.write()\n").build()?;
    let (Some(few), Some(many)) = (template.copied_pages(), rehearsed.copied_pages()) else {
        return skip("this machine lets nobody pin pages: see the warning of the template's build");
    };
    // Each interpreter has a hash seed of its own, and so some pages more or fewer.
    let most = PAGES - PAGES / 10;
    if many < few + most {
        return Err(format!("{few} pages are copied, and {many} where they are written before").into());
    }
    let code = "import atexit, warm\natexit._clear()\natexit.register(lambda: print(warm.pages[0]))\natexit.register(warm.write)\n";
    prints(&template, code, "1\n")
}
