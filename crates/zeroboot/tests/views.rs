//! What of the host's files can be shown in a sandbox, where, and what is refused before anything is started.

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use common::{run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::{BuildError, Template, ViewError};

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_view_is_readable_in_its_place_and_not_writable", seen),
        Trial::test("views_may_lie_in_one_another", nested),
        Trial::test("a_view_without_a_place_is_at_its_own", same_place),
        Trial::test("a_pipe_in_a_view_cannot_be_opened", pipes),
        Trial::test("what_cannot_be_shown_is_refused", refused),
        Trial::test("a_cause_is_told_once", words),
    ])
}

/// A directory with a file and an empty directory in it; gone with the test.
struct Data(PathBuf);

impl Data {
    /// Where the sandbox has nothing of its own, so that it can be shown at its own place.
    fn new(name: &str) -> Result<Self, Failed> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let data = Self(target.join(format!("views-{}-{name}", std::process::id())));
        fs::create_dir_all(data.0.join("empty"))?;
        fs::write(data.0.join("file"), "text\n")?;
        // Everybody may change it: what is in the way is the view alone.
        for (path, mode) in [("", 0o777), ("empty", 0o777), ("file", 0o666)] {
            fs::set_permissions(data.0.join(path), Permissions::from_mode(mode))?;
        }
        Ok(data)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // What cannot be removed is not worth a second panic.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Reads a file, and tries whatever would change it or its directory.
const LOOK: &str = "
import errno, os
def look(path):
    print(open(path).read().strip(), end='')
    for change in (
        lambda: open(path, 'a'),
        lambda: os.remove(path),
        lambda: os.chmod(path, 0o777),
        lambda: os.rename(path, path + '2'),
        lambda: os.truncate(path, 0),
        lambda: open(os.path.dirname(path) + '/new', 'w'),
    ):
        try:
            change()
            print(' CHANGED')
        except OSError as error:
            print('', errno.errorcode[error.errno], end='')
    print()
";

const READ_ONLY: &str = "text EROFS EROFS EROFS EROFS EROFS EROFS\n";

fn says(template: &Template, code: &str, wanted: &str) -> Result<(), Failed> {
    let outcome = template.run(&format!("{LOOK}{code}"))?;
    if outcome.status.success() && outcome.stdout_lossy() == wanted {
        return Ok(());
    }
    Err(format!("{:?} {}; wanted {wanted:?}", outcome.stdout_lossy(), outcome.stderr_lossy()).into())
}

fn seen() -> Result<(), Failed> {
    let data = Data::new("seen")?;
    let template = Template::python()
        .read_only_at(&data.0, "/data/set/")
        .read_only_at(data.0.join("file"), "/srv/single")
        .build()?;
    says(&template, "look('/data/set/file')", READ_ONLY)?;
    says(
        &template,
        "print(sorted(os.listdir('/data/set')), os.listdir('/srv'))",
        "['empty', 'file'] ['single']\n",
    )?;
    says(&template, "look('/srv/single')", READ_ONLY)?;
    if fs::read_to_string(data.0.join("file"))? == "text\n" { Ok(()) } else { Err("changed".into()) }
}

fn same_place() -> Result<(), Failed> {
    let data = Data::new("same")?;
    let template = match Template::python().read_only(&data.0).build() {
        Err(BuildError::View(ViewError::Private { .. })) => {
            return skip("the build directory lies below a directory that is private in a sandbox");
        }
        built => built?,
    };
    says(&template, &format!("look({:?})", data.0.join("file").display().to_string()), READ_ONLY)
}

fn nested() -> Result<(), Failed> {
    let (outer, inner) = (Data::new("outer")?, Data::new("inner")?);
    // In whichever order they are given.
    let template =
        Template::python().read_only_at(&inner.0, "/data/empty").read_only_at(&outer.0, "/data").build()?;
    says(&template, "look('/data/empty/file'); look('/data/file')", &READ_ONLY.repeat(2))
}

fn pipes() -> Result<(), Failed> {
    let data = Data::new("pipes")?;
    let pipe = |path: PathBuf| -> Result<(), Failed> {
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::empty())?;
        Ok(fs::set_permissions(&path, Permissions::from_mode(0o666))?)
    };
    pipe(data.0.join("empty/pipe"))?;
    // Nobody but its owner lists it, who is somebody else where that can be; who knows a name may enter.
    fs::write(data.0.join("empty/file"), "text\n")?;
    fs::set_permissions(data.0.join("empty"), Permissions::from_mode(0o711))?;
    if nix::unistd::Uid::effective().is_root() {
        std::os::unix::fs::chown(data.0.join("empty"), Some(12_345), Some(12_345))?;
    }
    let template = Template::python().read_only_at(&data.0, "/data").build()?;
    let code = "
for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
    try: print(os.open('/data/empty/pipe', flags | os.O_NONBLOCK))
    except OSError as error: print(errno.errorcode[error.errno])
print(open('/data/empty/file').read(), end='')
";
    says(&template, code, &format!("{}text\n", "EACCES\n".repeat(3)))?;
    for number in 0..64 {
        pipe(data.0.join(number.to_string()))?;
    }
    match Template::python().read_only_at(&data.0, "/data").build() {
        Err(error) if error.cause().contains("show those files and directories that are needed") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// What is wrong and why, each once: in the whole of the words, and down the chain of sources.
fn words() -> Result<(), Failed> {
    let missing = Template::python().read_only("/no/such/data").build();
    let interpreter = Template::python().interpreter("/no/such/python3").build();
    // Nothing can be made in it, which the warden finds out when it builds the file tree.
    let data = Data::new("words")?;
    let tree = Template::python().read_only_at(&data.0, "/etc/ssl/no/such/place").build();
    let program = Template::command("/no/such/program").build();
    for (built, what, why) in [
        (missing, "cannot show /no/such/data", "No such file"),
        (interpreter, "cannot start /no/such/python3", "No such file"),
        (tree, "/etc/ssl/no", "Read-only file system"),
        (program, "cannot start /no/such/program", "No such file"),
    ] {
        let Err(error) = built else { return Err(format!("{what}: built").into()) };
        let mut chain = error.to_string();
        let mut below = std::error::Error::source(&error);
        while let Some(cause) = below {
            chain = format!("{chain}: {cause}");
            below = cause.source();
        }
        let once = |word| chain.matches(word).count() == 1;
        if chain != error.cause() || !once(what) || !once(why) {
            return Err(chain.into());
        }
    }
    Ok(())
}

fn refused() -> Result<(), Failed> {
    let data = Data::new("refused")?;
    let _socket = UnixListener::bind(data.0.join("socket"))?;
    let at = |source: &str, place: &str| {
        // An interpreter that is not there: the views are looked at first.
        let builder = Template::python().interpreter("/no/such/python3");
        builder.read_only_at(data.0.join(source), place)
    };
    for (builder, fits) in [
        (at("none", "/data"), (|error| matches!(error, ViewError::Source { .. })) as fn(&ViewError) -> bool),
        (at("socket", "/data"), |error| matches!(error, ViewError::Special(_))),
        (at("file", "data"), |error| matches!(error, ViewError::NotAbsolute(_))),
        (at("file", ""), |error| matches!(error, ViewError::NotAbsolute(_))),
        (at("file", "/data/../tmp"), |error| matches!(error, ViewError::NotAbsolute(_))),
        (at("file", "/var/tmp/x"), |error| matches!(error, ViewError::Private { private: "/var/tmp", .. })),
        (at("", "/tmp"), |error| matches!(error, ViewError::Private { private: "/tmp", .. })),
        (at("", "/var"), |error| matches!(error, ViewError::Private { private: "/var/tmp", .. })),
        (at("", "/proc/1"), |error| matches!(error, ViewError::Private { private: "/proc", .. })),
        (at("", "/dev"), |error| matches!(error, ViewError::Private { private: "/dev", .. })),
        (at("", "/home"), |error| matches!(error, ViewError::Private { private: "/home/sandbox", .. })),
        (at("", "/home/sandbox"), |error| {
            matches!(error, ViewError::Private { private: "/home/sandbox", .. })
        }),
        (at("", "/dev/shm/x"), |error| matches!(error, ViewError::Private { private: "/dev", .. })),
        (at("", "/"), |error| matches!(error, ViewError::Private { .. })),
        (at("", "/usr"), |error| matches!(error, ViewError::System { .. })),
        (at("", "/etc"), |error| matches!(error, ViewError::System { .. })),
        (at("", "/usr/no/such/place"), |error| matches!(error, ViewError::NoPlace { .. })),
        (at("", "/data").read_only_at(data.0.join("file"), "/data/"), |error| {
            matches!(error, ViewError::Twice { .. })
        }),
        (at("", "/data").read_only_at(data.0.join("file"), "/data/none"), |error| {
            matches!(error, ViewError::NoPlace { kind: "file", .. })
        }),
        (at("", "/data").read_only_at(data.0.join("file"), "/data/empty"), |error| {
            matches!(error, ViewError::NoPlace { kind: "file", .. })
        }),
    ] {
        match builder.build() {
            Err(error @ BuildError::View(_)) => {
                let BuildError::View(view) = &error else { continue };
                if !fits(view) || error.cause().is_empty() || error.remedy().is_none() {
                    return Err(format!("{error:?}").into());
                }
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
    Ok(())
}
