//! Time stamps come out as they went in.

use super::*;

/// Copies a clip and compares the video's packets to the tick.
fn keeps_times(make: &str, source: &str, target: &str, encode: &EncodeOptions, columns: &str) {
    let files = Files::new();
    let from = files.make(make, source);
    let to = files.path(target);
    copy(&from, &to, encode, &DecodeOptions::default()).unwrap();
    assert_eq!(packets(&to, "v", columns), packets(&from, "v", columns));
}

#[test]
fn constant_rate_is_kept_to_the_tick() {
    let make = format!("{} -c:v libx264 -preset ultrafast -pix_fmt yuv420p", picture("320x160", 20));
    keeps_times(&make, "a.mp4", "b.mp4", &fast(), "pts,dts,duration");
}

#[test]
fn times_are_kept_with_b_frames_on_both_sides() {
    let make = format!("{} -c:v libx264 -bf 3 -b_strategy 0 -pix_fmt yuv420p", picture("320x160", 30));
    let encode = EncodeOptions {
        extra: vec![("bf".into(), "3".into()), ("b_strategy".into(), "0".into())],
        ..EncodeOptions::default()
    };
    keeps_times(&make, "a.mp4", "b.mp4", &encode, "pts,dts");
    // Another encoder that counts frames and reorders.
    let hevc = EncodeOptions { codec: Some(Codec::Hevc), preset: Some("fast".into()), ..Default::default() };
    keeps_times(&make, "a.mp4", "b.mov", &hevc, "pts");
}

#[test]
fn ntsc_rate_and_a_first_frame_after_zero_are_kept() {
    let make = "-f lavfi -i testsrc2=s=320x160:r=30000/1001:d=0.5 -vf setpts=PTS+5/30/TB -c:v libx264 \
                -preset ultrafast -pix_fmt yuv420p";
    keeps_times(make, "a.mp4", "b.mp4", &fast(), "pts_time");
}

#[test]
fn variable_rate_and_durations_are_kept() {
    // ffmpeg 7.1 gives the last frame no duration of its own, so that the file's edit list hides it.
    let make = format!(
        "{} -vf setpts='(N+floor(N/3)+mod(N,4)*0.25)/30/TB' -fps_mode vfr -enc_time_base 1:90000 -c:v libx264 \
         -preset ultrafast -pix_fmt yuv420p -bsf:v setts=duration=3000",
        picture("320x160", 24)
    );
    keeps_times(&make, "a.mp4", "b.mp4", &fast(), "pts_time");
    let files = Files::new();
    let from = files.make(&make, "a.mp4");
    let to = files.path("b.mp4");
    copy(&from, &to, &fast(), &DecodeOptions::default()).unwrap();
    let length = |p: &Path| ffprobe(p, "-show_entries stream=duration -of csv=p=0");
    assert_eq!(length(&to), length(&from));
    // Matroska's clock is 1 ms; encoders other than x264 count frames.
    for (name, codec) in [("c.mkv", Codec::H264), ("d.mkv", Codec::Vp9), ("e.mkv", Codec::Av1)] {
        let to = files.path(name);
        let encode = EncodeOptions { codec: Some(codec), ..Default::default() };
        copy(&from, &to, &encode, &DecodeOptions::default()).unwrap();
        let times =
            |p: &Path| -> Vec<f64> { packets(p, "v", "pts_time").iter().map(|t| t.parse::<f64>().unwrap()).collect() };
        for (a, b) in times(&from).iter().zip(times(&to)) {
            assert!((a - b).abs() < 0.0011, "{name}: {a} {b}");
        }
    }
}

#[test]
fn mpegts_starts_at_zero_with_sound_in_step() {
    let files = Files::new();
    let from = files.make(
        &format!(
            "{} -f lavfi -i sine=d=1 -c:v libx264 -bf 2 -pix_fmt yuv420p -c:a mp2 -shortest",
            picture("320x160", 30)
        ),
        "a.ts",
    );
    let to = files.path("b.mp4");
    copy(&from, &to, &fast(), &DecodeOptions::default()).unwrap();
    let first = |p: &Path, s: &str| packets(p, s, "pts_time")[0].parse::<f64>().unwrap();
    let gap = |p: &Path| first(p, "v") - first(p, "a");
    assert!(first(&from, "v") > 1.0 && first(&to, "v") < 0.1);
    assert!((gap(&from) - gap(&to)).abs() < 2e-4, "{} {}", gap(&from), gap(&to));
    assert_eq!(hashes(&to, "a"), hashes(&from, "a"));
}

