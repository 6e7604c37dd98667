//! The disks that files are read from and written to.

use serde::Serialize;
use std::path::{Path, PathBuf};
use sysinfo::{DiskKind, Disks};

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disk {
    /// The path at which it is mounted.
    #[serde(serialize_with = "crate::json_path::lossy")]
    pub mount: PathBuf,
    /// Its type, such as `ext4` or `nfs4`.
    pub file_system: String,
    /// `ssd` or `hdd`; `None` where the kernel does not report it.
    pub kind: Option<&'static str>,
    /// Bytes in all.
    pub total: u64,
    /// Bytes that a user may still write.
    pub available: u64,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// The file systems that hold `folders` (of one that does not exist yet, its first parent that does), each once, in that
/// order. File systems that can't be listed are skipped.
pub fn holding(folders: &[&Path]) -> Vec<Disk> {
    let Ok(all) = Disks::new_with_refreshed_list() else { return Vec::new() };
    let all: Vec<Disk> = all
        .iter()
        .map(|d| Disk {
            mount: d.mount_point().to_owned(),
            file_system: d.file_system().to_string_lossy().into_owned(),
            kind: match d.kind() {
                DiskKind::SSD => Some("ssd"),
                DiskKind::HDD => Some("hdd"),
                DiskKind::Unknown(_) => None,
            },
            total: d.total_space(),
            available: d.available_space(),
            read_only: d.is_read_only(),
        })
        .collect();
    let mut found: Vec<Disk> = Vec::new();
    for folder in folders {
        let existing = folder.ancestors().find_map(|a| a.canonicalize().ok());
        if let Some(disk) = existing.and_then(|path| innermost_mount(&all, &path).cloned())
            && !found.contains(&disk)
        {
            found.push(disk);
        }
    }
    found
}

fn innermost_mount<'a>(all: &'a [Disk], path: &Path) -> Option<&'a Disk> {
    all.iter().filter(|d| path.starts_with(&d.mount)).max_by_key(|d| d.mount.components().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_on_its_innermost_mount() {
        let disk = |mount: &str| Disk {
            mount: mount.into(),
            file_system: "ext4".into(),
            kind: None,
            total: 1,
            available: 1,
            read_only: false,
        };
        let all = [disk("/"), disk("/data"), disk("/data/ssd")];
        let at = |path: &str| innermost_mount(&all, Path::new(path)).map(|d| d.mount.clone());
        assert_eq!(at("/data/ssd/out"), Some("/data/ssd".into()));
        assert_eq!(at("/data/other"), Some("/data".into()));
        assert_eq!(at("/database"), Some("/".into()));
    }
}
