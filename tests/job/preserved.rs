//! What an output must preserve: sound, time stamps, metadata, side data, bit depth, size.

use crate::harness::*;
use serde_json::Value;
use std::path::Path;

fn segment(input: &Path, out: &Path) {
    ok(["-q", "-y", arg(input), "-o", arg(out), "--model", "selfie", "--preset", "ultrafast"]);
}

/// Asserts that sound and pts of `out` equal the source's.
#[track_caller]
fn same_sound_and_times(input: &Path, out: &Path) {
    assert_eq!(times(out), times(input), "video pts");
    let count =
        |p: &Path| probe(p)["streams"].as_array().unwrap().iter().filter(|s| s["codec_type"] == "audio").count();
    assert_eq!(count(out), count(input));
    for i in 0..count(input) {
        let stream = format!("a:{i}");
        let (a, b) = (packets(input, &stream), packets(out, &stream));
        assert!(!a.is_empty());
        assert_eq!(a, b, "audio {i}");
    }
}

#[test]
fn sound_and_time_stamps_are_preserved() {
    let dir = folder();
    let cases: [(&str, &str, &str); 6] = [
        ("cfr.mp4", "320x240", "-c:v libx264 -preset veryfast -bf 0 -c:a aac"),
        ("bframes.mp4", "320x240", "-c:v libx264 -preset veryfast -bf 3 -c:a aac"),
        ("vfr.mp4", "320x240", "-fps_mode vfr -enc_time_base 1/90000 -c:v libx264 -preset veryfast -c:a aac"),
        ("hevc.mkv", "320x240", "-c:v libx265 -preset ultrafast -x265-params log-level=error -c:a flac"),
        ("odd.mkv", "321x179", "-c:v ffv1 -c:a pcm_s16le"),
        ("mute.mp4", "320x240", "-an -c:v libx264 -preset veryfast"),
    ];
    for (name, size, options) in cases {
        let (input, out) = (dir.path().join(name), dir.path().join(format!("out_{name}")));
        clip(&input, size, 20, options);
        if name == "vfr.mp4" {
            // Variable frame rate, by dropping and shifting frames. ffmpeg 7.1 gives the last frame no duration of its own,
            // so that the file's edit list would hide it.
            let even = dir.path().join("even.mp4");
            std::fs::rename(&input, &even).unwrap();
            ffmpeg(
                "-i {} -vf select='not(eq(mod(n,5),2))',setpts='PTS+mod(N,3)*200' -fps_mode passthrough \
                 -c:v libx264 -preset veryfast -bf 2 -enc_time_base 1/12800 \
                 -bsf:v setts=pts=PTS:dts=DTS:duration=512 -c:a copy -video_track_timescale 12800 {}",
                &[&even, &input],
            );
        }
        segment(&input, &out);
        same_sound_and_times(&input, &out);
        let (a, b) = (video(&input), video(&out));
        assert_eq!((&a["width"], &a["height"]), (&b["width"], &b["height"]), "{name}");
    }
}

#[test]
fn transport_stream_stays_in_sync() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.ts"), dir.path().join("out.mkv"));
    clip(&input, "320x240", 20, H264);
    segment(&input, &out);
    let offset = |p: &Path| -> f64 {
        let first = |s: &str| packets(p, s)[0].0.parse::<f64>().unwrap();
        first("v:0") - first("a:0")
    };
    assert!((offset(&input) - offset(&out)).abs() < 0.0015, "{} {}", offset(&input), offset(&out));
    assert_eq!(times(&out).len(), 20);
}

