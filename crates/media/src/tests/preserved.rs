//! What the source says about itself is kept in the output.

use super::*;
use crate::formats::container::Container;
use crate::formats::mp4_boxes::{self, Insertion, Place};
use crate::formats::sidedata::{self, StreamSideData};
use vrseg_image::vr::{ContainerTags, Spherical, SphericalKind, StereoTag, boxes};

/// Copies with side data put on the source's video: there are no programs to make such files with.
fn copy_with(from: &Path, to: &Path, data: &[StreamSideData]) {
    let mut reader = Reader::open(from, &DecodeOptions::default()).unwrap();
    let mut template = reader.take_template();
    let inner = std::sync::Arc::get_mut(&mut template).unwrap();
    let index = inner.video.index;
    inner.streams[index].side_data.extend(data.iter().cloned());
    inner.info.video.tags = sidedata::tags(data);
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
    let want =
        ContainerTags { stereo: Some(StereoTag::SideBySide), right_first: false, spherical: Some(Spherical::VR180) };
    for name in ["vr.mp4", "vr.mkv"] {
        let made = files.path(name);
        copy_with(&from, &made, &sidedata::side_data(&want));
        for out in ["again.mp4", "again.mkv"] {
            // The second time the side data comes from the file itself.
            let again = files.path(out);
            copy(&made, &again, &fast(), &DecodeOptions::default()).unwrap();
            let video = probe(&again).unwrap().video;
            assert_eq!(video.tags, want, "{name} {out}");
            assert_eq!(out.ends_with("mp4"), has(&again, b"st3d") && has(&again, b"sv3d"), "{name} {out}");
            assert!(!has(&again, b"vexu"), "{name} {out}: FFmpeg 7.1's readers take it for the whole truth");
            std::fs::remove_file(again).unwrap();
        }
    }
}

#[test]
fn direction_of_the_whole_sphere_is_kept() {
    let files = Files::new();
    let sphere = Spherical { pose: [20 << 16, -(10 << 16), 0], ..Spherical::EQUIRECTANGULAR };
    let want = ContainerTags { stereo: Some(StereoTag::TopBottom), right_first: false, spherical: Some(sphere) };
    let made = files.path("vr.mp4");
    copy_with(&plain(&files), &made, &sidedata::side_data(&want));
    assert_eq!(probe(&made).unwrap().video.tags, want);
}

#[test]
fn mov_gets_apples_boxes_where_ffmpeg_writes_them() {
    let files = Files::new();
    let (from, mov) = (plain(&files), files.path("vr.mov"));
    for (stereo, right_first, spherical, kind) in [
        (StereoTag::SideBySide, false, Spherical::VR180, SphericalKind::HalfEquirectangular),
        (StereoTag::SideBySide, true, Spherical::VR180, SphericalKind::HalfEquirectangular),
        (StereoTag::TopBottom, false, Spherical::EQUIRECTANGULAR, SphericalKind::Equirectangular),
    ] {
        let made = ContainerTags { stereo: Some(stereo), right_first, spherical: Some(spherical) };
        copy_with(&from, &mov, &sidedata::side_data(&made));
        let found = boxes::read(&mut std::fs::File::open(&mov).unwrap()).unwrap();
        let found_tags = boxes::tags(&found);
        if crate::ffi::version::libavformat_is_at_least(61, 7) {
            let sphere = Spherical { kind, ..Spherical::EQUIRECTANGULAR };
            assert_eq!(found_tags, ContainerTags { spherical: Some(sphere), ..made });
            // All else is where it was.
            assert_eq!(
                ffprobe(&mov, "-count_frames -show_entries stream=nb_read_frames -of csv=p=0")
                    .trim_end_matches([',', '\n']),
                "5"
            );
        } else {
            assert_eq!(found_tags, ContainerTags::default());
        }
        std::fs::remove_file(&mov).unwrap();
    }
}

