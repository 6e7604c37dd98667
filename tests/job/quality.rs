//! Every shipped model, through the whole program, against ground truth. The floors are a little under what was
//! measured when they were written (docs/models.md has the figures).

use crate::harness::*;
use std::path::Path;
use std::process::Command;

/// Mean IoU over the photos of people.
fn through_the_program(model: &str, side_by_side: bool) -> f64 {
    let dir = folder();
    let mut sum = 0.0;
    for name in PEOPLE {
        let truth = truth(name);
        let input = dir.path().join(format!("{name}.mkv"));
        // Recurrent models settle over the first frames.
        let stack = if side_by_side { "split[a][b];[a][b]hstack," } else { "" };
        let args = format!("-loop 1 -i {{}} -frames:v 6 -filter_complex {stack}format=yuv444p -c:v ffv1 {{}}");
        ffmpeg(&args, &[&photo(name), &input]);
        let matte = dir.path().join(format!("{name}_matte.mkv"));
        let layout = if side_by_side { "sbs" } else { "mono" };
        ok(["-q", arg(&input), "-o", &format!("matte={}", arg(&matte)), "--codec", "ffv1", "--model", model]
            .into_iter()
            .chain(["--layout", layout, "--device", "cpu"]));
        let found = decode(&matte, "gray", &[]);
        assert_eq!(found.frames.len(), 6);
        let last = &found.frames[5];
        if side_by_side {
            assert_eq!(found.width, 2 * truth.width);
            let eye = |offset: usize| -> Vec<u8> {
                last.chunks(found.width).flat_map(|row| row[offset..offset + truth.width].to_vec()).collect()
            };
            let (left, right) = (iou(&eye(0), &truth.frames[0]), iou(&eye(truth.width), &truth.frames[0]));
            assert!((left - right).abs() < 0.02, "{model}: the eyes differ, {left:.3} and {right:.3}");
            sum += (left + right) / 2.0;
        } else {
            sum += iou(last, &truth.frames[0]);
        }
    }
    let mean = sum / PEOPLE.len() as f64;
    println!("{model} {}: IoU {mean:.3}", if side_by_side { "side by side" } else { "mono" });
    mean
}

#[track_caller]
fn at_least(model: &str, floor: f64) {
    for sbs in [false, true] {
        let iou = through_the_program(model, sbs);
        assert!(iou >= floor, "{model}: IoU {iou:.3} is under {floor}");
    }
}

#[test]
fn selfie_finds_people() {
    at_least("selfie", 0.82);
}

#[test]
fn rvm_finds_people() {
    at_least("rvm", 0.76);
}

#[test]
fn blazepose_finds_people() {
    at_least("blazepose", 0.34);
}

#[test]
fn selfie_landscape_finds_people() {
    at_least("selfie-landscape", 0.74);
}

#[test]
fn u2netp_finds_people() {
    at_least("u2netp", 0.6);
}

#[test]
fn bus_is_not_segmented_as_a_person() {
    let dir = folder();
    for model in ["selfie", "rvm"] {
        let matte = dir.path().join(format!("{model}.mkv"));
        ok(["-q", arg(&photo(BUS)), "-o", &format!("matte={}", arg(&matte)), "--codec", "ffv1", "--model", model]
            .into_iter()
            .chain(["--device", "cpu"]));
        let found = decode(&matte, "gray", &[]);
        let share = found.frames[0].iter().filter(|v| **v >= 128).count() as f64 / found.frames[0].len() as f64;
        assert!(share < 0.02, "{model}: {:.1} % of the bus is called a person", 100.0 * share);
    }
}

/// The matte that a profile makes of a clip of docs/quality.md's reporting half.
fn matte_of_the_set(set: &Path, (name, format): (&str, &[&str]), profile: &str) -> Pictures {
    let clip = set.join(format!("report/{name}.mkv"));
    let matte = set.join(format!("{name}_{profile}.mkv"));
    let output = format!("matte={}", arg(&matte));
    ok(["-q", arg(&clip), "-o", &output, "--codec", "ffv1", "--device", "cpu", "--profile", profile]
        .iter()
        .chain(format));
    decode(&matte, "gray", &[])
}

/// Its mean IoU over the frames.
fn of_the_set(set: &Path, (name, format): (&str, &[&str]), profile: &str) -> f64 {
    let truth = decode(&set.join(format!("report/{name}_truth.mkv")), "gray", &[]);
    let found = matte_of_the_set(set, (name, format), profile);
    assert_eq!(found.frames.len(), truth.frames.len());
    let hard = |f: &[u8]| f.iter().map(|v| if *v >= 128 { 255 } else { 0 }).collect::<Vec<u8>>();
    let all: Vec<f64> = found.frames.iter().zip(&truth.frames).map(|(f, t)| iou(f, &hard(t))).collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    println!("{name}, {profile}: IoU {mean:.3}");
    mean
}

/// How the set's clips are to be read.
const FLAT: &[&str] = &["--layout", "mono", "--projection", "flat"];
const VR180: &[&str] = &["--layout", "sbs", "--projection", "hequirect"];
const FISHEYE: &[&str] = &["--layout", "sbs", "--projection", "fisheye"];
const SPHERE: &[&str] = &["--layout", "mono", "--projection", "equirect"];

/// Clips of the reporting half of docs/quality.md.
fn quality_set(clips: &str) -> tempfile::TempDir {
    let set = folder();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/quality_set.py");
    let made = Command::new(python())
        .arg(script)
        .arg(set.path())
        .args(["--half", "report", "--only", clips])
        .output()
        .expect("python");
    assert!(made.status.success(), "{}", stderr(&made));
    set
}

/// Floors a little under the figures of docs/quality.md: four flat clips and a VR180 one.
#[test]
fn profiles_are_as_good_as_documented() {
    let set = quality_set("far,group,two,enter,vr-down");
    for (name, format, floors) in [
        ("far", FLAT, [0.88, 0.88, 0.92]),
        ("group", FLAT, [0.89, 0.91, 0.92]),
        ("two", FLAT, [0.96, 0.98, 0.97]),
        // Two who pass quickly, one enters and one leaves: found late, and added to the frames before.
        ("enter", FLAT, [0.58, 0.78, 0.77]),
        ("vr-down", VR180, [0.91, 0.94, 0.94]),
    ] {
        for (profile, floor) in ["fast", "balanced", "quality"].iter().zip(floors) {
            let iou = of_the_set(set.path(), (name, format), profile);
            assert!(iou >= floor, "{name}, {profile}: IoU {iou:.3} is under {floor}");
        }
    }
}

/// Places without people, among them a dog, a cup of coffee and panoramas.
#[test]
fn profiles_have_few_false_positives_in_empty_scenes() {
    let clips =
        [("nobody", FLAT), ("empty", FLAT), ("vr-nobody", VR180), ("fe-nobody", FISHEYE), ("360-nobody", SPHERE)];
    let set = quality_set(&clips.map(|(name, _)| name).join(","));
    for profile in ["fast", "balanced", "quality"] {
        let mut shares = Vec::new();
        for (name, format) in clips {
            let found = matte_of_the_set(set.path(), (name, format), profile);
            let people: usize = found.frames.iter().map(|f| f.iter().filter(|v| **v >= 128).count()).sum();
            shares.push(100.0 * people as f64 / (found.width * found.height * found.frames.len()) as f64);
        }
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        assert!(mean < 0.5, "{profile}: {mean:.2} % is called a person: {shares:.2?}");
    }
}
