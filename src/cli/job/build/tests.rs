use super::*;
use crate::cli::args::Cli;
use clap::Parser;
use std::fs;
use vrseg_engine::settings::Loader;
use vrseg_image::compose::Rgb;
use vrseg_image::vr::{EyeOrder, FormatRequest, Layout, ProjectionKind};

/// Builds the jobs of a command line in a folder that holds a.mp4, b.mkv and bg.jpg; `@` in a
/// word stands for the folder.
fn build(words: &[&str]) -> (Batch, String) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let at = dir.path().display().to_string();
    for name in ["a.mp4", "b.mkv", "bg.jpg"] {
        fs::write(dir.path().join(name), b"x").expect("a file");
    }
    let words = ["vrseg"].into_iter().chain(words.iter().copied()).map(|w| w.replace('@', &at));
    let args = Cli::try_parse_from(words).expect("arguments").job;
    let loader = Loader { profile: args.model.profile.clone(), flags: args.overrides(), ..Loader::default() };
    let (settings, sources) = loader.load().expect("settings");
    (jobs(&args, &settings, &sources).expect("jobs"), at)
}

#[test]
fn one_input_becomes_one_green_screen_job() {
    let (batch, at) = build(&["@/a.mp4", "-o", "@/out.mp4", "--profile", "fast"]);
    let [job] = batch.jobs.as_slice() else { panic!("one job") };
    assert_eq!(job.input, Path::new(&at).join("a.mp4"));
    assert_eq!((job.model.name.as_str(), job.model.prefer.as_slice()), ("", &["selfie".to_owned()][..]));
    assert_eq!(job.model.input_size, Some(512));
    assert_eq!((job.format, job.overwrite), (FormatRequest::default(), false));
    let [output] = job.outputs.as_slice() else { panic!("one output") };
    assert_eq!(output.mode, Mode::Green { key: Rgb::KEY_GREEN });
    assert_eq!((output.encode.preset.as_deref(), output.encode.crf), (Some("superfast"), Some(20.0)));
}

#[test]
fn outputs_of_an_earlier_run_are_no_inputs_of_the_folder_that_they_lie_in() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| dir.path().join(name);
    let run = |more: &[&str]| {
        let folder = dir.path().display().to_string();
        let words = ["vrseg", "-r", &folder, "-o", &folder, "-o", &format!("matte={folder}")];
        let args = Cli::try_parse_from(words.iter().copied().chain(more.iter().copied())).expect("arguments").job;
        let (settings, sources) = Loader { flags: args.overrides(), ..Loader::default() }.load().expect("settings");
        jobs(&args, &settings, &sources).map_err(|e| e.to_string())
    };
    for name in ["a.mp4", "b.mkv"] {
        fs::write(at(name), b"x").expect("a file");
    }
    assert_eq!(run(&["-n"]).expect("jobs").jobs.len(), 2);
    for name in ["a_green.mp4", "a_matte.mp4", "b_green.mp4", "b_matte.mp4"] {
        fs::write(at(name), b"x").expect("a file");
    }
    let again = run(&["-n"]).expect("jobs");
    assert_eq!((again.jobs.len(), again.skipped.len()), (0, 2));
    assert_eq!(run(&["-y"]).expect("jobs").jobs.len(), 2);
    assert!(run(&[]).unwrap_err().contains("-n skips"));
    let named = at("a_green.mp4").display().to_string();
    assert!(run(&["-n", &named]).unwrap_err().contains("is an input itself"), "who names it means it");
}

#[test]
fn inputs_may_be_named_as_for_ffmpeg() {
    let inputs = |words: &[&str]| build(words).0.jobs.into_iter().map(|job| job.input).collect::<Vec<_>>();
    assert_eq!(inputs(&["-i", "@/a.mp4", "-o", "@/out.mp4"]).len(), 1);
    let two = inputs(&["-y", "-i", "@/a.mp4", "-i", "@/b.mkv", "-o", "@/out/"]);
    assert!(two.len() == 2 && two[1].ends_with("b.mkv"), "{two:?}");
}

#[test]
fn profile_input_size_applies_to_its_model_only() {
    let size = |extra: &[&str], model: &str| {
        let words = [&["@/a.mp4", "-o", "@/o.mp4", "--profile", "quality"], extra].concat();
        build(&words).0.jobs.remove(0).model.input_size_of(model)
    };
    assert_eq!(size(&[], "rvm"), Some(1024));
    // Selfie finds less at 1024 than at its own 512.
    assert_eq!(size(&[], "selfie"), None);
    assert_eq!(size(&["--model", "selfie"], "selfie"), None);
    assert_eq!(size(&["--input-size", "640"], "selfie"), Some(640));
}

