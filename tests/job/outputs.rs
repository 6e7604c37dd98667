//! Each output mode, checked pixel by pixel, and each codec, encoded and decoded.

use crate::harness::*;
use std::path::{Path, PathBuf};

/// A photo of people, its ground truth, and the output of a run on it.
struct Made {
    _dir: tempfile::TempDir,
    out: PathBuf,
    source: Pictures,
    truth: Pictures,
}

fn made(options: &[&str], out_name: &str) -> Made {
    let dir = folder();
    let out = dir.path().join(out_name);
    let name = PEOPLE[0];
    let input = dir.path().join("in.mkv");
    ffmpeg("-loop 1 -i {} -frames:v 3 -pix_fmt yuv444p -c:v ffv1 {}", &[&photo(name), &input]);
    let mut args = vec!["-q", arg(&input), "-o", arg(&out), "--model", "selfie", "--device", "cpu"];
    args.extend(options);
    ok(args);
    Made { source: decode(&input, "rgb24", &[]), truth: truth(name), out, _dir: dir }
}

/// Pixels that are certainly person (true) or background (false): ground truth and the program's own
/// matte agree.
fn certain(truth: &Pictures, matte: &Pictures, person: bool) -> Vec<usize> {
    let want = if person { 255 } else { 0 };
    (0..truth.frames[0].len()).filter(|i| truth.frames[0][*i] == want && matte.frames[0][*i] == want).collect()
}

fn matte_of_the_same() -> Pictures {
    let m = made(&["--mode", "matte", "--codec", "ffv1"], "m.mkv");
    decode(&m.out, "gray", &[])
}

fn distance(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).max().unwrap_or(0)
}

#[track_caller]
fn all_near(made: &Made, got: &Pictures, pixels: &[usize], tolerance: u32, want: impl Fn(usize) -> Vec<u8>) {
    assert!(pixels.len() > 2000, "only {} pixels to look at", pixels.len());
    assert_eq!((got.width, got.height), (made.source.width, made.source.height));
    let bad =
        pixels.iter().filter(|i| distance(&got.frames[0][**i * got.depth..][..3], &want(**i)) > tolerance).count();
    // Chroma subsampling and the encoder may touch a few pixels beside an edge.
    assert!(bad * 100 <= pixels.len(), "{bad} of {} pixels are off", pixels.len());
}

fn source_at(m: &Made) -> impl Fn(usize) -> Vec<u8> + '_ {
    |i| m.source.frames[0][i * 3..i * 3 + 3].to_vec()
}

#[test]
fn green_mode_shows_the_person_on_the_key_color() {
    let matte = matte_of_the_same();
    for (options, key) in [(&[][..], [0x00, 0xB1, 0x40]), (&["--key", "#0047BB"][..], [0x00, 0x47, 0xBB])] {
        let m = made(&[&["--codec", "ffv1"], options].concat(), "g.mkv");
        let got = decode(&m.out, "rgb24", &[]);
        all_near(&m, &got, &certain(&m.truth, &matte, false), 3, |_| key.to_vec());
        all_near(&m, &got, &certain(&m.truth, &matte, true), 3, source_at(&m));
    }
}

#[test]
fn matte_mode_is_white_where_the_person_is() {
    let m = made(&["--mode", "matte"], "m.mp4");
    let got = decode(&m.out, "gray", &[]);
    let (lo, hi) = (got.frames[0].iter().min().unwrap(), got.frames[0].iter().max().unwrap());
    assert!(*lo <= 2 && *hi >= 253, "{lo}..{hi}");
    assert!(iou(&got.frames[0], &m.truth.frames[0]) > 0.5);
}

#[test]
fn alpha_matches_the_matte_in_every_container() {
    let matte = matte_of_the_same();
    for (name, decoder) in [("a.mov", None), ("a.webm", Some("libvpx-vp9")), ("a.mkv", None)] {
        let m = made(&["--mode", "alpha"], name);
        let before: Vec<&str> = decoder.map(|d| vec!["-c:v", d]).unwrap_or_default();
        let got = decode(&m.out, "rgba", &before);
        let alpha: Vec<u8> = got.frames[0].chunks(4).map(|p| p[3]).collect();
        let off = alpha.iter().zip(&matte.frames[0]).filter(|(a, b)| a.abs_diff(**b) > 16).count();
        assert!(off * 50 < alpha.len(), "{name}: alpha differs from the matte at {off} of {} pixels", alpha.len());
        let tolerance = if name == "a.webm" { 40 } else { 6 };
        all_near(&m, &got, &certain(&m.truth, &matte, true), tolerance, source_at(&m));
    }
}

