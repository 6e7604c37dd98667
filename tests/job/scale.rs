//! Outputs of another size than the source's: what they show, and sizes that are refused.

use crate::harness::*;
use std::path::{Path, PathBuf};

/// Two eyes that see the same photo of people, and move over it: 480x480 each, `frames` of them.
fn stereo_clip(dir: &Path, frames: usize) -> PathBuf {
    let (eye, input) = (dir.join("eye.mkv"), dir.join("scene_180_LR.mkv"));
    clip(&eye, "480x480", frames, "-c:v ffv1 -g 10 -c:a pcm_s16le");
    ffmpeg("-i {} -lavfi split[a][b];[a][b]hstack,format=yuv420p -c:v ffv1 -g 10 -c:a copy {}", &[&eye, &input]);
    input
}

fn size(path: &Path) -> (u64, u64) {
    let video = video(path);
    (video["width"].as_u64().expect("a width"), video["height"].as_u64().expect("a height"))
}

fn mean(picture: &Pictures) -> Vec<f64> {
    let all = &picture.frames[0];
    let sum = |c: usize| all.iter().skip(c).step_by(picture.depth).map(|v| f64::from(*v)).sum::<f64>();
    (0..picture.depth).map(|c| sum(c) / (all.len() / picture.depth) as f64).collect()
}

/// Averages of 2x2 pixels.
fn halved(picture: &Pictures) -> Vec<u8> {
    let at = |x: usize, y: usize| u32::from(picture.pixel(0, x, y)[0]);
    let (w, h) = (picture.width / 2, picture.height / 2);
    let one = |i: usize| {
        let (x, y) = (2 * (i % w), 2 * (i / w));
        ((at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1) + 2) / 4) as u8
    };
    (0..w * h).map(one).collect()
}

/// The left or right half of a gray picture.
fn eye(picture: &Pictures, right: bool) -> Vec<u8> {
    let half = picture.width / 2;
    picture.frames[0]
        .chunks(picture.width)
        .flat_map(|row| if right { &row[half..] } else { &row[..half] })
        .copied()
        .collect()
}

#[test]
fn every_output_gets_the_size_and_keeps_what_it_shows() {
    let dir = folder();
    let input = stereo_clip(dir.path(), 3);
    let at = |name: &str| dir.path().join(name);
    let make = |name: &str, more: &[&str]| {
        let (green, matte) = (at(&format!("{name}-green.mkv")), at(&format!("{name}-matte.mkv")));
        let outputs = [format!("green={}", arg(&green)), format!("matte={}", arg(&matte))];
        let common = ["-q", arg(&input), "-o", &outputs[0], "-o", &outputs[1], "--model", "selfie", "--codec", "ffv1"];
        ok([&common[..], more].concat());
        (green, matte)
    };
    let (green, matte) = make("whole", &[]);
    assert_eq!((size(&green), size(&matte)), ((960, 480), (960, 480)));
    let (whole_green, whole_matte) = (decode(&green, "rgb24", &[]), decode(&matte, "gray", &[]));
    for scale in ["1/2", "480x240", "480", "240p", "50%"] {
        let name = format!("half{}", scale.len());
        let (green, matte) = make(&name, &["--scale", scale, "-y"]);
        assert_eq!((size(&green), size(&matte)), ((480, 240), (480, 240)), "{scale}");
        let (green, matte) = (decode(&green, "rgb24", &[]), decode(&matte, "gray", &[]));
        for (a, b) in mean(&green).into_iter().zip(mean(&whole_green)) {
            assert!((a - b).abs() < 1.0, "{scale}: mean color {a} and {b}");
        }
        let person: Vec<u8> = halved(&whole_matte).iter().map(|a| if *a >= 128 { 255 } else { 0 }).collect();
        assert!(iou(&matte.frames[0], &person) > 0.98, "{scale}: {}", iou(&matte.frames[0], &person));
    }
    // Each eye is resized by itself, so both are the same to the bit, up to the cut between them.
    let plain = decode(&make("eyes", &["--scale", "1/2", "--stereo", "0", "--stabilize", "0"]).1, "gray", &[]);
    assert_eq!(eye(&plain, false), eye(&plain, true));
}

#[test]
fn no_eye_gets_pixels_of_the_other() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    for (name, stack, layout) in [("in_180_LR.mkv", "hstack", "sbs"), ("in_180_TB.mkv", "vstack", "tb")] {
        let (input, out) = (at(name), at(&format!("out-{layout}.mkv")));
        let colors = "-f lavfi -i color=black:s=256x256:r=25 -f lavfi -i color=white:s=256x256:r=25";
        ffmpeg(&format!("{colors} -lavfi {stack},format=yuv420p -frames:v 2 -c:v ffv1 {{}}"), &[&input]);
        let job = ["-q", arg(&input), "-o", arg(&out), "--mode", "overlay", "--model", "selfie", "--codec", "ffv1"];
        ok([&job[..], &["--scale", "1/2", "--layout", layout]].concat());
        let seen = decode(&out, "gray", &[]);
        for n in 0..128 {
            let pixel = |a: usize| if layout == "sbs" { seen.pixel(0, a, n)[0] } else { seen.pixel(0, n, a)[0] };
            assert!(pixel(10) < 8 && pixel(245) > 100, "the eyes differ: {} {}", pixel(10), pixel(245));
            assert_eq!((pixel(127), pixel(128)), (pixel(10), pixel(245)), "{layout} at {n}");
        }
    }
}