#[test]
fn streams_chapters_and_metadata_are_copied() {
    let dir = folder();
    let subtitles = dir.path().join("s.srt");
    std::fs::write(&subtitles, "1\n00:00:00,100 --> 00:00:00,600\nhello\n").unwrap();
    let notes = dir.path().join("meta.txt");
    std::fs::write(
        &notes,
        ";FFMETADATA1\ntitle=A walk\nartist=Somebody\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=one\n\
         [CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=800\ntitle=two\n",
    )
    .unwrap();
    let plain = dir.path().join("plain.mp4");
    clip(&plain, "320x240", 20, H264);
    let input = dir.path().join("in.mkv");
    ffmpeg(
        "-i {} -i {} -i {} -f lavfi -t 0.8 -i sine=880 -map 0:v -map 0:a -map 3:a -map 1:s -map_metadata 2 \
         -map_chapters 2 -c:v copy -c:a:0 copy -c:a:1 flac -c:s srt -metadata:s:a:0 language=deu \
         -metadata:s:a:1 language=fra -metadata:s:a:1 title=commentary -disposition:a:0 0 -disposition:a:1 default -attach {} \
         -metadata:s:t mimetype=text/plain {}",
        &[&plain, &subtitles, &notes, &notes, &input],
    );
    let out = dir.path().join("out.mkv");
    segment(&input, &out);
    same_sound_and_times(&input, &out);
    let (a, b) = (probe(&input), probe(&out));
    let kinds = |p: &Value| -> Vec<String> {
        let mut k: Vec<_> = p["streams"].as_array().unwrap().iter().map(|s| text(&s["codec_type"])).collect();
        k.sort();
        k
    };
    assert_eq!(kinds(&a), kinds(&b));
    assert_eq!(b["chapters"].as_array().unwrap().len(), 2);
    assert_eq!(b["chapters"][1]["tags"]["title"], "two");
    let tag = |p: &Value, key: &str| -> String {
        let tags = p["format"]["tags"].as_object().unwrap();
        tags.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| text(v)).unwrap_or_default()
    };
    assert_eq!((tag(&b, "title"), tag(&b, "artist")), ("A walk".into(), "Somebody".into()));
    let audio = |p: &Value, i: usize| -> Value {
        p["streams"].as_array().unwrap().iter().filter(|s| s["codec_type"] == "audio").nth(i).unwrap().clone()
    };
    assert_eq!(audio(&b, 0)["tags"]["language"], "deu");
    assert_eq!(audio(&b, 1)["tags"]["language"], "fra");
    assert_eq!(audio(&b, 1)["tags"]["title"], "commentary");
    assert_eq!(audio(&b, 1)["disposition"]["default"], 1);
    assert_eq!(audio(&b, 0)["disposition"]["default"], 0);
}

#[test]
fn ten_bits_and_color_tags_are_preserved() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(
        &input,
        "320x240",
        6,
        "-pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -tag:v hvc1 -color_primaries bt2020 -color_trc smpte2084 \
         -colorspace bt2020nc -color_range tv -an -x265-params \
         log-level=error:hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400",
    );
    segment(&input, &out);
    let (a, b) = (video(&input), video(&out));
    for key in ["pix_fmt", "color_primaries", "color_transfer", "color_space", "color_range"] {
        assert_eq!(a[key], b[key], "{key}");
    }
    let hdr = |p: &Path| -> String {
        let o = std::process::Command::new("ffprobe")
            .args(["-v", "error", "-select_streams", "v", "-read_intervals", "%+#1", "-show_frames", "-of", "json"])
            .arg(p)
            .output()
            .unwrap();
        let v: Value = serde_json::from_slice(&o.stdout).unwrap();
        let data = v["frames"][0]["side_data_list"].as_array().cloned().unwrap_or_default();
        let mut list: Vec<_> = data
            .iter()
            .filter(|d| ["Mastering", "Content light"].iter().any(|w| text(&d["side_data_type"]).contains(w)))
            .map(ToString::to_string)
            .collect();
        list.sort();
        list.join("\n")
    };
    assert!(hdr(&input).contains("max_content"), "{}", hdr(&input));
    assert_eq!(hdr(&input), hdr(&out));
}

#[test]
fn full_range_is_preserved() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mkv"), dir.path().join("out.mkv"));
    clip(&input, "320x240", 3, "-pix_fmt yuvj420p -c:v mjpeg -q:v 2 -an");
    segment(&input, &out);
    assert_eq!(text(&video(&out)["color_range"]), "pc");
    // The key color is right in full range, too.
    let p = decode(&out, "rgb24", &[]);
    let green = p.frames[0].chunks(3).filter(|c| c[0] < 24 && c[1].abs_diff(0xB1) < 24 && c[2].abs_diff(0x40) < 24);
    assert!(green.count() > 5000);
}