#[test]
fn times_of_joined_transport_streams_keep_rising() {
    let files = Files::new();
    let make = |start: u32, name: &str| {
        let clip =
            format!("{} -f lavfi -i sine=d=1 -c:v libx264 -bf 2 -pix_fmt yuv420p -c:a mp2", picture("320x160", 30));
        std::fs::read(files.make(&format!("{clip} -output_ts_offset {start}"), name)).unwrap()
    };
    let mut joined = make(1000, "a.ts");
    joined.extend(make(20, "b.ts"));
    let from = files.path("joined.ts");
    std::fs::write(&from, joined).unwrap();
    let to = files.path("out.mp4");
    assert_eq!(copy(&from, &to, &fast(), &DecodeOptions::default()).unwrap().frames, 60);
    for stream in ["v", "a"] {
        let times: Vec<f64> = packets(&to, stream, "pts_time").iter().map(|t| t.parse().unwrap()).collect();
        assert!(times.windows(2).all(|w| w[1] - w[0] < 0.1), "{times:?}");
        assert!((1.8..2.2).contains(times.last().unwrap()), "{times:?}");
    }
}

#[test]
fn sound_with_priming_stays_in_step() {
    let files = Files::new();
    let from = files.make(
        &format!("{} -f lavfi -i sine=d=1 -c:v libx264 -pix_fmt yuv420p -c:a aac", picture("320x160", 30)),
        "a.mp4",
    );
    for name in ["b.mp4", "b.mov"] {
        let to = files.path(name);
        copy(&from, &to, &fast(), &DecodeOptions::default()).unwrap();
        assert_eq!(packets(&to, "a", "pts_time"), packets(&from, "a", "pts_time"), "{name}");
        assert_eq!(packets(&to, "v", "pts_time"), packets(&from, "v", "pts_time"), "{name}");
    }
}

#[test]
fn video_of_one_frame_is_kept() {
    let files = Files::new();
    let from = files.make(&format!("{} -c:v libx264 -pix_fmt yuv420p -frames:v 1", picture("64x64", 1)), "a.mp4");
    for name in ["b.mp4", "b.mkv", "b.webm", "b.mov"] {
        let to = files.path(name);
        assert_eq!(copy(&from, &to, &EncodeOptions::default(), &DecodeOptions::default()).unwrap().frames, 1);
        assert_eq!(packets(&to, "v", "pts_time").len(), 1, "{name}");
        assert_eq!(probe(&to).unwrap().video.width, 64);
    }
}

#[test]
fn picture_is_a_video_of_one_frame() {
    let files = Files::new();
    for name in ["shot%03d.png", "shot.jpg", "shot:1.png"] {
        // ffmpeg itself would take `%03d` for a pattern and `shot:` for a protocol.
        let made = files
            .make(&format!("{} -frames:v 1 -update 1", picture("64x48", 1)), &format!("x.{}", &name[name.len() - 3..]));
        let from = files.path(name);
        std::fs::rename(made, &from).unwrap();
        let to = files.path("out.mp4");
        assert_eq!(copy(&from, &to, &EncodeOptions::default(), &DecodeOptions::default()).unwrap().frames, 1, "{name}");
        std::fs::remove_file(to).unwrap();
    }
}

/// Joined recordings: of each part the frames at 30 fps, seconds that its clock starts at, and options.
fn joined(files: &Files, name: &str, parts: &[(u32, f64, &str)]) -> PathBuf {
    let mut all = Vec::new();
    for (frames, start, more) in parts {
        let length = f64::from(*frames) / 30.0;
        let clip = format!(
            "{} -f lavfi -i sine=d={length} -c:v libx264 -preset ultrafast -g 20 -pix_fmt yuv420p -c:a mp2 {more} \
             -output_ts_offset {start}",
            picture("320x160", *frames)
        );
        all.extend(std::fs::read(files.make(&clip, "part.ts")).unwrap());
    }
    let path = files.path(name);
    std::fs::write(&path, all).unwrap();
    path
}

/// How many frames a file has, and in seconds where video and sound end.
fn ends(path: &Path) -> (usize, f64, f64) {
    let end = |stream: &str| {
        let times = packets(path, stream, "pts_time");
        (times.len(), times.last().unwrap().parse::<f64>().unwrap())
    };
    let (frames, video) = end("v");
    (frames, video, end("a").1)
}

