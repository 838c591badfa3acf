//! What was moved, by the names that it had: afterwards all of it is the file's.

use std::ops::Range;

use crate::maps::Mapping;

/// Memory that is mapped from the file now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// What it was called before, as in `proc_pid_maps(5)`: a path, `[heap]` or the like, or nothing.
    pub name: String,
}

/// What is the file's after a freeze, and was not before.
pub(super) fn moved(before: &[Mapping], after: &[Mapping]) -> Vec<Moved> {
    let mut moved: Vec<Moved> = Vec::new();
    for frozen in after.iter().filter(|mapping| is_frozen(mapping)) {
        let Range { start, end } = frozen.addresses;
        let first = before.partition_point(|mapping| mapping.addresses.end <= start);
        for mapping in before[first..].iter().take_while(|mapping| mapping.addresses.start < end) {
            let (start, end) = (start.max(mapping.addresses.start), end.min(mapping.addresses.end));
            match moved.last_mut() {
                _ if is_frozen(mapping) => {}
                Some(last) if last.end == start && last.name == mapping.name => last.end = end,
                _ => moved.push(Moved { start, end, name: mapping.name.clone() }),
            }
        }
    }
    moved
}

fn is_frozen(mapping: &Mapping) -> bool {
    !mapping.is_shared && mapping.name.starts_with("/memfd:zeroboot-frozen")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_names_of_before() {
        let mapping = |line: &str| Mapping::parse(line).expect("a mapping");
        let frozen = |addresses: &str| {
            mapping(&format!("{addresses} rw-p 00000000 00:01 9 /memfd:zeroboot-frozen (deleted)"))
        };
        let before = [
            mapping("1000-5000 rw-p 00000000 00:00 0 [heap]"),
            mapping("5000-7000 rw-p 00000000 fe:00 9 /lib/a.so"),
            mapping("7000-8000 rw-p 00000000 fe:00 9 /lib/a.so"),
            mapping("8000-9000 rw-p 00000000 00:00 0 "),
            frozen("9000-a000"),
        ];
        let after =
            [mapping("1000-2000 rw-p 00000000 00:00 0 [heap]"), frozen("2000-8000"), frozen("9000-a000")];
        let place = |start, end, name: &str| Moved { start, end, name: name.to_owned() };
        let expected = [place(0x2000, 0x5000, "[heap]"), place(0x5000, 0x8000, "/lib/a.so")];
        assert_eq!(moved(&before, &after), expected);
    }
}