#[test]
fn replace_and_blur_change_only_the_background() {
    let dir = folder();
    let blue = dir.path().join("blue.png");
    ffmpeg("-f lavfi -i color=0x2030a0:s=64x64 -frames:v 1 {}", &[&blue]);
    let matte = matte_of_the_same();
    let m = made(&["--mode", "replace", "--background", arg(&blue), "--codec", "ffv1"], "r.mkv");
    let got = decode(&m.out, "rgb24", &[]);
    all_near(&m, &got, &certain(&m.truth, &matte, false), 4, |_| vec![0x20, 0x30, 0xa0]);
    all_near(&m, &got, &certain(&m.truth, &matte, true), 4, source_at(&m));

    let m = made(&["--mode", "blur", "--codec", "ffv1"], "b.mkv");
    let got = decode(&m.out, "rgb24", &[]);
    all_near(&m, &got, &certain(&m.truth, &matte, true), 4, source_at(&m));
    // Neighboring background pixels differ less than in the source.
    let roughness = |p: &Pictures| -> u64 {
        certain(&m.truth, &matte, false)
            .iter()
            .filter(|i| *i % m.source.width > 0)
            .map(|i| u64::from(p.frames[0][i * 3].abs_diff(p.frames[0][i * 3 - 3])))
            .sum()
    };
    assert!(roughness(&got) * 4 < roughness(&m.source), "{} {}", roughness(&got), roughness(&m.source));
}

#[test]
fn overlay_tints_only_the_person() {
    let matte = matte_of_the_same();
    let m = made(&["--mode", "overlay", "--codec", "ffv1"], "o.mkv");
    let got = decode(&m.out, "rgb24", &[]);
    let change = |pixels: &[usize]| -> f64 {
        let chroma = |p: &[u8]| [i32::from(p[0]) - i32::from(p[1]), i32::from(p[2]) - i32::from(p[1])];
        let sum: i32 = pixels
            .iter()
            .map(|i| {
                let (a, b) = (chroma(&got.frames[0][i * 3..]), chroma(&m.source.frames[0][i * 3..]));
                (a[0] - b[0]).abs() + (a[1] - b[1]).abs()
            })
            .sum();
        f64::from(sum) / pixels.len() as f64
    };
    let (inside, outside) = (change(&certain(&m.truth, &matte, true)), change(&certain(&m.truth, &matte, false)));
    assert!(inside > 30.0 && outside < inside / 2.0, "inside {inside:.1}, outside {outside:.1}");
}

#[test]
fn several_outputs_of_one_run_agree() {
    let dir = folder();
    let (input, green, matte) = (dir.path().join("in.mp4"), dir.path().join("g.mp4"), dir.path().join("m.mkv"));
    clip(&input, "320x240", 12, H264);
    ok(["-q", arg(&input), "-o", &format!("green={}", arg(&green)), "-o", &format!("matte={}", arg(&matte))]
        .into_iter()
        .chain(["--model", "selfie"]));
    let (g, m) = (decode(&green, "rgb24", &[]), decode(&matte, "gray", &[]));
    assert_eq!((g.frames.len(), m.frames.len()), (12, 12));
    assert_eq!(times(&green), times(&input));
    // Where the matte is black the green output is green, in the last frame too.
    for f in [0, 11] {
        for y in (4..236usize).step_by(8) {
            for x in (4..316usize).step_by(8) {
                let around = (-3..4).flat_map(|dy| (-3..4).map(move |dx| (dx, dy)));
                let black = around.into_iter().all(|(dx, dy): (isize, isize)| {
                    m.pixel(f, x.wrapping_add_signed(dx), y.wrapping_add_signed(dy))[0] < 4
                });
                if black {
                    let p = g.pixel(f, x, y);
                    assert!(distance(p, &[0, 0xB1, 0x40]) < 24, "frame {f} at {x},{y}: {p:?}");
                }
            }
        }
    }
}

