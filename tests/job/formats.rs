//! Format detection, `vrseg probe`, and the format metadata of the outputs, read by our own parser and by
//! ffprobe.

use crate::harness::*;
use serde_json::Value;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use vrseg_image::vr::boxes;
use vrseg_image::vr::{ContainerTags, Spherical, StereoTag};

/// A clip of six frames with no VR metadata but its name.
fn named(dir: &Path, name: &str, size: &str) -> PathBuf {
    let path = dir.join(name);
    clip(&path, size, 6, H264);
    path
}

fn segment(input: &Path, out: &Path, extra: &[&str]) -> std::process::Output {
    let base = ["-q", "-y", arg(input), "-o", arg(out), "--model", "selfie", "--preset", "ultrafast"];
    ok(base.iter().chain(extra))
}

/// Format tags in the container, read by our own parser.
fn tags(path: &Path) -> ContainerTags {
    let found = boxes::read(&mut BufReader::new(File::open(path).expect("a file"))).expect("a readable file");
    boxes::tags(&found)
}

/// ffprobe's side data of the video: type, and the projection or packing.
fn side_data(path: &Path) -> Vec<String> {
    let list = video(path)["side_data_list"].as_array().cloned().unwrap_or_default();
    let of = |d: &Value| {
        let kind = text(&d["side_data_type"]);
        let bounds = ["bound_left", "bound_top", "bound_right", "bound_bottom"].map(|k| text(&d[k])).join(" ");
        match kind.as_str() {
            "Stereo 3D" => format!("{} inverted {}", text(&d["type"]), text(&d["inverted"])),
            _ if d["bound_left"].is_null() => text(&d["projection"]),
            _ => format!("{} {bounds}", text(&d["projection"])),
        }
    };
    list.iter().map(of).collect()
}

fn probe_json(path: &Path) -> Value {
    serde_json::from_slice(&ok(["probe", "--json", arg(path)]).stdout).expect("JSON")
}

const VR180: ContainerTags =
    ContainerTags { stereo: Some(StereoTag::SideBySide), right_first: false, spherical: Some(Spherical::VR180) };

#[test]
fn vr180_detected_by_name_is_tagged() {
    let dir = folder();
    let input = named(dir.path(), "walk_LR_180.mp4", "320x160");
    assert!(tags(&input).is_empty());
    for name in ["out.mp4", "out.mkv"] {
        let out = dir.path().join(name);
        segment(&input, &out, &[]);
        assert_eq!(tags(&out), VR180, "{name}");
        let printed = side_data(&out);
        assert_eq!(printed[0], "side by side inverted 0", "{name}");
        // A quarter of the sphere's width is half the picture's, give or take a pixel of rounding.
        let words: Vec<_> = printed[1].split(' ').collect();
        let bounds: Vec<i64> = words[2..].iter().map(|w| w.parse().expect("pixels")).collect();
        assert_eq!((&words[..2], bounds[1], bounds[3]), (&["tiled", "equirectangular"][..], 0, 0), "{name}");
        assert!((159..=161).contains(&bounds[0]) && (159..=161).contains(&bounds[2]), "{name}: {printed:?}");
        // The tagged output as input: the same format, now from the container.
        let again = dir.path().join(format!("again_{name}"));
        segment(&out, &again, &[]);
        assert_eq!(tags(&again), VR180, "{name}");
        let format = &probe_json(&again)["format"];
        assert_eq!(
            (text(&format["projection"]["value"]), text(&format["projection"]["evidence"])),
            ("hequirect".into(), "container".into())
        );
    }
}

#[test]
fn each_format_gets_matching_container_tags() {
    let dir = folder();
    let sphere = Some(Spherical::EQUIRECTANGULAR);
    let tag = |stereo, right_first, spherical| ContainerTags { stereo: Some(stereo), right_first, spherical };
    for (name, size, mp4, mkv) in [
        ("a_360_mono.mp4", "320x160", tag(StereoTag::Mono, false, sphere), tag(StereoTag::Mono, false, sphere)),
        ("b_360_TB.mp4", "240x240", tag(StereoTag::TopBottom, false, sphere), tag(StereoTag::TopBottom, false, sphere)),
        (
            "c_FISHEYE190.mp4",
            "320x160",
            tag(StereoTag::SideBySide, false, None),
            tag(StereoTag::SideBySide, false, None),
        ),
        // FFmpeg writes no right-eye-first tag to mp4: no tag is better than half of it.
        ("d_RL_180.mp4", "320x160", ContainerTags::default(), ContainerTags { right_first: true, ..VR180 }),
        ("e.mp4", "320x180", ContainerTags::default(), ContainerTags::default()),
    ] {
        let input = named(dir.path(), name, size);
        for (out, want) in [("o.mp4", mp4), ("o.mkv", mkv)] {
            let out = dir.path().join(out);
            segment(&input, &out, &[]);
            assert_eq!(tags(&out), want, "{name} {}", out.display());
        }
    }
}

#[test]
fn overridden_tag_is_not_copied() {
    let dir = folder();
    let plain = named(dir.path(), "walk_LR_180.mp4", "320x160");
    let tagged = dir.path().join("tagged.mkv");
    segment(&plain, &tagged, &[]);
    for (extra, want) in [
        (&["--projection", "fisheye", "--fov", "190"][..], ContainerTags { spherical: None, ..VR180 }),
        (&["--projection", "flat", "--layout", "mono"], ContainerTags::default()),
        (
            &["--projection", "equirect", "--layout", "tb"],
            ContainerTags {
                stereo: Some(StereoTag::TopBottom),
                right_first: false,
                spherical: Some(Spherical::EQUIRECTANGULAR),
            },
        ),
    ] {
        for name in ["out.mkv", "out.mp4"] {
            let out = dir.path().join(name);
            segment(&tagged, &out, extra);
            assert_eq!(tags(&out), want, "{name} {extra:?}");
        }
    }
}

