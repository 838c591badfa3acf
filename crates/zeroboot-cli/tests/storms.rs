//! Storms, as the command tells and ends them.

mod common;

use std::process::{ExitCode, Output};

use common::{TestFile, expect, run, zeroboot};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

fn main() -> ExitCode {
    run(vec![Trial::test("storms_are_told_and_ended", storms)])
}

/// Each is told; what is done about it is what the command line says, or else the policy.
fn storms() -> Result<(), Failed> {
    // So much on any machine.
    let file = TestFile::new("storm.toml", "[storm]\naction = \"kill\"\nfaults = 2000\nwithin-ms = 3000\n")?;
    let path = file.0.to_str().ok_or("a path")?;
    let code = "
import mmap
area = mmap.mmap(-1, 40 << 20, mmap.MAP_PRIVATE)
area.madvise(mmap.MADV_NOHUGEPAGE)
for at in range(0, 40 << 20, 4096): area[at] = 1
print('all')
";
    let run = |more: &[&str], code: &str| -> Result<(Output, Value), Failed> {
        let output = zeroboot(&[&["--json", "--policy", path], more, &["-c", code]].concat()).output()?;
        let document = serde_json::from_slice(&output.stdout)?;
        Ok((output, document))
    };
    let (output, document) = run(&["--storm", "report"], code)?;
    let storm = &document["storms"][0];
    let told = document["faults"]["storm"] == true && storm["action"] == "report";
    let known =
        ["began_us", "seen_us", "duration_us", "faults", "peak_per_s"].map(|name| storm[name].is_number());
    expect("a report", told && known == [true; 5] && document["stdout"] == "all\n", &output)?;
    let (output, document) = run(&[], code)?;
    let killed = document["outcome"]["kind"] == "storm" && output.status.code() == Some(137);
    expect("a kill", killed && document["storms"][0]["action"] == "kill", &output)?;
    let (output, document) = run(&["--storm", "off"], code)?;
    expect("off", document["faults"]["storm"].is_null() && document.get("storms").is_none(), &output)?;
    let (output, document) = run(&[], "pass")?;
    expect("a calm", document["faults"]["storm"] == false && document.get("storms").is_none(), &output)?;
    let wrong = zeroboot(&["--storm", "panic", "-c", "1"]).output()?;
    expect("no such action", wrong.status.code() == Some(125), &wrong)
}
