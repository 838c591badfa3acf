//! `zeroboot doctor`: what this host can enforce, for people and for programs.

use std::io::{IsTerminal, Write};

use zeroboot::{Finding, HostReport};

use crate::OWN_FAILURE;
use crate::arguments::DoctorOptions;
use crate::failure::Failure;

/// Looks, and says what was found. 0 when the policy `strict` can be had.
pub(crate) fn run(options: &DoctorOptions) -> Result<u8, Failure> {
    let report = zeroboot::examine_host();
    let text = if options.json {
        let text = serde_json::to_string(report).map_err(|error| Failure::new(error.to_string(), ""))?;
        text + "\n"
    } else {
        table(report, std::io::stdout().is_terminal())
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::stream("cannot write to standard output", &error))?;
    Ok(if report.strict { 0 } else { OWN_FAILURE })
}

fn table(report: &HostReport, colour: bool) -> String {
    let [green, red, plain] = if colour { ["\x1b[32m", "\x1b[31m", "\x1b[0m"] } else { [""; 3] };
    let verdict =
        if report.strict { "a strict sandbox can be made" } else { "no strict sandbox can be made" };
    let mut text = format!("Linux {}: {verdict}\n", report.kernel);
    for Finding { what, holds, detail, remedy, .. } in &report.findings {
        let (colour, word) = if *holds { (green, "yes") } else { (red, "no ") };
        text += format!("  {colour}{word}{plain}  {what:18}  {detail}").trim_end();
        text += "\n";
        if let Some(remedy) = remedy {
            text += &format!("{:27}remedy: {remedy}\n", "");
        }
    }
    text
}
