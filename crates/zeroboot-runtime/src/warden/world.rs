//! Stage 2's beginning: the file tree, and the template's program in it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use zeroboot_isolation::policy::{Protection, Protections};
use zeroboot_isolation::sockets;
use zeroboot_isolation::world::{Bind, Covers, HOME, Project, Shown, build_tree, lend_capabilities};

use super::{WardenError, failed, ids, project};
use crate::FDS_VARIABLE;
use crate::protocol::{Program, Setup, SetupBind};

/// What is shown of the host's files, what of that is to be covered, and the working directory. With the host's own rights: before the namespaces.
#[derive(Debug)]
pub(super) struct Views {
    binds: Vec<Bind>,
    covers: Covers,
    project: Option<Project>,
}

impl Views {
    pub(super) fn look_through(setup: &Setup) -> Result<Self, WardenError> {
        let binds: Vec<Bind> = setup.binds.iter().map(SetupBind::bind).collect();
        let covers = Covers::look_through(&binds)?;
        Ok(Self { binds, covers, project: project::open(setup)? })
    }
}

pub(super) fn build(setup: &Setup, views: &Views) -> Result<Shown, WardenError> {
    let shown =
        build_tree(&views.binds, &views.covers, views.project.as_ref(), ids(setup)?, &setup.limits())?;
    if Protections::from_bits(setup.protections).wants(Protection::NetNamespace) {
        sockets::bound_waiting().map_err(failed("bounding what waits at a socket"))?;
    }
    // Changing the user id has made this process non-dumpable; shells, its forks, must be looked at to be joined.
    nix::sys::prctl::set_dumpable(true).map_err(failed("becoming dumpable"))?;
    lend_capabilities()?;
    Ok(shown)
}

/// Starts the template with control, link and extras open, its output going to the warm-up pipe; returns its pidfd.
///
/// `fds` are those that came with the setup: control, the warm-up pipe, extras.
pub(super) fn start_template(
    setup: &Setup,
    fds: Vec<OwnedFd>,
    link: OwnedFd,
) -> Result<OwnedFd, WardenError> {
    if fds.len() != 2 + setup.extras {
        return Err(WardenError::Descriptors);
    }
    let mut fds = fds.into_iter();
    let (Some(control), Some(output)) = (fds.next(), fds.next()) else {
        return Err(WardenError::Descriptors);
    };
    let inherited: Vec<OwnedFd> = [control, link].into_iter().chain(fds).collect();
    for fd in &inherited {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).map_err(failed("passing a descriptor on"))?;
    }
    let numbers: Vec<String> = inherited.iter().map(|fd| fd.as_raw_fd().to_string()).collect();
    let program = match (&setup.program, numbers.get(2)) {
        (Program::Path(path), _) => path.clone(),
        (Program::FirstExtra, Some(number)) => PathBuf::from(format!("/proc/self/fd/{number}")),
        (Program::FirstExtra, None) => return Err(WardenError::Descriptors),
    };
    let errors = output.try_clone();
    let started = errors.and_then(|errors| {
        Command::new(&program)
            .args(&setup.arguments)
            .env_clear()
            .envs(setup.environment.iter().map(|(name, value)| (name, value)))
            .env(FDS_VARIABLE, numbers.join(","))
            .current_dir(HOME)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
    });
    match started {
        // Nobody has reaped it: the number is its own.
        Ok(template) => {
            zeroboot_fork::pidfd_open(template.id()).map_err(failed("opening the template's pidfd"))
        }
        Err(source) => Err(WardenError::Start { program: program.display().to_string(), source }),
    }
}
