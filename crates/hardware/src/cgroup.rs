//! The limits that a container or a batch system sets: Linux control groups, version 1 and 2.
//!
//! A limit holds for a group and all groups below it, so every group from this process's own up to
//! the root of the mounted hierarchy is read, and the tightest limit counts. (Kernel documentation:
//! admin-guide/cgroup-v2.rst, admin-guide/cgroup-v1/memory.rst, scheduler/sched-bwc.rst.)

use std::fs;
use std::path::{Path, PathBuf};

/// What this process may use; `None`: nothing is limited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Quota of processor time in cores, such as 2.5.
    pub cores: Option<f64>,
    /// Bytes of memory in all.
    pub memory: Option<u64>,
    /// Bytes of memory that are free below the limit. The page cache that can be dropped counts as free.
    pub memory_left: Option<u64>,
}

/// Version 1 writes "no limit" as the highest multiple of a page; whatever is near that is no limit.
const NO_LIMIT: u64 = 1 << 60;

impl Limits {
    /// The limits of this process.
    pub fn detect() -> Self {
        Self::read(Path::new("/"))
    }

    /// Reads `/proc` and the mounted hierarchies below `root`.
    fn read(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let (groups, mounts) = (text("proc/self/cgroup"), text("proc/self/mountinfo"));
        let mut limits = Limits::default();
        for mount in mounts.lines().filter_map(Mount::parse) {
            let Some(group) = mount.group(&groups) else { continue };
            let top = root.join(mount.point.trim_start_matches('/'));
            let mut folder = top.join(group.trim_start_matches('/'));
            // A group that this namespace does not show: the mounted root is what holds for it.
            if !folder.is_dir() {
                folder.clone_from(&top);
            }
            while folder.starts_with(&top) {
                limits.tighten(&Group { folder: &folder, version: mount.version });
                if !folder.pop() {
                    break;
                }
            }
        }
        limits
    }

    fn tighten(&mut self, group: &Group<'_>) {
        if let Some(cores) = group.cores() {
            self.cores = Some(self.cores.map_or(cores, |c| c.min(cores)));
        }
        if let Some(limit) = group.memory() {
            self.memory = Some(self.memory.map_or(limit, |m| m.min(limit)));
            if let Some(used) = group.memory_used() {
                let left = limit.saturating_sub(used);
                self.memory_left = Some(self.memory_left.map_or(left, |m| m.min(left)));
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// A mounted hierarchy of groups.
#[derive(Debug)]
struct Mount<'a> {
    version: Version,
    /// The group that is mounted.
    root: &'a str,
    /// Where it is mounted.
    point: &'a str,
    /// Version 1: its controllers, among other options.
    options: &'a str,
}

impl<'a> Mount<'a> {
    /// A line of `/proc/self/mountinfo` (proc(5)): the fourth and fifth word are root and mount
    /// point; type, source and options of the file system stand behind a lone "-".
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let version = match after.next()? {
            "cgroup" => Version::One,
            "cgroup2" => Version::Two,
            _ => return None,
        };
        let mut before = before.split(' ').skip(3);
        Some(Self { version, root: before.next()?, point: before.next()?, options: after.nth(1)? })
    }

    /// This process's group, relative to the mount's root; from `/proc/self/cgroup`
    /// (`number:controllers:path`, without controllers for version 2).
    fn group<'g>(&self, groups: &'g str) -> Option<&'g str> {
        let path = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let ours = match self.version {
                Version::Two => controllers.is_empty(),
                Version::One => {
                    controllers.split(',').any(|c| !c.is_empty() && self.options.split(',').any(|o| o == c))
                }
            };
            ours.then_some(path)
        })?;
        Some(path.strip_prefix(self.root).unwrap_or(path))
    }
}

struct Group<'a> {
    folder: &'a Path,
    version: Version,
}

impl Group<'_> {
    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(PathBuf::from(self.folder).join(name)).ok()
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    fn cores(&self) -> Option<f64> {
        let (quota, period) = match self.version {
            Version::Two => {
                let text = self.text("cpu.max")?;
                let (quota, period) = text.trim().split_once(' ')?;
                (quota.parse().ok()?, period.parse().ok()?)
            }
            Version::One => (self.number("cpu.cfs_quota_us")?, self.number("cpu.cfs_period_us")?),
        };
        (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
    }

    fn memory(&self) -> Option<u64> {
        let name = match self.version {
            Version::Two => "memory.max",
            Version::One => "memory.limit_in_bytes",
        };
        self.text(name)?.trim().parse().ok().filter(|n| *n < NO_LIMIT)
    }

    fn memory_used(&self) -> Option<u64> {
        let (usage, droppable) = match self.version {
            Version::Two => ("memory.current", "inactive_file "),
            Version::One => ("memory.usage_in_bytes", "total_inactive_file "),
        };
        let used: u64 = self.text(usage)?.trim().parse().ok()?;
        let stat = self.text("memory.stat").unwrap_or_default();
        let cache = stat.lines().find_map(|l| l.strip_prefix(droppable)?.trim().parse().ok()).unwrap_or(0);
        Some(used.saturating_sub(cache))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, text).expect("a file");
        }
        dir
    }

    const V2: &str = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn version_2_uses_the_tightest_limit_up_to_the_root() {
        let dir = tree(&[
            ("proc/self/cgroup", "0::/job.slice/step_0\n"),
            ("proc/self/mountinfo", V2),
            ("sys/fs/cgroup/job.slice/cpu.max", "250000 100000\n"),
            ("sys/fs/cgroup/job.slice/memory.max", "8589934592\n"),
            ("sys/fs/cgroup/job.slice/memory.current", "3221225472\n"),
            ("sys/fs/cgroup/job.slice/memory.stat", "anon 1\ninactive_file 1073741824\n"),
            ("sys/fs/cgroup/job.slice/step_0/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/job.slice/step_0/memory.max", "max\n"),
        ]);
        let limits = Limits::read(dir.path());
        assert_eq!(limits, Limits { cores: Some(2.5), memory: Some(8 << 30), memory_left: Some(6 << 30) });
    }

    #[test]
    fn version_1_container_reads_its_own_group_at_the_root() {
        let mounts = "33 32 0:29 /docker/ab /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
                      34 32 0:30 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                      35 32 0:31 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n";
        let dir = tree(&[
            ("proc/self/cgroup", "4:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n0::/\n"),
            ("proc/self/mountinfo", mounts),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741824\n"),
        ]);
        let limits = Limits::read(dir.path());
        assert_eq!(limits, Limits { cores: Some(4.0), memory: Some(2 << 30), memory_left: Some(1 << 30) });
    }

    #[test]
    fn unlimited_and_missing_groups_give_no_limits() {
        let dir = tree(&[
            ("proc/self/cgroup", "4:memory:/\n3:cpu:/\n0::/\n"),
            (
                "proc/self/mountinfo",
                "1 2 0:1 / /cg/cpu rw - cgroup c rw,cpu\n1 2 0:1 / /cg/memory rw - cgroup c rw,memory\n",
            ),
            ("cg/cpu/cpu.cfs_quota_us", "-1\n"),
            ("cg/cpu/cpu.cfs_period_us", "100000\n"),
            ("cg/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!(Limits::read(dir.path()), Limits::default());
        assert_eq!(Limits::read(tree(&[]).path()), Limits::default());
    }
}
