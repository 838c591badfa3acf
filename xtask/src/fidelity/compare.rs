//! One module's two sides, held against each other.

use super::cases::{End, Ran};
use super::reasons::{self, Reason};

/// A case that ends otherwise inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Different {
    pub(super) case: String,
    pub(super) inside: String,
    pub(super) outside: String,
    /// The policy's reason; `None` if there is none.
    pub(super) why: Option<&'static str>,
}

/// What came of a module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) cases: usize,
    pub(super) same: usize,
    pub(super) different: Vec<Different>,
    /// Where both sides were cut off: what comes after was not compared.
    pub(super) cut_off: Option<String>,
}

/// Compares them. Where a side breaks off and the other does not, that is one difference, called after the module.
pub(super) fn compare(module: &str, inside: &Ran, outside: &Ran, reasons: &[Reason]) -> Compared {
    let mut compared = Compared::default();
    let absent = |ran: &Ran| if ran.broke_off.is_some() { "not reached" } else { "absent" };
    let words = |ran: &Ran, end: Option<&End>| end.map_or_else(|| absent(ran).to_owned(), End::words);
    let names = inside.ends.keys().chain(outside.ends.keys().filter(|name| !inside.ends.contains_key(*name)));
    for name in names {
        let (within, without) = (inside.ends.get(name), outside.ends.get(name));
        let alike = match (within, without) {
            (Some(within), Some(without)) => within.is_like(without),
            // Told once, for the module.
            (None, _) if inside.broke_off.is_some() => continue,
            (_, None) if outside.broke_off.is_some() => continue,
            _ => false,
        };
        compared.cases += 1;
        if alike {
            compared.same += 1;
        } else {
            let within = words(inside, within);
            compared.different.push(Different {
                case: name.clone(),
                why: reasons::why(reasons, name, &within),
                inside: within,
                outside: words(outside, without),
            });
        }
    }
    match (&inside.broke_off, &outside.broke_off) {
        (None, None) => {}
        (Some(within), Some(without)) => {
            compared.cut_off = Some(format!("inside in {within}, outside in {without}"));
        }
        (within, without) => {
            let words = |at: &Option<String>| {
                at.as_ref().map_or_else(|| "to its end".to_owned(), |at| format!("broke off in {at}"))
            };
            let at = within.as_ref().or(without.as_ref()).map_or("", String::as_str);
            let case = at.split(' ').next().filter(|name| name.starts_with("test."));
            compared.cases += 1;
            compared.different.push(Different {
                case: module.to_owned(),
                why: reasons::why(reasons, case.unwrap_or(module), &words(within)),
                inside: words(within),
                outside: words(without),
            });
        }
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::super::cases::read;
    use super::compare;

    #[test]
    fn kinds_of_ends_are_compared() {
        let inside = read("case\tpassed\ta\t\ncase\tfailed\tb\tone\ncase\tskipped\tc\tx\nend\n");
        let outside = read("case\tpassed\ta\t\ncase\tfailed\tb\tother\ncase\tpassed\tc\t\nend\n");
        let compared = compare("test.test_x", &inside, &outside, &[]);
        assert_eq!((compared.cases, compared.same), (3, 2));
        assert_eq!(compared.different[0].case, "c");
    }

    #[test]
    fn a_side_that_breaks_off_is_one_difference() {
        let inside = read("case\tpassed\ta\t\nbegin\tb\n");
        let outside = read("case\tpassed\ta\t\ncase\tpassed\tb\t\ncase\tpassed\tc\t\nend\n");
        let compared = compare("test.test_x", &inside, &outside, &[]);
        assert_eq!((compared.cases, compared.same, compared.different.len()), (2, 1, 1));
        assert_eq!(compared.different[0].case, "test.test_x");
    }

    #[test]
    fn two_that_break_off_are_compared_so_far() {
        let (inside, outside) =
            (read("case\tpassed\ta\t\nbegin\tb\n"), read("case\tpassed\ta\t\nbegin\tb\n"));
        let compared = compare("test.test_x", &inside, &outside, &[]);
        assert_eq!((compared.cases, compared.same), (1, 1));
        assert!(compared.cut_off.is_some());
    }
}
