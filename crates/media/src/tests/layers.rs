//! Videos whose two layers are the views of both eyes (MV-HEVC).
//!
//! `two_layers.mov` is 9 frames of 64x64 at 25 fps with key frames at 0 and 5. The base layer, the left eye's, is gray of
//! luma 60 + 4n in frame n, the other 150 + 4n. Made with x265 4.1 that was built with `-DENABLE_MULTIVIEW=ON`:
//! `x265 --multiview-config C --fps 25 --input-res 64x64 --input-csp i420 --input-depth 8 --preset fast --crf 20
//! --bframes 0 --keyint 5 --min-keyint 5 --no-open-gop --no-scenecut --no-info a.hevc`, where C says `--num-views 2`,
//! `--format 0` and names one raw file for each view; then by FFmpeg 7.1:
//! `ffmpeg -f hevc -framerate 25 -i a.hevc -c copy -tag:v hvc1 two_layers.mov`.

use super::*;
use crate::ffi::version::libavformat_is_at_least;
use crate::formats::mp4_boxes::{self, Insertion, Place};
use std::ops::ControlFlow;
use vrseg_image::plane::Yuv;
use vrseg_image::vr::StereoTag;

const SAMPLE: &[u8] = include_bytes!("two_layers.mov");

/// Whether the FFmpeg at hand decodes the second layer.
fn both_are_decoded() -> bool {
    libavformat_is_at_least(61, 7)
}

fn sample(files: &Files, bytes: &[u8]) -> PathBuf {
    let path = files.path("two_layers.mov");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Luma in the middle of the left and the right half.
fn halves(frame: &VideoFrame) -> (u8, u8) {
    let Yuv::U8([y, ..]) = frame.yuv() else { panic!("8 bit is u8") };
    (y.row(32)[y.width / 4], y.row(32)[y.width * 3 / 4])
}

/// The time stamp of a frame, and a sample of its left and of its right view.
type ViewValues = (i64, (u8, u8));

/// The halves of all frames that are read, and how many were damaged.
fn read(path: &Path, options: &DecodeOptions) -> (Vec<ViewValues>, u64) {
    let mut reader = Reader::open(path, options).unwrap();
    let mut frames = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Frame(f) = item {
            frames.push((f.pts, halves(&f.frame)));
        }
    }
    (frames, reader.decode_errors())
}

fn near(got: (u8, u8), want: (usize, usize)) -> bool {
    usize::from(got.0).abs_diff(want.0) <= 1 && usize::from(got.1).abs_diff(want.1) <= 1
}

#[test]
fn both_eyes_come_side_by_side_where_ffmpeg_decodes_them() {
    let files = Files::new();
    let path = sample(&files, SAMPLE);
    let video = probe(&path).unwrap().video;
    if !both_are_decoded() {
        assert_eq!((video.layers, video.width, video.tags.stereo), (None, 64, None));
        assert_eq!(read(&path, &DecodeOptions::default()).0.len(), 9);
        return;
    }
    assert!(video.layers.is_some());
    assert_eq!((video.width, video.height), (128, 64));
    assert_eq!((video.tags.stereo, video.tags.right_first), (Some(StereoTag::SideBySide), false));
    for threads in [1, 3, 0] {
        let (frames, damaged) = read(&path, &DecodeOptions { threads, ..DecodeOptions::default() });
        assert_eq!((frames.len(), damaged), (9, 0), "{threads}");
        for (n, (pts, seen)) in frames.into_iter().enumerate() {
            assert_eq!(pts, 48_000 * n as i64);
            assert!(near(seen, (60 + 4 * n, 150 + 4 * n)), "{threads}: frame {n}: {seen:?}");
        }
    }
    // From the middle on, by a range and by a seek.
    let range = TimeRange { start: Some(0.16), end: None, frames: None };
    let (frames, _) = read(&path, &DecodeOptions { range, ..DecodeOptions::default() });
    assert!(frames.len() == 5 && near(frames[0].1, (76, 166)), "{frames:?}");
    let mut reader = Reader::open(&path, &DecodeOptions::default()).unwrap();
    reader.skip_to(48_000 * 7, 7).unwrap();
    let Some(Item::Frame(frame)) = reader.next().unwrap() else { panic!("a frame") };
    assert!(near(halves(&frame.frame), (88, 178)));
    let mut seen = Vec::new();
    key_frames(&probe(&path).unwrap(), 2, |frame| {
        seen.push(halves(frame));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(seen.len() == 2 && near(seen[0], (60, 150)) && near(seen[1], (80, 170)), "{seen:?}");
    // An output is an ordinary video, side by side.
    let out = files.path("out.mp4");
    assert_eq!(copy(&path, &out, &fast(), &DecodeOptions::default()).unwrap().frames, 9);
    let made = probe(&out).unwrap().video;
    assert_eq!((made.layers, made.width, made.tags), (None, 128, video.tags));
}

#[test]
fn container_says_which_eye_comes_first_where_the_video_does_not() {
    let files = Files::new();
    let path = sample(&files, SAMPLE);
    let vexu = b"\0\0\0\x1dvexu\0\0\0\x15eyes\0\0\0\x0dstri\0\0\0\0\x0b".to_vec();
    mp4_boxes::insert(&path, &[Insertion { track: 1, place: Place::Description, boxes: vexu }]).unwrap();
    let (frames, _) = read(&path, &DecodeOptions::default());
    assert_eq!(frames.len(), 9);
    if both_are_decoded() {
        assert!(near(frames[3].1, (162, 72)), "{frames:?}");
        assert!(!probe(&path).unwrap().video.tags.right_first, "the left eye's view stands at the left all the same");
    }
}

#[test]
fn view_that_is_missing_is_replaced_by_the_other_and_counted() {
    let files = Files::new();
    let mut bytes = SAMPLE.to_vec();
    // The second layer's part of frame 4, by its length and header, gets the number of a layer that there isn't.
    let part = |w: &[u8]| w[..3] == [0; 3] && w[3] < 40 && w[4..] == [2, 9];
    let at = bytes.windows(6).enumerate().filter(|(_, w)| part(w)).nth(3).unwrap().0;
    bytes[at + 5] = 0x29;
    let (frames, damaged) = read(&sample(&files, &bytes), &DecodeOptions::default());
    assert_eq!(frames.len(), 9);
    if both_are_decoded() {
        assert_eq!(damaged, 1);
        assert!(near(frames[4].1, (76, 76)) && near(frames[5].1, (80, 170)), "{frames:?}");
    }
}
