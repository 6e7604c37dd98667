//! What the source says about itself is kept in the output.

use super::*;
use crate::formats::sidedata::StreamSideData;
use ffmpeg_next::ffi::AVPacketSideDataType as Kind;
use vrseg_image::vr::{ContainerTags, Spherical, StereoTag};

/// Copies with side data put on the source's video: there are no programs to make such files with.
fn copy_with(from: &Path, to: &Path, data: &[(Kind, Vec<i32>)]) {
    let mut reader = Reader::open(from, &DecodeOptions::default()).unwrap();
    let mut template = reader.take_template();
    let inner = std::sync::Arc::get_mut(&mut template).unwrap();
    let index = inner.video.index;
    for (kind, words) in data {
        let bytes = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
        inner.streams[index].side_data.push(StreamSideData { kind: (*kind).into(), bytes });
    }
    let encode = fast();
    let mut writer = Writer::create(options(to, &encode, &template.info().video), &template).unwrap();
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Frame(f) => drop(writer.write_frame(f.frame, f.pts, f.duration).unwrap()),
            Item::Packet(p) => writer.write_packet(&p).unwrap(),
        }
    }
    writer.finish().unwrap();
}

fn plain(files: &Files) -> PathBuf {
    files.make(&format!("{} -c:v libx264 -preset ultrafast -pix_fmt yuv420p", picture("320x160", 5)), "plain.mp4")
}

#[test]
fn stereo_and_spherical_boxes_are_kept() {
    let files = Files::new();
    let from = plain(&files);
    let vr180 = [
        (Kind::AV_PKT_DATA_STEREO3D, vec![1, 0, 0]),
        (Kind::AV_PKT_DATA_SPHERICAL, vec![2, 0, 0, 0, 0x4000_0000, 0, 0x4000_0000, 0, 0]),
    ];
    for name in ["vr.mp4", "vr.mkv"] {
        let made = files.path(name);
        copy_with(&from, &made, &vr180);
        for out in ["again.mp4", "again.mkv"] {
            // The second time the side data comes from the file itself.
            let again = files.path(out);
            copy(&made, &again, &fast(), &DecodeOptions::default()).unwrap();
            let video = probe(&again).unwrap().video;
            let want = ContainerTags {
                stereo: Some(StereoTag::SideBySide),
                right_first: false,
                spherical: Some(Spherical::VR180),
            };
            assert_eq!(video.tags, want, "{name} {out}");
            let bytes = std::fs::read(&again).unwrap();
            let has = |tag: &[u8]| bytes.windows(tag.len()).any(|w| w == tag);
            assert_eq!(out.ends_with("mp4"), has(b"st3d") && has(b"sv3d"), "{name} {out}");
            std::fs::remove_file(again).unwrap();
        }
    }
}

#[test]
fn sound_subtitles_chapters_and_tags_are_kept() {
    let files = Files::new();
    std::fs::write(files.path("s.srt"), "1\n00:00:00,100 --> 00:00:00,700\nHello\n").unwrap();
    std::fs::write(
        files.path("meta.txt"),
        ";FFMETADATA1\ntitle=A title\nartist=Somebody\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n\
         [CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=1000\ntitle=Two\n",
    )
    .unwrap();
    let inputs = format!(
        "{} -f lavfi -i sine=d=1 -f lavfi -i sine=f=880:d=1 -i s.srt -i meta.txt -map 0 -map 1 -map 2 -map 3 -map_metadata 4 \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a:0 aac -c:a:1 ac3 -metadata:s:a:0 language=eng \
         -metadata:s:a:1 language=deu -metadata:s:s:0 language=fra -disposition:a:1 default -disposition:a:0 0",
        picture("320x160", 30)
    );
    for (name, subtitles) in [("a.mkv", "-c:s srt"), ("a.mp4", "-c:s mov_text")] {
        let from = files.make(&format!("{inputs} {subtitles}"), name);
        for target in ["b.mkv", "b.mp4"] {
            let to = files.path(target);
            let done = copy(&from, &to, &fast(), &DecodeOptions::default()).unwrap();
            for stream in ["a:0", "a:1"] {
                assert_eq!(hashes(&to, stream), hashes(&from, stream), "{name} {target} {stream}");
            }
            let entries = "-show_entries stream=codec_type:stream_tags=language:stream_disposition=default -of csv=p=0";
            let same_family = name[1..] == target[1..];
            if same_family {
                assert_eq!(ffprobe(&to, entries), ffprobe(&from, entries));
                assert_eq!(hashes(&to, "s"), hashes(&from, "s"));
                assert!(done.dropped.is_empty(), "{:?}", done.dropped);
            } else {
                // Neither container holds the other's subtitles.
                assert_eq!(done.dropped.len(), 1, "{:?}", done.dropped);
                assert!(done.dropped[0].starts_with("stream 3 (subtitle, "), "{:?}", done.dropped);
            }
            let chapters = "-show_entries chapter=start_time,end_time:chapter_tags=title -of csv=p=0";
            assert_eq!(ffprobe(&to, chapters), ffprobe(&from, chapters), "{name} {target}");
            let tags = ffprobe(&to, "-show_entries format_tags=title,artist -of csv=p=0").to_lowercase();
            assert!(tags.contains("a title") && tags.contains("somebody"), "{tags}");
            std::fs::remove_file(to).unwrap();
        }
    }
}

