//! What boxes and bitstreams say about views and projections, put into real clips: how it is detected, and what the
//! outputs say.

use crate::harness::*;
use serde_json::Value;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use vrseg_image::vr::boxes;
use vrseg_image::vr::{ContainerTags, SpherePart, Spherical, SphericalKind, StereoTag};

fn mp4_box(code: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], code, body].concat()
}

/// A box that begins with version and flags.
fn full_box(code: &[u8; 4], body: &[u8]) -> Vec<u8> {
    mp4_box(code, &[&[0; 4], body].concat())
}

/// Bytes of a box before the boxes in it.
fn header(code: &[u8]) -> usize {
    match code {
        b"stsd" => 16,
        b"avc1" | b"hvc1" => 86,
        _ => 8,
    }
}

/// Puts `new` to the end of the box at `path`. The file's `moov` is its last box, as ffmpeg writes it, so that no
/// frame moves.
fn insert(file: &mut Vec<u8>, path: &[&[u8; 4]], new: &[u8]) {
    let (mut at, mut end, mut sizes) = (0, file.len(), Vec::new());
    for code in path {
        let size = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
        while &file[at + 4..at + 8] != *code {
            at += size(at);
            assert!(at + 8 <= end, "no {}", String::from_utf8_lossy(*code));
        }
        end = at + size(at);
        sizes.push(at);
        at += header(*code);
    }
    file.splice(end..end, new.iter().copied());
    for at in sizes {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes")) + new.len() as u32;
        file[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
}

const TRACK: [&[u8; 4]; 2] = [b"moov", b"trak"];
const ENTRY: [&[u8; 4]; 7] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"];

/// A clip of six frames with those boxes.
fn clip_with(dir: &Path, name: &str, size: &str, boxes: &[(&[&[u8; 4]], Vec<u8>)]) -> PathBuf {
    let path = dir.join(name);
    clip(&path, size, 6, "-an -c:v libx264 -preset ultrafast");
    let mut file = std::fs::read(&path).expect("a clip");
    boxes.iter().for_each(|(place, new)| insert(&mut file, place, new));
    std::fs::write(&path, file).expect("a clip");
    path
}

/// The V1 box of a crop of a panorama.
fn v1([width, height, left, top]: [u32; 4], full: (u32, u32)) -> Vec<u8> {
    let fields = [
        ("CroppedAreaImageWidthPixels", width),
        ("CroppedAreaImageHeightPixels", height),
        ("CroppedAreaLeftPixels", left),
        ("CroppedAreaTopPixels", top),
        ("FullPanoWidthPixels", full.0),
        ("FullPanoHeightPixels", full.1),
    ];
    let fields: String = fields.iter().map(|(k, n)| format!("<GSpherical:{k}>{n}</GSpherical:{k}>")).collect();
    let xml = format!(
        "<rdf:SphericalVideo xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" \
         xmlns:GSpherical=\"http://ns.google.com/videos/1.0/spherical/\"><GSpherical:Spherical>true\
         </GSpherical:Spherical><GSpherical:Stitched>true</GSpherical:Stitched><GSpherical:ProjectionType>\
         equirectangular</GSpherical:ProjectionType>{fields}</rdf:SphericalVideo>"
    );
    let uuid = [0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd];
    mp4_box(b"uuid", &[&uuid[..], xml.as_bytes()].concat())
}

fn sv3d(projection: Vec<u8>) -> Vec<u8> {
    let proj = mp4_box(b"proj", &[full_box(b"prhd", &[0; 12]), projection].concat());
    mp4_box(b"sv3d", &[full_box(b"svhd", b"test\0"), proj].concat())
}

fn equi(part: SpherePart) -> Vec<u8> {
    let [left, top, right, bottom] = part.bounds();
    full_box(b"equi", &[top, bottom, left, right].map(u32::to_be_bytes).concat())
}

fn vexu(stri: u8, projection: &[u8; 4], packing: Option<&[u8; 4]>) -> Vec<u8> {
    let eyes = mp4_box(b"eyes", &full_box(b"stri", &[stri]));
    let proj = mp4_box(b"proj", &full_box(b"prji", projection));
    let pack = packing.map(|code| mp4_box(b"pack", &full_box(b"pkin", code))).unwrap_or_default();
    mp4_box(b"vexu", &[eyes, proj, pack].concat())
}

fn probe(path: &Path) -> Value {
    let all: Value = serde_json::from_slice(&ok(["probe", "--json", arg(path)]).stdout).expect("JSON");
    all["format"].clone()
}

/// Layout, eye order and projection with its certainty.
fn found(path: &Path) -> [String; 4] {
    let format = probe(path);
    let of = |part: &str, what: &str| text(&format[part][what]);
    [of("layout", "value"), of("eye_order", "value"), of("projection", "value"), of("projection", "confidence")]
}

fn segment(input: &Path, out: &Path) -> String {
    stderr(&ok(["-q", "-y", arg(input), "-o", arg(out), "--model", "selfie", "--preset", "ultrafast"]))
}

fn tags(path: &Path) -> ContainerTags {
    let found = boxes::read(&mut BufReader::new(File::open(path).expect("a file"))).expect("a readable file");
    boxes::tags(&found)
}

#[test]
fn parts_of_the_sphere_are_kept_by_outputs() {
    let dir = folder();
    let part = SpherePart { left: -90.0, right: 90.0, top: 67.5, bottom: -67.5 };
    let aside = SpherePart { left: 0.0, right: 90.0, top: 45.0, bottom: -22.5 };
    for (name, boxes, want) in [
        ("v1_half.mp4", vec![(&TRACK[..], v1([320, 320, 160, 0], (640, 320)))], SpherePart::FRONT_HALF),
        ("v1_part.mp4", vec![(&TRACK[..], v1([320, 240, 160, 40], (640, 320)))], part),
        ("v2_part.mp4", vec![(&ENTRY[..], sv3d(equi(part)))], part),
        ("v2_aside.mp4", vec![(&ENTRY[..], sv3d(equi(aside)))], aside),
    ] {
        let size = if want == SpherePart::FRONT_HALF { "320x320" } else { "320x240" };
        let input = clip_with(dir.path(), name, size, &boxes);
        let projection = if want == SpherePart::FRONT_HALF { "hequirect" } else { "equirect-part" };
        assert_eq!(found(&input), ["mono", "lr", projection, "certain"], "{name}");
        for out in ["out.mp4", "out.mkv"] {
            let out = dir.path().join(out);
            assert_eq!(segment(&input, &out), "", "{name}");
            let spherical = tags(&out).spherical.expect("a sphere");
            assert_eq!(spherical.kind, SphericalKind::EquirectangularTile, "{name}");
            assert!(spherical.part().expect("a part").is_near(&want, 0.6), "{name} {spherical:?}");
            assert_eq!(found(&out)[2], projection, "{name}");
        }
    }
    let degrees = probe(&dir.path().join("v2_aside.mp4"))["part"].clone();
    assert_eq!(degrees, serde_json::json!({"left": 0.0, "right": 90.0, "top": 45.0, "bottom": -22.5}));
}

#[test]
fn apples_boxes_tell_packing_eyes_and_projection() {
    let dir = folder();
    let of = |name: &str, size: &str, vexu| clip_with(dir.path(), name, size, &[(&ENTRY[..], vexu)]);
    let side = of("side.mp4", "640x320", vexu(11, b"hequ", Some(b"side")));
    assert_eq!(found(&side), ["sbs", "rl", "hequirect", "certain"]);
    let over = of("over.mp4", "320x320", vexu(3, b"equi", Some(b"over")));
    assert_eq!(found(&over), ["tb", "lr", "equirect", "certain"]);
    let flat = of("flat.mp4", "640x320", vexu(3, b"rect", Some(b"side")));
    assert_eq!(found(&flat), ["sbs", "lr", "flat", "certain"]);
    let out = dir.path().join("out.mkv");
    segment(&side, &out);
    let want =
        ContainerTags { stereo: Some(StereoTag::SideBySide), right_first: true, spherical: Some(Spherical::VR180) };
    assert_eq!(tags(&out), want);
}

#[test]
fn missing_second_layer_is_reported_by_probe_and_jobs() {
    let dir = folder();
    let input = clip_with(dir.path(), "spatial.mp4", "320x320", &[(&ENTRY[..], vexu(3, b"hequ", None))]);
    assert_eq!(found(&input), ["mono", "lr", "hequirect", "certain"]);
    let warning = "the second eye's view is missing";
    assert!(text(&probe(&input)["warnings"][0]).contains(warning));
    let printed = segment(&input, &dir.path().join("out.mp4"));
    assert!(printed.contains(warning), "{printed}");
}

/// Whether the FFmpeg at hand decodes both layers.
fn decodes_layers() -> bool {
    let help = Command::new("ffmpeg").args(["-v", "error", "-h", "decoder=hevc"]).output().expect("ffmpeg");
    String::from_utf8_lossy(&help.stdout).contains("view_ids")
}

#[test]
fn both_eyes_of_a_spatial_video_are_worked_on_where_ffmpeg_decodes_them() {
    let dir = folder();
    // crates/media/src/tests/layers.rs says how it was made.
    let mut file = include_bytes!("../../crates/media/src/tests/two_layers.mov").to_vec();
    let entry = [&ENTRY[..6], &[b"hvc1"]].concat();
    insert(&mut file, &entry, &vexu(3, b"hequ", None));
    let (input, out) = (dir.path().join("spatial.mov"), dir.path().join("out.mp4"));
    std::fs::write(&input, file).expect("a clip");
    let printed = segment(&input, &out);
    if decodes_layers() {
        assert_eq!(found(&input), ["sbs", "lr", "hequirect", "certain"]);
        assert_eq!(printed, "");
        let want = ContainerTags {
            stereo: Some(StereoTag::SideBySide),
            right_first: false,
            spherical: Some(Spherical::VR180),
        };
        assert_eq!(tags(&out), want);
        let made = decode(&out, "gray", &[]);
        assert_eq!((made.width, made.height, made.frames.len()), (128, 64, 9));
    } else {
        assert_eq!(found(&input), ["mono", "lr", "hequirect", "certain"]);
        assert!(printed.contains("the second eye's view is missing"), "{printed}");
    }
}

#[test]
fn boxes_that_disagree_are_not_certain() {
    let dir = folder();
    let boxes = [
        (&TRACK[..], v1([640, 320, 0, 0], (640, 320))),
        (&ENTRY[..], full_box(b"st3d", &[0])),
        (&ENTRY[..], sv3d(equi(SpherePart::FRONT_HALF))),
        (&ENTRY[..], vexu(3, b"hequ", Some(b"side"))),
    ];
    let input = clip_with(dir.path(), "quarrel.mp4", "320x320", &boxes);
    assert_eq!(found(&input), ["mono", "lr", "hequirect", "likely"]);
    let format = probe(&input);
    assert_eq!(text(&format["layout"]["confidence"]), "likely");
    let warnings = format["warnings"].to_string();
    for both in [
        "the container's spherical metadata says half-equirectangular (180), the container's V1 metadata says",
        "the container's stereo metadata says mono, the container's vexu metadata says side by side",
    ] {
        assert!(warnings.contains(both), "{warnings}");
    }
    // One view, without a word against it, is certain.
    let input = clip_with(dir.path(), "mono.mp4", "640x320", &[(&ENTRY[..], full_box(b"st3d", &[0]))]);
    let format = probe(&input);
    assert_eq!(
        (text(&format["layout"]["value"]), text(&format["layout"]["confidence"])),
        ("mono".into(), "certain".into())
    );
}

#[test]
fn frame_packing_of_the_bitstream_is_used() {
    let dir = folder();
    let encode = |name: &str, codec: &str| {
        let path = dir.path().join(name);
        ffmpeg(&format!("-f lavfi -i testsrc2=s=640x360:r=30 -frames:v 4 {codec} {{}}"), &[&path]);
        path
    };
    let x264 = |packing| format!("-c:v libx264 -preset ultrafast -x264-params frame-packing={packing}");
    let side = encode("side.mp4", &x264(3));
    for (path, layout) in [
        (side.clone(), "sbs"),
        (encode("side.ts", &x264(3)), "sbs"),
        (encode("over.mp4", &x264(4)), "tb"),
        (encode("over.mkv", &x264(4)), "tb"),
    ] {
        assert_eq!(found(&path)[..2], [layout, "lr"], "{}", path.display());
        let format = probe(&path);
        assert_eq!(text(&format["layout"]["confidence"]), "certain");
        assert!(text(&format["layout"]["detail"]).contains("frame packing"), "{format}");
    }
    // "The first view is the right eye's": 2 in place of 1 behind the packing.
    let mut bytes = std::fs::read(&side).expect("a clip");
    let at = bytes.windows(5).position(|w| w == [6, 45, 7, 0x81, 0x81]).expect("x264's message");
    bytes[at + 4] = 0x82;
    let right = dir.path().join("right.mp4");
    std::fs::write(&right, bytes).expect("a clip");
    assert_eq!(found(&right)[..2], ["sbs", "rl"]);
    let out = dir.path().join("out.mkv");
    segment(&right, &out);
    assert_eq!((tags(&out).stereo, tags(&out).right_first), (Some(StereoTag::SideBySide), true));
}

#[test]
fn halves_of_frames_that_nothing_names_are_compared() {
    let dir = folder();
    let encode = |name: &str, filter: &str| {
        let path = dir.path().join(name);
        let args = format!(
            "-loop 1 -i {{}} -filter_complex {filter},format=yuv420p -frames:v 2 -c:v libx264 -preset ultrafast {{}}"
        );
        ffmpeg(&args, &[&photo(PEOPLE[0]), &path]);
        path
    };
    let stereo = encode(
        "a.mp4",
        "[0]scale=1180:1080,split[l][r];[l]crop=1080:1080:0:0[l];[r]crop=1080:1080:24:0[r];[l][r]hstack",
    );
    let around = encode("b.mp4", "[0]scale=1080:1080,split[l][r];[r]hflip[r];[l][r]hstack");
    let flat = encode("c.mp4", "[0]scale=2160:1080");
    for (path, want, certainty) in [
        (stereo, ["sbs", "hequirect"], "likely"),
        (around, ["mono", "equirect"], "likely"),
        (flat, ["mono", "flat"], "guess"),
    ] {
        let [layout, _, projection, confidence] = found(&path);
        assert_eq!(([&*layout, &*projection], &*confidence), (want, certainty), "{}", path.display());
    }
}
