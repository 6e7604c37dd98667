//! The binary alone does the main job, in an empty home folder.

use crate::harness::*;
use std::process::Command;

#[test]
fn binary_works_alone_in_an_empty_home() {
    let dir = folder();
    let program = dir.path().join("vrseg");
    std::fs::copy(env!("CARGO_BIN_EXE_vrseg"), &program).unwrap();
    let home = dir.path().join("home");
    let temporary = dir.path().join("tmp");
    std::fs::create_dir(&home).unwrap();
    std::fs::create_dir(&temporary).unwrap();
    let (input, out) = (dir.path().join("in_LR_180.mp4"), dir.path().join("out.mp4"));
    clip(&input, "640x320", 5, H264);
    let got = Command::new(&program)
        .args([arg(&input), "-o", arg(&out), "--profile", "fast"])
        .env_clear()
        .env("HOME", &home)
        .env("TMPDIR", &temporary)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(&home)
        .output()
        .unwrap();
    assert!(got.status.success(), "{}", stderr(&got));
    assert!(stderr(&got).contains("selfie"), "{}", stderr(&got));
    // Our log and our cache; no device id of ONNX Runtime's telemetry, nothing else.
    assert_eq!((listing(&home), listing(&temporary)), (vec![".cache".to_owned(), ".local".to_owned()], Vec::new()));
    assert_eq!(listing(&home.join(".cache")), ["vrseg"]);
    assert_eq!(listing(&home.join(".local/state")), ["vrseg"]);
    assert_eq!(times(&out), times(&input));
    let p = decode(&out, "rgb24", &[]);
    let green =
        p.frames[4].chunks(3).filter(|c| c[0] < 40 && c[1].abs_diff(0xB1) < 30 && c[2].abs_diff(0x40) < 30).count();
    assert!(green > 20_000, "{green} green pixels");
}
