//! Where cgroups can be made: the mounted hierarchy, and the cgroups from this process's own upwards.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::group::GroupError;

/// Every cgroup that may be the parent of a new one: this process's own first, the root of what is mounted last.
pub(super) fn candidates() -> Result<Vec<PathBuf>, GroupError> {
    let read = |file: &'static str| {
        fs::read_to_string(file).map_err(|source| GroupError::Read { path: PathBuf::from(file), source })
    };
    let (mounts, own) = (read("/proc/self/mountinfo")?, read("/proc/self/cgroup")?);
    let (root, point) = mounted(&mounts).ok_or(GroupError::NotMounted)?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).ok_or(GroupError::NotMounted)?;
    Ok(upwards(&point, below(Path::new(own), &root)))
}

/// A cgroup as seen from the root of what is mounted. Where a part of the hierarchy is mounted, or a namespace is left,
/// it may not be seen at all: then that root is where to begin.
fn below<'a>(own: &'a Path, root: &Path) -> &'a Path {
    let seen = own.strip_prefix(root).ok();
    let is_plain = |path: &&Path| !path.components().any(|part| part == Component::ParentDir);
    seen.filter(is_plain).unwrap_or(Path::new(""))
}

fn upwards(point: &Path, below: &Path) -> Vec<PathBuf> {
    below.ancestors().map(|path| point.join(path)).collect()
}

/// Root and mount point of the first cgroup2 file system in a `mountinfo`. See `proc_pid_mountinfo(5)`.
fn mounted(mounts: &str) -> Option<(PathBuf, PathBuf)> {
    mounts.lines().find_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        if kind.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = fields.split(' ').skip(3);
        Some((PathBuf::from(fields.next()?), PathBuf::from(fields.next()?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_found_by_its_kind() {
        let mounts = "21 1 0:19 / /proc rw shared:2 - proc proc rw\n\
                      30 21 0:26 /a /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(mounted(mounts), Some((PathBuf::from("/a"), PathBuf::from("/sys/fs/cgroup"))));
        assert_eq!(mounted("33 1 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"), None);
    }

    #[test]
    fn the_search_goes_from_the_own_cgroup_to_the_root_of_the_mount() {
        let found = |own: &str, root: &str| upwards(Path::new("/c"), below(Path::new(own), Path::new(root)));
        assert_eq!(found("/a/b", "/"), ["/c/a/b", "/c/a", "/c/"].map(PathBuf::from));
        assert_eq!(found("/a/b", "/a"), ["/c/b", "/c/"].map(PathBuf::from));
        assert_eq!(found("/", "/"), [PathBuf::from("/c/")]);
        assert_eq!(found("/../x", "/"), [PathBuf::from("/c/")]);
        assert_eq!(found("/x", "/a"), [PathBuf::from("/c/")]);
    }
}
