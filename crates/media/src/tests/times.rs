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
    let make = format!(
        "{} -vf setpts='(N+floor(N/3)+mod(N,4)*0.25)/30/TB' -vsync vfr -enc_time_base 1:90000 -c:v libx264 \
         -preset ultrafast -pix_fmt yuv420p",
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
