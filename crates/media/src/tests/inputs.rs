//! Sources of all kinds, good and bad.

use super::*;
use vrseg_image::plane::{Matrix, Yuv, YuvColor};

fn first_frame(path: &Path) -> (SourceFrame, InputInfo) {
    let mut reader = Reader::open(path, &DecodeOptions::default()).unwrap();
    loop {
        match reader.next().unwrap().expect("a frame") {
            Item::Frame(f) => return (f, reader.info().clone()),
            Item::Packet(_) => {}
        }
    }
}

#[test]
fn probe_reports_streams_size_and_color() {
    let files = Files::new();
    let path = files.make(
        &format!(
            "{} -f lavfi -i sine=d=1 -map 0 -map 1 -map 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac \
             -color_range tv -colorspace bt709 -color_primaries bt709 -color_trc bt709",
            picture("320x160", 30)
        ),
        "a.mp4",
    );
    let info = probe(&path).unwrap();
    let video = &info.video;
    assert_eq!((video.width, video.height, video.frames, video.fps), (320, 160, Some(30), 30.0));
    assert_eq!((video.codec.as_str(), video.pixel_format.as_str()), ("h264", "yuv420p"));
    assert_eq!((video.layout, video.color), (yuv420(8), YuvColor { matrix: Matrix::Bt709, full_range: false }));
    assert_eq!((info.audio_streams, info.video_streams, info.subtitle_streams), (2, 1, 0));
    assert!((info.duration.unwrap() - 1.0).abs() < 0.05);
    assert!(!video.dynamic.is_high() && video.matrix_known && video.tags.is_empty() && video.orientation.is_upright());
    assert_eq!(info.size_bytes, std::fs::metadata(&path).unwrap().len());
}

#[test]
fn bad_inputs_have_clear_errors() {
    let files = Files::new();
    let text = |name: &str, bytes: &[u8]| {
        std::fs::write(files.path(name), bytes).unwrap();
        files.path(name)
    };
    let error = |p: PathBuf| {
        let probed = probe(&p).unwrap_err().to_string();
        let opened = Reader::open(&p, &DecodeOptions::default()).err().unwrap().to_string();
        assert_eq!(probed, opened);
        probed
    };
    assert!(error(files.path("none.mp4")).ends_with("none.mp4: no such file"));
    assert!(error(files.path("")).contains("is a directory"));
    assert!(error(text("empty.mp4", b"")).ends_with("the file is empty"));
    for name in ["a.txt", "b.mp4", "c.mkv"] {
        let message = error(text(name, "Just some words, no pictures at all.\n".repeat(50).as_bytes()));
        assert!(message.contains("not a media file"), "{message}");
    }
    let audio = files.make("-f lavfi -i sine=d=1 -c:a aac", "sound.m4a");
    assert!(error(audio).ends_with("no video stream in it (1 audio stream)"));
    let cover = files.make("-f lavfi -i testsrc2=s=64x64 -frames:v 1 -update 1", "cover.png");
    let song = files.make(
        &format!(
            "-f lavfi -i sine=d=1 -i {} -map 0 -map 1 -c:a aac -c:v copy -disposition:v:0 attached_pic",
            cover.display()
        ),
        "song.m4a",
    );
    let message = error(song);
    assert!(message.ends_with("no video stream in it (1 audio stream, 1 cover picture stream)"), "{message}");
}

