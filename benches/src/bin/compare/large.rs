//! Large templates: packages that many scripts need, where this machine has them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use zeroboot::Template;

use super::process::{JOB, RESULT};

/// The interpreter that may have the packages; `cargo xtask bench` sets it.
const INTERPRETER: &str = "ZEROBOOT_BENCH_PYTHON";

/// Names of figures, and what their templates import.
const PACKAGES: [(&str, &str); 2] = [("spawn_pandas", "pandas"), ("spawn_jax", "jax")];

/// A template, and the figure that it is for.
pub(crate) struct Large {
    pub(crate) name: &'static str,
    template: Template,
}

/// Those whose packages are installed: the others' figures are absent.
pub(crate) fn prepare() -> anyhow::Result<Vec<Large>> {
    let interpreter = std::env::var_os(INTERPRETER).map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let there = PACKAGES.into_iter().filter(|(_, module)| has(&interpreter, module));
    let build = |(name, module): (&'static str, &str)| {
        let template = Template::python().interpreter(&interpreter).import(module).build();
        Ok(Large { name, template: template.with_context(|| format!("a template with {module}"))? })
    };
    there.map(build).collect()
}

/// Without importing it: the template does that.
fn has(interpreter: &PathBuf, module: &str) -> bool {
    let code = format!("import importlib.util, sys; sys.exit(importlib.util.find_spec('{module}') is None)");
    let status = Command::new(interpreter).args(["-I", "-c", &code]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Large {
    /// One sandbox: how long from the request to the result, and how many KiB it has copied, where this user may know.
    pub(crate) fn measure(&self) -> anyhow::Result<(Duration, Option<f64>)> {
        let outcome = self.template.run(JOB)?;
        ensure!(outcome.stdout == RESULT, "the sandbox gave {:?}", outcome.stdout_lossy());
        let result = outcome.account.times.first_output.context("the time of the first output")?;
        let copied = outcome.account.memory.and_then(|memory| memory.copied_kib);
        let copied = copied.map(|amount| u32::try_from(amount.0)).transpose();
        Ok((result, copied.context("more memory than there is")?.map(f64::from)))
    }
}
