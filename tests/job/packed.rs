//! Alpha-packed passthrough: packing against an FFmpeg graph, unpacking, file names, refusals.

use crate::harness::*;
use std::path::{Path, PathBuf};
use vrseg_image::compose::{AlphaChannel, PackedFrame, PassthroughPainter, PassthroughPlan};
use vrseg_image::matte::{EdgeColors, MatteOptions, MattedView, SmallYuv};
use vrseg_image::plane::{ChromaSiting, Plane, PlaneMut, Rect, Yuv, YuvColor, YuvLayout, YuvMut};
use vrseg_image::vr::{Filter, Lens};

const YUV420: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };

/// A gray matte of two eyes, a byte a sample: waves, different in each eye, black outside the circles.
fn waves(side: usize) -> Vec<u8> {
    let value = |x: usize, y: usize| {
        let (eye, x) = (x / side, x % side);
        let (u, v) = (x as f64 / side as f64 - 0.5, y as f64 / side as f64 - 0.5);
        if u.hypot(v) > 0.5 {
            return 0;
        }
        let wave = (30.0 * u + eye as f64).sin() + (23.0 * v - 2.0 * eye as f64 + 9.0 * u).cos();
        (127.5 + 63.0 * wave) as u8
    };
    (0..side).flat_map(|y| (0..2 * side).map(move |x| value(x, y))).collect()
}

fn picture(dir: &Path, name: &str, (w, h): (usize, usize), gray: &[u8]) -> PathBuf {
    let path = dir.join(name);
    let bytes = [format!("P5\n{w} {h}\n255\n").as_bytes(), gray].concat();
    std::fs::write(&path, bytes).expect("a picture");
    path
}