/// Whether a file has these bytes anywhere.
fn has(path: &Path, tag: &[u8]) -> bool {
    std::fs::read(path).unwrap().windows(tag.len()).any(|w| w == tag)
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
    copy(&from, &to, &fast(), &DecodeOptions { range, threads: 1, ..DecodeOptions::default() }).unwrap();
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
    // ffmpeg 7.1 takes primaries and transfer from the frames only, not from the encoder's options.
    let from = files.make(
        &format!(
            "{} -vf setsar=4/3,setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084 \
             -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -color_range tv -colorspace bt2020nc \
             -color_primaries bt2020 -color_trc smpte2084 -x265-params \
             log-level=error:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400",
            picture("320x160", 5)
        ),
        "a.mp4",
    );
    let reader = Reader::open(&from, &DecodeOptions::default()).unwrap();
    assert!(reader.info().video.dynamic.is_high());
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

/// An mp4 with four channels of sound that a box calls ambisonic, as cameras write it; and that box.
fn ambisonic(files: &Files) -> (PathBuf, Vec<u8>) {
    let plain = files.make(
        &format!(
            "{} -f lavfi -i sine=d=1 -filter_complex [1:a]pan=4.0|c0=c0|c1=c0|c2=c0|c3=c0[a] -map 0:v -map [a] \
             -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac",
            picture("320x160", 10)
        ),
        "plain.mp4",
    );
    let mut sa3d = b"\0\0\0\x2cSA3D\0\0\0\0\0\x01\0\0\0\0\0\0\x04".to_vec();
    [0u32, 1, 2, 3].iter().for_each(|v| sa3d.extend(v.to_be_bytes()));
    let size = sa3d.len() as u32;
    sa3d[..4].copy_from_slice(&size.to_be_bytes());
    let path = files.path("ambisonic_360.mp4");
    std::fs::copy(plain, &path).unwrap();
    let one = Insertion { track: 2, place: Place::Description, boxes: sa3d.clone() };
    mp4_boxes::insert(&path, &[one]).unwrap();
    (path, sa3d)
}

#[test]
fn ambisonic_sound_is_still_called_so() {
    let files = Files::new();
    let (from, sa3d) = ambisonic(&files);
    let before = hashes(&from, "a");
    for name in ["b.mp4", "b.mov"] {
        let to = files.path(name);
        let done = copy(&from, &to, &fast(), &DecodeOptions::default()).unwrap();
        assert_eq!(done.dropped, [""; 0]);
        let read = crate::formats::spatial_audio::read(&to);
        assert_eq!(read.iter().map(|t| &t.boxes).collect::<Vec<_>>(), [&sa3d], "{name}");
        // All else is where it was: sound and pictures are found.
        assert_eq!(hashes(&to, "a"), before);
        ffprobe(&to, "-count_frames -show_entries stream=nb_read_frames");
        assert_eq!(probe(&to).unwrap().video.frames, Some(10));
    }
    let done = copy(&from, &files.path("b.mkv"), &fast(), &DecodeOptions::default()).unwrap();
    assert!(done.dropped[0].contains("(audio, aac): the ambisonic tag (SA3D) is lost"), "{:?}", done.dropped);
}

#[test]
fn keys_of_quicktime_are_kept_beside_usual_tags() {
    let files = Files::new();
    let make = "com.apple.quicktime.make";
    let from = files.make(
        &format!(
            "{} -c:v libx264 -preset ultrafast -movflags use_metadata_tags -metadata {make}=Maker -metadata title=Sea",
            picture("160x96", 3)
        ),
        "a.mov",
    );
    for name in ["b.mov", "b.mp4", "b.mkv"] {
        let to = files.path(name);
        let done = copy(&from, &to, &fast(), &DecodeOptions::default()).unwrap();
        assert_eq!(done.dropped, [""; 0]);
        let tags = ffprobe(&to, "-show_entries format_tags -of default=nw=1").to_lowercase();
        assert!(tags.contains(&format!("{make}=maker")) && tags.contains("title=sea"), "{name}: {tags}");
    }
    let done = copy(&from, &files.path("b.ts"), &fast(), &DecodeOptions::default()).unwrap();
    assert!(done.dropped[0].contains("mpegts can't hold the tags"), "{:?}", done.dropped);
}

#[test]
fn time_code_of_a_range_is_that_of_its_first_frame() {
    let files = Files::new();
    let from =
        files.make(&format!("{} -c:v libx264 -preset ultrafast -timecode 10:00:00:00", picture("160x96", 60)), "a.mov");
    for (start, want) in [(None, "10:00:00:00"), (Some(1.0), "10:00:01:00"), (Some(0.51), "10:00:00:16")] {
        let to = files.path("b.mov");
        let options = DecodeOptions { range: TimeRange { start, ..TimeRange::default() }, ..DecodeOptions::default() };
        copy(&from, &to, &fast(), &options).unwrap();
        let found_tags = ffprobe(&to, "-select_streams v -show_entries stream_tags=timecode -of csv=p=0");
        assert_eq!(found_tags.trim(), want, "{start:?}");
        std::fs::remove_file(to).unwrap();
    }
}

#[test]
fn sound_that_a_container_cannot_hold_is_converted_in_step() {
    let files = Files::new();
    let from = files.make(
        &format!(
            "{} -f lavfi -i aevalsrc=sin(880*2*PI*t)*gte(t\\,1):s=48000:d=2 -map 0 -map 1 -c:v libx264 -preset ultrafast \
             -c:a pcm_s24be",
            picture("160x96", 60)
        ),
        "a.mov",
    );
    // One that doesn't state which channel is which, as Matroska has it.
    let bare = files.make(&format!("-i {} -map 0 -c copy", from.display()), "a.mkv");
    for (from, name, codec) in
        [(&from, "b.mp4", "aac"), (&from, "b.webm", "opus"), (&from, "b.ts", "aac"), (&bare, "bare.mp4", "aac")]
    {
        let to = files.path(name);
        let encode = if name == "b.webm" { EncodeOptions::default() } else { fast() };
        let done = copy(from, &to, &encode, &DecodeOptions::default()).unwrap();
        assert!(
            done.dropped.iter().any(|l| l.contains("(audio, pcm_s24") && l.contains(&format!("converted to {codec}"))),
            "{:?}",
            done.dropped
        );
        let streams = ffprobe(&to, "-show_entries stream=codec_type,codec_name -of csv=p=0");
        assert!(streams.contains(&format!("{codec},audio")), "{name}: {streams}");
        // The tone begins a second after the picture, to within some milliseconds.
        let raw = files.make(
            &format!("-i {} -map 0:a -af aresample=async=1:first_pts=0 -ac 1 -ar 8000 -f s16le", to.display()),
            "raw",
        );
        let samples: Vec<i16> =
            std::fs::read(raw).unwrap().chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        let loud = samples.iter().position(|v| v.unsigned_abs() > 8000).unwrap();
        assert!(loud.abs_diff(8000) < 200, "{name}: the tone begins at sample {loud}");
        assert!(samples.len().abs_diff(16_000) < 800, "{name}: {} samples", samples.len());
    }
    let kept = EncodeOptions { audio: CopyPolicy::Copy, ..fast() };
    let to = files.path("c.mp4");
    let done = copy(&from, &to, &kept, &DecodeOptions::default()).unwrap();
    if Container::Mp4.supports(ffmpeg_next::ffi::AVCodecID::AV_CODEC_ID_PCM_S24BE.into()) {
        // A newer FFmpeg.
        assert_eq!(done.dropped, [""; 0]);
        assert!(ffprobe(&to, "-show_entries stream=codec_name -of csv=p=0").contains("pcm_s24be"));
    } else {
        assert!(done.dropped[0].ends_with("mp4 cannot hold it"), "{:?}", done.dropped);
        assert_eq!(probe(&to).unwrap().audio_streams, 0);
    }
    let without = EncodeOptions { audio: CopyPolicy::Without, ..fast() };
    let to = files.path("d.mkv");
    assert_eq!(copy(&from, &to, &without, &DecodeOptions::default()).unwrap().dropped, [""; 0]);
    assert_eq!(probe(&to).unwrap().audio_streams, 0);
}

#[test]
fn texts_that_a_container_cannot_hold_are_converted() {
    let files = Files::new();
    std::fs::write(
        files.path("s.srt"),
        "1\n00:00:00,200 --> 00:00:00,700\nHello\n\n2\n00:00:01,000 --> 00:00:01,500\nAgain\n",
    )
    .unwrap();
    for subtitle in ["srt", "ass"] {
        let from = files.make(
            &format!("{} -i s.srt -c:v libx264 -preset ultrafast -c:s {subtitle}", picture("160x96", 60)),
            "a.mkv",
        );
        for name in ["b.mp4", "b.mov", "b.webm"] {
            let to = files.path(name);
            let encode = if name == "b.webm" { EncodeOptions::default() } else { fast() };
            copy(&from, &to, &encode, &DecodeOptions::default()).unwrap();
            let text = files.make(&format!("-i {} -map 0:s -c:s srt", to.display()), "text.srt");
            let text = std::fs::read_to_string(text).unwrap();
            for part in ["00:00:00,200 --> 00:00:00,700", "Hello", "00:00:01,000 --> 00:00:01,500", "Again"] {
                assert!(text.contains(part), "{subtitle} {name}: {text}");
            }
            std::fs::remove_file(to).unwrap();
        }
    }
}

#[test]
fn sdr_is_made_of_hdr_without_its_metadata() {
    let files = Files::new();
    let params = "log-level=error:hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:\
                  master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400";
    // White paper (203 cd/m2) on the left, black on the right.
    let from = files.make(
        &format!(
            "-f lavfi -i color=black:s=192x96:r=30:d=0.2 -vf format=yuv420p10le,geq=lum=if(lt(X\\,96)\\,573\\,64):cb=512:cr=512 \
             -c:v libx265 -preset ultrafast -x265-params {params} -color_trc smpte2084 -color_primaries bt2020 \
             -colorspace bt2020nc -color_range tv"
        ),
        "hdr.mp4",
    );
    assert!(probe(&from).unwrap().video.dynamic == DynamicRange::Pq);
    let to = files.path("sdr.mp4");
    let choice = InputChoice { sdr: true, ..InputChoice::default() };
    copy(&from, &to, &fast(), &DecodeOptions { choice, ..DecodeOptions::default() }).unwrap();
    let entries = "-show_entries stream=codec_name,pix_fmt,color_transfer,color_primaries,color_space:stream_side_data=side_data_type -of compact";
    let found_tags = ffprobe(&to, entries);
    for part in ["h264", "pix_fmt=yuv420p|", "color_transfer=bt709", "color_primaries=bt709", "color_space=bt709"] {
        assert!(found_tags.contains(part), "{part}: {found_tags}");
    }
    assert!(!found_tags.contains("Mastering") && !found_tags.contains("Content light"), "{found_tags}");
    let raw = files.make(&format!("-i {} -frames:v 1 -f rawvideo -pix_fmt gray", to.display()), "raw");
    let luma = std::fs::read(raw).unwrap();
    let (white, black) = (luma[192 * 40 + 30], luma[192 * 40 + 160]);
    assert!(white > 150 && black < 24, "white {white}, black {black}");
    let info = crate::open(&from, &choice).unwrap();
    assert_eq!((info.info().video.layout, info.info().video.dynamic), (yuv420(8), DynamicRange::Standard));
}

#[test]
fn texts_that_overlap_begin_when_they_did() {
    let files = Files::new();
    let at = |ms: u32| format!("00:00:{:02},{:03}", ms / 1000, ms % 1000);
    let cue = |i: u32| format!("{}\n{} --> {}\ncue {i}\n\n", i + 1, at(80 + 100 * i), at(480 + 100 * i));
    std::fs::write(files.path("s.srt"), (0..10).map(cue).collect::<String>()).unwrap();
    let from =
        files.make(&format!("{} -i s.srt -c:v libx264 -preset ultrafast -c:s srt", picture("160x96", 60)), "a.mkv");
    let to = files.path("b.mp4");
    copy(&from, &to, &fast(), &DecodeOptions::default()).unwrap();
    let begins = packets(&to, "s", "pts_time");
    for i in 0..10 {
        let want = format!("{:.6}", 0.08 + 0.1 * f64::from(i));
        assert!(begins.contains(&want), "{want}: {begins:?}");
    }
}