#[test]
fn every_codec_encodes_and_decodes() {
    let dir = folder();
    let input = dir.path().join("in.mp4");
    clip(&input, "320x160", 8, H264);
    for (codec, name, want, extra) in [
        ("h264", "a.mp4", "h264", &["--crf", "30", "--preset", "ultrafast"][..]),
        ("hevc", "b.mp4", "hevc", &["--crf", "30", "--preset", "ultrafast"]),
        ("av1", "c.mp4", "av1", &["--crf", "45", "--preset", "12"]),
        ("vp9", "d.webm", "vp9", &["--bitrate", "500k"]),
        ("prores", "e.mov", "prores", &[]),
        ("ffv1", "f.mkv", "ffv1", &[]),
        ("h264", "g.mkv", "h264", &["--bitrate", "1M"]),
    ] {
        let out = dir.path().join(name);
        let mut args = vec!["-q", arg(&input), "-o", arg(&out), "--codec", codec, "--model", "selfie"];
        args.extend(extra);
        ok(args);
        let v = video(&out);
        assert_eq!(text(&v["codec_name"]), want, "{name}");
        assert_eq!(decode(&out, "gray", &[]).frames.len(), 8, "{name}");
        if want == "hevc" {
            assert_eq!(text(&v["codec_tag_string"]), "hvc1", "Apple's players need it");
        }
    }
}

#[test]
fn stereo_eyes_are_segmented_separately() {
    let dir = folder();
    for (stack, layout) in [("hstack", "sbs"), ("vstack", "tb")] {
        let input = dir.path().join(format!("{layout}.mkv"));
        // One eye shows people, the other a flat gray.
        let args = format!(
            "-loop 1 -i {{}} -frames:v 2 -filter_complex [0]scale=320:240,format=yuv420p,split[a][b];[b]lutyuv=y=120:u=128:v=128[g];[a][g]{stack} -c:v ffv1 {{}}"
        );
        ffmpeg(&args, &[&photo(PEOPLE[0]), &input]);
        let out = dir.path().join(format!("{layout}_matte.mkv"));
        ok(["-q", arg(&input), "-o", &format!("matte={}", arg(&out)), "--codec", "ffv1"]
            .into_iter()
            .chain(["--layout", layout, "--model", "selfie"]));
        let m = decode(&out, "gray", &[]);
        let person = |eye: usize| -> usize {
            let inside = |x: usize, y: usize| if layout == "sbs" { x / 320 == eye } else { y / 240 == eye };
            (0..m.height)
                .flat_map(|y| (0..m.width).map(move |x| (x, y)))
                .filter(|(x, y)| inside(*x, *y) && m.pixel(0, *x, *y)[0] >= 128)
                .count()
        };
        assert!(person(0) > 4000, "{layout}: {}", person(0));
        assert!(person(1) < 200, "{layout}: {} pixels of a gray wall are called a person", person(1));
    }
}

#[test]
fn range_options_select_exactly_that_range() {
    let dir = folder();
    let input = dir.path().join("in.mp4");
    // Without sound: AAC priming has negative time stamps, and Matroska would shift everything.
    clip(&input, "320x240", 50, "-an -c:v libx264 -preset veryfast -crf 16 -bf 2 -g 10");
    let check = |options: &[&str], first: usize, n: usize| {
        let out = dir.path().join("out.mkv");
        let mut args = vec!["-q", "-y", arg(&input), "-o", arg(&out), "--codec", "ffv1", "--mode", "overlay"];
        args.extend(["--model", "selfie"]);
        args.extend(options);
        ok(args);
        assert_eq!(times(&out).len(), n, "{options:?}");
        assert_eq!(times(&out)[0].parse::<f64>().unwrap(), 0.0, "{options:?}");
        same_scene(&input, first, &out);
    };
    check(&["--frames", "7"], 0, 7);
    check(&["--ss", "1"], 25, 25);
    check(&["--ss", "0.52", "--to", "1.0"], 13, 12);
    check(&["--ss", "00:00:01.2", "-t", "0.4"], 30, 10);
}

/// The first frame of `out` (an overlay) shows the scene of frame `n` of `input`: it is closer to
/// that frame's luma than to the frames three before and after.
#[track_caller]
fn same_scene(input: &Path, n: usize, out: &Path) {
    let (a, b) = (decode(input, "gray", &[]), decode(out, "gray", &[]));
    let edges = |f: &[u8]| -> Vec<i32> { f.windows(2).map(|p| i32::from(p[1]) - i32::from(p[0])).collect() };
    let got = edges(&b.frames[0]);
    let off = |k: usize| -> i64 { edges(&a.frames[k]).iter().zip(&got).map(|(a, b)| i64::from((a - b).abs())).sum() };
    for k in [n.saturating_sub(3), (n + 3).min(a.frames.len() - 1)] {
        assert!(k == n || off(n) < off(k), "frame {n}: {} against {} for {k}", off(n), off(k));
    }
}

