//! What an audit found, with remedies that name the options of those who make templates.

use zeroboot_fork::audit::{Finding, Report, ThreadRemedy};

/// One finding a line: the cause, a semicolon, the remedy.
pub(super) fn words(report: &Report) -> String {
    report.findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(finding: &Finding) -> String {
    let text = finding.to_string();
    match (finding, text.rsplit_once("; ")) {
        (Finding::Threads { remedies, .. }, Some((cause, _))) => {
            let remedies: Vec<_> = remedies.iter().map(remedy).collect();
            format!("{cause}; {}", remedies.join(", and "))
        }
        _ => text,
    }
}

fn remedy(remedy: &ThreadRemedy) -> String {
    match remedy {
        ThreadRemedy::Variable { library, name, value } => format!(
            "give the warm-up {name}={value} (--warm-env {name}={value}, or warm_environment), or use {library}, or what \
             imports it, in the script instead of at warm-up"
        ),
        ThreadRemedy::Later { library } => format!(
            "use {library}, or what imports it, in the script instead of at warm-up (--import, --warm): it starts \
             threads whatever is set"
        ),
        ThreadRemedy::Join => {
            "join them before the end of the warm-up, or start them in the script".to_owned()
        }
        // A kind that this program does not know speaks for itself.
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_remedy_after_the_last_semicolon() {
        let variable =
            ThreadRemedy::Variable { library: "OpenBLAS", name: "OPENBLAS_NUM_THREADS", value: "1" };
        let remedies = vec![variable, ThreadRemedy::Later { library: "polars" }];
        let report = Report { findings: vec![Finding::Threads { threads: Vec::new(), remedies }] };
        let text = words(&report);
        let (cause, remedy) = text.rsplit_once("; ").expect("a remedy");
        assert!(cause.starts_with("0 other threads"), "{cause}");
        assert_eq!(
            remedy,
            "give the warm-up OPENBLAS_NUM_THREADS=1 (--warm-env OPENBLAS_NUM_THREADS=1, or warm_environment), or use \
             OpenBLAS, or what imports it, in the script instead of at warm-up, and use polars, or what imports it, in \
             the script instead of at warm-up (--import, --warm): it starts threads whatever is set"
        );
    }
}
