//! The lines of `/proc/<pid>/maps`. See `proc_pid_maps(5)`.

use std::ops::Range;

use crate::ranges::number;

/// One mapping, as it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) addresses: Range<u64>,
    is_shared: bool,
    is_writable: bool,
    inode: &'a [u8],
    name: &'a [u8],
}

impl<'a> Line<'a> {
    /// `start-end perms offset device inode name`.
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.splitn(6, |byte| *byte == b' ');
        let range = fields.next()?;
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let addresses = number(&range[..dash], 16)?..number(&range[dash + 1..], 16)?;
        let permissions = fields.next()?;
        let (is_writable, is_shared) = (permissions.get(1) == Some(&b'w'), permissions.get(3) == Some(&b's'));
        let inode = fields.nth(2)?;
        let name = fields.next().unwrap_or_default().trim_ascii();
        Some(Self { addresses, is_shared, is_writable, inode, name })
    }

    /// Whether a fork may have pages of its own here.
    pub(crate) fn may_be_written(&self) -> bool {
        self.is_writable && !self.is_shared
    }

    /// Whether what is written here for the first time is a copy of a file's content.
    pub(crate) fn copies_a_file(&self) -> bool {
        !self.is_shared && self.inode != b"0"
    }

    /// A library by its file's name, a place of the kernel's naming (`[heap]`) by that, other memory as `[anon]`.
    pub(crate) fn short_name(&self) -> &'a [u8] {
        short(self.name)
    }
}

/// The short form of a mapping's name.
pub(crate) fn short(name: &[u8]) -> &[u8] {
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    match name.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => &name[slash + 1..],
        None if name.is_empty() => b"[anon]",
        None => name,
    }
}

/// Every mapping in order; `None` for a line that is not one.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = Option<Line<'_>>> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(Line::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_what_is_none() {
        let text =
            b"7f11bd204000-7f11bd35a000 r-xp 00026000 fe:00 326279                     /usr/lib/lib c.so.6\n\
            55d0-55d1 rw-p 00000000 00:00 0    [heap]\n\
            7f0000-7f2000 rw-s 00000000 00:01 7 /memfd:a b (deleted)\n\
            7f2000-7f3000 rw-p 00000000 00:00 0 \n\
            no mapping\n";
        let found: Vec<_> = lines(text).collect();
        let short = |index: usize| {
            let line: &Line<'_> = found[index].as_ref().expect("a mapping");
            (line.addresses.clone(), line.copies_a_file(), line.short_name())
        };
        assert_eq!(short(0), (0x7f11_bd20_4000..0x7f11_bd35_a000, true, &b"lib c.so.6"[..]));
        assert_eq!(short(1), (0x55d0..0x55d1, false, &b"[heap]"[..]));
        assert_eq!(short(2), (0x7f_0000..0x7f_2000, false, &b"memfd:a b"[..]));
        assert_eq!(short(3), (0x7f_2000..0x7f_3000, false, &b"[anon]"[..]));
        assert_eq!(found[4], None);
        assert_eq!(found.len(), 5);
    }
}
