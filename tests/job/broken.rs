//! Broken videos: whatever the damage, the program ends by itself, without a panic, and leaves either an
//! output that plays or none.
//!
//! By default a few files are tried; another seed gives other damage. `VRSEG_BROKEN=600 cargo test --test job
//! broken` tries that many; docs/architecture.md has the results.

use crate::harness::*;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Containers and codecs: the file's end and FFmpeg's options.
const KINDS: &[(&str, &str)] = &[
    ("h264.mp4", "-c:v libx264 -preset ultrafast -bf 2 -g 4 -c:a aac"),
    ("h264.mkv", "-c:v libx264 -preset ultrafast -bf 2 -g 4 -c:a aac"),
    ("h264.ts", "-c:v libx264 -preset ultrafast -g 4 -c:a aac"),
    ("fragments.mp4", "-c:v libx264 -preset ultrafast -g 4 -c:a aac -movflags frag_keyframe+empty_moov"),
    ("hevc.mp4", "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=4 -tag:v hvc1 -an"),
    ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 4 -an"),
    ("av1.mp4", "-c:v libsvtav1 -preset 12 -g 4 -an"),
    ("prores.mov", "-c:v prores_ks -an"),
    ("ffv1.mkv", "-c:v ffv1 -an"),
    ("mpeg4.avi", "-c:v mpeg4 -g 4 -an"),
    ("mjpeg.mov", "-c:v mjpeg -pix_fmt yuvj420p -an"),
];

/// Options of the runs: outputs that differ in codec, container and geometry.
const OPTIONS: &[(&str, &[&str])] = &[
    ("out.mp4", &[]),
    ("out.mkv", &["--mode", "matte", "--codec", "ffv1"]),
    ("out.mov", &["--mode", "alpha"]),
    ("out.webm", &["--mode", "overlay"]),
    ("out.mp4", &["--layout", "sbs", "--projection", "hequirect", "--mode", "passthrough"]),
];

/// A run that takes longer than this hangs: a tiny clip takes a second.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A linear congruential generator (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }
}

/// Damages a file's bytes and returns a description of the damage.
fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) -> &'static str {
    let n = bytes.len();
    let (at, len) = (dice.roll(n), 1 + dice.roll(n / 4));
    let end = (at + len).min(n);
    match dice.roll(8) {
        0 => {
            bytes.truncate(at);
            "cut"
        }
        1 => {
            bytes.drain(..at.min(n / 2));
            "without its head"
        }
        2 => {
            for _ in 0..=dice.roll(200) {
                let at = dice.roll(n);
                bytes[at] ^= 1 << dice.roll(8);
            }
            "flipped bits"
        }
        3 => {
            // Where headers are: at the front, and in mp4 at the end.
            for _ in 0..=dice.roll(8) {
                let near = dice.roll(n.min(1500));
                let at = if dice.roll(2) == 0 { near } else { n - 1 - near };
                bytes[at] = dice.roll(256) as u8;
            }
            "other bytes in its headers"
        }
        4 => {
            bytes[at..end].fill(0);
            "zeroed"
        }
        5 => {
            bytes.drain(at..end);
            "a piece missing"
        }
        6 => {
            let piece = bytes[at..end].to_vec();
            let to = dice.roll(n);
            bytes.splice(to..to, piece);
            "a piece twice"
        }
        _ => {
            // Numbers as large as they get: sizes, counts, durations.
            let at = dice.roll(n.min(1500)).min(n - 4);
            let at = if dice.roll(2) == 0 { at } else { n - 4 - at.min(n - 4) };
            bytes[at..at + 4].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
            "a huge number in its headers"
        }
    }
}

/// Waits for a child; `None` where it hangs (it is killed then).
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < TIMEOUT {
        if let Some(status) = child.try_wait().expect("it is ours") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    None
}