/// Our packed luma of a matte over a black picture.
fn packed(side: usize, gray: &[u8]) -> Vec<u8> {
    let frame = PackedFrame::of_frame(2 * side, side).expect("square eyes");
    let rects = vec![Rect::new(0, 0, side, side), Rect::new(side, 0, side, side)];
    let plan = PassthroughPlan {
        frame,
        eyes: [0, 1],
        rects: rects.clone(),
        lens: Lens::Fisheye { fov: 180.0 },
        fov: 180.0,
        channel: AlphaChannel::Gray,
        filter: Filter::Bilinear,
        siting: ChromaSiting::Left,
    };
    let planes: [Plane<u8>; 3] = std::array::from_fn(|p| {
        let (w, h) = YUV420.plane_size(p, 2 * side, side);
        Plane::from_vec(vec![if p == 0 { 16 } else { 128 }; w * h], w, h)
    });
    // The last step clamps below 0.1 and above 0.9 to 0 and 1.
    let eye = |e: usize| {
        let alpha =
            (0..side * side).map(|i| 0.1 + 0.8 * f32::from(gray[i / side * 2 * side + e * side + i % side]) / 255.0);
        Plane::from_vec(alpha.collect(), side, side)
    };
    let alphas = [eye(0), eye(1)];
    let flat = Plane::from_vec(vec![0.0; side * side], side, side);
    let small = SmallYuv { y: flat.clone(), u: flat.clone(), v: flat };
    let colors = alphas.each_ref().map(|alpha| EdgeColors::of(&small, alpha));
    let views = [0, 1].map(|e| MattedView { rect: rects[e], small: &small, alpha: &alphas[e], colors: &colors[e] });
    let mut painter = PassthroughPainter::new(plan, YUV420, YuvColor::default(), (side, side), MatteOptions::default());
    let mut out = planes.clone();
    let source = planes.each_ref().map(Plane::as_ref);
    let target: [PlaneMut<'_, u8>; 3] = out.each_mut().map(Plane::as_mut);
    painter.paint(&Yuv::U8(source), &views, YuvMut::U8(target, None));
    out[0].data().iter().map(|y| (f32::from(y.saturating_sub(16)) * 255.0 / 219.0).round() as u8).collect()
}

/// The reference is vr2ar-converter's filter graph, whose output HereSphere plays.
#[test]
fn packing_matches_an_ffmpeg_overlay_graph() {
    let dir = folder();
    for side in [640, 1000] {
        let gray = waves(side);
        let matte = picture(dir.path(), "matte.pgm", (2 * side, side), &gray);
        let black = picture(dir.path(), "black.pgm", (2 * side, side), &vec![0; 2 * side * side]);
        let circle = |i: usize| {
            let (x, y) = (i % (2 * side) % side, i / (2 * side));
            let r = (x as f64 + 0.5 - side as f64 / 2.0).hypot(y as f64 + 0.5 - side as f64 / 2.0);
            if r <= side as f64 / 2.0 { 255 } else { 0 }
        };
        let mask: Vec<u8> = (0..2 * side * side).map(circle).collect();
        let mask = picture(dir.path(), "mask.pgm", (2 * side, side), &mask);
        let out = dir.path().join("oracle.mkv");
        ffmpeg(
            "-i {} -i {} -i {} -filter_complex \
             [0]format=yuv444p[v];[1]scale=iw*0.4:-1:flags=area[alpha];[2][alpha]scale2ref[mask][alpha];\
             [alpha][mask]alphamerge,split=2[m1][m2];\
             [m1]crop=iw/2:ih:0:0,split=2[l1][l2];[m2]crop=iw/2:ih:iw/2:0,split=4[r1][r2][r3][r4];\
             [v][l1]overlay=W*0.5-w*0.5:-0.5*h[a];[a][l2]overlay=W*0.5-w*0.5:H-0.5*h[b];\
             [b][r1]overlay=0-w*0.5:-0.5*h[c];[c][r2]overlay=0-w*0.5:H-0.5*h[d];\
             [d][r3]overlay=W-w*0.5:-0.5*h[e];[e][r4]overlay=W-w*0.5:H-0.5*h,format=gray \
             -frames:v 1 -c:v ffv1 {}",
            &[&black, &matte, &mask, &out],
        );
        let oracle = decode(&out, "gray", &[]);
        let ours = packed(side, &gray);
        let (mut sum, mut n, mut worst) = (0u64, 0u64, 0);
        for (i, (a, b)) in oracle.frames[0].iter().zip(&ours).enumerate() {
            let (x, y) = ((i % (2 * side)) as f64 + 0.5, (i / (2 * side)) as f64 + 0.5);
            let s = side as f64;
            // Distance to the nearest disc's center: the seam's ends and the corners.
            let to = |n: f64, v: f64| [0.0, n].iter().map(|c| (v - c).abs()).fold(f64::MAX, f64::min);
            let dx = to(s, x).min(to(2.0 * s, x));
            let r = dx.hypot(to(s, y));
            if r < 0.2 * s - 2.0 {
                sum += u64::from(a.abs_diff(*b));
                n += 1;
                worst = worst.max(a.abs_diff(*b));
            } else if r > 0.2 * s + 2.0 {
                assert!(*a < 3 && *b < 3, "{side}: outside the discs {x} {y}: {a} {b}");
            }
        }
        let mean = sum as f64 / n as f64;
        println!("eye of {side}: mean difference {mean:.3}, highest {worst}");
        assert!(n as f64 > 0.2 * (side * side) as f64 && mean < 0.7 && worst <= 6, "{side}: {mean:.3} {worst}");
    }
}

/// A clip of people seen in a projection, its eyes of `side` x `side`. `v360` describes the output.
fn scene(dir: &Path, name: &str, v360: &str, stack: Option<&str>) -> PathBuf {
    let path = dir.join(name);
    let stack = stack.map_or("null".to_owned(), |s| format!("split[a][b];[a][b]{s}"));
    let args = format!(
        "-loop 1 -framerate 25 -i {{}} -f lavfi -i sine=440:r=44100 -t 0.12 -filter_complex \
         [0]v360=input=flat:ih_fov=100:iv_fov=80:{v360},format=yuv420p,{stack}[v] -map [v] -map 1 \
         -c:v ffv1 -c:a pcm_s16le {{}}"
    );
    ffmpeg(&args, &[&photo(PEOPLE[0]), &path]);
    path
}

/// The eye of a matte in a fisheye of `fov` degrees, by FFmpeg.
fn as_fisheye(dir: &Path, matte: &Path, crop: &str, input: &str, fov: u32, side: usize) -> Vec<u8> {
    let out = dir.join("eye.mkv");
    let args = format!(
        "-i {{}} -vf crop={crop},v360=input={input}:output=fisheye:h_fov={fov}:v_fov={fov}:w={side}:h={side},format=gray \
         -frames:v 1 -c:v ffv1 {{}}"
    );
    ffmpeg(&args, &[matte, &out]);
    decode(&out, "gray", &[]).frames.remove(0)
}

fn in_circle(side: usize) -> impl Fn(usize) -> bool {
    move |i| {
        let at = |v: usize| v as f64 + 0.5 - side as f64 / 2.0;
        at(i % side).hypot(at(i / side)) < side as f64 / 2.0 - 2.0
    }
}

#[test]
fn every_layout_and_projection_packs_and_unpacks() {
    let dir = folder();
    let eye = "w=640:h=640";
    // Name, v360 output, stereo layout, crop of the left eye, v360 input, resulting field of view.
    let cases = [
        ("a_180_LR.mkv", format!("output=hequirect:{eye}"), Some("hstack"), "640:640:0:0", "hequirect", 180),
        ("b_180_TB.mkv", format!("output=hequirect:{eye}"), Some("vstack"), "640:640:0:0", "hequirect", 180),
        (
            "c_FISHEYE190.mkv",
            format!("output=fisheye:h_fov=190:v_fov=190:{eye}"),
            Some("hstack"),
            "640:640:0:0",
            "fisheye:ih_fov=190:iv_fov=190",
            190,
        ),
        ("d_360_mono.mkv", "output=equirect:w=1280:h=640".to_owned(), None, "1280:640:0:0", "equirect", 180),
        ("e_360_TB.mkv", "output=equirect:w=1280:h=640".to_owned(), Some("vstack"), "1280:640:0:0", "equirect", 180),
        ("f_360_LR.mkv", "output=equirect:w=1280:h=640".to_owned(), Some("hstack"), "1280:640:0:0", "equirect", 180),
        ("g_mono_180.mkv", format!("output=hequirect:{eye}"), None, "640:640:0:0", "hequirect", 180),
        (
            "h_TB_MKX200.mkv",
            format!("output=fisheye:h_fov=200:v_fov=200:{eye}"),
            Some("vstack"),
            "640:640:0:0",
            "fisheye:ih_fov=200:iv_fov=200",
            200,
        ),
        (
            "i_mono_F180.mkv",
            format!("output=fisheye:h_fov=180:v_fov=180:{eye}"),
            None,
            "640:640:0:0",
            "fisheye:ih_fov=180:iv_fov=180",
            180,
        ),
    ];
    for (name, v360, stack, crop, input, fov) in cases {
        let source = scene(dir.path(), name, &v360, stack);
        let (made, matte) = (dir.path().join("made.mkv"), dir.path().join("matte.mkv"));
        ok(["-q", "-y", arg(&source), "--model", "selfie", "--codec", "ffv1", "--alpha-channel", "gray"]
            .into_iter()
            .chain(["-o", &format!("passthrough={}", arg(&made)), "-o", &format!("matte={}", arg(&matte))]));
        let v = video(&made);
        assert_eq!((v["width"].as_u64(), v["height"].as_u64()), (Some(1280), Some(640)), "{name}");
        let tags: Vec<_> =
            v["side_data_list"].as_array().into_iter().flatten().map(|d| text(&d["side_data_type"])).collect();
        assert_eq!(tags, ["Stereo 3D"], "{name}: a fisheye has no tag of a sphere");
        assert_eq!(times(&made), times(&source), "{name}");

        let back = dir.path().join("back.mkv");
        ok(["unpack", "-q", "-y", arg(&made), "-o", arg(&back), "--codec", "ffv1"]);
        assert_eq!(times(&back), times(&source), "{name}");
        assert_eq!(packets(&back, "a:0"), packets(&source, "a:0"), "{name}: sound is kept");
        let got = decode(&back, "gray", &[]);
        let want = as_fisheye(dir.path(), &matte, crop, input, fov, 640);
        let circle = in_circle(640);
        let inside: Vec<usize> = (0..640 * 640).filter(|i| circle(*i)).collect();
        for eye in 0..2 {
            let left: Vec<u8> = inside.iter().map(|i| got.frames[0][i / 640 * 1280 + eye * 640 + i % 640]).collect();
            let want: Vec<u8> = inside.iter().map(|i| if want[*i] >= 128 { 255 } else { 0 }).collect();
            let (iou, person) = (iou(&left, &want), want.iter().filter(|v| **v > 0).count());
            println!("{name}, eye {eye}: IoU {iou:.3} of {person} pixels");
            assert!(person > 6000 && iou > 0.92, "{name}, eye {eye}: IoU {iou:.3} of {person} pixels");
        }
    }
}

#[test]
fn unpacked_hequirect_matte_aligns_with_the_source() {
    let dir = folder();
    let source = scene(dir.path(), "a_180_LR.mkv", "output=hequirect:w=640:h=640", Some("hstack"));
    let (made, matte, back) = (dir.path().join("made.mkv"), dir.path().join("matte.mkv"), dir.path().join("back.mkv"));
    let passthrough = format!("passthrough={}", arg(&made));
    let other = format!("matte={}", arg(&matte));
    ok([
        "-q",
        arg(&source),
        "-o",
        &passthrough,
        "-o",
        &other,
        "--model",
        "selfie",
        "--codec",
        "ffv1",
        "--out-fov",
        "200",
    ]);
    ok(["unpack", "-q", arg(&made), "-o", arg(&back), "--codec", "ffv1", "--projection", "hequirect", "--fov", "200"]);
    let (got, want) = (decode(&back, "gray", &[]), decode(&matte, "gray", &[]));
    // Not IoU: parts of the matte are gray, near the threshold.
    let sum: u64 = got.frames[0].iter().zip(&want.frames[0]).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = sum as f64 / got.frames[0].len() as f64;
    let person = want.frames[0].iter().map(|v| f64::from(*v)).sum::<f64>() / want.frames[0].len() as f64;
    println!("mean difference {mean:.2}, mean opacity {person:.2} of 255");
    // Measured: 0.10 of the opacity, all along edges: a disc has 0.4 of the matte's resolution.
    assert!(person > 8.0 && mean < 0.12 * person, "{mean:.2} of {person:.2}");
    let v = video(&back);
    let tags = &v["side_data_list"];
    assert!(tags.to_string().contains("tiled equirectangular"), "{tags}");
}

/// Ten bits stay ten bits and match eight bits, in both alpha channels; Lanczos is sharper than bilinear.
#[test]
fn bit_depth_is_kept_and_lanczos_is_sharper() {
    let dir = folder();
    let eye = "output=fisheye:h_fov=190:v_fov=190:w=512:h=512";
    let eight = scene(dir.path(), "a_FISHEYE190.mkv", eye, Some("hstack"));
    let ten = dir.path().join("b_FISHEYE190.mkv");
    ffmpeg("-i {} -pix_fmt yuv420p10le -c:v ffv1 {}", &[&eight, &ten]);
    let packed = |source: &Path, filter: &str, channel: &str| -> Vec<u8> {
        let made = dir.path().join("made.mkv");
        let output = format!("passthrough={}", arg(&made));
        let args = ["-q", "-y", arg(source), "-o", &output, "--model", "selfie", "--codec", "ffv1", "--out-fov", "180"];
        let mut program = vrseg();
        program.args(args).args(["--frames", "1", "--alpha-channel", channel]).env("VRSEG_OUTPUT_RESAMPLE", filter);
        let out = program.output().expect("a run");
        assert!(out.status.success(), "{}", stderr(&out));
        assert_eq!(video(&made)["pix_fmt"], video(source)["pix_fmt"]);
        decode(&made, "gray", &[]).frames.remove(0)
    };
    let bilinear = packed(&eight, "bilinear", "gray");
    let mean =
        |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64;
    for channel in ["gray", "red"] {
        let (a, b) = (packed(&eight, "bilinear", channel), packed(&ten, "bilinear", channel));
        assert!(mean(&a, &b) < 0.7, "{channel}: {:.3}", mean(&a, &b));
    }
    // Differences of neighboring pixels in the middle of the left eye.
    let detail = |picture: &[u8]| -> u64 {
        (150..350)
            .flat_map(|y| (150..350).map(move |x| y * 1024 + x))
            .map(|i| u64::from(picture[i].abs_diff(picture[i + 1])))
            .sum()
    };
    for source in [&eight, &ten] {
        let lanczos = packed(source, "lanczos", "gray");
        let (soft, sharp) = (detail(&bilinear), detail(&lanczos));
        println!("differences of neighbors: bilinear {soft}, Lanczos {sharp}");
        assert!(sharp * 100 > soft * 103 && mean(&bilinear, &lanczos) < 3.0, "{soft} {sharp}");
    }
}

/// How much of the matte survives the encoder; docs/vr_formats.md has the figures of a larger clip.
#[test]
fn lossy_codecs_preserve_the_packed_matte() {
    let dir = folder();
    let source = scene(dir.path(), "a_180_LR.mkv", "output=hequirect:w=640:h=640", Some("hstack"));
    let unpacked = |channel: &str, name: &str, options: &[&str]| -> Vec<u8> {
        let (made, back) = (dir.path().join(name), dir.path().join("back.mkv"));
        let output = format!("passthrough={}", arg(&made));
        let base = ["-q", "-y", arg(&source), "-o", &output, "--model", "selfie", "--alpha-channel", channel];
        ok(base.iter().chain(options));
        ok(["unpack", "-q", "-y", arg(&made), "-o", arg(&back), "--codec", "ffv1"]);
        decode(&back, "gray", &[]).frames.remove(1)
    };
    for channel in ["red", "gray"] {
        let lossless = unpacked(channel, "l.mkv", &["--codec", "ffv1"]);
        let mut last = 0.0;
        for (crf, allowed) in [("12", 0.6), ("23", 1.2), ("34", 2.5)] {
            let lossy = unpacked(channel, "x.mp4", &["--codec", "h264", "--crf", crf]);
            let sum: u64 = lossless.iter().zip(&lossy).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let mean = sum as f64 / lossless.len() as f64;
            println!("{channel}, crf {crf}: mean difference {mean:.2} of 255");
            assert!(mean < allowed && mean >= last * 0.8, "{channel}, crf {crf}: {mean:.2}");
            last = mean;
        }
    }
}

#[test]
fn output_folder_gets_file_names_that_players_recognize() {
    let dir = folder();
    let source = scene(dir.path(), "Beach_180_LR.mkv", "output=hequirect:w=128:h=128", Some("hstack"));
    let fisheye =
        scene(dir.path(), "Pool_FISHEYE190.mkv", "output=fisheye:h_fov=190:v_fov=190:w=128:h=128", Some("hstack"));
    let out = dir.path().join("out/");
    let folder_arg = format!("{}/", arg(&out));
    let one_frame = ["-q", "-o", &folder_arg, "--mode", "passthrough", "--model", "selfie", "--frames", "1"];
    ok(one_frame.into_iter().chain([arg(&source), arg(&fisheye)]));
    ok(one_frame.into_iter().chain([arg(&source), "--out-fov", "200"]));
    assert_eq!(
        listing(&out),
        ["Beach_LR_180_FISHEYE_F180_alpha.mp4", "Beach_MKX200_alpha.mp4", "Pool_FISHEYE190_alpha.mp4"]
    );
    // A green screen keeps the source's format in its name; only it gets the suffix of a key color.
    let (keyed, other) = (dir.path().join("keyed/"), format!("blur={}/", arg(&dir.path().join("keyed"))));
    let tour = scene(dir.path(), "Tour v2.mkv", "output=hequirect:w=128:h=128", None);
    let folder_arg = format!("green={}/", arg(&keyed));
    let green = ["-q", "-o", &folder_arg, "--model", "selfie", "--frames", "1"];
    ok(green.into_iter().chain([arg(&source), arg(&fisheye), "-o", &other]));
    ok(green.into_iter().chain([arg(&tour)]));
    ok(green.into_iter().chain([arg(&tour), "--projection", "equirect", "--layout", "mono"]));
    let names = [
        "Beach_180_LR_blur.mp4",
        "Beach_LR_180_SBS_passthrough.mp4",
        "Pool_FISHEYE190_blur.mp4",
        "Pool_FISHEYE190_passthrough.mp4",
        "Tour v2_green.mp4",
        "Tour v2_mono_360_passthrough.mp4",
    ];
    assert_eq!(listing(&keyed), names);
    // The output is detected as alpha packed.
    let probed = ok(["probe", "--json", arg(&out.join("Pool_FISHEYE190_alpha.mp4"))]);
    let probed = String::from_utf8_lossy(&probed.stdout).into_owned();
    let json: serde_json::Value = serde_json::from_str(&probed).expect("JSON");
    assert_eq!(json["format"]["alpha_packed"]["value"], true, "{probed}");
    assert_eq!(json["format"]["fov"], 190.0, "{probed}");
}

#[test]
fn unsuitable_inputs_are_refused_by_name() {
    let dir = folder();
    let (flat, out) = (dir.path().join("flat.mp4"), dir.path().join("out.mkv"));
    clip(&flat, "320x240", 3, H264);
    let refused = |args: &[&str]| {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(!out.exists());
        stderr(&output)
    };
    let printed = refused(&[arg(&flat), "-o", &format!("passthrough={}", arg(&out)), "--model", "selfie"]);
    assert!(printed.contains("flat.mp4: passthrough requires VR video, and this video is flat"), "{printed}");
    let printed = refused(&["unpack", arg(&flat), "-o", arg(&out)]);
    assert!(printed.contains("a frame of 320x240 is not alpha packed"), "{printed}");
    let printed = refused(&["unpack", arg(&flat), "-o", "matte"]);
    assert!(printed.contains("no extension"), "{printed}");
}
