//! Every codec is opened, written and read back; wrong options are refused.

use super::*;
use vrseg_image::plane::{PlaneRef, YuvColor, YuvMut};

fn source(files: &Files) -> PathBuf {
    files.make(&format!("{} -c:v ffv1 -pix_fmt yuv420p", picture("320x160", 8)), "src.mkv")
}

#[test]
fn every_codec_is_written_and_read_back() {
    let files = Files::new();
    let eight = source(&files);
    let ten = files.make(&format!("{} -c:v ffv1 -pix_fmt yuv420p10le", picture("320x160", 8)), "ten.mkv");
    for (codec, name, from, pixel) in [
        (Codec::H264, "a.mp4", &eight, "yuv420p"),
        (Codec::H264, "a10.mkv", &ten, "yuv420p10le"),
        (Codec::Hevc, "b.mp4", &eight, "yuv420p"),
        (Codec::Hevc, "b10.mov", &ten, "yuv420p10le"),
        (Codec::Av1, "c.mp4", &eight, "yuv420p"),
        (Codec::Av1, "c10.mkv", &ten, "yuv420p10le"),
        (Codec::Vp9, "d.webm", &eight, "yuv420p"),
        (Codec::Vp9, "d.mp4", &ten, "yuv420p10le"),
        (Codec::ProRes, "e.mov", &eight, "yuv422p10le"),
        (Codec::Ffv1, "f.mkv", &ten, "yuv420p10le"),
    ] {
        let to = files.path(name);
        let encode = EncodeOptions { codec: Some(codec), threads: 2, ..Default::default() };
        let done = copy(from, &to, &encode, &DecodeOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(done.frames, 8);
        let info = probe(&to).unwrap().video;
        assert_eq!(info.pixel_format, pixel, "{name}");
        let mut reader = Reader::open(&to, &DecodeOptions::default()).unwrap();
        let mut frames = 0;
        while let Some(item) = reader.next().unwrap() {
            frames += u32::from(matches!(item, Item::Frame(_)));
        }
        assert_eq!((frames, reader.decode_errors()), (8, 0), "{name}");
    }
}

#[test]
fn dropping_a_writer_without_frames_does_not_hang() {
    let files = Files::new();
    let reader = Reader::open(&source(&files), &DecodeOptions::default()).unwrap();
    for codec in [Codec::Av1, Codec::Hevc, Codec::Vp9] {
        let to = files.path("never.mkv");
        let encode = EncodeOptions { codec: Some(codec), threads: 2, ..Default::default() };
        let writer = Writer::create(options(&to, &encode, &reader.info().video), &reader.template()).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            drop(writer);
            tell.send(())
        });
        told.recv_timeout(std::time::Duration::from_secs(60)).unwrap_or_else(|_| panic!("{codec:?} hangs"));
    }
    assert_eq!(files.names(), ["src.mkv"]);
}

/// Writes `frames` flat pictures with a half-transparent ramp and returns the file.
fn write_alpha(files: &Files, name: &str, layout: YuvLayout) -> PathBuf {
    let from = source(files);
    let reader = Reader::open(&from, &DecodeOptions::default()).unwrap();
    let to = files.path(name);
    let encode = EncodeOptions::default();
    let color = YuvColor::default();
    let options =
        WriterOptions { purpose: Purpose::Alpha, layout, color, ..options(&to, &encode, &reader.info().video) };
    let pool = FramePool::new(layout, 320, 160).unwrap();
    let mut writer = Writer::create(options, &reader.template()).unwrap();
    for i in 0..4 {
        let mut frame = pool.get().unwrap();
        match frame.yuv_mut() {
            YuvMut::U8(mut planes, Some(mut alpha)) => {
                planes.iter_mut().for_each(|p| p.fill(128));
                (0..160).for_each(|y| alpha.row_mut(y).iter_mut().enumerate().for_each(|(x, a)| *a = ramp(x)));
            }
            YuvMut::U16(mut planes, Some(mut alpha)) => {
                planes.iter_mut().for_each(|p| p.fill(512));
                (0..160).for_each(|y| {
                    alpha
                        .row_mut(y)
                        .iter_mut()
                        .enumerate()
                        .for_each(|(x, a)| *a = (u32::from(ramp(x)) * 1023 / 255) as u16);
                });
            }
            _ => panic!("alpha expected"),
        }
        // The source's clock is Matroska's milliseconds.
        writer.write_frame(frame, i * 33, 33).unwrap();
    }
    writer.finish().unwrap();
    to
}