/// A copy of an mp4 whose video is shown by that display matrix (a, b, c, d).
fn with_matrix(from: &Path, to: &Path, [a, b, c, d]: [i32; 4]) {
    let mut bytes = std::fs::read(from).unwrap();
    let track = bytes.windows(4).position(|w| w == b"tkhd").unwrap();
    let matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30];
    for (place, v) in bytes[track + 44..].chunks_exact_mut(4).zip(matrix) {
        place.copy_from_slice(&v.to_be_bytes());
    }
    std::fs::write(to, bytes).unwrap();
}

#[test]
fn rotated_and_mirrored_video_is_seen_and_written_upright_in_every_container() {
    let dir = folder();
    let upright = dir.path().join("upright.mp4");
    ffmpeg(
        "-loop 1 -i {} -frames:v 3 -vf scale=480:360,format=yuv420p -c:v libx264 -crf 10 {}",
        &[&photo(PEOPLE[0]), &upright],
    );
    let matte = |input: &Path, name: &str, mode: &str, more: &[&str]| {
        let out = dir.path().join(name);
        let output = format!("{mode}={}", arg(&out));
        let args = ["-q", "-y", arg(input), "-o", &output, "--model", "selfie"];
        ok(args.into_iter().chain(more.iter().copied()));
        out
    };
    let sure = |p: &Path| -> Vec<u8> {
        let seen = decode(p, "gray", &[]);
        assert_eq!((seen.width, seen.height), (480, 360), "{}", p.display());
        seen.frames[2].iter().map(|v| if *v >= 128 { 255 } else { 0 }).collect()
    };
    let want = sure(&matte(&upright, "want.mp4", "matte", &["--crf", "1"]));
    // How the picture is stored, and the matrix by which players show it upright.
    for (filter, matrix, name) in [
        ("transpose=cclock", [0, 1, -1, 0], "a.mp4"),
        ("transpose=clock", [0, -1, 1, 0], "a.mov"),
        ("hflip", [-1, 0, 0, 1], "a.mkv"),
        ("hflip,vflip", [-1, 0, 0, -1], "a.avi"),
        ("transpose=cclock_flip", [0, 1, 1, 0], "a.ts"),
        ("vflip", [1, 0, 0, -1], "b.mp4"),
    ] {
        let (stored, lying) = (dir.path().join("stored.mp4"), dir.path().join("lying.mp4"));
        ffmpeg(&format!("-i {{}} -vf {filter} -c:v libx264 -crf 10 {{}}"), &[&upright, &stored]);
        with_matrix(&stored, &lying, matrix);
        let out = matte(&lying, name, "matte", &["--crf", "1"]);
        assert!(video(&out)["side_data_list"].is_null(), "{name}: nothing is left to be turned");
        let same = iou(&sure(&out), &want);
        assert!(same > 0.9, "{name}: IoU {same:.3}");
    }
    // Half of the picture as it is seen, not as it is stored.
    let left = matte(&dir.path().join("lying.mp4"), "left.mp4", "matte", &["--include", "0,0,0.5,1"]);
    let seen = decode(&left, "gray", &[]);
    let right_half = (0..360).flat_map(|y| (250..480).map(move |x| (x, y)));
    assert!(right_half.into_iter().all(|(x, y)| seen.pixel(1, x, y)[0] < 24));
}

#[test]
fn stereo_and_spherical_side_data_are_preserved() {
    let dir = folder();
    let mkv = dir.path().join("in.mkv");
    clip(&mkv, "320x160", 4, &format!("{H264} -metadata:s:v:0 stereo_mode=left_right"));
    let kinds = |p: &Path| -> Vec<String> {
        let v = video(p);
        let list = v["side_data_list"].as_array().cloned().unwrap_or_default();
        list.iter().map(|d| format!("{} {}", text(&d["side_data_type"]), text(&d["type"]))).collect()
    };
    assert!(kinds(&mkv).iter().any(|k| k.contains("Stereo 3D side by side")), "{:?}", kinds(&mkv));
    for name in ["out.mkv", "out.mp4"] {
        let out = dir.path().join(name);
        segment(&mkv, &out);
        assert_eq!(kinds(&mkv), kinds(&out), "{name}");
    }
    // The layout was detected from the side data: there is no other clue.
    let plan = ok(["--dry-run", "--json", arg(&mkv), "-o", arg(&dir.path().join("x.mp4")), "--model", "selfie"]);
    assert!(String::from_utf8_lossy(&plan.stdout).contains("container"), "{}", String::from_utf8_lossy(&plan.stdout));
}

