//! A program of the corpus, and what its header says about it.
//!
//! Header lines are comments that begin with `# KEY:`, anywhere in the program: those about its first bytes have them last.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Appended where a program says `# files: yes`: lists the working directory.
const FILES: &str = include_str!("files.py");

/// One program.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    /// Its name without `.py`.
    pub(crate) name: String,
    /// What runs, which ends with the listing if it asks for one.
    pub(crate) code: Vec<u8>,
    /// `# stdin: "…"`.
    pub(crate) stdin: Vec<u8>,
    /// `# argv: ["…"]`.
    pub(crate) arguments: Vec<String>,
    /// `# needs: numpy`, `# needs: python 3.11`, `# needs: program git`.
    pub(crate) needs: Vec<String>,
    /// `# long: yes`: left out unless all programs are asked for.
    pub(crate) long: bool,
    pub(crate) difference: Option<Difference>,
}

/// What is different inside because the policy says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `# policy: REASON`.
    pub(crate) reason: String,
    /// `# inside: stdout "…"`.
    pub(crate) stdout: Option<String>,
    /// `# inside: stderr "…"`.
    pub(crate) stderr: Option<String>,
    /// `# inside: status "exited 1"`.
    pub(crate) status: Option<String>,
}

impl Program {
    /// Reads its file.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let code = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Self::parse(name, code)
    }

    pub(crate) fn parse(name: String, code: Vec<u8>) -> Result<Self, String> {
        let text = String::from_utf8_lossy(&code).into_owned();
        let mut program = Self { name, code, ..Self::default() };
        for line in text.lines() {
            let Some((key, value)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(": ")) else {
                continue;
            };
            program
                .header(key, value.trim())
                .map_err(|error| format!("{}: {line}: {error}", program.name))?;
        }
        match &program.difference {
            Some(Difference { stdout: None, stderr: None, status: None, .. }) => {
                return Err(format!("{}: a policy without what is different inside", program.name));
            }
            Some(Difference { reason, .. }) if reason.is_empty() => {
                return Err(format!("{}: a difference without a reason", program.name));
            }
            _ => {}
        }
        Ok(program)
    }

    fn header(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (key, value) {
            ("stdin", _) => self.stdin = text(value)?.into_bytes(),
            ("argv", _) => {
                let Value::Array(words) = json(value)? else { return Err("not a list".to_owned()) };
                self.arguments = words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
            }
            ("needs", _) => self.needs.push(value.to_owned()),
            ("files", "yes") => self.code.extend_from_slice(FILES.as_bytes()),
            ("long", "yes") => self.long = true,
            ("policy", _) => value.clone_into(&mut self.difference.get_or_insert_default().reason),
            ("inside", _) => {
                let (part, value) = value.split_once(' ').ok_or("no value")?;
                let difference = self.difference.get_or_insert_default();
                let place = match part {
                    "stdout" => &mut difference.stdout,
                    "stderr" => &mut difference.stderr,
                    "status" => &mut difference.status,
                    _ => return Err(format!("there is no {part}")),
                };
                *place = Some(text(value)?);
            }
            // A comment of the program's own.
            _ => {}
        }
        Ok(())
    }

    /// The file that it is, inside and outside.
    pub(crate) fn file(&self) -> PathBuf {
        PathBuf::from(format!("{}.py", self.name))
    }
}

/// How it ended and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) status: String,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Run {
    /// Without the addresses of objects.
    fn comparable(&self) -> Self {
        Self {
            status: self.status.clone(),
            stdout: without_addresses(&self.stdout),
            stderr: without_addresses(&self.stderr),
        }
    }
}

/// Leaves out the digits of each ` at 0x7f...`.
fn without_addresses(text: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b" at 0x";
    let mut kept = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        let (before, after) = rest.split_at(at + MARK.len());
        kept.extend_from_slice(before);
        let digits = after.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        rest = &after[digits..];
    }
    kept.extend_from_slice(rest);
    kept
}

/// What is not as it should be: nothing, if inside is as outside but for the listed difference.
pub(crate) fn disagreement(inside: &Run, outside: &Run, listed: Option<&Difference>) -> Option<String> {
    let (inside, outside) = (&inside.comparable(), &outside.comparable());
    let mut wanted = outside.clone();
    if let Some(listed) = listed {
        if inside == outside {
            return Some(format!("is as outside, though a difference is listed: {}", listed.reason));
        }
        let replace = |wanted: &mut Vec<u8>, text: &Option<String>| {
            if let Some(text) = text {
                text.as_bytes().clone_into(wanted);
            }
        };
        replace(&mut wanted.stdout, &listed.stdout);
        replace(&mut wanted.stderr, &listed.stderr);
        if let Some(status) = &listed.status {
            status.clone_into(&mut wanted.status);
        }
    }
    if *inside == wanted {
        return None;
    }
    let mut said = String::new();
    if inside.status != wanted.status {
        let _ = writeln!(said, "status: {}; wanted {}", inside.status, wanted.status);
    }
    for (name, found, wanted) in
        [("stdout", &inside.stdout, &wanted.stdout), ("stderr", &inside.stderr, &wanted.stderr)]
    {
        if found != wanted {
            let _ = write!(said, "{name}:\n{}wanted:\n{}", excerpt(found), excerpt(wanted));
        }
    }
    Some(said)
}

fn excerpt(bytes: &[u8]) -> String {
    const MOST: usize = 1500;
    let text = String::from_utf8_lossy(bytes);
    let mut lines: String = text.chars().take(MOST).collect();
    if text.chars().nth(MOST).is_some() {
        lines.push_str(" [...]");
    }
    lines.lines().fold(String::new(), |all, line| all + "    " + &line.escape_debug().to_string() + "\n")
}

fn json(value: &str) -> Result<Value, String> {
    serde_json::from_str(value).map_err(|error| error.to_string())
}

fn text(value: &str) -> Result<String, String> {
    json(value)?.as_str().map(str::to_owned).ok_or_else(|| "not a string".to_owned())
}
