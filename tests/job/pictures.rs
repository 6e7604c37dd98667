//! Pictures, numbered pictures and pipes as inputs and outputs.

use crate::harness::*;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

/// A photo of people, 480 pixels wide, as that kind of picture.
fn still(dir: &Path, name: &str) -> std::path::PathBuf {
    let path = dir.join(name);
    ffmpeg("-i {} -vf scale=480:360 -frames:v 1 -update 1 {}", &[&photo(PEOPLE[0]), &path]);
    path
}

/// Numbered pictures `in_00007.png` and the two behind it.
fn numbered(dir: &Path) {
    let pattern = dir.join("in_%05d.png");
    ffmpeg("-loop 1 -i {} -frames:v 3 -vf scale=480:360 -start_number 7 {}", &[&photo(PEOPLE[0]), &pattern]);
}

#[test]
fn a_photo_becomes_a_cutout_with_straight_colors() {
    let dir = folder();
    let input = still(dir.path(), "photo.png");
    let (cut, matte) = (dir.path().join("cut.png"), dir.path().join("matte.png"));
    let matte_arg = format!("matte={}", arg(&matte));
    ok(["-q", arg(&input), "-o", arg(&cut), "-o", &matte_arg, "--model", "selfie"]);
    let (source, cut, matte) = (decode(&input, "rgb24", &[]), decode(&cut, "rgba", &[]), decode(&matte, "gray", &[]));
    assert_eq!((cut.width, cut.height, cut.frames.len()), (480, 360, 1));
    let mut inside = 0;
    for (i, (pixel, alpha)) in cut.frames[0].chunks(4).zip(&matte.frames[0]).enumerate() {
        assert!(pixel[3].abs_diff(*alpha) <= 2, "pixel {i}: the alpha is the matte");
        if pixel[3] > 250 {
            inside += 1;
            let was = &source.frames[0][3 * i..][..3];
            let off = was.iter().zip(pixel).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(off <= 6, "pixel {i}: {was:?} became {pixel:?}");
        }
    }
    assert!(inside > 20_000, "{inside} pixels of people");
}

#[test]
fn a_green_jpeg_has_the_key_color_that_viewers_see() {
    let dir = folder();
    let input = still(dir.path(), "photo.jpg");
    for name in ["green.jpg", "green.png", "green.tif", "green.bmp"] {
        let out = dir.path().join(name);
        ok(["-q", arg(&input), "-o", &format!("green={}", arg(&out)), "--model", "selfie"]);
        let corner = decode(&out, "rgb24", &[]);
        let [r, g, b] = corner.pixel(0, 4, 4) else { panic!("three samples") };
        assert!(*r < 6 && g.abs_diff(177) < 6 && b.abs_diff(64) < 6, "{name}: {r} {g} {b}");
    }
}

#[test]
fn numbered_pictures_keep_their_numbers() {
    let dir = folder();
    numbered(dir.path());
    let (input, out) = (dir.path().join("in_%05d.png"), dir.path().join("out_%05d.png"));
    ok(["-q", arg(&input), "-o", arg(&out), "--model", "selfie"]);
    let made = ["out_00007.png", "out_00008.png", "out_00009.png"];
    assert_eq!(&listing(dir.path())[3..], made);
    // What exists isn't replaced unasked.
    let again = run(["-q", arg(&input), "-o", arg(&out), "--model", "selfie"]);
    assert!(!again.status.success() && stderr(&again).contains("out_%05d.png: exists"), "{}", stderr(&again));
    let skipped = ok([arg(&input), "-o", arg(&out), "--model", "selfie", "-n"]);
    assert!(stderr(&skipped).contains("skipped"), "{}", stderr(&skipped));
    // A sequence that ended early is known by the file that its run left.
    std::fs::write(dir.path().join(".out_%05d.png.part"), b"").unwrap();
    std::fs::remove_file(dir.path().join("out_00009.png")).unwrap();
    ok(["-q", arg(&input), "-o", arg(&out), "--model", "selfie", "-n"]);
    assert_eq!(listing(dir.path()).iter().filter(|n| n.contains("out_")).collect::<Vec<_>>(), made);
    ok(["-q", "-y", arg(&input), "-o", arg(&out), "--model", "selfie"]);
    // Not even with -y is an input written over, by whichever name.
    for (from, to) in [
        ("in_%05d.png", "in_%05d.png"),
        ("in_%05d.png", "in_0%04d.png"),
        ("in_00008.png", "in_%05d.png"),
        ("in_%05d.png", "in_00009.png"),
    ] {
        let before: Vec<_> =
            (7..=9).map(|n| std::fs::read(dir.path().join(format!("in_0000{n}.png"))).unwrap()).collect();
        let printed =
            run(["-q", "-y", arg(&dir.path().join(from)), "-o", arg(&dir.path().join(to)), "--model", "selfie"]);
        assert_eq!(printed.status.code(), Some(2), "{from} {to}: {}", stderr(&printed));
        assert!(stderr(&printed).contains("input"), "{from} {to}: {}", stderr(&printed));
        let after: Vec<_> =
            (7..=9).map(|n| std::fs::read(dir.path().join(format!("in_0000{n}.png"))).unwrap()).collect();
        assert!(before == after);
    }
    let twice = [
        format!("green={}", arg(&dir.path().join("d_%05d.png"))),
        format!("matte={}", arg(&dir.path().join("d_%d.png"))),
    ];
    let printed = run(["-q", arg(&input), "-o", &twice[0], "-o", &twice[1], "--model", "selfie"]);
    assert!(
        printed.status.code() == Some(2) && stderr(&printed).contains("would be written twice"),
        "{}",
        stderr(&printed)
    );
    // Pictures after a gap are not read, with a warning.
    std::fs::copy(dir.path().join("in_00009.png"), dir.path().join("in_00012.png")).unwrap();
    let printed = ok([arg(&input), "-o", arg(&dir.path().join("gap.mp4")), "--model", "selfie"]);
    assert!(
        stderr(&printed).contains("number 10 is missing") && stderr(&printed).contains("though 12 exists"),
        "{}",
        stderr(&printed)
    );
    std::fs::remove_file(dir.path().join("in_00012.png")).unwrap();
    let movie = dir.path().join("movie.mp4");
    ok(["-q", arg(&input), "-o", arg(&movie), "--framerate", "12", "--model", "selfie"]);
    let v = video(&movie);
    assert_eq!((text(&v["r_frame_rate"]), text(&v["nb_frames"])), ("12/1".to_owned(), "3".to_owned()));
    // A video becomes numbered pictures, from 1 on.
    let frames = dir.path().join("frame_%d.jpg");
    ok(["-q", arg(&movie), "-o", arg(&frames), "--model", "selfie"]);
    for n in 1..=3 {
        assert!(dir.path().join(format!("frame_{n}.jpg")).is_file());
    }
}