fn ramp(x: usize) -> u8 {
    if x < 80 {
        0
    } else if x >= 240 {
        255
    } else {
        ((x - 80) * 255 / 160) as u8
    }
}

/// The alpha plane of the first frame as ffmpeg sees it, behind a filter for the pixel format.
fn alpha_as(path: &Path, decoder: &str, filter: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error"]).args(decoder.split_whitespace()).arg("-i").arg(path);
    command.args(["-frames:v", "1", "-vf", &format!("{filter},extractplanes=a"), "-f", "rawvideo", "-"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The same, in 8 bits.
fn alpha_of(path: &Path, decoder: &str) -> Vec<u8> {
    alpha_as(path, decoder, "format=yuva444p")
}

#[test]
fn opaque_pixels_are_opaque_to_the_last_bit_in_prores() {
    let files = Files::new();
    let eight = YuvLayout { alpha: true, ..yuv420(8) };
    // FFmpeg decodes 12 bits.
    let alpha = alpha_as(&write_alpha(&files, "a.mov", eight), "", "null");
    let greatest = alpha.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).max();
    assert_eq!(greatest, Some(4095), "255 of 255");
}

#[test]
fn alpha_survives_in_mov_webm_and_mkv() {
    let files = Files::new();
    let eight = YuvLayout { alpha: true, ..yuv420(8) };
    let full = YuvLayout { bits: 10, chroma_shift_x: 0, chroma_shift_y: 0, alpha: true };
    for (name, layout, decoder, tolerance) in [
        ("a.mov", eight, "", 1),
        ("b.mov", full, "", 1),
        ("c.webm", eight, "-c:v libvpx-vp9", 4),
        ("d.mkv", eight, "", 0),
        ("e.mkv", full, "", 1),
    ] {
        let path = write_alpha(&files, name, layout);
        let alpha = alpha_of(&path, decoder);
        let alpha = PlaneRef::new(&alpha, 320, 320, 160);
        for x in [0, 40, 100, 160, 200, 260, 319] {
            let (got, want) = (alpha.row(80)[x], ramp(x));
            assert!(got.abs_diff(want) <= tolerance, "{name} at {x}: {got} for {want}");
        }
        assert_eq!((alpha.row(5)[2], alpha.row(5)[310]), (0, 255), "{name}: wholly clear and opaque stay so");
    }
    let message = {
        let (path, encode) = (files.path("x.mp4"), EncodeOptions::default());
        let video = probe(&files.path("src.mkv")).unwrap().video;
        let options = WriterOptions { purpose: Purpose::Alpha, layout: eight, ..options(&path, &encode, &video) };
        plan_encoder(&options).unwrap_err().to_string()
    };
    assert!(message.contains("real alpha needs .mov (ProRes 4444), .webm (VP9) or .mkv (FFV1)"), "{message}");
}

/// The plan for an output of a made-up source.
fn plan(name: &str, encode: &EncodeOptions, layout: YuvLayout, width: usize) -> Result<EncoderPlan> {
    plan_encoder(&wide(name, encode, layout, width))
}

/// Options for frames twice as wide as high.
fn wide<'a>(name: &'a str, encode: &'a EncodeOptions, layout: YuvLayout, width: usize) -> WriterOptions<'a> {
    WriterOptions {
        path: Path::new(name),
        encode,
        layout,
        color: YuvColor::default(),
        width,
        height: width / 2,
        fps: 30.0,
        overwrite: false,
        reshaped: false,
        purpose: Purpose::Picture,
        copy_streams: true,
        tags: VrTags::Source,
        resize: Resize::default(),
    }
}

#[test]
fn defaults_suit_container_size_and_depth() {
    let none = EncodeOptions::default();
    for (name, bits, width, expected) in [
        ("a.mp4", 8, 4096, "libx264 crf 18 preset veryfast yuv420p"),
        ("a.MKV", 8, 1920, "libx264 crf 18 preset veryfast yuv420p"),
        ("a.mp4", 8, 5760, "libx265 crf 20 preset superfast yuv420p"),
        ("a.mov", 10, 1920, "libx265 crf 20 preset veryfast yuv420p10le"),
        ("a.webm", 8, 1920, "libvpx-vp9 crf 24 cpu-used 5 yuv420p"),
    ] {
        assert_eq!(plan(name, &none, yuv420(bits), width).unwrap().description, expected);
    }
    let four = YuvLayout { chroma_shift_x: 0, chroma_shift_y: 0, ..yuv420(10) };
    assert_eq!(plan("a.mov", &none, four, 1920).unwrap().pix_fmt, "yuv444p10le");
    let matte = EncodeOptions { codec: Some(Codec::Ffv1), ..Default::default() };
    let options = |layout| WriterOptions {
        path: Path::new("m.mkv"),
        encode: &matte,
        layout,
        color: YuvColor::default(),
        width: 320,
        height: 160,
        fps: 30.0,
        overwrite: false,
        reshaped: false,
        purpose: Purpose::Matte,
        copy_streams: false,
        tags: VrTags::Source,
        resize: Resize::default(),
    };
    assert_eq!(plan_encoder(&options(yuv420(8))).unwrap().pix_fmt, "gray");
    assert_eq!(plan_encoder(&options(yuv420(10))).unwrap().pix_fmt, "gray10le");
}

#[test]
fn a_matte_is_stored_gray() {
    let files = Files::new();
    let from = source(&files);
    let mut reader = Reader::open(&from, &DecodeOptions::default()).unwrap();
    let to = files.path("m.mkv");
    let encode = EncodeOptions { codec: Some(Codec::Ffv1), ..Default::default() };
    let options = WriterOptions { purpose: Purpose::Matte, ..options(&to, &encode, &reader.info().video) };
    let mut writer = Writer::create(options, &reader.template()).unwrap();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Frame(f) = item {
            writer.write_frame(f.frame, f.pts, f.duration).unwrap();
        }
    }
    writer.finish().unwrap();
    // The luma is the same, sample for sample.
    let luma = |p: &Path| {
        run(Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(p).args([
            "-vf",
            "extractplanes=y",
            "-f",
            "md5",
            "-",
        ]))
    };
    assert_eq!(luma(&to), luma(&from));
}

#[test]
fn wrong_settings_are_refused() {
    let files = Files::new();
    let from = source(&files);
    let error = |name: &str, encode: EncodeOptions| {
        let done = copy(&from, &files.path(name), &encode, &DecodeOptions::default());
        let message = done.err().unwrap_or_else(|| panic!("{name} {encode:?}")).to_string();
        assert_eq!(files.names(), ["src.mkv"], "{message}");
        message
    };
    let none = EncodeOptions::default;
    let extra = |k: &str, v: &str| EncodeOptions { extra: vec![(k.into(), v.into())], ..none() };
    let codec = |c| EncodeOptions { codec: Some(c), ..none() };
    for (name, encode, fact) in [
        ("a.mp4", extra("crff", "20"), "libx264: unknown option \"crff\""),
        ("a.mp4", extra("tune", "nonsense"), "nonsense"),
        ("a.mp4", extra("x264-params", "nonsense=1"), "nonsense"),
        (
            "a.mp4",
            EncodeOptions { extra: vec![("x265-params".into(), "nonsense=1".into())], ..codec(Codec::Hevc) },
            "nonsense",
        ),
        ("a.mp4", EncodeOptions { preset: Some("quick".into()), ..none() }, "quick"),
        ("a.mp4", EncodeOptions { preset: Some("quick".into()), ..codec(Codec::Hevc) }, "quick"),
        ("a.mp4", EncodeOptions { preset: Some("99".into()), ..codec(Codec::Av1) }, "99"),
        ("a.webm", EncodeOptions { preset: Some("quick".into()), ..none() }, "quick"),
        ("a.mp4", EncodeOptions { crf: Some(99.0), ..codec(Codec::Hevc) }, "99"),
        (
            "a.mov",
            EncodeOptions { crf: Some(20.0), ..codec(Codec::ProRes) },
            "no crf setting: its quality is its profile",
        ),
        ("a.mov", EncodeOptions { preset: Some("best".into()), ..codec(Codec::ProRes) }, "best"),
        ("a.mkv", EncodeOptions { bitrate: Some(1), ..codec(Codec::Ffv1) }, "no bitrate setting: it is lossless"),
        ("a.mp4", EncodeOptions { encoder: Some("libx266".into()), ..none() }, "no video encoder named \"libx266\""),
        ("a.mp4", EncodeOptions { encoder: Some("aac".into()), ..none() }, "no video encoder named \"aac\""),
        ("a.mp4", EncodeOptions { pix_fmt: Some("yuv999".into()), ..none() }, "no pixel format \"yuv999\""),
        ("a.mp4", EncodeOptions { pix_fmt: Some("rgb24".into()), ..none() }, "it supports yuv420p"),
        ("a.webm", codec(Codec::H264), "the webm container cannot hold h264"),
        ("a.mp4", codec(Codec::ProRes), "cannot hold prores"),
        ("a.xyz", none(), "use one of .mp4, .mov, .mkv, .webm"),
        ("a", none(), "use one of .mp4, .mov, .mkv, .webm"),
        ("a.gif", none(), "use one of .mp4, .mov, .mkv, .webm"),
        ("none/a.mp4", none(), "does not exist; create it first"),
    ] {
        let message = error(name, encode);
        assert!(message.contains(fact), "{name} {fact}: {message}");
    }
}

#[test]
fn named_settings_reach_the_encoder() {
    let files = Files::new();
    let from = source(&files);
    let to = files.path("a.mp4");
    let encode = EncodeOptions {
        crf: Some(30.5),
        preset: Some("superfast".into()),
        pix_fmt: Some("yuv444p".into()),
        extra: vec![("g".into(), "4".into()), ("x264-params".into(), "bframes=0".into())],
        ..Default::default()
    };
    copy(&from, &to, &encode, &DecodeOptions::default()).unwrap();
    let text = String::from_utf8_lossy(&std::fs::read(&to).unwrap()).into_owned();
    for fact in ["crf=30.5", "keyint=4", "bframes=0", "subme=1"] {
        assert!(text.contains(fact), "{fact}");
    }
    assert_eq!(probe(&to).unwrap().video.pixel_format, "yuv444p");
}

#[test]
fn named_options_replace_our_defaults() {
    let with = |pairs: &[(&str, &str)]| {
        let extra = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        plan("a.mp4", &EncodeOptions { extra, ..Default::default() }, yuv420(8), 1920).unwrap().description
    };
    assert_eq!(with(&[("preset", "slow")]), "libx264 crf 18 preset=slow yuv420p");
    assert_eq!(with(&[("b", "4M")]), "libx264 preset veryfast b=4M yuv420p");
    let rate = EncodeOptions { bitrate: Some(4_000_000), ..Default::default() };
    let described = plan("a.mp4", &rate, yuv420(8), 1920).unwrap().description;
    assert_eq!(described, "libx264 bitrate 4000000 preset veryfast yuv420p");
}

#[test]
fn existing_files_and_the_input_are_not_overwritten() {
    let files = Files::new();
    let from = source(&files);
    let there = files.path("there.mkv");
    std::fs::write(&there, "precious").unwrap();
    let link = files.path("link.mkv");
    std::os::unix::fs::symlink(&from, &link).unwrap();
    let hard = files.path("hard.mkv");
    std::fs::hard_link(&from, &hard).unwrap();
    assert!(same_file(&from, &link) && same_file(&from, &hard) && !same_file(&from, &there));
    assert!(!same_file(&from, &files.path("none")));
    let reader = Reader::open(&from, &DecodeOptions::default()).unwrap();
    let encode = EncodeOptions::default();
    let error = |path: &Path, overwrite| {
        let options = WriterOptions { overwrite, ..options(path, &encode, &reader.info().video) };
        Writer::create(options, &reader.template()).err().expect("an error").to_string()
    };
    assert!(error(&there, false).contains("exists; -y replaces it"));
    for path in [&from, &link, &hard] {
        assert!(error(path, true).contains("is the input itself"), "{path:?}");
    }
    assert!(error(Path::new("/dev/null"), true).contains("not a regular file"));
    assert!(error(&files.path(""), true).contains("is a directory"));
    assert_eq!(std::fs::read(&there).unwrap(), b"precious");
}

#[test]
fn dropped_writer_leaves_no_file() {
    let files = Files::new();
    let from = source(&files);
    let mut reader = Reader::open(&from, &DecodeOptions::default()).unwrap();
    let encode = fast();
    let to = files.path("out.mp4");
    std::fs::write(&to, "precious").unwrap();
    let options = WriterOptions { overwrite: true, ..options(&to, &encode, &reader.info().video) };
    let mut writer = Writer::create(options, &reader.template()).unwrap();
    assert_eq!(files.names(), [".out.mp4.part", "out.mp4", "src.mkv"]);
    while let Some(item) = reader.next().unwrap() {
        if let Item::Frame(f) = item {
            writer.write_frame(f.frame, f.pts, f.duration).unwrap();
        }
    }
    drop(writer);
    assert_eq!(files.names(), ["out.mp4", "src.mkv"]);
    assert_eq!(std::fs::read(&to).unwrap(), b"precious");
}

#[test]
fn nvenc_reports_why_it_is_not_used() {
    // With a driver this test has nothing to say.
    if let Err(reason) = nvenc_status() {
        let encode = EncodeOptions { hardware: true, ..Default::default() };
        let plan = plan("a.mp4", &encode, yuv420(8), 1920).unwrap();
        assert_eq!((plan.encoder.as_str(), plan.hardware_unavailable), ("libx264", Some(reason)));
    }
}

#[test]
fn frames_of_another_size_are_refused() {
    let files = Files::new();
    let from = source(&files);
    let reader = Reader::open(&from, &DecodeOptions::default()).unwrap();
    let encode = fast();
    let to = files.path("out.mp4");
    let mut writer = Writer::create(options(&to, &encode, &reader.info().video), &reader.template()).unwrap();
    let wrong = VideoFrame::alloc(yuv420(8), 64, 64).unwrap();
    let message = writer.write_frame(wrong, 0, 1).unwrap_err().to_string();
    assert!(message.contains("64x64 yuv420p") && message.contains("320x160 yuv420p"), "{message}");
}

/// Seconds of the key frames of a file.
fn key_frames_of(path: &Path) -> Vec<f64> {
    let text = ffprobe(path, "-select_streams v -show_entries packet=pts_time,flags -of csv=p=0");
    let keys = text.lines().filter(|l| l.contains('K'));
    let mut times: Vec<f64> = keys.filter_map(|l| l.split(',').next()?.parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    times
}

#[test]
fn key_frames_are_two_seconds_apart_at_most_and_nothing_refers_across_them() {
    let files = Files::new();
    let even = files.make(
        "-f lavfi -i testsrc2=s=160x96:r=30000/1001:d=7 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 300",
        "even.mp4",
    );
    // Two seconds at 30 frames per second, then some at 2.
    let uneven = files.make(
        "-f lavfi -i testsrc2=s=160x96:r=30:d=10 -vf select=lt(t\\,2)+not(mod(n\\,15)) -fps_mode vfr -c:v libx264 \
         -preset ultrafast -pix_fmt yuv420p -g 300",
        "uneven.mp4",
    );
    for from in [&even, &uneven] {
        for (codec, gop, most) in [
            (Codec::H264, None, 2.001),
            (Codec::Hevc, None, 2.001),
            (Codec::Hevc, Some(1.0), 1.001),
            (Codec::Av1, None, 2.001),
        ] {
            let to = files.path("out.mp4");
            let encode = EncodeOptions { codec: Some(codec), gop, ..EncodeOptions::default() };
            copy(from, &to, &encode, &DecodeOptions::default()).unwrap();
            let keys = key_frames_of(&to);
            let gaps: Vec<f64> = keys.windows(2).map(|w| w[1] - w[0]).collect();
            // AV1's encoder counts frames only.
            if !(codec == Codec::Av1 && from == &uneven) {
                assert!(gaps.len() >= 3 && gaps.iter().all(|g| *g <= most), "{codec:?} {gop:?}: {gaps:?}");
            }
            // Decoding that begins at a key frame in the middle misses none behind it.
            let middle = keys[1];
            let count = |before: &str| {
                let raw = files.make(&format!("{before} -i {} -copyts -f framecrc", to.display()), "crc");
                let text = std::fs::read_to_string(raw).unwrap();
                let lines = text.lines().filter(|l| !l.starts_with('#'));
                lines.map(|l| l.rsplit(',').next().unwrap_or("").to_owned()).collect::<Vec<_>>()
            };
            let (all, rest) = (count(""), count(&format!("-ss {middle}")));
            assert!(rest.len() > 1 && all.ends_with(&rest), "{codec:?}: the frames behind {middle} s are the same");
            std::fs::remove_file(to).unwrap();
        }
    }
}

#[test]
fn outputs_for_players_respect_decoder_limits() {
    let none = EncodeOptions::default();
    let square = |size: usize, fps: f64, encode: &EncodeOptions| {
        let options = WriterOptions {
            path: Path::new("a.mp4"),
            encode,
            layout: yuv420(8),
            color: YuvColor::default(),
            width: size,
            height: size,
            fps,
            overwrite: false,
            reshaped: false,
            purpose: Purpose::Picture,
            copy_streams: true,
            tags: VrTags::Source,
            resize: Resize::default(),
        };
        plan_encoder(&options)
    };
    assert_eq!(square(2880, 60.0, &none).unwrap().encoder, "libx264");
    assert_eq!(square(3840, 30.0, &none).unwrap().encoder, "libx265");
    let h264 = EncodeOptions { codec: Some(Codec::H264), ..none.clone() };
    let warnings = square(3840, 30.0, &h264).unwrap().warnings;
    assert!(warnings[0].contains("3840x3840 at 30 frames per second exceeds level 5.2"), "{warnings:?}");
    // Masters of finer chroma become what headsets decode, unless somebody names a format.
    for (bits, want) in [(8, "yuv420p"), (10, "yuv420p10le"), (12, "yuv420p10le")] {
        let fine = YuvLayout { chroma_shift_y: 0, ..yuv420(bits) };
        let made = plan("a.mp4", &none, fine, 1920).unwrap();
        assert_eq!(made.pix_fmt, want);
        assert!(made.warnings[0].contains("4:2:0"), "{:?}", made.warnings);
        assert!(plan("a.mov", &none, fine, 1920).unwrap().warnings.is_empty());
    }
    let named = EncodeOptions { pix_fmt: Some("yuv422p10le".into()), ..none.clone() };
    let fine = YuvLayout { chroma_shift_y: 0, ..yuv420(10) };
    assert_eq!(plan("a.mp4", &named, fine, 1920).unwrap().pix_fmt, "yuv422p10le");
    let quest = EncodeOptions { player: Some(Player::Quest2), ..none.clone() };
    let made = square(8192, 60.0, &quest).unwrap();
    assert!(made.description.ends_with("5792x5792"), "{}", made.description);
    assert!(made.warnings.iter().any(|w| w.contains("scaled down for quest2: from 8192x8192 to 5792x5792")));
    let av1 = EncodeOptions { codec: Some(Codec::Av1), ..quest };
    assert!(square(2880, 30.0, &av1).unwrap_err().to_string().contains("quest2 does not decode av1"));
}

#[test]
fn asked_size_and_a_players_limits_hold_together() {
    let planned = |size, player| {
        let encode = EncodeOptions { player, ..EncodeOptions::default() };
        let resize = Resize { size: Some(size), views: &[] };
        plan_encoder(&WriterOptions { resize, ..wide("a.mp4", &encode, yuv420(8), 11_520) }).unwrap()
    };
    let made = planned((3840, 1920), None);
    assert!(made.encoder == "libx264" && made.description.ends_with(" 3840x1920"), "{}", made.description);
    assert!(made.warnings.is_empty(), "{:?}", made.warnings);
    let made = planned((3840, 1920), Some(Player::Quest3));
    assert!(made.description.ends_with(" 3840x1920") && made.warnings.is_empty(), "{:?}", made.warnings);
    let made = planned((9600, 4800), Some(Player::Quest3));
    assert!(made.description.ends_with(" 8192x4096"), "{}", made.description);
    assert_eq!(made.warnings, ["scaled down for quest3: from 9600x4800 to 8192x4096"]);
}

#[test]
fn frames_that_are_too_large_for_a_player_are_written_smaller() {
    let files = Files::new();
    let from = files.make(
        "-f lavfi -i testsrc2=s=8448x64:r=30:d=0.1 -c:v libx264 -preset ultrafast -qp 40 -pix_fmt yuv420p",
        "a.mkv",
    );
    let to = files.path("b.mp4");
    let encode = EncodeOptions { player: Some(Player::Quest3), ..fast() };
    let done = copy(&from, &to, &encode, &DecodeOptions::default()).unwrap();
    assert!(done.dropped[0].contains("scaled down for quest3"), "{:?}", done.dropped);
    let video = probe(&to).unwrap().video;
    assert_eq!((video.width, video.height, video.codec.as_str()), (8192, 60, "hevc"));
}
