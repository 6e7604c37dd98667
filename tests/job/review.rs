//! The page of `vrseg review` in a real browser.

use crate::harness::*;
use std::process::Command;

#[test]
fn page_hides_people_paints_saves_and_renders_in_a_browser() {
    let sample = vrseg_infer::registry::data_dir().join("samples/sample_180_LR.mp4");
    assert!(sample.exists(), "{}: missing; ./setup.sh makes it", sample.display());
    let dir = folder();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/review_page.py");
    let mut command = Command::new("/usr/bin/python3");
    command.args([script, env!("CARGO_BIN_EXE_vrseg"), arg(&sample), arg(dir.path())]);
    let out = command.env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_STATE_HOME", "/dev/null").output().unwrap();
    let printed = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{printed}{}", stderr(&out));
    assert!(printed.lines().filter(|line| line.starts_with("ok ")).count() > 12, "{printed}");
}

#[test]
fn wrong_edits_files_and_addresses_are_refused() {
    let dir = folder();
    let video = dir.path().join("clip.mp4");
    clip(&video, "320x160", 3, H264);
    let edits = dir.path().join("clip.edits.yaml");
    std::fs::write(&edits, "regions:\n  - {action: erase}\n").unwrap();
    let out = vrseg().args(["review", arg(&video)]).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    let printed = stderr(&out);
    assert!(printed.contains("clip.edits.yaml:2: ") && printed.contains("fix or move"), "{printed}");
    assert!(std::fs::read_to_string(&edits).unwrap().contains("erase"), "the file is as it was");
    let out = vrseg().args(["review", arg(&video), "--address", "host"]).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(stderr(&out).contains("expected PORT or IP:PORT"), "{}", stderr(&out));
}
