//! The lines of `/proc/<pid>/maps`, which are also the heads of `smaps`. See `proc_pid_maps(5)`.

use std::ops::Range;

/// One mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) addresses: Range<u64>,
    pub(crate) is_writable: bool,
    pub(crate) is_shared: bool,
    pub(crate) name: String,
}

impl Mapping {
    /// `start-end perms offset device inode name`; other lines of `smaps` do not begin with two numbers.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let address = |digits| u64::from_str_radix(digits, 16).ok();
        let addresses = address(start)?..address(end)?;
        let permissions = fields.next()?.as_bytes();
        let has = |index: usize, letter| permissions.get(index) == Some(&letter);
        let name = fields.nth(3).unwrap_or_default().trim_start().to_owned();
        Some(Self { addresses, is_writable: has(1, b'w'), is_shared: has(3, b's'), name })
    }

    /// Whether a file is behind it: one that was deleted and one without a place in the tree as well.
    pub(crate) fn has_file(&self) -> bool {
        self.name.starts_with('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_what_is_none() {
        let line =
            "7f11bd204000-7f11bd35a000 r-xp 00026000 fe:00 326279                     /usr/lib/lib c.so.6";
        let mapping = Mapping::parse(line).expect("a mapping");
        assert_eq!(mapping.addresses, 0x7f11_bd20_4000..0x7f11_bd35_a000);
        assert!(!mapping.is_writable && !mapping.is_shared);
        assert_eq!(mapping.name, "/usr/lib/lib c.so.6");
        assert!(mapping.has_file());
        let heap = Mapping::parse("55d0-55d1 rw-p 00000000 00:00 0    [heap]").expect("a mapping");
        assert!(!heap.has_file());

        let anonymous = Mapping::parse("7f0000-7f2000 rw-s 00000000 00:00 0 ").expect("a mapping");
        assert!(anonymous.is_shared && anonymous.is_writable);
        assert_eq!(anonymous.name, "");

        assert_eq!(Mapping::parse("Rss:                   4 kB"), None);
        assert_eq!(Mapping::parse("VmFlags: rd ex mr mw me"), None);
    }
}
