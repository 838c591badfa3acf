//! The rules that a single file is held to.

use super::source::{Source, Split};
use super::{Member, Violation};

const MOST_LINES: usize = 500;

/// The only packages that may say `unsafe`.
const MAY_BE_UNSAFE: [&str; 4] =
    ["zeroboot-fork", "zeroboot-isolation", "zeroboot-telemetry", "zeroboot-template"];

/// What allocates, formats, logs or panics, and so never stands in child-side code.
const NOT_IN_A_CHILD: [&str; 18] = [
    "format!",
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "panic!",
    "unreachable!",
    "vec!",
    "Box::new",
    "String::",
    "CString::",
    "OsString::",
    "Vec::new",
    ".to_owned()",
    ".to_string()",
    "tracing::",
    ".unwrap()",
    ".expect(",
];

/// Rules for any text.
pub(super) fn check_text(file: &Source) -> Vec<Violation> {
    homes(file)
}

/// Rules for Rust.
pub(super) fn check_rust(file: &Source, members: &[Member]) -> Vec<Violation> {
    let split = Split::new(&file.text);
    let mut found = length(file);
    found.extend(unsafe_where_forbidden(file, &split, members));
    found.extend(unsafe_without_reason(file, &split));
    found.extend(child_side(file, &split));
    found.extend(test_code(file, &split));
    if let Some(member) = members.iter().find(|member| member.roots.contains(&file.path)) {
        found.extend(crate_root(file, &split, member));
    }
    found
}

fn at(file: &Source, line: usize, what: impl Into<String>) -> Violation {
    Violation { path: file.path.clone(), line, what: what.into() }
}

fn length(file: &Source) -> Vec<Violation> {
    let lines = file.text.lines().count();
    let long = lines > MOST_LINES;
    long.then(|| at(file, MOST_LINES + 1, format!("{lines} lines: {MOST_LINES} at most")))
        .into_iter()
        .collect()
}

fn unsafe_where_forbidden(file: &Source, split: &Split, members: &[Member]) -> Vec<Violation> {
    let owner = members.iter().find(|member| member.owns(&file.path));
    if owner.is_some_and(|member| MAY_BE_UNSAFE.contains(&&*member.name)) {
        return Vec::new();
    }
    let lines = split.code.lines().zip(1..).filter(|(code, _)| words(code, "unsafe").next().is_some());
    lines
        .map(|(_, line)| at(file, line, "`unsafe` only in fork, isolation, telemetry and template"))
        .collect()
}

fn unsafe_without_reason(file: &Source, split: &Split) -> Vec<Violation> {
    let code: Vec<_> = split.code.lines().map(str::trim).collect();
    let comments: Vec<_> = split.comments.lines().map(str::trim).collect();
    let needs_reason = |line: &str| {
        words(line, "unsafe")
            .any(|rest| rest.trim_start().starts_with('{') || rest.trim_start().starts_with("impl"))
    };
    let bare =
        (0..code.len()).filter(|line| needs_reason(code[*line]) && !has_reason(&code, &comments, *line));
    bare.map(|line| at(file, line + 1, "`unsafe` needs a `// SAFETY:` just above")).collect()
}

/// Looks at the line, at the lines of the statement before it, and at the comment above those.
fn has_reason(code: &[&str], comments: &[&str], line: usize) -> bool {
    if comments[line].contains("SAFETY:") {
        return true;
    }
    let mut in_comment = false;
    for above in (0..line).rev() {
        let (code, comment) = (code[above], comments[above]);
        if code.is_empty() && !comment.is_empty() {
            in_comment = true;
            if comment.contains("SAFETY:") {
                return true;
            }
        } else if in_comment || code.is_empty() || code.ends_with([';', '{', '}', ',']) {
            return false;
        }
    }
    false
}

