//! Files that are there completely or not at all.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a file. One that exists is an error unless `overwrite`; it keeps its permissions then, and a link stays one.
///
/// # Errors
/// What the system says; nothing is changed then.
pub(crate) fn write(path: &Path, overwrite: bool, bytes: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let permissions = fs::metadata(&target).map_or_else(|_| Permissions::from_mode(0o666), |m| m.permissions());
    let mut file = tempfile::Builder::new().prefix(".vrseg-").permissions(permissions).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let written = if overwrite { file.persist(&target) } else { file.persist_noclobber(&target) };
    written.map(drop).map_err(|e| e.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_permissions_stay_and_nothing_is_replaced_unasked() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        write(&file, false, b"one").expect("written");
        assert_eq!(write(&file, false, b"two").map_err(|e| e.kind()), Err(io::ErrorKind::AlreadyExists));
        fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("set");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        write(&link, true, b"three").expect("written");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&file).expect("read"), b"three");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 2, "nothing is left beside them");
    }
}
