//! How an attack becomes the text that a sandbox runs: what the host has laid out, the prelude, the attack.

use crate::bait::Bait;
use crate::catalogue::{Attack, Manner};

/// System calls and verdicts for every attack.
const PRELUDE: &str = include_str!("../attacks/prelude.py");

/// Which of two sandboxes a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// There is one sandbox only.
    Alone,
    /// Begins, says that it is ready, and stays.
    Victim,
    /// Comes second, and speaks the verdict.
    Attacker,
    /// The same text runs in both sandboxes at once: each is victim first and attacker afterwards.
    Both,
}

impl Role {
    /// The roles of a manner, where each sandbox has a command of its own.
    pub const fn of(manner: Manner) -> &'static [Self] {
        match manner {
            Manner::Alone | Manner::Ending | Manner::Returning => &[Self::Alone],
            Manner::Pair | Manner::Beside => &[Self::Victim, Self::Attacker],
        }
    }
}

/// The whole text.
pub fn compose(attack: &Attack, role: Role, bait: &Bait) -> String {
    let parts = Parts::of(attack.source);
    let body = match role {
        Role::Alone => attack.source.to_owned(),
        Role::Victim => format!("{}{}\nstay()\n", parts.both, parts.victim),
        Role::Attacker => format!("{}{}", parts.both, parts.attacker),
        Role::Both => format!("{}{}\nmeet()\n{}", parts.both, parts.victim, parts.attacker),
    };
    format!("CANARY = {}\n{PRELUDE}\n{body}", bait.words())
}

/// The sections of a program for two sandboxes. What comes before the first is for both. Where one takes what the other lacks,
/// it is the *greedy* one that begins, and the *other* one that speaks.
struct Parts {
    both: String,
    victim: String,
    attacker: String,
}

impl Parts {
    fn of(source: &str) -> Self {
        let mut parts = Self { both: String::new(), victim: String::new(), attacker: String::new() };
        let mut part = "both";
        for line in source.lines() {
            part = line.strip_prefix("# part: ").unwrap_or(part);
            let to = match part {
                "victim" | "greedy" => &mut parts.victim,
                "attacker" | "other" => &mut parts.attacker,
                _ => &mut parts.both,
            };
            to.push_str(line);
            to.push('\n');
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::Parts;

    #[test]
    fn parts_are_told_by_their_lines() {
        let parts =
            Parts::of("# Does it.\n# part: victim\na()\n# part: attacker\nb()\n# part: victim\nc()\n");
        assert_eq!(parts.both, "# Does it.\n");
        assert_eq!(parts.victim, "# part: victim\na()\n# part: victim\nc()\n");
        assert_eq!(parts.attacker, "# part: attacker\nb()\n");
    }
}
