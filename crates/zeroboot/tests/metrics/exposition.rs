//! A strict reader of the text format 0.0.4 of Prometheus: what is not as it must be is an error.

use std::collections::{BTreeMap, BTreeSet};

type Labels = BTreeMap<String, String>;

/// All samples, by name.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    samples: BTreeMap<String, Vec<(Labels, f64)>>,
}

/// The samples that follow its type.
#[derive(Debug)]
struct Family {
    name: String,
    kind: String,
}

impl Exposition {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.ends_with('\n') {
            return Err("the last line does not end".to_owned());
        }
        let mut exposition = Self::default();
        let mut families = BTreeSet::new();
        let mut kinds = Vec::new();
        let mut family: Option<Family> = None;
        let mut helped: Option<String> = None;
        for line in text.lines() {
            let wrong = |what: &str| Err(format!("{what}: {line:?}"));
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let Some((name, help)) = rest.split_once(' ') else { return wrong("no help") };
                if help.is_empty() || !is_name(name) || !families.insert(name.to_owned()) {
                    return wrong("a family that is there, or has no help or name");
                }
                helped = Some(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let Some((name, kind)) = rest.split_once(' ') else { return wrong("no type") };
                if helped.take().as_deref() != Some(name)
                    || !["counter", "gauge", "histogram"].contains(&kind)
                {
                    return wrong("a type without its help, or an unknown one");
                }
                if (kind == "counter") != name.ends_with("_total") {
                    return wrong("a counter is called _total, and nothing else is");
                }
                family = Some(Family { name: name.to_owned(), kind: kind.to_owned() });
                kinds.push((name.to_owned(), kind.to_owned()));
            } else {
                let (name, labels, value) = sample(line).ok_or_else(|| format!("no sample: {line:?}"))?;
                let Some(family) = &family else { return wrong("no family") };
                if !family.has(&name) {
                    return wrong("a sample of another family");
                }
                let samples = exposition.samples.entry(name).or_default();
                if samples.iter().any(|(known, _)| *known == labels) {
                    return wrong("a sample that is there");
                }
                samples.push((labels, value));
            }
        }
        let histograms = kinds.iter().filter(|(_, kind)| kind == "histogram");
        histograms.into_iter().try_for_each(|(name, _)| exposition.check_histogram(name))?;
        Ok(exposition)
    }

    /// Of the sample with exactly these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Labels =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.samples.get(name)?.iter().find(|(found, _)| *found == labels).map(|(_, value)| *value)
    }

    /// Whether there are samples of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.samples.contains_key(name)
    }

    /// Buckets ascend in their bounds and their counts, and the last has all.
    fn check_histogram(&self, name: &str) -> Result<(), String> {
        let all = |suffix: &str| self.samples.get(&format!("{name}_{suffix}")).cloned().unwrap_or_default();
        if all("sum").len() != all("count").len() {
            return Err(format!("{name} has sums without counts"));
        }
        for (labels, count) in all("count") {
            let mut before = (f64::NEG_INFINITY, 0.0);
            for (mut bucket, value) in all("bucket") {
                let bound =
                    bucket.remove("le").ok_or_else(|| format!("{name} has a bucket without a bound"))?;
                if bucket != labels {
                    continue;
                }
                let bound = number(&bound).ok_or_else(|| format!("{bound} is no bound"))?;
                if bound <= before.0 || value < before.1 {
                    return Err(format!("the buckets of {name} do not ascend at {bound}"));
                }
                before = (bound, value);
            }
            if before != (f64::INFINITY, count) {
                return Err(format!("the last bucket of {name} has {before:?}, not all of {count}"));
            }
        }
        Ok(())
    }
}

impl Family {
    fn has(&self, sample: &str) -> bool {
        let rest = sample.strip_prefix(&self.name);
        match self.kind.as_str() {
            "histogram" => matches!(rest, Some("_bucket" | "_sum" | "_count")),
            _ => rest == Some(""),
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    name.starts_with(is_letter) && name.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
}

fn number(text: &str) -> Option<f64> {
    if text == "+Inf" {
        return Some(f64::INFINITY);
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b".e-".contains(&byte));
    text.parse().ok().filter(|_| plain)
}

/// `name{label="value",...} number`
fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let (name, mut rest) = line.split_once('{')?;
    let mut labels = Labels::new();
    loop {
        let (label, quoted) = rest.split_once("=\"")?;
        let (value, after) = unescape(quoted)?;
        if !is_name(label) || labels.insert(label.to_owned(), value).is_some() {
            return None;
        }
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => {
                let value = number(after.strip_prefix("} ")?)?;
                return is_name(name).then(|| (name.to_owned(), labels, value));
            }
        }
    }
}

/// Up to the closing quote, and what comes after it.
fn unescape(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            _ => value.push(letter),
        }
    }
    None
}
