//! The program as people type it, in a folder of its own.

use assert_cmd::Command;
use std::path::Path;
use tempfile::TempDir;

/// The program in `dir`, without the developer's own settings.
pub(crate) fn vrseg(dir: &Path) -> Command {
    let mut command = Command::cargo_bin("vrseg").expect("the program");
    command.current_dir(dir).env_clear().env("HOME", dir).env("XDG_CONFIG_HOME", dir.join("xdg"));
    command
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Exit code, standard output and standard error of a run.
pub(crate) fn run(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let output = vrseg(dir).args(args).output().expect("a run");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}
