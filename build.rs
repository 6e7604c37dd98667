//! Sets the commit that the program is built from: `VRSEG_GIT_COMMIT` is the short commit, or an
//! empty text outside a checkout.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=VRSEG_GIT_COMMIT={}", git_commit());
}

fn git_commit() -> String {
    // Changes whenever a commit is made or a branch is checked out.
    if Path::new(".git/logs/HEAD").exists() {
        println!("cargo::rerun-if-changed=.git/logs/HEAD");
    }
    Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}