/// Runs the program on one file: a word for the statistics, or an error description.
fn run_on(input: &Path, case: &(&str, &[&str])) -> Result<&'static str, String> {
    let dir = input.parent().expect("a folder");
    let out = dir.join(case.0);
    let log = dir.join("said");
    let printed = std::fs::File::create(&log).expect("a file");
    let mut child = vrseg()
        .args(["-q", arg(input), "-o", arg(&out), "--profile", "fast", "--model", "selfie", "--device", "cpu"])
        .args(["--input-size", "128", "--frames", "8"])
        .args(case.1)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(printed)
        .spawn()
        .expect("the program starts");
    let status = wait(&mut child);
    let printed = std::fs::read(&log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    let wrong = |what: String| Err(format!("{what}; it said: {printed}"));
    let Some(status) = status else { return wrong("it hangs".into()) };
    if let Some(signal) = status.signal() {
        return wrong(format!("signal {signal}"));
    }
    if printed.contains("panicked") || printed.contains("crashed") || !matches!(status.code(), Some(0..=2)) {
        return wrong(format!("{status}"));
    }
    let mut left = listing(dir);
    left.retain(|name| dir.join(name) != input && name != "said" && name != case.0);
    if !left.is_empty() {
        return wrong(format!("left behind: {left:?}"));
    }
    if status.code() != Some(0) {
        return if out.exists() { wrong(format!("{status}, and there is an output")) } else { Ok("refused") };
    }
    let played = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-xerror", "-i", arg(&out), "-map", "0:v:0"])
        // Keep the file's time stamps: at a constant frame rate ffmpeg would merge frames close to each other.
        .args(["-vsync", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed");
    // Sound is stream copied, damage included: only errors of the video count.
    let complaints = String::from_utf8_lossy(&played.stderr).into_owned();
    let of_sound = |l: &str| l.starts_with("[aac @") || l.trim_start().starts_with("Last message repeated");
    if !played.status.success() || !complaints.lines().all(of_sound) {
        return wrong(format!("the output does not play: {complaints}"));
    }
    Ok("made")
}

#[test]
fn broken_videos_neither_crash_nor_hang() {
    let count: usize = std::env::var("VRSEG_BROKEN").ok().and_then(|n| n.parse().ok()).unwrap_or(22);
    let seed: u64 = std::env::var("VRSEG_BROKEN_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let dir = folder();
    let whole: Vec<(&str, Vec<u8>)> = KINDS
        .iter()
        .map(|(name, options)| {
            let path = dir.path().join(name);
            clip(&path, "96x64", 12, options);
            (*name, std::fs::read(&path).expect("a clip"))
        })
        .collect();
    let (next, bad, seen) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= count {
                        return;
                    }
                    let mut dice = Dice(seed.wrapping_mul(1_000_003).wrapping_add(i as u64));
                    dice.roll(1);
                    let (name, bytes) = &whole[i % whole.len()];
                    let mut bytes = bytes.clone();
                    let how = damage(&mut bytes, &mut dice);
                    let case = &OPTIONS[dice.roll(OPTIONS.len())];
                    let own = dir.path().join(i.to_string());
                    std::fs::create_dir(&own).expect("a folder");
                    let input: PathBuf = own.join(name);
                    std::fs::write(&input, bytes).expect("a file");
                    match run_on(&input, case) {
                        Ok(end) => {
                            *seen.lock().expect("no panic").entry((*name, end)).or_insert(0u32) += 1;
                            std::fs::remove_dir_all(&own).expect("our folder");
                        }
                        Err(what) => {
                            bad.lock().expect("no panic").push(format!("{i}: {name}, {how}, {case:?}: {what}"));
                        }
                    }
                }
            });
        }
    });
    println!("{:#?}", seen.into_inner().expect("no panic"));
    let bad = bad.into_inner().expect("no panic");
    if !bad.is_empty() {
        let kept = dir.keep();
        panic!("{} of {count} (seed {seed}, kept in {}):\n{}", bad.len(), kept.display(), bad.join("\n"));
    }
}

#[test]
fn playlists_of_other_files_are_refused() {
    let dir = folder();
    let secret = dir.path().join("secret.mp4");
    clip(&secret, "96x64", 4, H264);
    let name = secret.display();
    for text in [
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n"),
        format!("ffconcat version 1.0\nfile {name}\n"),
        format!("\u{feff}\n #extm3u\n{name}\n"),
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n".to_owned(),
        "<?xml version=\"1.0\"?><MPD type=\"static\"></MPD>".to_owned(),
    ] {
        let list = dir.path().join("scene.mp4");
        std::fs::write(&list, &text).expect("a file");
        let out = dir.path().join("out.mp4");
        let printed = run(["-q", arg(&list), "-o", arg(&out), "--model", "selfie"]);
        assert!(stderr(&printed).contains("a list of other files"), "{text}: {}", stderr(&printed));
        assert!(!printed.status.success() && !out.exists());
    }
}

#[test]
fn oversized_frames_are_refused() {
    let dir = folder();
    let (input, out) = (dir.path().join("in.mkv"), dir.path().join("out.mp4"));
    ffmpeg("-f lavfi -i color=s=300x300 -frames:v 1 -c:v ffv1 {}", &[&input]);
    let mut bytes = std::fs::read(&input).expect("a clip");
    // Matroska's PixelWidth (B0) and PixelHeight (BA), two bytes each.
    for (id, size) in [(0xB0u8, 0x40), (0xBA, 0x30)] {
        let at = bytes.windows(4).position(|w| w == [id, 0x82, 0x01, 0x2C]).expect("300 in two bytes");
        bytes[at + 2..at + 4].copy_from_slice(&[size, 0x00]);
    }
    std::fs::write(&input, bytes).expect("a file");
    let printed = run(["-q", arg(&input), "-o", arg(&out), "--model", "selfie"]);
    assert!(stderr(&printed).contains("16384x12288; more than"), "{}", stderr(&printed));
    assert!(!out.exists());
}

#[test]
fn strict_fails_on_damage_that_is_concealed_by_default() {
    let dir = folder();
    let (whole, input, out) = (dir.path().join("whole.mp4"), dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(&whole, "160x120", 40, H264);
    let mut bytes = std::fs::read(&whole).expect("a clip");
    // After the first frames, within picture data.
    let at = bytes.len() * 2 / 5;
    bytes[at..at + 400].iter_mut().for_each(|b| *b = !*b);
    std::fs::write(&input, bytes).expect("written");
    let args = ["--model", "selfie", "--input-size", "128"];
    let mild = ok([&["--json", arg(&input), "-o", arg(&out)], &args[..]].concat());
    let printed = String::from_utf8_lossy(&mild.stdout).into_owned();
    let done: serde_json::Value = serde_json::from_str(printed.lines().last().expect("a line")).expect("JSON");
    assert!(done["decode_errors"].as_u64().expect("a number") > 0, "{printed}");
    std::fs::remove_file(&out).expect("there");
    let strict = run([&[arg(&input), "-o", arg(&out), "--strict"], &args[..]].concat());
    assert_eq!(strict.status.code(), Some(1), "{}", stderr(&strict));
    assert!(stderr(&strict).contains("is damaged: a packet or frame can't be decoded"), "{}", stderr(&strict));
    assert_eq!(listing(dir.path()), ["in.mp4", "whole.mp4"]);
    // An undamaged file passes with --strict.
    ok([&[arg(&whole), "-o", arg(&out), "--strict"], &args[..]].concat());
}
