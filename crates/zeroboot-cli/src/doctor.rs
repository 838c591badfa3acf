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
    let remedies = remedies(report.findings.iter().map(|one| (one.what, one.remedy.as_deref())));
    for (Finding { what, holds, detail, .. }, remedy) in report.findings.iter().zip(remedies) {
        let (colour, word) = if *holds { (green, "yes") } else { (red, "no ") };
        text += format!("  {colour}{word}{plain}  {what:18}  {detail}").trim_end();
        text += "\n";
        if let Some(remedy) = remedy {
            text += &format!("{:27}remedy: {remedy}\n", "");
        }
    }
    text
}

/// The remedy of each finding; one that several have is given once, and the others refer to it.
fn remedies<'a>(findings: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Vec<Option<String>> {
    let mut given: Vec<(&str, &str)> = Vec::new();
    let mut one = |(what, remedy): (&'a str, Option<&'a str>)| {
        let remedy = remedy?;
        match given.iter().find(|(_, earlier)| *earlier == remedy) {
            Some((earlier, _)) => Some(format!("as for {earlier}")),
            None => {
                given.push((what, remedy));
                Some(remedy.to_owned())
            }
        }
    };
    findings.map(&mut one).collect()
}

#[cfg(test)]
mod tests {
    use super::remedies;

    #[test]
    fn a_remedy_is_given_once() {
        let findings = [("a", Some("do x")), ("b", None), ("c", Some("do y")), ("d", Some("do x"))];
        let given = [Some("do x"), None, Some("do y"), Some("as for a")].map(|one| one.map(str::to_owned));
        assert_eq!(remedies(findings.into_iter()), given);
    }
}
