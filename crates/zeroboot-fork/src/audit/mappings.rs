//! Memory that is shared, and libraries that are loaded, from `/proc/self/smaps`.

use std::fs;
use std::io;

use crate::maps::Mapping;

/// All that a child would inherit.
pub(super) struct Mappings(Vec<Mapping>);

/// `smaps` and not `maps`, since only it tells of `MADV_DONTFORK`.
pub(super) fn read() -> io::Result<Mappings> {
    let text = String::from_utf8_lossy(&fs::read("/proc/self/smaps")?).into_owned();
    Ok(Mappings(parse(&text)))
}

impl Mappings {
    /// The ones that are writable and shared.
    pub(super) fn shared(&self) -> impl Iterator<Item = &Mapping> {
        self.0.iter().filter(|mapping| mapping.is_shared && mapping.is_writable)
    }

    /// Whether a library is loaded, by a part of its file's name (of its directory's, where it ends in a slash).
    pub(super) fn load(&self, hint: &str) -> bool {
        self.0.iter().any(|mapping| is_library(&mapping.name, hint))
    }
}

fn is_library(path: &str, hint: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let place = if hint.ends_with('/') { path } else { file };
    path.starts_with('/') && path.contains(".so") && place.contains(hint)
}

fn parse(smaps: &str) -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        if let Some(mapping) = Mapping::parse(line) {
            mappings.push(mapping);
        } else if let Some(flags) = line.strip_prefix("VmFlags:")
            && flags.split_whitespace().any(|flag| flag == "dc")
        {
            // MADV_DONTFORK: no child has it.
            mappings.pop();
        }
    }
    mappings
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
55d000-55e000 r-xp 00001000 08:01 99                         /usr/lib/a b/libopenblas.so.0
Rss:                   4 kB
VmFlags: rd ex mr mw me
7f0000-7f2000 rw-s 00000000 00:01 12                         /dev/zero (deleted)
VmFlags: rd wr sh mr mw me ms
7f3000-7f4000 rw-s 00000000 00:01 13                         /dev/shm/x
VmFlags: rd wr sh mr mw me ms dc
7f5000-7f6000 r--s 00000000 00:01 14                         /usr/share/libomp.so.txt
7f6000-7f7000 rw-p 00000000 00:00 0 
7f7000-7f8000 rw-p 00000000 00:00 0                          [heap]
";

    #[test]
    fn shared_and_writable_and_inherited() {
        let mappings = Mappings(parse(SMAPS));
        let shared: Vec<_> = mappings.shared().map(|m| (m.addresses.clone(), m.name.as_str())).collect();
        assert_eq!(shared, [(0x7f_0000..0x7f_2000, "/dev/zero (deleted)")]);
        assert_eq!(mappings.0.len(), 5);
    }

    #[test]
    fn libraries_are_known_by_file_name() {
        let mappings = Mappings(parse(SMAPS));
        assert!(mappings.load("openblas") && mappings.load("libomp") && !mappings.load("libgomp"));
        assert!(!is_library("/opt/openblas/libz.so.1", "openblas"));
        assert!(is_library("/x/numexpr/interpreter.cpython-312.so", "/numexpr/"));
    }
}