#[test]
fn chapters_follow_a_range() {
    let files = Files::new();
    std::fs::write(
        files.path("meta.txt"),
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\n\
         START=400\nEND=1000\ntitle=Two\n",
    )
    .unwrap();
    let from = files.make(
        &format!(
            "{} -i meta.txt -map_metadata 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
            picture("320x160", 30)
        ),
        "a.mkv",
    );
    let to = files.path("b.mkv");
    let range = TimeRange { start: Some(0.5), end: Some(0.9), frames: None };
    copy(&from, &to, &fast(), &DecodeOptions { range, threads: 1, alpha: false, strict: false }).unwrap();
    let chapters = ffprobe(&to, "-show_entries chapter=start_time,end_time:chapter_tags=title -of csv=p=0");
    assert_eq!(chapters.trim(), "0.000000,0.400000,Two");
}

#[test]
fn cover_pictures_are_kept() {
    let files = Files::new();
    let cover = files.make("-f lavfi -i testsrc2=s=64x64 -frames:v 1 -update 1", "cover.png");
    let from = files.make(
        &format!(
            "{} -i {} -map 0 -map 1 -c:v:0 libx264 -pix_fmt:v:0 yuv420p -c:v:1 copy -disposition:v:1 attached_pic",
            picture("320x160", 10),
            cover.display()
        ),
        "a.mp4",
    );
    for name in ["b.mp4", "b.mkv"] {
        let to = files.path(name);
        let done = copy(&from, &to, &fast(), &DecodeOptions::default()).unwrap();
        assert_eq!((done.frames, done.dropped.len()), (10, 0));
        let info = probe(&to).unwrap();
        assert_eq!((info.video.width, info.cover_pictures), (320, 1), "{name}");
    }
}

#[test]
fn color_aspect_and_hdr_are_kept() {
    let files = Files::new();
    let from = files.make(
        &format!(
            "{} -vf setsar=4/3 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -color_range tv -colorspace bt2020nc \
             -color_primaries bt2020 -color_trc smpte2084 -x265-params \
             log-level=error:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400",
            picture("320x160", 5)
        ),
        "a.mp4",
    );
    let reader = Reader::open(&from, &DecodeOptions::default()).unwrap();
    assert!(reader.info().video.hdr);
    let encode = EncodeOptions { preset: Some("ultrafast".into()), ..Default::default() };
    for name in ["b.mp4", "b.mkv"] {
        let to = files.path(name);
        assert_eq!(copy(&from, &to, &encode, &DecodeOptions::default()).unwrap().encoder, "libx265");
        let entries = "-show_entries stream=pix_fmt,color_range,color_space,color_transfer,color_primaries,\
                       sample_aspect_ratio,chroma_location -select_streams v -of csv=p=0";
        let line = |p: &Path| ffprobe(p, entries).trim_matches([',', '\n']).to_owned();
        assert_eq!(line(&to), line(&from), "{name}");
        let frame =
            ffprobe(&to, "-select_streams v -show_frames -read_intervals %+#1 -show_entries frame=side_data_list");
        for fact in ["red_x=34000/50000", "max_luminance=10000000/10000", "max_content=1000", "max_average=400"] {
            assert!(frame.contains(fact), "{name} {fact}: {frame}");
        }
    }
    assert!(ffprobe(&files.path("b.mp4"), "-show_entries stream=codec_tag_string").contains("hvc1"));

    let full = files.make(
        &format!("{} -c:v libx264 -vf scale=out_range=pc -pix_fmt yuvj420p -color_range pc", picture("320x160", 5)),
        "full.mp4",
    );
    let to = files.path("full-out.mp4");
    copy(&full, &to, &fast(), &DecodeOptions::default()).unwrap();
    assert_eq!(ffprobe(&to, "-show_entries stream=color_range -of csv=p=0").trim(), "pc");
}
