//! The lines of `/proc/<pid>/maps`, which are also the heads of `smaps`. See `proc_pid_maps(5)`.

use std::io;
use std::ops::Range;

/// The head of one mapping, as it stands in the text. Parsing it allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) start: u64,
    pub(crate) end: u64,
    permissions: &'a [u8],
    pub(crate) inode: &'a [u8],
    pub(crate) name: &'a [u8],
}

impl<'a> Head<'a> {
    /// `start-end perms offset device inode name`; other lines of `smaps` do not begin with two numbers.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.splitn(6, |byte| *byte == b' ');
        let range = fields.next()?;
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let (start, end) = (number(&range[..dash], 16)?, number(&range[dash + 1..], 16)?);
        let permissions = fields.next()?;
        let inode = fields.nth(2).unwrap_or_default();
        let name = fields.next().unwrap_or_default().trim_ascii_start();
        Some(Self { start, end, permissions, inode, name })
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.permissions.first() == Some(&b'r')
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.permissions.get(1) == Some(&b'w')
    }

    pub(crate) fn is_executable(&self) -> bool {
        self.permissions.get(2) == Some(&b'x')
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.permissions.get(3) == Some(&b's')
    }
}

/// A number in digits of this base, without a sign.
pub(crate) fn number(digits: &[u8], base: u32) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(digits).ok()?, base).ok()
}

/// Every mapping of this process, by address. A path need not be text: what is not is shown with replacements.
pub(crate) fn of_this_process() -> io::Result<Vec<Mapping>> {
    let text = std::fs::read("/proc/self/maps")?;
    Ok(String::from_utf8_lossy(&text).lines().filter_map(Mapping::parse).collect())
}

/// One mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) addresses: Range<u64>,
    pub(crate) is_readable: bool,
    pub(crate) is_writable: bool,
    pub(crate) is_executable: bool,
    pub(crate) is_shared: bool,
    pub(crate) name: String,
}

impl Mapping {
    /// See [`Head::parse`].
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let head = Head::parse(line.as_bytes())?;
        Some(Self {
            addresses: head.start..head.end,
            is_readable: head.is_readable(),
            is_writable: head.is_writable(),
            is_executable: head.is_executable(),
            is_shared: head.is_shared(),
            name: String::from_utf8_lossy(head.name).into_owned(),
        })
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
        assert!(mapping.is_readable && mapping.is_executable && !mapping.is_writable && !mapping.is_shared);
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
