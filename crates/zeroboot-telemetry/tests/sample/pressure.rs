//! Pressure, where the kernel counts it.

use std::path::Path;

use libtest_mimic::Failed;
use zeroboot_telemetry::{Pressure, PressureError, Resource};

use crate::{check, ensure, skip};

pub(crate) fn pressure_of_the_machine_never_shrinks() -> Result<(), Failed> {
    for resource in [Resource::Cpu, Resource::Memory, Resource::Io] {
        let Some(before) = Pressure::of_machine(resource)? else {
            return skip("this kernel counts no pressure");
        };
        let after = Pressure::of_machine(resource)?.ok_or("it is gone")?;
        ensure("time goes on", after.some >= before.some && after.full >= before.full)?;
        ensure("all includes one", before.full <= Some(after.some))?;
    }
    Ok(())
}

pub(crate) fn pressure_of_what_is_no_cgroup_is_absent() -> Result<(), Failed> {
    check("nothing", Pressure::of_cgroup(Path::new("/"), Resource::Memory)?, None)?;
    match Pressure::of_cgroup(Path::new("/proc/self/exe"), Resource::Cpu) {
        Err(PressureError::Read { path, .. }) => {
            check("path", path.as_path(), Path::new("/proc/self/exe/cpu.pressure"))
        }
        other => Err(format!("expected an error, got {other:?}").into()),
    }
}