#[test]
fn one_picture_of_many_frames_is_refused_before_the_work() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mp4"), dir.path().join("out.png"));
    clip(&input, "320x240", 5, H264);
    let printed = run(["-q", arg(&input), "-o", arg(&out), "--model", "selfie"]);
    assert_eq!(printed.status.code(), Some(2), "{}", stderr(&printed));
    assert!(
        stderr(&printed).contains("out_%05d.png") && stderr(&printed).contains("--frames 1"),
        "{}",
        stderr(&printed)
    );
    assert_eq!(listing(dir.path()), ["in.mp4"]);
    let printed = ok([arg(&input), "-o", arg(&out), "--model", "selfie", "--frames", "1"]);
    assert!(stderr(&printed).contains("pictures have no sound"), "{}", stderr(&printed));
    assert_eq!(listing(dir.path()), ["in.mp4", "out.png"]);
}

/// Runs the program with those bytes as its standard input.
fn piped(bytes: &[u8], args: &[&str]) -> Output {
    let mut c = vrseg();
    let mut child =
        c.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&bytes);
    });
    let out = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends");
    out
}

#[test]
fn videos_come_and_go_through_pipes() {
    let dir = folder();
    let input = dir.path().join("in.mp4");
    // Its index is at its end: no pipe could be gone back in.
    clip(&input, "320x240", 6, H264);
    let bytes = std::fs::read(&input).unwrap();
    for format in ["matroska", "nut", "mpegts"] {
        let out = piped(&bytes, &["-q", "-", "-o", "matte=-", "--format", format, "--model", "selfie"]);
        assert!(out.status.success(), "{format}: {}", stderr(&out));
        let file = dir.path().join("piped");
        std::fs::write(&file, &out.stdout).unwrap();
        assert_eq!(decode(&file, "gray", &[]).frames.len(), 6, "{format}");
        assert_eq!(packets(&file, "a:0").len(), packets(&input, "a:0").len(), "{format}");
    }
    let to_file = dir.path().join("out.mp4");
    let out = piped(&bytes, &["-q", "-", "-o", arg(&to_file), "--model", "selfie"]);
    assert!(out.status.success() && times(&to_file) == times(&input), "{}", stderr(&out));
    assert_eq!(listing(dir.path()), ["in.mp4", "out.mp4", "piped"], "nothing of standard input is left");
}

#[test]
fn pipes_that_make_no_sense_are_refused_by_name() {
    let dir = folder();
    let input = dir.path().join("in.mp4");
    clip(&input, "320x240", 3, H264);
    let refused = |args: &[&str], why: &str| {
        let out = piped(b"", args);
        assert!(!out.status.success() && stderr(&out).contains(why), "{args:?}: {}", stderr(&out));
        assert!(out.stdout.is_empty());
    };
    refused(&["-", "-o", "out.mp4"], "standard input: it is empty");
    refused(&["-", "-o", arg(dir.path())], "standard input has no name");
    refused(&[arg(&input), "-o", "-", "--json"], "would both write to standard output");
    refused(&[arg(&input), "-o", "-", "-o", "matte=-"], "two outputs can't both go to standard output");
    refused(&[arg(&input), "-o", "-", "--format", "mp4"], "--format mp4: expected one of matroska, nut");
}

#[test]
fn encoders_are_understood_as_codecs_and_streams_can_be_chosen() {
    let dir = folder();
    let (input, out) = (dir.path().join("two.mkv"), dir.path().join("out.mkv"));
    ffmpeg(
        "-f lavfi -i testsrc2=s=320x240:r=25:d=0.12 -f lavfi -i testsrc2=s=160x120:r=25:d=0.2 -map 0 -map 1 -c:v \
         libx264 {}",
        &[&input],
    );
    let printed = ok([arg(&input), "-o", arg(&out), "--codec", "libx265", "--stream", "1", "--model", "selfie"]);
    assert!(stderr(&printed).contains("only one video stream is processed"), "{}", stderr(&printed));
    let v = video(&out);
    assert_eq!((text(&v["codec_name"]), text(&v["width"])), ("hevc".to_owned(), "160".to_owned()));
    assert_eq!(times(&out).len(), 5);
    let printed = run([arg(&input), "-o", arg(&out), "-y", "--stream", "2"]);
    assert_eq!(printed.status.code(), Some(2));
    assert!(stderr(&printed).contains("there is no video stream 2; it has 2, counted from 0"), "{}", stderr(&printed));
}