#[test]
fn profile_crf_and_preset_apply_to_x264_and_x265_only() {
    let words = |extra: &[&str], i: usize| {
        let base = ["@/a.mp4", "-o", "@/o.mkv", "-o", "alpha=@/o.mov", "-o", "@/o.webm", "--profile", "fast"];
        let encode = build(&[&base, extra].concat()).0.jobs.remove(0).outputs.remove(i).encode;
        (encode.preset, encode.crf)
    };
    let profile = (Some("superfast".to_owned()), Some(20.0));
    assert_eq!(words(&[], 0), profile);
    assert_eq!(words(&[], 1), (None, None));
    assert_eq!(words(&[], 2), (None, None));
    assert_eq!(words(&["--codec", "hevc"], 0), profile);
    assert_eq!(words(&["--codec", "av1"], 0), (None, None));
    assert_eq!(words(&["--encoder", "libsvtav1"], 0), (None, None));
    assert_eq!(words(&["--codec", "av1", "--crf", "30"], 0), (None, Some(30.0)));
    assert_eq!(words(&["--bitrate", "20M"], 0), (Some("superfast".to_owned()), None));
}

#[test]
fn background_makes_replace_the_default_mode() {
    let modes = |words: &[&str]| {
        let all = [&["@/a.mp4", "--background", "@/bg.jpg"], words].concat();
        let job = build(&all).0.jobs.remove(0);
        job.outputs.iter().map(|o| o.mode.name()).collect::<Vec<_>>()
    };
    assert_eq!(modes(&["-o", "@/o.mp4", "-o", "matte=@/m.mp4"]), ["replace", "matte"]);
    assert_eq!(modes(&["-o", "@/o.mp4", "-o", "replace=@/m.mp4", "--mode", "green"]), ["green", "replace"]);
}

#[test]
fn folders_and_ranges_reach_the_jobs() {
    let (batch, at) = build(&["-r", "@", "-o", "@/keyed/", "-o", "alpha=@/keyed/", "--ss", "1:00", "-t", "30"]);
    let names: Vec<_> = batch.jobs.iter().flat_map(|j| j.outputs.iter().map(|o| o.path.clone())).collect();
    let want = ["a_green.mp4", "a_alpha.mov", "b_green.mp4", "b_alpha.mov"];
    assert_eq!(names, want.map(|n| Path::new(&at).join("keyed").join(n)));
    assert_eq!(batch.jobs[0].range, TimeRange { start: Some(60.0), end: Some(90.0), frames: None });
}

#[test]
fn options_reach_the_job() {
    let (batch, _) = build(&[
        "@/a.mp4",
        "-o",
        "overlay=@/o.mp4",
        "--layout",
        "tb",
        "--projection",
        "fisheye",
        "--fov",
        "190",
        "--eye-order",
        "rl",
        "--model",
        "rvm",
        "--device",
        "cuda:1",
        "--precision",
        "fp16",
        "--batch-size",
        "4",
        "--threads",
        "3",
        "--erode",
        "2",
        "--feather",
        "1.5",
        "--threshold",
        "0.4",
        "--stabilize",
        "0",
        "--stereo",
        "0.5",
        "--no-refine",
        "--tint",
        "red",
        "--enc-opt",
        "tune=film",
        "--no-hwenc",
        "-y",
    ]);
    let job = &batch.jobs[0];
    let format = FormatRequest {
        layout: Some(Layout::TopBottom),
        projection: Some(ProjectionKind::Fisheye),
        fov: Some(190.0),
        eye_order: Some(EyeOrder::RightFirst),
    };
    assert_eq!((job.format, job.threads, job.overwrite), (format, 3, true));
    assert_eq!((job.model.name.as_str(), job.model.batch_size), ("rvm", 4));
    assert_eq!(job.model.device, vrseg_infer::DeviceChoice::Cuda(1));
    assert_eq!(job.model.precision, vrseg_infer::Precision::Fp16);
    let matte = vrseg_image::matte::MatteOptions {
        threshold: Some(0.4),
        feather: 1.5,
        grow: -2,
        refine: false,
        stabilize: 0.0,
        stereo: 0.5,
        every: 1,
    };
    assert_eq!(job.matte, matte);
    assert_eq!(job.outputs[0].mode, Mode::Overlay { tint: Rgb(255, 0, 0) });
    assert_eq!(job.outputs[0].encode.extra, [("tune".to_owned(), "film".to_owned())]);
    assert!(!job.outputs[0].encode.hardware);
}