#[test]
fn outputs_have_sizes_of_their_own() {
    let dir = folder();
    let input = stereo_clip(dir.path(), 2);
    let (green, matte, packed) =
        (dir.path().join("g.mp4"), dir.path().join("m.mkv"), dir.path().join("out_LR_180_FISHEYE_F180_alpha.mp4"));
    let outputs = [
        format!("green={}", arg(&green)),
        format!("matte:codec=ffv1,scale=1/4={}", arg(&matte)),
        format!("passthrough:scale=640x320={}", arg(&packed)),
    ];
    let out = ok([
        arg(&input),
        "-o",
        &outputs[0],
        "-o",
        &outputs[1],
        "-o",
        &outputs[2],
        "--model",
        "selfie",
        "--scale",
        "2k",
    ]);
    assert_eq!((size(&green), size(&matte), size(&packed)), ((960, 480), (240, 120), (640, 320)), "never enlarged");
    assert!(stderr(&out).contains(" 240x120"), "{}", stderr(&out));
}

#[test]
fn packed_matte_of_another_size_can_be_read_back() {
    let dir = folder();
    let input = stereo_clip(dir.path(), 2);
    let at = |name: &str| dir.path().join(name);
    let unpacked = |name: &str, more: &[&str]| {
        let packed = at(&format!("{name}_180_LR_alpha.mkv"));
        let output = format!("passthrough={}", arg(&packed));
        ok([&["-q", arg(&input), "-o", &output, "--model", "selfie", "--codec", "ffv1"][..], more].concat());
        let matte = at(&format!("{name}.mkv"));
        ok(["-q", "unpack", arg(&packed), "-o", arg(&matte), "--codec", "ffv1"].iter().skip(1));
        (size(&packed), decode(&matte, "gray", &[]))
    };
    let (whole_size, whole) = unpacked("whole", &[]);
    let (small_size, small) = unpacked("small", &["--scale", "1/2"]);
    assert_eq!((whole_size, small_size), ((960, 480), (480, 240)));
    let person: Vec<u8> = halved(&whole).iter().map(|a| if *a >= 128 { 255 } else { 0 }).collect();
    // Discs of 96 samples keep less of an outline than those of 192; moved aside it fits less.
    let same = iou(&small.frames[0], &person);
    let moved = |columns: usize| {
        let mut rows = small.frames[0].clone();
        rows.chunks_exact_mut(small.width).for_each(|row| row.rotate_right(columns));
        iou(&rows, &person)
    };
    let aside = [moved(4), moved(small.width - 4)];
    assert!(same > 0.85 && aside.iter().all(|a| a + 0.02 < same), "{same} {aside:?}");
}

#[test]
fn sizes_that_break_a_frame_are_refused_before_any_work() {
    let dir = folder();
    let input = stereo_clip(dir.path(), 2);
    let out = dir.path().join("out.mp4");
    for (mode, scale, want) in [
        ("green", "480x480", "--scale 480x480 would stretch a frame of 960x480; 480x240 keeps its shape"),
        ("green", "482x241", "--scale 482x241: both sides must be even in each of the two views; 484x242 is near"),
        ("green", "1/100", "views would be smaller than 16x16"),
        ("passthrough", "480x242", "alpha-packed frames are two squares"),
        ("passthrough", "1/10", "makes squares of 48 pixels"),
        ("green", "big", "--scale big: expected WIDTHxHEIGHT"),
    ] {
        let output = format!("{mode}={}", arg(&out));
        let got = run([arg(&input), "-o", &output, "--model", "selfie", "--scale", scale]);
        assert_eq!(got.status.code(), Some(2), "{mode} {scale}: {}", stderr(&got));
        assert!(stderr(&got).contains(want), "{mode} {scale}: {}", stderr(&got));
        assert!(!out.exists());
    }
}

#[test]
fn planned_segments_and_resumed_runs_keep_the_size() {
    let dir = folder();
    let input = stereo_clip(dir.path(), 60);
    let at = |name: &str| dir.path().join(name);
    let common = ["--model", "selfie", "--codec", "ffv1", "--scale", "1/2", "--segment-seconds", "1"];
    let (whole, planned) = (at("whole.mkv"), at("planned.mkv"));
    ok([&["-q", arg(&input), "-o", arg(&whole)][..], &common[..]].concat());
    ok([&["plan", arg(&input), "-o", arg(&planned)][..], &common[..]].concat());
    let folder = PathBuf::from(format!("{}.vrseg", arg(&planned)));
    // Workers have nothing but the folder.
    let plan = std::fs::read_to_string(folder.join("plan.json")).expect("the plan");
    assert!(plan.contains("\"scale\""), "the size is in the plan");
    ok(["work", arg(&folder), "--all", "-q"]);
    ok(["merge", arg(&folder), "-q"]);
    assert_eq!((size(&whole), size(&planned)), ((480, 240), (480, 240)));
    let (a, b) = (decode(&whole, "gray", &[]), decode(&planned, "gray", &[]));
    assert_eq!(a.frames.len(), 60);
    assert!(a.frames == b.frames);
}
