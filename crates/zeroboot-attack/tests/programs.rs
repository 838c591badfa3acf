//! Every program is sound, without running any in a sandbox.
#![expect(clippy::unwrap_used, reason = "a test may end there")]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use zeroboot_attack::bait::Bait;
use zeroboot_attack::catalogue::{self, Group, Manner};
use zeroboot_attack::program::{Role, compose};

#[test]
fn there_are_enough() {
    assert!(catalogue::all().count() >= 80);
    for group in Group::ALL {
        assert!(catalogue::all().any(|attack| attack.group == *group), "{group} is empty");
    }
}

#[test]
fn names_are_unique() {
    let mut seen = BTreeSet::new();
    for attack in catalogue::all() {
        assert!(seen.insert(attack.path()), "{} stands twice", attack.path());
    }
}

#[test]
fn every_file_is_in_the_table() {
    let known: BTreeSet<_> = catalogue::all().map(|attack| format!("{}.py", attack.path())).collect();
    let root = format!("{}/attacks", env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for group in Group::ALL {
        for entry in std::fs::read_dir(format!("{root}/{group}")).unwrap() {
            found.insert(format!("{group}/{}", entry.unwrap().file_name().into_string().unwrap()));
        }
    }
    assert_eq!(found, known);
}

#[test]
fn every_program_says_what_it_does() {
    for attack in catalogue::all() {
        let does = attack.does();
        assert!(
            does.ends_with('.') && does.len() > 15 && attack.source.starts_with("# "),
            "{}",
            attack.path()
        );
        assert!(!attack.layers.is_empty(), "{}", attack.path());
    }
}

#[test]
fn every_program_can_say_each_of_its_verdicts() {
    for attack in catalogue::all() {
        let source = attack.source;
        // `refused` says `held` for an error of the system; marks are judged by the suite.
        assert!(
            source.contains("held(")
                || source.contains("refused(")
                || matches!(attack.manner, Manner::Ending | Manner::Returning),
            "{} is never held",
            attack.path()
        );
        assert!(
            source.contains("through(")
                || source.contains("mark(")
                || matches!(attack.manner, Manner::Beside | Manner::Returning),
            "{} never gets through",
            attack.path()
        );
        assert!(!source.contains("print("), "{} speaks past the verdicts", attack.path());
        let in_two = matches!(attack.manner, Manner::Pair | Manner::Beside);
        assert_eq!(source.contains("# part: "), in_two, "{}", attack.path());
    }
}

/// All in one interpreter: a program is text between lines that no program has.
#[test]
fn every_program_compiles() {
    let bait = Bait::lay(vec!["read".to_owned()]).unwrap();
    let mut all = String::new();
    for attack in catalogue::all() {
        let roles = Role::of(attack.manner).iter().copied();
        for role in roles.chain((attack.manner == Manner::Pair).then_some(Role::Both)) {
            all.push_str(&format!("\0{}\n{}", attack.path(), compose(attack, role, &bait)));
        }
    }
    let check = "import sys\nfor text in sys.stdin.read().split('\\0')[1:]:\n    \
                 name, program = text.split('\\n', 1)\n    compile(program, name, 'exec')\n";
    let mut python =
        Command::new("python3").args(["-W", "error", "-c", check]).stdin(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(all.as_bytes()).unwrap();
    assert!(python.wait().unwrap().success());
}
