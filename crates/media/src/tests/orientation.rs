//! Pictures that are stored lying, upside down or mirrored are delivered as ffmpeg shows them.

use super::*;
use vrseg_image::plane::Yuv;

/// The eight display matrices without scale: a, b, c, d in units.
const MATRICES: [[i32; 4]; 8] = [
    [1, 0, 0, 1],
    [-1, 0, 0, 1],
    [-1, 0, 0, -1],
    [1, 0, 0, -1],
    [0, 1, 1, 0],
    [0, 1, -1, 0],
    [0, -1, -1, 0],
    [0, -1, 1, 0],
];

/// A copy of an mp4 whose first track has that display matrix.
fn with_matrix(from: &Path, to: &Path, [a, b, c, d]: [i32; 4]) {
    let mut bytes = std::fs::read(from).unwrap();
    let track = bytes.windows(4).position(|w| w == b"tkhd").unwrap();
    let one = |v: i32| v << 16;
    let matrix = [one(a), one(b), 0, one(c), one(d), 0, 0, 0, 1 << 30];
    for (place, v) in bytes[track + 44..].chunks_exact_mut(4).zip(matrix) {
        place.copy_from_slice(&v.to_be_bytes());
    }
    std::fs::write(to, bytes).unwrap();
}

/// A copy of a JPEG with an orientation in its EXIF data.
fn with_exif(from: &Path, to: &Path, orientation: u8) {
    let bytes = std::fs::read(from).unwrap();
    let mut exif = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let all = [&bytes[..2], &exif, &bytes[2..]].concat();
    std::fs::write(to, all).unwrap();
}

/// The first frame's planes, one after the other, with its size.
fn planes(path: &Path) -> (usize, usize, Vec<u8>) {
    let info = probe(path).unwrap();
    let mut reader = Reader::open(path, &DecodeOptions::default()).unwrap();
    let frame = loop {
        match reader.next().unwrap().expect("a frame") {
            Item::Frame(f) => break f.frame,
            Item::Packet(_) => {}
        }
    };
    assert_eq!((info.video.width, info.video.height), (frame.width(), frame.height()), "what probing says");
    assert_eq!(Some(info.video.layout), frame.layout());
    let Yuv::U8(planes) = frame.yuv() else { panic!("8 bit is u8") };
    let bytes = planes.iter().flat_map(|p| (0..p.height).flat_map(|y| p.row(y).to_vec())).collect();
    (frame.width(), frame.height(), bytes)
}

/// The same as the ffmpeg program has it, which turns pictures by itself.
fn shown(files: &Files, path: &Path, format: &str) -> Vec<u8> {
    let raw = files.make(&format!("-i {} -frames:v 1 -f rawvideo -pix_fmt {format}", path.display()), "raw.yuv");
    std::fs::read(raw).unwrap()
}

#[test]
fn every_orientation_of_a_video_is_delivered_as_ffmpeg_shows_it() {
    let files = Files::new();
    let plain =
        files.make(&format!("{} -c:v libx264 -preset ultrafast -pix_fmt yuv420p", picture("162x98", 2)), "p.mp4");
    for matrix in MATRICES {
        let turned = files.path("turned.mp4");
        with_matrix(&plain, &turned, matrix);
        let (w, h, bytes) = planes(&turned);
        assert_eq!((w, h), if matrix[0] == 0 { (98, 162) } else { (162, 98) }, "{matrix:?}");
        assert!(bytes == shown(&files, &turned, "yuv420p"), "{matrix:?}");
    }
}

#[test]
fn every_orientation_of_a_photo_is_delivered_as_ffmpeg_shows_it() {
    let files = Files::new();
    let plain = files.make("-f lavfi -i testsrc2=s=96x64 -frames:v 1 -pix_fmt yuvj444p", "p.jpg");
    for orientation in 1..=8 {
        let turned = files.path("turned.jpg");
        with_exif(&plain, &turned, orientation);
        let (w, h, bytes) = planes(&turned);
        assert_eq!((w, h), if orientation > 4 { (64, 96) } else { (96, 64) }, "{orientation}");
        assert!(bytes == shown(&files, &turned, "yuvj444p"), "{orientation}");
    }
}

#[test]
fn chroma_of_half_width_is_kept_when_a_picture_is_turned() {
    let files = Files::new();
    let made = picture("160x96", 2);
    let plain = files.make(&format!("{made} -c:v libx264 -preset ultrafast -pix_fmt yuv422p"), "p.mp4");
    let turned = files.path("turned.mp4");
    with_matrix(&plain, &turned, [0, 1, -1, 0]);
    let layout = probe(&turned).unwrap().video.layout;
    assert_eq!((layout.chroma_shift_x, layout.chroma_shift_y), (0, 0));
    let (w, h, bytes) = planes(&turned);
    assert_eq!((w, h, bytes.len()), (96, 160, 3 * 96 * 160));
}

#[test]
fn pixels_that_are_wide_become_high_when_a_picture_is_turned() {
    let files = Files::new();
    let made = picture("160x96", 2);
    let plain = files.make(&format!("{made} -vf setsar=4/3 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"), "p.mp4");
    let turned = files.path("turned.mp4");
    with_matrix(&plain, &turned, [0, -1, 1, 0]);
    for name in ["out.mp4", "out.mkv"] {
        let out = files.path(name);
        copy(&turned, &out, &fast(), &DecodeOptions::default()).unwrap();
        let found_tags = ffprobe(
            &out,
            "-show_entries stream=width,height,sample_aspect_ratio:stream_side_data=rotation -of csv=p=0",
        );
        assert_eq!(found_tags.trim(), "96,160,3:4", "{name}");
    }
}
