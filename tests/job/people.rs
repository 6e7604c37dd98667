//! People to keep and person crops, through the whole program: people cut out of photos by their masks in
//! front of another photo. Floors are a little under what was measured when they were written;
//! docs/quality.md has the table of a larger set.

use crate::harness::*;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use vrseg_infer::registry::data_dir;

const WIDTH: usize = 640;
const HEIGHT: usize = 360;
/// Frames a second.
const RATE: usize = 10;

/// A person in a photo, and their rectangle in it (left, top, right, bottom).
struct Person {
    photo: &'static str,
    sides: [usize; 4],
}

const MAN: Person = Person { photo: PEOPLE[0], sides: [185, 100, 320, 332] };
const FRIEND: Person = Person { photo: PEOPLE[0], sides: [366, 80, 500, 336] };

/// A person placed in a scene: height and upper left corner in pixels.
struct Actor<'a> {
    who: &'a Person,
    height: usize,
    at: (usize, usize),
    /// How many pixels they go to the left from frame to frame.
    left: usize,
    /// FFmpeg filter for the person.
    filter: &'static str,
}

impl<'a> Actor<'a> {
    fn new(who: &'a Person, height: usize, at: (usize, usize)) -> Self {
        Self { who, height, at, left: 0, filter: "null" }
    }
}

/// A flat scene with its ground truth.
struct Scene {
    _dir: tempfile::TempDir,
    clip: PathBuf,
    /// Mask of each actor alone.
    outlines: Vec<Vec<u8>>,
}

