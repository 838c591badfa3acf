//! The table, and the same as JSON.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::json;
use zeroboot_attack::catalogue::{Attack, Group};
use zeroboot_attack::control::Control;
use zeroboot_attack::suite::Outcome;

use crate::proof::Proof;

/// How an attack counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Held,
    Open,
    Skipped,
    Through,
    Unclear,
}

impl Standing {
    pub(crate) fn of(outcome: &Outcome, open: bool) -> Self {
        match outcome {
            Outcome::Held(_) => Self::Held,
            Outcome::Through(_) if open => Self::Open,
            Outcome::Through(_) => Self::Through,
            Outcome::Skipped(_) => Self::Skipped,
            Outcome::Unclear(_) => Self::Unclear,
        }
    }

    const ALL: [Self; 5] = [Self::Held, Self::Open, Self::Skipped, Self::Through, Self::Unclear];

    const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Open => "open",
            Self::Skipped => "skipped",
            Self::Through => "THROUGH",
            Self::Unclear => "UNCLEAR",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Held => "32",
            Self::Open | Self::Skipped => "33",
            Self::Through | Self::Unclear => "1;31",
        }
    }
}

/// One attack, done.
pub(crate) struct Entry<'a> {
    pub(crate) attack: &'a Attack,
    pub(crate) standing: Standing,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
    pub(crate) proof: Proof,
}

/// A standard stream. Where it is closed there is nobody to tell.
pub(crate) struct Stream {
    to: Box<dyn Write>,
    colours: bool,
}

impl Stream {
    fn output() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { to: Box::new(std::io::stdout()), colours }
    }

    pub(crate) fn errors() -> Self {
        Self { to: Box::new(std::io::stderr()), colours: false }
    }

    pub(crate) fn line(&mut self, text: &str) {
        let _ = writeln!(self.to, "{text}");
    }

    fn painted(&self, text: &str, colour: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What is printed, as it comes.
pub(crate) struct Report {
    to: Stream,
    json: bool,
    width: usize,
    group: Option<Group>,
    counts: BTreeMap<Standing, usize>,
    proofs: BTreeMap<&'static str, usize>,
}

impl Report {
    pub(crate) fn new(json: bool, chosen: &[&Attack]) -> Self {
        let width = chosen.iter().map(|attack| attack.name.len()).max().unwrap_or(0);
        let (counts, proofs) = (BTreeMap::new(), BTreeMap::new());
        Self { to: Stream::output(), json, width, group: None, counts, proofs }
    }

    pub(crate) fn note(&mut self, text: &str) {
        if !self.json {
            self.to.line(text);
        }
    }

    /// The attacks themselves, without running them.
    pub(crate) fn list(&mut self, attacks: &[&Attack]) {
        for attack in attacks {
            let layers: Vec<_> = attack.layers.iter().map(|layer| layer.name()).collect();
            if self.json {
                self.to.line(&describe(attack).to_string());
                continue;
            }
            self.heading(attack.group);
            self.to.line(&format!(
                "  {:width$}  {:9}  {} [{}]",
                attack.name,
                attack.risk,
                attack.does(),
                layers.join(", "),
                width = self.width
            ));
        }
    }

    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        *self.counts.entry(entry.standing).or_default() += 1;
        *self.proofs.entry(entry.proof.word()).or_default() += 1;
        if self.json {
            return self.document(entry);
        }
        self.heading(entry.attack.group);
        // Padded before it is painted: colours have no width.
        let word = self.to.painted(&format!("{:7}", entry.standing.word()), entry.standing.colour());
        let name = format!("{:width$}", entry.attack.name, width = self.width);
        let shown = entry.proof.word();
        self.to.line(&format!("  {name}  {word}  {shown:7}  {}", short(entry.outcome.detail())));
        if let Some(complaint) = entry.proof.complaint() {
            self.to.line(&format!("  {:width$}  {}", "", short(&complaint), width = self.width));
        }
    }

    /// The last line.
    pub(crate) fn end(&mut self) {
        if self.json {
            let counts: BTreeMap<_, _> =
                Standing::ALL.map(|each| (each.word().to_lowercase(), self.count(each))).into();
            self.to.line(&json!({ "summary": counts, "controls": self.proofs }).to_string());
            return;
        }
        let total: usize = self.counts.values().sum();
        let counts = Standing::ALL.map(|each| format!("{} {}", self.count(each), each.word().to_lowercase()));
        let [waived, arena, excused, missing] =
            ["waived", "arena", "excused", "MISSING"].map(|word| self.proofs(word));
        self.to.line(&format!("\n{total} attacks: {}", counts.join(", ")));
        self.to.line(&format!(
            "{} seen to succeed elsewhere ({waived} with their layers waived, {arena} in the arena); {excused} excused, \
             with reasons; {} unproven",
            waived + arena,
            missing + self.proofs("-")
        ));
    }

    /// Whether nothing got through, everything was judged, and no expected proof is missing.
    pub(crate) fn is_clean(&self) -> bool {
        self.count(Standing::Through) == 0
            && self.count(Standing::Unclear) == 0
            && self.proofs("MISSING") == 0
    }

    fn proofs(&self, word: &str) -> usize {
        self.proofs.get(word).copied().unwrap_or(0)
    }

    fn count(&self, standing: Standing) -> usize {
        self.counts.get(&standing).copied().unwrap_or(0)
    }

    fn heading(&mut self, group: Group) {
        if self.group.replace(group) != Some(group) {
            self.to.line(&format!("\n{}", self.to.painted(group.name(), "1")));
        }
    }

    fn document(&mut self, entry: &Entry<'_>) {
        let mut document = describe(entry.attack);
        document["standing"] = json!(entry.standing.word().to_lowercase());
        document["detail"] = json!(entry.outcome.detail());
        document["took_ms"] = json!(u64::try_from(entry.took.as_millis()).unwrap_or(u64::MAX));
        document["control"] = match &entry.proof {
            Proof::Shown(Control { place, outcome }) => {
                json!({ "by": place.word(), "detail": outcome.detail() })
            }
            other => json!({ "by": null, "detail": other.complaint() }),
        };
        self.to.line(&document.to_string());
    }
}

fn describe(attack: &Attack) -> serde_json::Value {
    json!({
        "group": attack.group,
        "name": attack.name,
        "does": attack.does(),
        "layers": attack.layers,
        "risk": attack.risk,
    })
}

/// What fits into a line of the table.
fn short(text: &str) -> String {
    const MOST: usize = 100;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use zeroboot_attack::suite::Outcome;

    use super::{Standing, short};

    #[test]
    fn only_what_got_through_can_be_open() {
        assert_eq!(Standing::of(&Outcome::Through(String::new()), true), Standing::Open);
        assert_eq!(Standing::of(&Outcome::Through(String::new()), false), Standing::Through);
        assert_eq!(Standing::of(&Outcome::Held(String::new()), true), Standing::Held);
        assert_eq!(Standing::of(&Outcome::Unclear(String::new()), true), Standing::Unclear);
    }

    #[test]
    fn details_are_cut_between_characters() {
        assert_eq!(short("é"), "é");
        let cut = short(&"é".repeat(101));
        assert_eq!((cut.chars().count(), cut.ends_with("...")), (100, true));
    }
}