fn child_side(file: &Source, split: &Split) -> Vec<Violation> {
    if !file.path.contains("/src/") || !file.path.split('/').any(|part| part == "child" || part == "child.rs")
    {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (code, line) in split.code_without_tests().lines().zip(1..) {
        for banned in NOT_IN_A_CHILD.iter().filter(|banned| words(code, banned).next().is_some()) {
            found.push(at(file, line, format!("`{banned}` in child-side code")));
        }
    }
    found
}

fn test_code(file: &Source, split: &Split) -> Vec<Violation> {
    if !file.path.split('/').any(|part| part == "tests") {
        return Vec::new();
    }
    let rules =
        [("#[ignore", "a test that is ignored proves nothing"), ("thread::sleep", "a test waits for events")];
    let mut found = Vec::new();
    for (code, line) in split.code.lines().zip(1..) {
        for (_, what) in rules.iter().filter(|(banned, _)| code.contains(banned)) {
            found.push(at(file, line, *what));
        }
    }
    found
}

fn crate_root(file: &Source, split: &Split, member: &Member) -> Vec<Violation> {
    let mut found = Vec::new();
    if !file.text.trim_start().starts_with("//!") {
        found.push(at(file, 1, "a crate begins with its page, `//!`"));
    }
    if !MAY_BE_UNSAFE.contains(&&*member.name) && !split.code.contains("#![forbid(unsafe_code)]") {
        found.push(at(file, 1, "says `#![forbid(unsafe_code)]`"));
    }
    found
}

/// A home directory in a path that begins at the root: of a person's machine. The sandbox's own, and neighbours
/// of it that tests make up, are the product's.
fn homes(file: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for (text, line) in file.text.lines().zip(1..) {
        let parts: Vec<_> = text.split('/').collect();
        for part in parts.windows(3) {
            let from_root =
                !part[0].ends_with(|letter: char| letter.is_alphanumeric() || "_-.~*)}>]".contains(letter));
            let person = part[2].chars().take_while(|letter| letter.is_alphanumeric()).collect::<String>();
            let home = part[1] == "root"
                || part[1] == "home" && !person.is_empty() && !person.starts_with("sandbox");
            if from_root && home {
                found.push(at(file, line, "a home directory of some machine"));
            }
        }
    }
    found
}

/// What follows each place where the word stands alone: not as the end or the beginning of a longer name.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    let in_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).filter_map(move |(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let longer = word.starts_with(in_name) && before.ends_with(in_name)
            || word.ends_with(in_name) && after.starts_with(in_name);
        (!longer).then_some(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(path: &str, text: &str) -> Vec<String> {
        let member = |name: &str, directory: &str| Member {
            name: name.into(),
            directory: directory.into(),
            roots: vec![format!("{directory}/src/lib.rs")],
            ..Member::default()
        };
        let members =
            [member("zeroboot", "crates/zeroboot"), member("zeroboot-fork", "crates/zeroboot-fork")];
        let found = check_rust(&Source::new(path.into(), text.into()), &members);
        found.iter().map(|violation| format!("{}: {}", violation.line, violation.what)).collect()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn long_files() {
        assert_eq!(rust("crates/zeroboot/src/a.rs", &"\n".repeat(500)), NONE);
        assert_eq!(rust("crates/zeroboot/src/a.rs", &"\n".repeat(501)), ["501: 501 lines: 500 at most"]);
    }

    #[test]
    fn unsafe_is_for_some_crates() {
        let text = "// unsafe\n#![forbid(unsafe_code)]\nlet a = \"unsafe\";\nunsafe fn b() {}\n";
        assert_eq!(rust("crates/zeroboot-fork/src/a.rs", text), NONE);
        let what = "4: `unsafe` only in fork, isolation, telemetry and template";
        assert_eq!(rust("crates/zeroboot/src/a.rs", text), [what]);
        assert_eq!(rust("crates/zeroboot-forked/src/a.rs", text), [what]);
    }

    #[test]
    fn unsafe_has_a_reason() {
        let reasoned = [
            "// SAFETY: a\nunsafe { b() }",
            "// SAFETY: a\n// b\nlet c = d\n    .e(unsafe { f() });",
            "// SAFETY: a\n#[expect(dead_code)]\nunsafe impl Send for B {}",
            "x => /* SAFETY: a */ unsafe { b() },",
            "unsafe fn a() {}\nunsafe extern \"C\" {}",
        ];
        for text in reasoned {
            assert_eq!(rust("crates/zeroboot-fork/src/a.rs", text), NONE, "{text}");
        }
        let unreasoned = [
            "unsafe { b() }",
            "// because\nunsafe { b() }",
            "// SAFETY: a\n\nunsafe { b() }",
            "// SAFETY: a\nunsafe { b() };\nunsafe { c() }",
            "let s = \"SAFETY:\"; unsafe { b() }",
            "unsafe impl Send for B {}",
        ];
        for text in unreasoned {
            assert_eq!(rust("crates/zeroboot-fork/src/a.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn children_do_not_allocate() {
        let text = "// vec![]\nlet a = b.unwrap_or(my_vec![\"format!\"]);\n#[cfg(test)]\nmod tests { fn c() { vec![] } }\n";
        assert_eq!(rust("crates/zeroboot-fork/src/child/a.rs", text), NONE);
        let text = "let a = CString::new(b).unwrap();";
        let what = ["1: `CString::` in child-side code", "1: `.unwrap()` in child-side code"];
        assert_eq!(rust("crates/zeroboot-fork/src/child.rs", text), what);
        assert_eq!(rust("crates/zeroboot-fork/tests/child.rs", text), NONE);
        assert_eq!(rust("crates/zeroboot-fork/src/children.rs", text), NONE);
    }

    #[test]
    fn tests_neither_sleep_nor_are_ignored() {
        let text = "// thread::sleep\n#[ignore = \"slow\"]\nstd::thread::sleep(a);";
        let what = ["2: a test that is ignored proves nothing", "3: a test waits for events"];
        assert_eq!(rust("crates/zeroboot/tests/a.rs", text), what);
        assert_eq!(rust("crates/zeroboot/src/a.rs", text), NONE);
    }

    #[test]
    fn crates_have_a_page_and_forbid_unsafe() {
        assert_eq!(rust("crates/zeroboot/src/lib.rs", "//! A page.\n#![forbid(unsafe_code)]\n"), NONE);
        assert_eq!(rust("crates/zeroboot-fork/src/lib.rs", "//! A page.\n"), NONE);
        assert_eq!(rust("crates/zeroboot/src/lib.rs", "// #![forbid(unsafe_code)]\n").len(), 2);
    }

    #[test]
    fn homes_of_machines() {
        let lines = |text: &str| check_text(&Source::new("README.md".into(), text.into())).len();
        let path = |parts: &[&str]| parts.join("/");
        assert_eq!(lines(&format!("in `{}`", path(&["", "root", "x"]))), 1);
        assert_eq!(lines(&format!("\"{}\"", path(&["", "home", "me", "x"]))), 1);
        assert_eq!(lines(&path(&["", "home", "sandbox", "x"])), 0);
        assert_eq!(lines(&path(&["", "home", "sandbox2", "x"])), 0);
        assert_eq!(lines(&path(&["", "proc", "1", "root", "x"])), 0);
        assert_eq!(lines(&path(&["", "home", "<you>", "x"])), 0);
        assert_eq!(lines(&path(&["docs", "root", "x"])), 0);
    }
}
