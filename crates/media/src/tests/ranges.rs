//! Parts of a source.

use super::*;

fn clip(files: &Files) -> PathBuf {
    files.make(
        &format!(
            "{} -f lavfi -i sine=d=2 -c:v libx264 -preset veryfast -g 12 -pix_fmt yuv420p -c:a aac",
            picture("320x160", 60)
        ),
        "a.mp4",
    )
}

fn part(start: Option<f64>, end: Option<f64>, frames: Option<u64>) -> DecodeOptions {
    DecodeOptions { range: TimeRange { start, end, frames }, threads: 2, ..DecodeOptions::default() }
}

fn times(path: &Path, stream: &str) -> Vec<f64> {
    packets(path, stream, "pts_time").iter().map(|t| t.parse::<f64>().unwrap()).collect()
}

#[test]
fn start_and_end_are_accurate() {
    let files = Files::new();
    let from = clip(&files);
    let to = files.path("b.mp4");
    // Frames 15..36 of 30 per second; key frames lie elsewhere.
    let done = copy(&from, &to, &fast(), &part(Some(0.5), Some(1.2), None)).unwrap();
    assert_eq!(done.frames, 21);
    let video = times(&to, "v");
    assert_eq!(video.len(), 21);
    assert!(video[0].abs() < 1e-6 && (video[20] - 20.0 / 30.0).abs() < 1e-3, "{video:?}");
    let audio = times(&to, "a");
    assert!(audio[0] >= 0.0 && audio[0] < 0.03, "{audio:?}");
    // Sound is interleaved behind the video; it must not be cut short.
    assert!((audio.last().unwrap() - 0.68).abs() < 0.03, "{audio:?}");
    // The right pictures: compare with ffmpeg's own cut.
    let reference = files.make(&format!("-ss 0.5 -to 1.2 -i {} -an -c:v ffv1", from.display()), "ref.mkv");
    let lossless = EncodeOptions { codec: Some(Codec::Ffv1), ..Default::default() };
    let ours = files.path("ours.mkv");
    copy(&from, &ours, &lossless, &part(Some(0.5), Some(1.2), None)).unwrap();
    let md5 = |p: &Path| {
        run(Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(p).args(["-map", "0:v", "-f", "md5", "-"]))
    };
    assert_eq!(md5(&ours), md5(&reference));
}

#[test]
fn frame_limit_ends_the_sound_too() {
    let files = Files::new();
    let from = clip(&files);
    let to = files.path("b.mp4");
    let done = copy(&from, &to, &fast(), &part(None, None, Some(30))).unwrap();
    assert_eq!(done.frames, 30);
    let audio = times(&to, "a");
    assert!((audio.last().unwrap() - 0.98).abs() < 0.03, "{audio:?}");
    assert_eq!(packets(&to, "v", "pts"), packets(&from, "v", "pts")[..30]);

    let to = files.path("c.mp4");
    let done = copy(&from, &to, &fast(), &part(Some(1.0), None, Some(5))).unwrap();
    assert_eq!(done.frames, 5);
    assert!(*times(&to, "a").last().unwrap() < 5.0 / 30.0);
}

#[test]
fn range_that_ends_with_the_file_counts_no_damage() {
    let files = Files::new();
    let from = clip(&files);
    // The last frames come out of the decoder only at the end of the file.
    for (range, frames) in [(part(None, None, Some(60)), 60), (part(None, Some(1.95), None), 59)] {
        let to = files.path(&format!("{frames}.mp4"));
        let done = copy(&from, &to, &fast(), &DecodeOptions { strict: true, ..range }).unwrap();
        assert_eq!(done.frames, frames);
        assert!((times(&to, "a").last().unwrap() - 1.95).abs() < 0.06);
    }
}

#[test]
fn range_of_a_transport_stream_counts_from_its_start() {
    let files = Files::new();
    let from = files.make(&format!("{} -c:v libx264 -g 12 -pix_fmt yuv420p", picture("320x160", 60)), "a.ts");
    let to = files.path("b.mp4");
    assert_eq!(copy(&from, &to, &fast(), &part(Some(0.5), Some(1.0), None)).unwrap().frames, 15);
    assert!(times(&to, "v")[0] < 0.04);
}

#[test]
fn wrong_ranges_are_refused() {
    let files = Files::new();
    let from = clip(&files);
    let error = |o: DecodeOptions| Reader::open(&from, &o).err().unwrap().to_string();
    assert!(error(part(Some(5.0), None, None)).contains("the video is 2.000 s long"));
    assert!(error(part(Some(1.0), Some(0.5), None)).contains("ends (0.500 s) before it starts (1.000 s)"));
    assert!(error(part(Some(-1.0), None, None)).contains("0 or more"));
    assert!(error(part(Some(f64::NAN), None, None)).contains("0 or more"));
    assert!(error(part(None, None, Some(0))).contains("1 or more"));
}
