//! Versions stand in the workspace's manifest only.
//!
//! Reads the subset of TOML that cargo manifests are written in: tables by header, a key per line.

use super::{Member, Violation};

/// Checks that the package and each dependency inherit what they are from the workspace.
pub(super) fn check(member: &Member) -> Vec<Violation> {
    let mut found = Vec::new();
    for entry in entries(&member.manifest) {
        let dependencies = entry.table.split('.').any(|part| part.ends_with("dependencies"));
        let own_table = dependencies && !entry.table.ends_with("dependencies");
        let what = if entry.key == "version" && (own_table || entry.table == "package") {
            "a version stands in the workspace's manifest only"
        } else if dependencies && !own_table && !entry.inherits() {
            "a dependency is `workspace = true`"
        } else {
            continue;
        };
        found.push(Violation { path: member.manifest_path(), line: entry.line, what: what.to_owned() });
    }
    found
}

/// Where a manifest names a dependency; 1 if it does not.
pub(super) fn line_of(manifest: &str, dependency: &str) -> usize {
    let names = |entry: &Entry<'_>| {
        entry.table.ends_with("dependencies") && entry.key.split('.').next() == Some(dependency)
            || entry.table.ends_with(&format!("dependencies.{dependency}"))
    };
    entries(manifest).find(names).map_or(1, |entry| entry.line)
}

struct Entry<'a> {
    table: &'a str,
    key: &'a str,
    value: &'a str,
    line: usize,
}

impl Entry<'_> {
    fn inherits(&self) -> bool {
        let value = self.value.replace(' ', "");
        self.key.ends_with(".workspace") && value == "true" || value.contains("workspace=true")
    }
}

fn entries(manifest: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut table = "";
    manifest.lines().zip(1..).filter_map(move |(text, line)| {
        let text = text.split('#').next().unwrap_or_default().trim();
        if text.starts_with('[') && text.ends_with(']') {
            table = text.trim_matches(['[', ']']);
            return None;
        }
        let (key, value) = text.split_once('=')?;
        let key = key.trim();
        let bare = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
        key.chars().all(bare).then_some(Entry { table, key, value: value.trim(), line })
    })
}

#[cfg(test)]
mod tests {
    use super::{Member, check, line_of};

    fn lines(manifest: &str) -> Vec<usize> {
        let member = Member { manifest: manifest.into(), ..Member::default() };
        check(&member).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn inheriting_is_fine_in_each_spelling() {
        let manifest = "[package]\nversion.workspace = true\n[features]\nhost = [\"dep:a\"]\n[dependencies]\n\
            a = { workspace = true, features = [\n    \"x\",\n] }\nb.workspace = true\n[dependencies.c]\nworkspace = true\n\
            [target.'cfg(unix)'.dev-dependencies]\nd = { workspace=true } # = 1\n";
        assert_eq!(lines(manifest), [0; 0]);
    }

    #[test]
    fn a_version_or_a_path_is_found() {
        assert_eq!(lines("[package]\nversion = \"1\"\n"), [2]);
        assert_eq!(
            lines("[dependencies]\na = \"1\"\nb = { version = \"1\" }\nc = { path = \"../c\" }\n"),
            [2, 3, 4]
        );
        assert_eq!(lines("[dev-dependencies.a]\nversion = \"1\"\n"), [2]);
        assert_eq!(lines("[target.'cfg(unix)'.build-dependencies]\na = \"1\"\n"), [2]);
    }

    #[test]
    fn a_dependency_is_found_by_name() {
        let manifest =
            "[features]\nnix = []\n[dependencies]\nnix-like.workspace = true\nnix.workspace = true\n";
        assert_eq!(line_of(manifest, "nix"), 5);
        assert_eq!(line_of(manifest, "libc"), 1);
    }
}