#[test]
fn truncated_and_damaged_files_give_their_intact_frames() {
    let files = Files::new();
    let whole = files
        .make(&format!("{} -c:v libx264 -g 10 -pix_fmt yuv420p -movflags +faststart", picture("320x160", 40)), "a.mp4");
    let bytes = std::fs::read(&whole).unwrap();
    let cut = files.path("cut.mp4");
    std::fs::write(&cut, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let done = copy(&cut, &files.path("b.mp4"), &fast(), &DecodeOptions::default()).unwrap();
    assert!((10..40).contains(&done.frames), "{} frames", done.frames);

    let mut broken = bytes.clone();
    let middle = broken.len() / 2;
    for b in &mut broken[middle..middle + 3000] {
        *b ^= 0x5a;
    }
    let damaged = files.path("damaged.mp4");
    std::fs::write(&damaged, broken).unwrap();
    let done = copy(&damaged, &files.path("c.mp4"), &fast(), &DecodeOptions::default()).unwrap();
    assert!(done.frames >= 20 && done.decode_errors > 0, "{} frames, {} errors", done.frames, done.decode_errors);

    // The index is at the end of a file without faststart: nothing can be read.
    let plain = files.make(&format!("{} -c:v libx264 -pix_fmt yuv420p", picture("320x160", 40)), "d.mp4");
    let bytes = std::fs::read(&plain).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let message = probe(&cut).unwrap_err().to_string();
    assert!(message.contains("moov atom not found"), "{message}");
}

#[test]
fn foreign_pixel_formats_are_converted() {
    let files = Files::new();
    for (format, layout, full_range) in [
        ("nv12", yuv420(8), false),
        ("rgb24", YuvLayout { chroma_shift_x: 0, chroma_shift_y: 0, ..yuv420(8) }, false),
        ("gbrp10le", YuvLayout { chroma_shift_x: 0, chroma_shift_y: 0, ..yuv420(10) }, false),
        ("rgba", YuvLayout { chroma_shift_x: 0, chroma_shift_y: 0, alpha: true, ..yuv420(8) }, false),
        ("gray", yuv420(8), true),
        ("yuyv422", YuvLayout { chroma_shift_y: 0, ..yuv420(8) }, false),
        ("yuvj420p", yuv420(8), true),
        ("yuv420p10be", yuv420(10), false),
        ("yuv411p", YuvLayout { chroma_shift_x: 2, chroma_shift_y: 0, ..yuv420(8) }, false),
    ] {
        let codec = if format == "yuvj420p" { "mjpeg" } else { "rawvideo" };
        let path = files
            .make(&format!("-f lavfi -i color=c=0x00B140:s=64x48:r=30:d=0.1 -pix_fmt {format} -c:v {codec}"), "a.nut");
        let (frame, info) = first_frame(&path);
        assert_eq!(info.video.layout, layout, "{format}");
        assert_eq!(frame.frame.layout(), Some(layout), "{format}");
        assert_eq!(info.video.color, YuvColor { matrix: Matrix::Bt601, full_range }, "{format}");
        let expected = info.video.color.encode([0.0, 177.0 / 255.0, 64.0 / 255.0], layout.bits);
        let sample = |i: usize| match frame.frame.yuv() {
            Yuv::U8(p) => u32::from(p[i].row(10)[7]),
            Yuv::U16(p) => u32::from(p[i].row(10)[7]),
        };
        let planes = if format == "gray" { 1 } else { 3 };
        for (i, want) in expected.iter().enumerate().take(planes) {
            let tolerance = 3 << (layout.bits - 8);
            assert!(sample(i).abs_diff(*want) <= tolerance, "{format} plane {i}: {} for {want}", sample(i));
        }
    }
}

#[test]
fn odd_sizes_and_ten_bits_are_lossless() {
    let files = Files::new();
    let path = files.make(&format!("{} -c:v ffv1 -pix_fmt yuv420p", picture("321x179", 3)), "odd.mkv");
    let to = files.path("odd-out.mkv");
    let encode = EncodeOptions { codec: Some(Codec::Ffv1), ..Default::default() };
    copy(&path, &to, &encode, &DecodeOptions::default()).unwrap();
    let md5 = |p: &Path| {
        run(Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(p).args(["-map", "0:v", "-f", "framemd5", "-"]))
    };
    let hashes = |p: &Path| -> Vec<String> {
        md5(p)
            .lines()
            .filter(|l| !l.starts_with('#'))
            .filter_map(|l| Some(l.rsplit(',').next()?.trim().to_owned()))
            .collect()
    };
    assert_eq!(hashes(&to), hashes(&path));

    let ten = files.make(&format!("{} -c:v ffv1 -pix_fmt yuv420p10le", picture("320x160", 3)), "ten.mkv");
    let to = files.path("ten-out.mkv");
    copy(&ten, &to, &encode, &DecodeOptions::default()).unwrap();
    assert_eq!(hashes(&to), hashes(&ten));
    assert_eq!(probe(&to).unwrap().video.pixel_format, "yuv420p10le");
}

#[test]
fn frames_after_a_change_of_size_are_scaled() {
    let files = Files::new();
    let a = files.make(
        &format!("{} -c:v libx264 -pix_fmt yuv420p -bsf:v h264_mp4toannexb -f h264", picture("320x160", 5)),
        "a.h264",
    );
    let b = files.make(
        &format!("{} -c:v libx264 -pix_fmt yuv420p -bsf:v h264_mp4toannexb -f h264", picture("160x80", 5)),
        "b.h264",
    );
    let mut both = std::fs::read(a).unwrap();
    both.extend(std::fs::read(b).unwrap());
    let path = files.path("both.h264");
    std::fs::write(&path, both).unwrap();
    let mut reader = Reader::open(&path, &DecodeOptions::default()).unwrap();
    let mut frames = 0;
    let mut last = i64::MIN;
    while let Some(item) = reader.next().unwrap() {
        if let Item::Frame(f) = item {
            assert_eq!((f.frame.width(), f.frame.height()), (320, 160));
            assert!(f.pts > last);
            last = f.pts;
            frames += 1;
        }
    }
    assert_eq!(frames, 10);
}

#[test]
fn decoder_uses_the_threads_it_is_given() {
    let files = Files::new();
    let path = files.make(&format!("{} -c:v libx264 -pix_fmt yuv420p", picture("320x160", 20)), "a.mp4");
    for threads in [0, 1, 3] {
        let mut reader = Reader::open(&path, &DecodeOptions { threads, ..Default::default() }).unwrap();
        let mut n = 0;
        while let Some(item) = reader.next().unwrap() {
            n += u32::from(matches!(item, Item::Frame(_)));
        }
        assert_eq!(n, 20);
    }
}
