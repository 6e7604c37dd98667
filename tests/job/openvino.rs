//! OpenVINO, where it is installed: it runs, and its matte matches FP32's.

use crate::harness::*;
use serde_json::Value;
use std::path::Path;

/// Without OpenVINO there is nothing to test; `./setup.sh --dev` does not install it.
fn installed() -> bool {
    let there = vrseg_infer::registry::data_dir().join("ort-openvino/libonnxruntime.so").exists();
    if !there {
        eprintln!("skipped: OpenVINO is not installed; `vrseg models install onnxruntime-openvino` does that");
    }
    there
}

/// The device that ran the model, and the matte.
fn matte(source: &Path, name: &str, options: &[&str]) -> (String, Pictures) {
    let path = source.with_file_name(format!("{name}.mkv"));
    let output = format!("matte={}", arg(&path));
    let words = [arg(source), "-o", &output, "--codec", "ffv1", "--json"];
    let out = ok(words.iter().chain(options));
    let events = String::from_utf8_lossy(&out.stdout).into_owned();
    let all = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let device = all.into_iter().find_map(|event| event["device"].as_str().map(str::to_owned));
    (device.unwrap_or_else(|| panic!("no event names the device:\n{events}")), decode(&path, "gray", &[]))
}

fn overlap(a: &Pictures, b: &Pictures) -> f64 {
    let frames = a.frames.iter().zip(&b.frames);
    let truth = |f: &[u8]| f.iter().map(|v| if *v >= 128 { 255 } else { 0 }).collect::<Vec<_>>();
    frames.map(|(a, b)| iou(a, &truth(b))).sum::<f64>() / a.frames.len() as f64
}

#[test]
fn openvino_matte_matches_fp32_on_the_cpu() {
    if !installed() {
        return;
    }
    let dir = folder();
    let source = dir.path().join("clip.mp4");
    clip(&source, "512x384", 8, H264);
    let rvm = |name: &str, options: &[&str]| matte(&source, name, &[&["--model", "rvm"], options].concat());
    let (cpu, exact) = rvm("cpu", &["--device", "cpu", "--precision", "fp32"]);
    assert!(cpu.starts_with("cpu"), "{cpu}");
    let person = exact.frames[0].iter().filter(|v| **v >= 128).count();
    assert!(person > exact.frames[0].len() / 50, "somebody is there");

    let (device, same) = rvm("fp32", &["--device", "openvino", "--precision", "fp32"]);
    assert!(device.starts_with("openvino,"), "{device}");
    assert!(overlap(&same, &exact) > 0.995, "{}", overlap(&same, &exact));

    let bf16 = vrseg_hardware::Machine::detect().cpu.bf16();
    let (device, fast) = rvm("auto", &["--device", "openvino"]);
    assert!(device.starts_with(if bf16 { "openvino in bfloat16," } else { "openvino," }), "{device}");
    assert!(overlap(&fast, &exact) > 0.97, "{}", overlap(&fast, &exact));

    // Before `auto` uses it, it is checked; the result is shown, and whatever it is, the matte is right.
    let (device, auto) = rvm("auto-checked", &["--device", "auto"]);
    assert!(!bf16 || device.contains(" times as fast as cpu, IoU "), "{device}");
    assert!(overlap(&auto, &exact) > 0.97, "{device}: {}", overlap(&auto, &exact));

    // Of two models only the one that gains is run by it.
    let (device, _) = matte(&source, "two", &["--profile", "balanced", "--frames", "2"]);
    assert!(!device.starts_with("openvino") || device.contains(", selfie on cpu,"), "{device}");

    // Without a GPU, `auto` chooses it where it is faster, and the settings show it.
    let shown = vrseg().env_remove("VRSEG_DEVICE_NAME").args(["--show-config", "--model", "rvm"]).output();
    let shown = String::from_utf8(shown.expect("the program starts").stdout).expect("UTF-8");
    let line = shown.lines().skip_while(|l| *l != "device:").nth(1).expect("device.name");
    let has_gpu = !vrseg_hardware::Machine::detect().gpu.cards.is_empty();
    assert!(has_gpu || line.contains(if bf16 { "rule: openvino" } else { "rule: cpu" }), "{line}");
}