#[test]
fn single_frame_and_still_picture_are_processed() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(&input, "320x240", 1, H264);
    segment(&input, &out);
    assert_eq!(times(&out), times(&input));
    segment(&photo(PEOPLE[1]), &out);
    assert_eq!(times(&out).len(), 1);
}

#[test]
fn size_change_is_scaled_and_warned_once() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let options = "-an -c:v libx264 -preset veryfast -crf 12 -bf 0";
    clip(&at("small.ts"), "320x240", 10, options);
    clip(&at("large.ts"), "640x480", 10, &format!("{options} -pix_fmt yuv444p -output_ts_offset 0.4"));
    let joined = [std::fs::read(at("small.ts")).unwrap(), std::fs::read(at("large.ts")).unwrap()].concat();
    std::fs::write(at("in.ts"), joined).unwrap();
    let made = |input: &str, output: &str, more: &[&str]| {
        let (input, output) = (at(input), at(output));
        let base = [arg(&input), "-o", arg(&output), "--model", "selfie", "--mode", "overlay", "--crf", "1"];
        let got = ok(base.iter().chain(more));
        (stderr(&got), decode(&output, "gray", &[]))
    };
    let (printed, whole) = made("in.ts", "whole.mp4", &[]);
    assert_eq!((whole.width, whole.height, whole.frames.len()), (320, 240, 20));
    let words = "changes from 320x240 yuv420p to 640x480 yuv444p at frame 10; 10 frames were converted";
    // Once while the job runs; the summary repeats it in its own form.
    let warned = printed.lines().filter(|line| line.starts_with("vrseg: warning:") && line.contains(words));
    assert_eq!(warned.count(), 1, "{printed}");
    // Later frames are scaled down, not cropped.
    ffmpeg("-i {} -vf scale=320:240,format=yuv420p -c:v ffv1 {}", &[&at("large.ts"), &at("large.mkv")]);
    let (printed, later) = made("large.mkv", "later.mp4", &[]);
    assert!(!printed.contains("changes from"), "{printed}");
    for (a, b) in whole.frames[12..].iter().zip(&later.frames[2..]) {
        let apart: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(apart / (a.len() as u64) < 4, "{apart}");
    }
}

#[test]
fn frames_are_scaled_to_the_stated_size() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mov"), dir.path().join("out.mkv"));
    clip(&input, "96x64", 4, "-c:v prores_ks -an");
    // Change the height in the first frame's header (SMPTE RDD 36), which FFmpeg takes for the file's.
    let mut bytes = std::fs::read(&input).unwrap();
    let height = bytes.windows(4).position(|w| w == b"icpf").expect("ProRes") + 14;
    assert_eq!(bytes[height..height + 2], [0, 64]);
    bytes[height + 1] = 128;
    std::fs::write(&input, bytes).unwrap();
    let printed =
        stderr(&ok([arg(&input), "-o", arg(&out), "--mode", "matte", "--codec", "ffv1", "--model", "selfie"]));
    assert!(
        printed.contains("the file states 96x128, but its frames are 96x64 yuv422p10le; they were scaled"),
        "{printed}"
    );
    let made = decode(&out, "gray", &[]);
    assert_eq!((made.width, made.height), (96, 128));
    assert!(made.frames.len() >= 3, "{}", made.frames.len());
}