#[test]
fn clocks_of_joined_parts_are_corrected_as_in_ffmpeg() {
    let files = Files::new();
    let wrap = 95443.7177;
    for (name, parts) in [
        ("same", [(60, 0.0, "-bf 2"), (60, 0.0, "-bf 2"), (60, 0.0, "-bf 2")]),
        ("overlap", [(60, 0.0, "-bf 2"), (60, 1.5, "-bf 2"), (60, 0.5, "-bf 0")]),
        ("gap", [(60, 0.0, "-bf 2"), (60, 5.0, "-bf 2"), (60, 8.0, "-bf 2")]),
        ("ahead", [(60, 0.0, "-bf 2"), (60, 500.0, "-bf 2"), (60, 100.0, "-bf 2")]),
        ("wrap", [(60, wrap - 1.0, "-bf 2"), (60, 0.0, "-bf 2"), (60, 0.0, "-bf 2")]),
    ] {
        let from = joined(&files, &format!("{name}.ts"), &parts);
        let (ours, theirs) = (files.path(&format!("{name}.mp4")), format!("{name}_ffmpeg.mp4"));
        let copied = copy(&from, &ours, &fast(), &DecodeOptions::default()).unwrap();
        let theirs = files.make(
            &format!("-i {} -fps_mode passthrough -c:v libx264 -preset ultrafast -c:a copy", from.display()),
            &theirs,
        );
        let (a, b) = (ends(&ours), ends(&theirs));
        assert_eq!((copied.frames, a.0), (180, 180), "{name}");
        assert!((a.1 - b.1).abs() < 0.07 && (a.2 - b.2).abs() < 0.07, "{name}: {a:?} {b:?}");
        assert!((a.1 - a.2).abs() < 0.15, "{name}: sound is in step: {a:?}");
        let times: Vec<f64> = packets(&ours, "v", "pts_time").iter().map(|t| t.parse().unwrap()).collect();
        assert!(times.windows(2).all(|w| w[1] - w[0] > 0.02), "{name}: no frame is squeezed: {times:?}");
        // What is planned is what is read.
        let info = probe(&from).unwrap();
        let planned = frame_times(&info, TimeRange::default()).unwrap().expect("times");
        let mut reader = Reader::open(&from, &DecodeOptions::default()).unwrap();
        let mut read = Vec::new();
        while let Some(item) = reader.next().unwrap() {
            if let Item::Frame(f) = item {
                read.push(f.pts);
            }
        }
        assert_eq!(planned.iter().map(|t| t.pts).collect::<Vec<_>>(), read, "{name}");
    }
}

#[test]
fn range_behind_a_joint_is_found_on_the_corrected_clock() {
    let files = Files::new();
    let from = joined(&files, "a.ts", &[(60, 0.0, "-bf 2"), (60, 0.0, "-bf 2"), (60, 20.0, "-bf 2")]);
    let pictures = |range: TimeRange| {
        let mut reader = Reader::open(&from, &DecodeOptions { range, ..DecodeOptions::default() }).unwrap();
        let start = reader.info().start_time.unwrap_or(0.0);
        let (mut frames, mut sound) = (Vec::new(), Vec::new());
        while let Some(item) = reader.next().unwrap() {
            match item {
                Item::Frame(f) => frames.push((f.pts, f.frame.av().data(0).to_vec(), f.seekable)),
                Item::Packet(p) => sound.push(p.at(0).bytes()),
            }
        }
        (start, frames, sound)
    };
    let (start, whole, _) = pictures(TimeRange::default());
    assert_eq!(whole.len(), 180);
    let zero = (start * 90000.0).round() as i64;
    for (from, to) in [(2.5, 3.5), (1.5, 2.5), (3.5, 5.5), (4.7, 9.0)] {
        let range = TimeRange { start: Some(from), end: Some(to), frames: None };
        let (_, part, sound) = pictures(range);
        let first = zero + (from * 90000.0) as i64;
        let want: Vec<_> = whole.iter().filter(|f| f.0 >= first && f.0 < zero + (to * 90000.0) as i64).collect();
        assert_eq!(part.len(), want.len(), "{from}");
        for (a, b) in part.iter().zip(&want) {
            assert!((a.0 + first - b.0).abs() <= 1 && a.1 == b.1, "{from}: frame at {}", b.0);
        }
        let seconds = (to.min(6.0) - from) * 44100.0 / 1152.0;
        assert!((sound.len() as f64 - seconds).abs() < 4.0, "{from}: {} {seconds}", sound.len());
    }
    // A frame behind a joint is found again.
    let at = &whole[150];
    assert!(at.2);
    let mut reader = Reader::open(&from, &DecodeOptions::default()).unwrap();
    let first = whole[0].0;
    assert!(first > 0);
    reader.skip_to(at.0, 150).unwrap();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Frame(f) = item {
            assert_eq!((f.pts, f.index, f.frame.av().data(0).to_vec() == at.1), (at.0, 150, true));
            break;
        }
    }
}