#[test]
fn replace_background_is_shown_to_each_eye() {
    let dir = folder();
    let (input, picture, out) = (dir.path().join("in.mkv"), dir.path().join("b.png"), dir.path().join("out.mkv"));
    ffmpeg("-f lavfi -i color=gray:s=320x160:r=25 -frames:v 2 -c:v ffv1 -pix_fmt yuv444p {}", &[&input]);
    // Left half red, right half blue.
    ffmpeg(
        "-f lavfi -i color=red:s=80x160 -f lavfi -i color=blue:s=80x160 -filter_complex hstack -frames:v 1 {}",
        &[&picture],
    );
    ok(["-q", arg(&input), "-o", arg(&out), "--codec", "ffv1", "--layout", "sbs", "--model", "selfie"]
        .into_iter()
        .chain(["--mode", "replace", "--background", arg(&picture)]));
    let p = decode(&out, "rgb24", &[]);
    for (x, want) in [(20, 0), (140, 2), (180, 0), (300, 2)] {
        let pixel = p.pixel(1, x, 80);
        assert!(pixel[want] > 200 && pixel[2 - want] < 60, "{x}: {pixel:?}");
    }
}

#[test]
fn variable_frame_rate_stays_in_step_in_a_container_without_time_stamps() {
    let dir = folder();
    let (even, input) = (dir.path().join("even.mp4"), dir.path().join("vfr.mp4"));
    clip(&even, "160x120", 150, H264);
    ffmpeg(
        "-i {} -vf select='lt(t,1)+gt(t,3)*not(eq(mod(n,5),2))',setpts='PTS+mod(N,3)*100' -fps_mode passthrough \
         -c:v libx264 -preset veryfast -bf 2 -c:a copy -video_track_timescale 12800 {}",
        &[&even, &input],
    );
    let frames = times(&input).len();
    // AVI has no presentation times.
    let length = |path: &Path, n: usize| text(&probe(path)["streams"][n]["duration"]).parse::<f64>().unwrap();
    for segments in ["off", "1"] {
        let out = dir.path().join("out.avi");
        ok([
            arg(&input),
            "-o",
            arg(&out),
            "-y",
            "--model",
            "selfie",
            "--enc-opt",
            "bf=0",
            "--segment-seconds",
            segments,
        ]);
        assert_eq!(packets(&out, "v:0").len(), frames);
        for stream in [0, 1] {
            let (made, source) = (length(&out, stream), length(&input, stream));
            assert!((made - source).abs() < 0.2, "stream {stream}: {made} {source}");
        }
    }
    let refused = run([arg(&input), "-o", arg(&dir.path().join("out.mxf")), "--model", "selfie"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("no time stamps"), "{}", stderr(&refused));
}

/// A keyer converts by the tag; without one it would guess, and find another color than the documented.
#[test]
fn untagged_source_gives_an_output_tagged_with_the_assumed_matrix() {
    let dir = folder();
    for (size, matrix) in [("320x240", "smpte170m"), ("1280x720", "bt709")] {
        let (input, out) = (dir.path().join(format!("{size}.mp4")), dir.path().join(format!("{size}-out.mp4")));
        let untagged = "-f lavfi -i color=gray:s={size}:d=0.1 -c:v libx264 -pix_fmt yuv420p {}";
        ffmpeg(&untagged.replace("{size}", size), &[&input]);
        assert!(video(&input)["color_space"].is_null());
        ok(["-q", arg(&input), "-o", arg(&out), "--model", "selfie", "--crf", "1"]);
        assert_eq!(video(&out)["color_space"], matrix, "{size}");
        let pixels = decode(&out, "rgb24", &[]);
        let key = pixels.pixel(0, 2, 2);
        assert!(distance(key, &[0x00, 0xB1, 0x40]) < 5, "{size}: {key:?}");
    }
}

#[test]
fn outputs_have_codecs_of_their_own() {
    let dir = folder();
    let (input, green, matte) = (dir.path().join("in.mp4"), dir.path().join("green.mp4"), dir.path().join("matte.mkv"));
    clip(&input, "320x160", 2, H264);
    let outputs = [format!("GREEN:codec=hevc,crf=40={}", arg(&green)), format!("matte:codec=ffv1={}", arg(&matte))];
    ok(["-q", arg(&input), "-o", &outputs[0], "-o", &outputs[1], "--model", "selfie", "--crf", "20"]);
    assert_eq!((&video(&green)["codec_name"], &video(&matte)["codec_name"]), (&"hevc".into(), &"ffv1".into()));
}
