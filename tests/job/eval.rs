//! `vrseg eval` against the same metrics in plain NumPy (tests/eval_reference.py), on random and on real mattes.

use crate::harness::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes gray frames as a lossless video; one frame becomes a PNG.
fn save(frames: &[Vec<u8>], (w, h): (usize, usize), dir: &Path, name: &str) -> PathBuf {
    let raw = dir.join(format!("{name}.raw"));
    fs::write(&raw, frames.concat()).expect("a raw file");
    let (file, codec) =
        if frames.len() == 1 { (format!("{name}.png"), "") } else { (format!("{name}.mkv"), "-c:v ffv1") };
    let path = dir.join(file);
    let args = format!("-f rawvideo -pix_fmt gray -s {w}x{h} -r 25 -i {{}} {codec} {{}}");
    ffmpeg(&args, &[&raw, &path]);
    path
}

fn eval(pred: &Path, truth: &Path, more: &[&str]) -> Value {
    let args = ["eval", "--json", "--pred", arg(pred), "--truth", arg(truth)];
    let out = ok(args.iter().chain(more));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

#[track_caller]
fn same(ours: &Value, reference: &Value, what: &str) {
    for (metric, want) in reference.as_object().expect("an object") {
        match want.as_f64() {
            None => assert!(ours[metric].is_null(), "{what}: {metric} is {}", ours[metric]),
            Some(want) => {
                let got = ours[metric].as_f64().unwrap_or_else(|| panic!("{what}: no {metric}"));
                // Single against double precision.
                assert!((got - want).abs() <= 2e-4 * want.abs() + 1e-5, "{what}: {metric} is {got}, NumPy says {want}");
            }
        }
    }
}

/// Measures with vrseg and NumPy and compares; returns vrseg's report.
#[track_caller]
fn check(pred: &[Vec<u8>], truth: &[Vec<u8>], (w, h): (usize, usize), what: &str) -> Value {
    let dir = folder();
    let (p, t) = (save(pred, (w, h), dir.path(), "pred"), save(truth, (w, h), dir.path(), "truth"));
    let ours = eval(&p, &t, &["--layout", "mono"]);
    assert_eq!((ours["frames"].as_u64(), ours["width"].as_u64()), (Some(pred.len() as u64), Some(w as u64)));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/eval_reference.py");
    let out = Command::new(python())
        .arg(script)
        .args([dir.path().join("pred.raw"), dir.path().join("truth.raw")])
        .args([w.to_string(), h.to_string()])
        .output()
        .expect("python");
    assert!(out.status.success(), "{}", stderr(&out));
    same(&ours["scores"], &serde_json::from_slice(&out.stdout).expect("JSON"), what);
    ours
}

struct Rng(u32);
impl Rng {
    fn next(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % below
    }
}

/// Blobs with soft edges, hard islands and noise.
fn random_matte(rng: &mut Rng, (w, h): (usize, usize)) -> Vec<u8> {
    let mut matte = vec![0u8; w * h];
    for _ in 0..1 + rng.next(5) {
        let (cx, cy) = (rng.next(w as u32) as f32, rng.next(h as u32) as f32);
        let (radius, softness) = (2.0 + rng.next(w as u32 / 2) as f32, 1.0 + rng.next(8) as f32);
        for (i, v) in matte.iter_mut().enumerate() {
            let d = ((i % w) as f32 - cx).hypot((i / w) as f32 - cy);
            *v = (*v).max((255.0 * ((radius - d) / softness).clamp(0.0, 1.0)) as u8);
        }
    }
    for _ in 0..rng.next(60) {
        matte[rng.next((w * h) as u32) as usize] = rng.next(256) as u8;
    }
    matte
}

#[test]
fn metrics_match_numpy_on_random_mattes() {
    let mut rng = Rng(3);
    for (i, size) in [(64, 48), (37, 61), (100, 17), (130, 66)].into_iter().enumerate() {
        for frames in [1, 2, 4] {
            let mut clip = || (0..frames).map(|_| random_matte(&mut rng, size)).collect::<Vec<_>>();
            let (pred, truth) = (clip(), clip());
            check(&pred, &truth, size, &format!("case {i}, {frames} frames"));
        }
    }
    let noise: Vec<u8> = (0..40 * 30).map(|_| rng.next(256) as u8).collect();
    let other: Vec<u8> = noise.iter().map(|v| v.wrapping_add(rng.next(90) as u8)).collect();
    let (noise, other) = ([noise], [other]);
    check(&noise, &other, (40, 30), "noise");
    check(&[vec![0; 1200]], &noise, (40, 30), "nobody found");
    check(&[vec![0; 1200]], &[vec![0; 1200]], (40, 30), "nobody there");
    let scores = check(&noise, &noise, (40, 30), "the same")["scores"].clone();
    assert_eq!((&scores["iou"], &scores["mad"], &scores["conn"]), (&1.0.into(), &0.0.into(), &0.0.into()));
}

#[test]
fn metrics_match_numpy_on_real_mattes() {
    let dir = folder();
    let (w, h) = (240, 180);
    // A pan, so that the metrics of movement have something to measure.
    let pan = format!("scale={w}*5/4:{h}*5/4:flags=area,crop={w}:{h}:x='(iw-ow)*n/4':y='(ih-oh)/2'");
    let clip = dir.path().join("clip.mkv");
    let args = format!("-loop 1 -i {{}} -frames:v 4 -vf {pan},format=yuv444p -c:v ffv1 {{}}");
    ffmpeg(&args, &[&photo(PEOPLE[0]), &clip]);
    let person = truth(PEOPLE[0]);
    let raw = dir.path().join("person.raw");
    fs::write(&raw, &person.frames[0]).expect("a raw file");
    let still = dir.path().join("person.png");
    ffmpeg(&format!("-f rawvideo -pix_fmt gray -s {}x{} -i {{}} {{}}", person.width, person.height), &[&raw, &still]);
    let true_matte = dir.path().join("truth.mkv");
    let args = format!("-loop 1 -i {{}} -frames:v 4 -vf {pan},format=gray -c:v ffv1 {{}}");
    ffmpeg(&args, &[&still, &true_matte]);
    let truth = decode(&true_matte, "gray", &[]);
    for model in ["selfie", "rvm"] {
        let matte = dir.path().join(format!("{model}.mkv"));
        let output = format!("matte={}", arg(&matte));
        ok([
            "-q",
            arg(&clip),
            "-o",
            &output,
            "--codec",
            "ffv1",
            "--model",
            model,
            "--layout",
            "mono",
            "--device",
            "cpu",
        ]);
        let ours = check(&decode(&matte, "gray", &[]).frames, &truth.frames, (w, h), model);
        assert!(ours["scores"]["iou"].as_f64().expect("IoU") > 0.7, "{model}: {ours}");
        // Directly on the program's output.
        let direct = eval(&matte, &true_matte, &["--layout", "mono"]);
        same(&direct["scores"], &ours["scores"], model);
    }
}

#[test]
fn each_eye_is_measured_separately() {
    let mut rng = Rng(11);
    let size = (48, 40);
    let eyes: Vec<_> = (0..4).map(|_| random_matte(&mut rng, size)).collect();
    let [left, right, true_left, true_right] = eyes.as_slice() else { unreachable!() };
    let one = std::slice::from_ref;
    let alone = [check(one(left), one(true_left), size, "left"), check(one(right), one(true_right), size, "right")];
    let beside =
        |a: &[u8], b: &[u8]| -> Vec<u8> { a.chunks(48).zip(b.chunks(48)).flat_map(|(a, b)| [a, b].concat()).collect() };
    let dir = folder();
    let pred = save(&[beside(left, right)], (96, 40), dir.path(), "pred");
    let truth = save(&[beside(true_left, true_right)], (96, 40), dir.path(), "truth");
    let both = eval(&pred, &truth, &["--layout", "sbs"]);
    for (i, alone) in alone.iter().enumerate() {
        assert_eq!(both["views"][i], alone["scores"], "view {i}");
    }
    let (a, b) = (alone[0]["scores"]["mad"].as_f64(), alone[1]["scores"]["mad"].as_f64());
    let mean = both["scores"]["mad"].as_f64().expect("MAD");
    assert!((mean - (a.unwrap() + b.unwrap()) / 2.0).abs() < 1e-9);
    // The same eyes top-bottom, and the table.
    let pred = save(&[[left.clone(), right.clone()].concat()], (48, 80), dir.path(), "pred_tb");
    let truth = save(&[[true_left.clone(), true_right.clone()].concat()], (48, 80), dir.path(), "truth_tb");
    assert_eq!(eval(&pred, &truth, &["--layout", "tb"])["views"], both["views"]);
    let out = ok(["eval", "--pred", arg(&pred), "--truth", arg(&truth), "--layout", "tb"]);
    let table = String::from_utf8(out.stdout).expect("UTF-8");
    assert!(table.contains("1 of 48x80, top-bottom (as asked)") && table.contains("view 2"), "{table}");
}

#[test]
fn alpha_channel_is_read_as_the_matte() {
    let mut rng = Rng(5);
    let (w, h) = (64, 48);
    let (matte, other) = (random_matte(&mut rng, (w, h)), random_matte(&mut rng, (w, h)));
    let dir = folder();
    let gray = save(std::slice::from_ref(&matte), (w, h), dir.path(), "gray");
    let rgba = |name: &str, color: &[u8], alpha: &dyn Fn(usize) -> u8| {
        let raw = dir.path().join(format!("{name}.raw"));
        let pixels: Vec<u8> = (0..w * h).flat_map(|i| [color[i], color[i], color[i], alpha(i)]).collect();
        fs::write(&raw, pixels).expect("a raw file");
        let path = dir.path().join(format!("{name}.png"));
        ffmpeg(&format!("-f rawvideo -pix_fmt rgba -s {w}x{h} -i {{}} {{}}"), &[&raw, &path]);
        path
    };
    let mad = |path: &Path| eval(path, &gray, &[])["scores"]["mad"].as_f64().expect("MAD");
    // swscale's alpha may be 1/255 lower.
    assert!(mad(&rgba("cut", &other, &|i| matte[i])) < 4.0);
    // An opaque alpha channel is ignored: the matte is the luma, at limited-range precision.
    assert!(mad(&rgba("opaque", &matte, &|_| 255)) < 4.0);
}

#[test]
fn mismatched_files_are_refused() {
    let dir = folder();
    let gray = |n: usize, (w, h): (usize, usize), name: &str| save(&vec![vec![9; w * h]; n], (w, h), dir.path(), name);
    let three = gray(3, (32, 16), "three");
    let five = gray(5, (32, 16), "five");
    let wide = gray(3, (64, 16), "wide");
    let one = gray(1, (32, 16), "one");
    let refused = |args: &[&str], code: i32, words: &[&str]| {
        let out = run(["eval"].iter().chain(args));
        let printed = stderr(&out);
        assert_eq!((out.status.code(), out.stdout.len()), (Some(code), 0), "{args:?}: {printed}");
        assert!(words.iter().all(|w| printed.contains(w)), "{args:?}: {printed}");
    };
    refused(
        &["--pred", arg(&three), "--truth", arg(&five)],
        1,
        &["three.mkv ends after 3 frame(s)", "five.mkv is longer"],
    );
    refused(&["--pred", arg(&five), "--truth", arg(&three)], 1, &["three.mkv ends after 3 frame(s)"]);
    refused(&["--pred", arg(&three), "--truth", arg(&wide)], 2, &["three.mkv is 32x16 but", "wide.mkv is 64x16"]);
    refused(&["--pred", arg(&one)], 1, &["--truth"]);
    refused(&["--pred", "nothing.png", "--truth", arg(&one)], 2, &["nothing.png: no such file"]);
    refused(&["--truth", arg(&one)], 2, &["--pred"]);
    let flicker: Value = serde_json::from_slice(&ok(["eval", "--json", "--pred", arg(&three)]).stdout).expect("JSON");
    assert_eq!((&flicker["scores"]["flicker"], &flicker["scores"]["iou"]), (&0.0.into(), &Value::Null));
}

/// A photo of people seen by two eyes, everything at one disparity, and its true matte likewise.
fn stereo_pair(dir: &Path) -> (PathBuf, PathBuf) {
    let (pictures, mattes) = (dir.join("pair_180_LR.mkv"), dir.join("pair_truth.mkv"));
    let person = truth(PEOPLE[1]);
    let raw = dir.join("person.raw");
    fs::write(&raw, &person.frames[0]).expect("a raw file");
    let still = dir.join("person.png");
    ffmpeg(&format!("-f rawvideo -pix_fmt gray -s {}x{} -i {{}} {{}}", person.width, person.height), &[&raw, &still]);
    let eyes = "scale=660:640:flags=area,split[a][b];[a]crop=640:640:4:0[l];[b]crop=640:640:14:0[r];[l][r]hstack";
    ffmpeg(
        &format!("-loop 1 -i {{}} -frames:v 2 -filter_complex {eyes},format=yuv444p -c:v ffv1 {{}}"),
        &[&photo(PEOPLE[1]), &pictures],
    );
    ffmpeg(
        &format!("-loop 1 -i {{}} -frames:v 2 -filter_complex {eyes},format=gray -c:v ffv1 {{}}"),
        &[&still, &mattes],
    );
    (pictures, mattes)
}

#[test]
fn stereo_metrics_compare_what_both_eyes_see() {
    let dir = folder();
    let (pictures, mattes) = stereo_pair(dir.path());
    let stereo = |pred: &Path| -> Value {
        let out = ok(["eval", "--json", "--pred", arg(pred), "--source", arg(&pictures)]);
        let report: Value = serde_json::from_slice(&out.stdout).expect("JSON");
        assert_eq!((&report["layout"], &report["scores"]["iou"]), (&"sbs".into(), &Value::Null));
        report["stereo"].clone()
    };
    let number = |v: &Value, key: &str| v[key].as_f64().unwrap_or_else(|| panic!("no {key} in {v}"));
    let agreeing = stereo(&mattes);
    assert!(number(&agreeing, "iou") > 0.98 && number(&agreeing, "mad") < 5.0, "{agreeing}");
    assert!(number(&agreeing, "coverage") > 0.4, "{agreeing}");
    // The left eye's matte for both eyes: shifted by the disparity.
    let doubled = dir.path().join("doubled.mkv");
    ffmpeg("-i {} -filter_complex crop=640:640:0:0,split[a][b];[a][b]hstack -c:v ffv1 {}", &[&mattes, &doubled]);
    let apart = stereo(&doubled);
    assert!(number(&apart, "iou") < number(&agreeing, "iou") - 0.02, "{apart} {agreeing}");
    let table = ok(["eval", "--pred", arg(&mattes), "--source", arg(&pictures)]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("agreement of the eyes"));
    let out = run(["eval", "--pred", arg(&mattes), "--source", arg(&pictures), "--layout", "mono"]);
    assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
}

#[test]
fn stereo_consistency_improves_without_worse_mattes() {
    let dir = folder();
    let (pictures, mattes) = stereo_pair(dir.path());
    let scores = |stereo: &str| -> (f64, f64) {
        let matte = dir.path().join(format!("matte_{stereo}.mkv"));
        let output = format!("matte={}", arg(&matte));
        ok(["-q", arg(&pictures), "-o", &output, "--codec", "ffv1", "--model", "selfie", "--device", "cpu"]
            .into_iter()
            .chain(["--stereo", stereo]));
        let report = eval(&matte, &mattes, &["--source", arg(&pictures)]);
        (report["scores"]["iou"].as_f64().expect("IoU"), report["stereo"]["mad"].as_f64().expect("MAD"))
    };
    let (off, on) = (scores("0"), scores("1"));
    println!("IoU and the eyes' MAD: {off:?} without, {on:?} with");
    assert!(on.1 <= off.1, "the eyes agree less: {off:?} {on:?}");
    assert!(on.0 >= off.0 - 0.002, "the matte is worse: {off:?} {on:?}");
}