#[test]
fn warning_names_a_cover_picture_that_does_not_fit() {
    let dir = folder();
    let (plain, input) = (dir.path().join("plain.mp4"), dir.path().join("in.mp4"));
    clip(&plain, "320x240", 4, H264);
    let picture = photo(PEOPLE[1]);
    ffmpeg("-i {} -i {} -map 0 -map 1 -c copy -disposition:v:1 attached_pic {}", &[&plain, &picture, &input]);
    let covers = |p: &Path| {
        let all = probe(p)["streams"].as_array().unwrap().clone();
        all.iter().filter(|s| s["disposition"]["attached_pic"] == 1).count()
    };
    assert_eq!(covers(&input), 1);
    for (name, kept) in [("out.mp4", 1), ("out.mkv", 1), ("out.mov", 0), ("out.webm", 0)] {
        let out = dir.path().join(name);
        let got = ok([arg(&input), "-o", arg(&out), "--model", "selfie"]);
        let told = stderr(&got).matches("stream 2 (cover picture, mjpeg)").count();
        // Before the work, and in the summary.
        assert_eq!((covers(&out), told), (kept, 2 * (1 - kept)), "{name}: {}", stderr(&got));
    }
}

#[test]
fn sound_hidden_by_an_edit_list_stays_hidden() {
    let dir = folder();
    let (whole, input) = (dir.path().join("whole.mp4"), dir.path().join("in.mp4"));
    clip(&whole, "320x240", 75, &format!("{H264} -g 25"));
    ffmpeg("-ss 1.6 -i {} -c copy {}", &[&whole, &input]);
    let first = |p: &Path, s: &str| packets(p, s)[0].0.parse::<f64>().unwrap();
    assert!(first(&input, "a:0") < -0.4, "the clip has no hidden sound: {}", first(&input, "a:0"));
    let mp4 = dir.path().join("out.mp4");
    let got = ok([arg(&input), "-o", arg(&mp4), "--model", "selfie"]);
    assert!(!stderr(&got).contains("announced"), "{}", stderr(&got));
    assert_eq!(packets(&input, "a:0"), packets(&mp4, "a:0"));
    // Other containers keep at most the decoder's preroll, and stay in sync.
    let heard: Vec<_> =
        packets(&input, "a:0").into_iter().filter(|p| p.0.parse::<f64>().unwrap() >= 0.0).map(|p| p.1).collect();
    for name in ["out.mkv", "out.ts"] {
        let out = dir.path().join(name);
        segment(&input, &out);
        let ahead = first(&out, "v:0") - first(&out, "a:0");
        assert!((0.0..0.13).contains(&ahead), "{name}: {ahead}");
        if name == "out.mkv" {
            let got: Vec<_> = packets(&out, "a:0").into_iter().map(|p| p.1).collect();
            assert!(got.ends_with(&heard), "{name}");
        }
    }
}

#[test]
fn high_bit_depth_formats_keep_their_depth() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mkv"), dir.path().join("out.mkv"));
    for (source, codec, kept) in [
        ("yuv440p12le", "ffv1", "yuv440p12le"),
        ("yuv440p12le", "hevc", "yuv444p12le"),
        ("yuv444p16le", "ffv1", "yuv444p16le"),
        ("yuv444p16le", "hevc", "yuv444p12le"),
        ("gbrp16le", "ffv1", "yuv444p16le"),
        ("gray16le", "hevc", "yuv420p12le"),
    ] {
        clip(&input, "320x240", 2, &format!("-an -c:v ffv1 -strict -2 -pix_fmt {source}"));
        assert_eq!(text(&video(&input)["pix_fmt"]), source);
        ok(["-q", "-y", arg(&input), "-o", arg(&out), "--model", "selfie", "--codec", codec]);
        assert_eq!(text(&video(&out)["pix_fmt"]), kept, "{source} in {codec}");
    }
    // FFmpeg has no variant of these formats with alpha.
    for (source, kept) in [("yuv420p12le", "yuva420p16le"), ("yuv440p", "yuva444p"), ("yuv411p", "yuva422p")] {
        clip(&input, "320x240", 2, &format!("-an -c:v ffv1 -strict -2 -pix_fmt {source}"));
        ok(["-q", "-y", arg(&input), "-o", &format!("alpha={}", arg(&out)), "--model", "selfie"]);
        assert_eq!(text(&video(&out)["pix_fmt"]), kept, "{source} with alpha");
    }
}