#[test]
fn warning_names_conflicting_format_sources() {
    let dir = folder();
    let plain = named(dir.path(), "walk_LR_180.mp4", "320x160");
    let tagged = dir.path().join("walk_360_TB.mp4");
    segment(&plain, &tagged, &[]);
    let printed = stderr(&segment(&tagged, &dir.path().join("o.mp4"), &[]));
    for words in
        ["the container's stereo metadata says side by side, the file name (\"TB\") says top-bottom", "\"360\""]
    {
        assert!(printed.contains(words), "{printed}");
    }
    // Explicit options silence the warning.
    let printed = stderr(&segment(
        &tagged,
        &dir.path().join("o.mp4"),
        &["--layout", "sbs", "--projection", "hequirect", "--eye-order", "lr"],
    ));
    assert_eq!(printed, "");
}

#[test]
fn cubemaps_are_refused() {
    let dir = folder();
    let input = named(dir.path(), "tour_EAC360.mp4", "320x240");
    let out = dir.path().join("o.mp4");
    let refused = run(["-q", arg(&input), "-o", arg(&out), "--model", "selfie"]);
    let printed = stderr(&refused);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        printed.contains("EAC") && printed.contains("v360=eac:equirect") && printed.contains("--projection"),
        "{printed}"
    );
    assert!(!out.exists());
    // An explicit projection overrides the detection.
    segment(&input, &out, &["--projection", "flat"]);
    assert_eq!(probe_json(&input)["format"]["supported"], false);
}

#[test]
fn fisheye_is_detected_by_its_circle() {
    let dir = folder();
    let (round, square) = (dir.path().join("take1_LR.mp4"), dir.path().join("take2_LR.mp4"));
    let eye = "scale=512:512:out_range=tv,format=yuv420p";
    for (path, projected) in [
        (
            &round,
            "v360=hequirect:fisheye:iv_fov=180:ih_fov=180:v_fov=180:h_fov=180,\
        geq=lum='if(lt(hypot(X-256,Y-256),256),lum(X,Y),16)':cb='cb(X,Y)':cr='cr(X,Y)',",
        ),
        (&square, ""),
    ] {
        let filter = format!("{eye},{projected}split[l][r];[l][r]hstack");
        ffmpeg(
            &format!("-loop 1 -i {{}} -filter_complex {filter} -frames:v 30 -c:v libx264 -preset ultrafast -g 10 {{}}"),
            &[&photo(PEOPLE[0]), path],
        );
    }
    let format = probe_json(&round)["format"].clone();
    assert_eq!(
        (text(&format["projection"]["value"]), text(&format["projection"]["evidence"])),
        ("fisheye".into(), "pixels".into())
    );
    assert_eq!(format["fov"], 180.0);
    assert!(text(&format["warnings"][0]).contains("--fov"), "{format}");
    let format = probe_json(&square)["format"].clone();
    assert_eq!(
        (text(&format["projection"]["value"]), text(&format["projection"]["evidence"])),
        ("hequirect".into(), "shape".into())
    );
}

#[test]
fn probe_prints_text_and_json() {
    let dir = folder();
    let plain = named(dir.path(), "walk_LR_180.mp4", "320x160");
    let tagged = dir.path().join("tagged.mp4");
    segment(&plain, &tagged, &[]);
    std::fs::rename(&tagged, dir.path().join("walk_360_TB.mp4")).expect("renamed");
    let shown = |name: &str| {
        let out = vrseg().current_dir(dir.path()).args(["probe", name]).output().expect("a run");
        assert!(out.status.success(), "{}", stderr(&out));
        String::from_utf8(out.stdout).expect("UTF-8")
    };
    let both = format!("{}\n{}", shown("walk_LR_180.mp4"), shown("walk_360_TB.mp4"));
    insta::with_settings!({filters => vec![
        (r"[0-9.]+ (KiB|MiB|Mb/s|B)", "[N] $1"),
        (r"at byte \d+", "at byte [N]"),
        (r"Lavf[\d.]+", "Lavf[N]"),
    ]}, {
        insta::assert_snapshot!(both);
    });
    let all = probe_json(&plain);
    assert_eq!((&all["video"]["width"], &all["video"]["codec"]), (&Value::from(320), &Value::from("h264")));
    assert_eq!(all["format"]["layout"]["value"], "sbs");
    assert_eq!(all["format"]["layout"]["detail"], "from \"LR\" in the file name");
    assert_eq!(all["format"]["layout"]["confidence"], "likely");
    assert_eq!(all["streams"]["audio"], 1);

    let missing = run(["probe", "none.mp4"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("none.mp4"), "{}", stderr(&missing));
}

/// Changes every byte of the header of a real file, one at a time.
#[test]
fn damaged_headers_never_panic() {
    let dir = folder();
    let plain = named(dir.path(), "walk_LR_180.mp4", "320x160");
    for name in ["out.mp4", "out.mkv"] {
        let out = dir.path().join(name);
        segment(&plain, &out, &[]);
        let whole = std::fs::read(&out).expect("a file");
        let head = whole.len().min(6000);
        for at in 0..head {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = whole[..head].to_vec();
                damaged[at] = value;
                let found = boxes::read(&mut std::io::Cursor::new(&damaged)).expect("memory can be read");
                for b in &found {
                    assert!(b.content.to_string().len() < 400);
                }
            }
        }
    }
}