/// Actors in front of a blurred street; their outlines are those of the first frame.
fn scene(actors: &[Actor<'_>], frames: usize) -> Scene {
    let dir = folder();
    let clip = dir.path().join("clip.mkv");
    let mut inputs = vec![photo(BUS)];
    let mut filter = format!("[0]scale={WIDTH}:{HEIGHT},gblur=3,format=gbrp[s0];");
    let mut outlines = Vec::new();
    for (i, actor) in actors.iter().enumerate() {
        let mask = mask(dir.path(), actor.who.photo);
        let [left, top, right, bottom] = actor.who.sides;
        let placed =
            format!("crop={}:{}:{left}:{top},{},scale=-2:{}", right - left, bottom - top, actor.filter, actor.height);
        let (x, y) = actor.at;
        let (color, shape) = (2 * i + 1, 2 * i + 2);
        write!(
            filter,
            "[{color}]format=gbrp[c{i}];[{shape}]format=gray[m{i}];[c{i}][m{i}]alphamerge,{placed}[a{i}];\
             [s{i}][a{i}]overlay={x}-{}*n:{y}:format=gbrp[s{}];",
            actor.left,
            i + 1
        )
        .unwrap();
        let outline = dir.path().join(format!("outline{i}.mkv"));
        let alone = format!(
            "color=black:{WIDTH}x{HEIGHT},format=gray[b];[0]format=gray,{placed}[a];[b][a]overlay={x}:{y}:format=auto,format=gray"
        );
        ffmpeg(&format!("-i {{}} -filter_complex {alone} -frames:v 1 -c:v ffv1 {{}}"), &[&mask, &outline]);
        let gray = decode(&outline, "gray", &[]).frames.remove(0);
        outlines.push(gray.iter().map(|v| if *v >= 128 { 255 } else { 0 }).collect());
        inputs.extend([photo(actor.who.photo), mask]);
    }
    let stills = "-loop 1 -framerate 10 -i {} ".repeat(inputs.len());
    let last = actors.len();
    let command =
        format!("{stills}-filter_complex {filter}[s{last}]format=yuv420p -frames:v {frames} -r {RATE} -c:v ffv1 {{}}");
    let mut paths: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    paths.push(&clip);
    ffmpeg(&command, &paths);
    Scene { _dir: dir, clip, outlines }
}

/// The people of a photo as a picture: 255 where somebody is.
fn mask(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(format!("{name}.pgm"));
    let truth = truth(name);
    let on: Vec<u8> = truth.frames[0].iter().map(|v| if *v == 255 { 255 } else { 0 }).collect();
    std::fs::write(&path, [format!("P5\n{} {}\n255\n", truth.width, truth.height).as_bytes(), &on].concat()).unwrap();
    path
}

/// The mattes of a clip.
#[track_caller]
fn mattes(clip: &Path, options: &[&str]) -> Pictures {
    let path = clip.with_file_name("matte.mkv");
    let output = format!("matte={}", arg(&path));
    ok(["-q", "-y", arg(clip), "-o", &output, "--codec", "ffv1", "--device", "cpu"].iter().chain(options));
    decode(&path, "gray", &[])
}

const FLAT: [&str; 6] = ["--layout", "mono", "--projection", "flat", "--model", "selfie"];

/// The mattes of a flat scene.
#[track_caller]
fn flat(scene: &Scene, options: &[&str]) -> Pictures {
    mattes(&scene.clip, &[&FLAT, options].concat())
}

/// Share of a mask that a matte covers, 0 to 1.
fn share(matte: &[u8], outline: &[u8]) -> f64 {
    let inside = outline.iter().zip(matte).filter(|(o, _)| **o == 255);
    let (all, on) = inside.fold((0u32, 0u32), |(all, on), (_, m)| (all + 1, on + u32::from(*m >= 128)));
    f64::from(on) / f64::from(all)
}

/// A large man on the left, a smaller one on the right.
fn two(frames: usize) -> Scene {
    scene(&[Actor::new(&MAN, 320, (60, 40)), Actor::new(&FRIEND, 180, (460, 150))], frames)
}

/// Shares of both actors in a frame.
fn both(scene: &Scene, mattes: &Pictures, frame: usize) -> (f64, f64) {
    let of = |i: usize| share(&mattes.frames[frame], &scene.outlines[i]);
    let found = (of(0), of(1));
    println!("frame {frame}: {found:.2?}");
    found
}

#[test]
fn people_option_keeps_the_main_person_or_a_number() {
    let scene = two(3);
    let all = both(&scene, &flat(&scene, &[]), 2);
    assert!(all.0 > 0.8 && all.1 > 0.8, "without a wish both are there: {all:?}");
    let main = both(&scene, &flat(&scene, &["--people", "main"]), 2);
    assert!((main.0 - all.0).abs() < 0.03 && main.1 < 0.02, "{main:?}");
    let two = both(&scene, &flat(&scene, &["--people", "2"]), 2);
    assert!((two.0 - all.0).abs() < 0.03 && (two.1 - all.1).abs() < 0.03, "{two:?}");
}

#[test]
fn min_size_excludes_small_people() {
    let scene = two(2);
    let large = both(&scene, &flat(&scene, &["--min-size", "0.7"]), 1);
    assert!(large.0 > 0.8 && large.1 < 0.02, "{large:?}");
}

#[test]
fn exclude_and_include_regions_follow_their_times() {
    let scene = two(10);
    let file = scene.clip.with_file_name("parts.txt");
    std::fs::write(&file, "# the right half goes\n0.5 - 0.55,0,0.45,1\n0 0.2 0,0,0.5,1\n").unwrap();
    let out = flat(&scene, &["--exclude", arg(&file), "--stabilize", "0"]);
    let people: Vec<_> = (0..10).map(|i| both(&scene, &out, i)).map(|(a, b)| (a > 0.5, b > 0.5)).collect();
    let want: Vec<_> = (0..10).map(|i| (i >= 2, i < 5)).collect();
    assert_eq!(people, want);
    // Times refer to the source, even with --ss.
    let later = flat(&scene, &["--exclude", arg(&file), "--stabilize", "0", "--ss", "0.4", "--frames", "2"]);
    assert!(both(&scene, &later, 0).1 > 0.5 && both(&scene, &later, 1).1 < 0.02);
    let only = both(&scene, &flat(&scene, &["--include", "0.55,0,0.45,1", "--frames", "2"]), 1);
    assert!(only.0 < 0.02 && only.1 > 0.8, "{only:?}");
}

/// A VR180 eye: a man ahead to the left, and the body of the camera's wearer below.
#[test]
fn exclude_pov_removes_the_camera_wearer() {
    const SIDE: usize = 512;
    let dir = folder();
    let (clip, mask) = (dir.path().join("clip.mkv"), mask(dir.path(), PEOPLE[0]));
    let man = "crop=250:260:130:78,v360=input=flat:ih_fov=52:iv_fov=54:output=hequirect:w=512:h=512";
    let place = |yaw: i32, pitch: i32| format!("{man}:yaw={yaw}:pitch={pitch}");
    let (ahead, below) = (place(-50, 0), place(0, 64));
    let filter = format!(
        "[0]scale={SIDE}:{SIDE},gblur=6,format=gbrp[street];[1]format=gbrp,split[c0][c1];[2]format=gray,split[m0][m1];\
         [c0]{ahead}[d0];[m0]{ahead}[n0];[d0][n0]alphamerge[man];[c1]{below}[d1];[m1]{below}[n1];[d1][n1]alphamerge[body];\
         [street][man]overlay=format=gbrp[x];[x][body]overlay=format=gbrp,format=yuv420p"
    );
    let stills = "-loop 1 -framerate 10 -i {} ".repeat(3);
    let command = format!("{stills}-filter_complex {filter} -frames:v 2 -c:v ffv1 {{}}");
    ffmpeg(&command, &[&photo(BUS), &photo(PEOPLE[0]), &mask, &clip]);
    let outlines: Vec<_> = [ahead, below]
        .iter()
        .map(|filter| {
            let path = dir.path().join("outline.mkv");
            ffmpeg(
                &format!("-i {{}} -vf format=gray,{filter}:interp=near,format=gray -c:v ffv1 {{}}"),
                &[&mask, &path],
            );
            decode(&path, "gray", &[]).frames.remove(0)
        })
        .collect();
    let options = ["--layout", "mono", "--projection", "hequirect", "--model", "selfie", "--view", "fisheye"];
    let shares = |more: &[&str]| {
        let out = mattes(&clip, &[&options, more].concat());
        let found = [0, 1].map(|i| share(&out.frames[1], &outlines[i]));
        println!("{more:?}: {found:.2?}");
        found
    };
    let all = shares(&[]);
    assert!(all[0] > 0.7 && all[1] > 0.7, "{all:?}");
    let others = shares(&["--exclude-pov"]);
    assert!((others[0] - all[0]).abs() < 0.02 && others[1] < 0.02, "{others:?}");
}

#[test]
fn crops_improve_the_matte_of_a_small_person() {
    let scene = scene(&[Actor::new(&MAN, 70, (300, 200))], 3);
    let figure = |options: &[&str]| iou(&flat(&scene, options).frames[2], &scene.outlines[0]);
    let (whole, closer) = (figure(&[]), figure(&["--crops", "selfie"]));
    println!("IoU {whole:.3} in the whole view, {closer:.3} with a closer look");
    assert!(closer > 0.8 && closer > whole + 0.05, "{whole:.3}, {closer:.3}");
}

/// The same job makes the same matte, and cached mattes do not change it.
#[test]
fn crops_give_the_same_mattes_with_and_without_a_cache() {
    let scene = two(12);
    let cache = scene.clip.with_file_name("kept");
    let options = ["--crops", "selfie", "--people", "main"];
    let kept = |options: &[&str]| {
        let path = scene.clip.with_file_name("matte.mkv");
        let output = format!("matte={}", arg(&path));
        let mut command = vrseg();
        command.args(["-q", "-y", arg(&scene.clip), "-o", &output, "--codec", "ffv1", "--device", "cpu"]);
        let out =
            command.args(FLAT).args(options).args(["--cache", "on"]).env("XDG_CACHE_HOME", &cache).output().unwrap();
        assert!(out.status.success(), "{}", stderr(&out));
        decode(&path, "gray", &[]).frames
    };
    let fresh = flat(&scene, &options).frames;
    assert!(kept(&[]) != fresh, "the closer look changes something");
    assert!(kept(&options) == fresh, "mattes that were kept without a closer look");
    assert!(kept(&options) == fresh, "mattes that were kept with one");
}

/// A person lying on his side is found since models confirm low scores, but the model in a window hardly knows him; whole
/// eyes show him.
#[test]
fn whole_views_show_more_of_a_lying_person_than_crops() {
    // At this place and size the detector misses most of him, however FFmpeg 5.1 and 7.1 scale the photo: the windows
    // show 0.17 to 0.23.
    let lying = Actor { filter: "transpose=1", ..Actor::new(&MAN, 270, (0, 0)) };
    let scene = scene(&[lying], 3);
    let seen = |options: &[&str]| share(&flat(&scene, options).frames[2], &scene.outlines[0]);
    let windows = seen(&["--crops", "selfie"]);
    let (whole, off) = (seen(&[]), seen(&["--crops", "off"]));
    assert!(windows > 0.1 && windows < 0.5, "windows show {windows:.2} of him");
    assert!(whole > 0.5 && whole == off, "{whole:.2}, {off:.2}");
}

/// Somebody who enters is found when a part of them is in the picture, and added to the frames before; so also where the work
/// is divided between those frames.
#[test]
fn people_who_enter_are_in_frames_before_the_one_that_detects_them() {
    let scene = scene(&[Actor { left: 9, ..Actor::new(&MAN, 300, (WIDTH, 60)) }], 30);
    let seen = |options: &[&str]| mattes(&scene.clip, &[&FLAT[..4], &["--profile", "fast"], options].concat()).frames;
    let areas = |frames: &[Vec<u8>], least: u8| -> Vec<usize> {
        frames.iter().map(|frame| frame.iter().filter(|v| **v >= least).count()).collect()
    };
    // Without looking ahead he is faded in, from a third.
    let first = |frames: &[Vec<u8>]| areas(frames, 64).iter().position(|area| *area > 1000);
    let (without, with) = (seen(&["--low-latency"]), seen(&[]));
    let (late, early) = (first(&without).expect("he is found"), first(&with).expect("he is found"));
    assert!(early < late && late - early <= 4, "frame {late} without looking ahead, {early} with it");
    let (without, with) = (areas(&without, 128), areas(&with, 128));
    // Once he is faded in they differ only by what smoothing remembers, and soon not at all.
    let same = |from: usize, least: f64| {
        let mut pairs = with[from..].iter().zip(&without[from..]);
        pairs.all(|(a, b)| *a.min(b) as f64 >= least * *a.max(b) as f64)
    };
    assert!(same(late + 2, 0.99) && same(late + 8, 1.0), "{with:?} {without:?}");

    // Two segments whose border lies between.
    let dir = folder();
    let (cut, whole) = (dir.path().join("in.mkv"), dir.path().join("whole.mkv"));
    ffmpeg(&format!("-i {{}} -c:v libx264 -qp 10 -bf 0 -g {late} {{}}"), &[&scene.clip, &cut]);
    let (job, made) = (dir.path().join("made.mkv.vrseg"), dir.path().join("made.mkv"));
    let seconds = format!("{}", late as f64 / RATE as f64);
    let options = ["--codec", "ffv1", "--device", "cpu", "--profile", "fast", "--no-cache"];
    let more = [&options[..], &FLAT[..4], &["--segment-seconds", &seconds]].concat();
    let output = |path| format!("matte={}", arg(path));
    ok(["-q", arg(&cut), "-o", &output(&whole)].iter().chain(&more));
    ok(["plan", arg(&cut), "-o", &output(&made)].iter().chain(&more));
    ok(["work", arg(&job), "--all"]);
    ok(["merge", arg(&job)]);
    assert!(decode(&made, "gray", &[]).frames == decode(&whole, "gray", &[]).frames);
}

/// Nobody is found where nobody is: a bus, and a street without people.
#[test]
fn crops_are_empty_in_empty_scenes() {
    let empty = scene(&[], 3);
    let alone = folder();
    let bus = alone.path().join("clip.mkv");
    ffmpeg("-loop 1 -framerate 10 -i {} -frames:v 3 -pix_fmt yuv420p -c:v ffv1 {}", &[&photo(BUS), &bus]);
    for clip in [&empty.clip, &bus] {
        for frame in mattes(clip, &[&FLAT[..], &["--crops", "selfie"]].concat()).frames {
            let on = frame.iter().filter(|v| **v >= 128).count() as f64 / frame.len() as f64;
            assert!(on < 0.005, "{}: {:.2} % is called a person", clip.display(), 100.0 * on);
        }
    }
}

/// Somebody who walks out of the picture on one side of a 360 degree view and in again on the other is one person.
#[test]
fn crops_continue_across_the_360_seam() {
    let dir = folder();
    let (clip, mask) = (dir.path().join("clip.mkv"), mask(dir.path(), PEOPLE[0]));
    let man = "crop=250:260:130:78,v360=input=flat:ih_fov=52:iv_fov=54:output=equirect:w=1024:h=512:yaw=180";
    let filter = format!(
        "[0]scale=1024:512,gblur=6,format=gbrp[street];[1]format=gbrp,{man}[d];[2]format=gray,{man}[n];\
         [d][n]alphamerge[man];[street][man]overlay=format=gbrp,format=yuv420p"
    );
    let stills = "-loop 1 -framerate 10 -i {} ".repeat(3);
    let command = format!("{stills}-filter_complex {filter} -frames:v 3 -c:v ffv1 {{}}");
    ffmpeg(&command, &[&photo(BUS), &photo(PEOPLE[0]), &mask, &clip]);
    let truth = dir.path().join("outline.mkv");
    ffmpeg(&format!("-i {{}} -vf format=gray,{man},format=gray -c:v ffv1 {{}}"), &[&mask, &truth]);
    let outline: Vec<u8> =
        decode(&truth, "gray", &[]).frames.remove(0).iter().map(|v| if *v >= 128 { 255 } else { 0 }).collect();
    let format = ["--layout", "mono", "--projection", "equirect", "--crops", "selfie"];
    let matte = &mattes(&clip, &format).frames[2];
    // Shares of him left and right of the seam, which is the picture's border.
    let side = |columns: std::ops::Range<usize>| {
        let only: Vec<u8> =
            outline.iter().enumerate().map(|(i, v)| if columns.contains(&(i % 1024)) { *v } else { 0 }).collect();
        share(matte, &only)
    };
    let found = [side(512..1024), side(0..512)];
    println!("{found:.2?} of him left and right of the seam");
    assert!(found.iter().all(|share| *share > 0.8), "{found:?}");
    let at_the_border = |y: usize| i32::from(matte[y * 1024 + 1023]) - i32::from(matte[y * 1024]);
    let steps = (0..300).filter(|y| at_the_border(*y).abs() > 100).count();
    assert!(steps < 15, "the matte goes on across the border: {steps} rows step");
}

#[test]
fn models_of_fast_are_embedded_and_missing_ones_are_named() {
    let scene = two(1);
    let data = folder();
    let models = data.path().join("models");
    std::fs::create_dir(&models).unwrap();
    for entry in std::fs::read_dir(data_dir()).unwrap().map(Result::unwrap).filter(|e| e.file_name() != "models") {
        std::os::unix::fs::symlink(entry.path(), data.path().join(entry.file_name())).unwrap();
    }
    let out = scene.clip.with_file_name("out.mkv");
    let job = |options: &[&str]| {
        let mut command = vrseg();
        command.args([arg(&scene.clip), "-q", "-y", "-o", arg(&out), "--mode", "matte", "--codec", "ffv1"]);
        command.args(FLAT).args(options).env("VRSEG_DATA_DIR", data.path()).output().unwrap()
    };
    let refused = job(&["--crops", "selfie,blazepose"]);
    let printed = stderr(&refused);
    assert!(!refused.status.success() && !out.exists(), "{printed}");
    assert!(printed.contains("blazepose") && printed.contains("`vrseg models install blazepose`"), "{printed}");
    let alone = job(&["--crops", "selfie,multiclass", "--people", "main"]);
    assert!(alone.status.success(), "{}", stderr(&alone));
}

#[test]
fn unsupported_crop_size_names_the_setting() {
    let scene = two(1);
    let out = scene.clip.with_file_name("out.mkv");
    let mut command = vrseg();
    command.args([arg(&scene.clip), "-o", arg(&out), "--crops", "selfie"]).env("VRSEG_PEOPLE_SIZE", "2000");
    let refused = command.output().unwrap();
    let printed = stderr(&refused);
    assert!(!refused.status.success() && !out.exists(), "{printed}");
    assert!(
        printed.contains("people.size 2000") && printed.contains("selfie") && printed.contains("128 to 1024"),
        "{printed}"
    );
}
