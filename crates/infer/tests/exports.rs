//! Exports of public models with random weights: recognized, run, and compared with what their own frameworks computed.
//!
//! The exports are made outside of this repository, with PyTorch or Paddle and the models' own code; so these tests run only
//! when they are requested. `cases/NAME/` has `model.onnx`; `case.json`; `rgb.f32`, the frames' pixels from 0 to 1; and `alpha.f32`,
//! the mattes that the model's own code computes of them, both as raw little-endian numbers. `refused/NAME/model.onnx` makes no
//! mattes. docs/models.md has the results.
//!
//! ```text
//! VRSEG_EXPORTS=folder cargo test -p vrseg-infer --test exports -- --ignored --nocapture
//! ```

use serde::Deserialize;
use std::path::{Path, PathBuf};
use vrseg_image::plane::Plane;
use vrseg_infer::provider::SessionOptions;
use vrseg_infer::recognize::{Finding, recognize};
use vrseg_infer::{Model, ModelRunner, States, Weights, registry, trial};

/// `case.json`: what an export is, and what was computed with it.
#[derive(Debug, Deserialize)]
struct Case {
    /// A part of the name that it must be recognized as.
    #[serde(default)]
    title: String,
    width: usize,
    height: usize,
    frames: usize,
    tolerance: f32,
}

fn exports() -> PathBuf {
    PathBuf::from(std::env::var_os("VRSEG_EXPORTS").expect("VRSEG_EXPORTS names the folder of the exports"))
}

fn folders(of: &str) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(exports().join(of)).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = listed.filter(|p| p.join("model.onnx").is_file()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "no exports below {of}");
    folders
}

fn floats(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Red, green and blue of frame number `k`.
fn planes(rgb: &[f32], k: usize, case: &Case) -> [Plane<f32>; 3] {
    let area = case.width * case.height;
    let pixels = &rgb[3 * area * k..3 * area * (k + 1)];
    [0, 1, 2].map(|c| Plane::from_vec(pixels[c..].iter().step_by(3).copied().collect(), case.width, case.height))
}

#[test]
#[ignore = "needs exports, see above"]
fn exports_give_the_mattes_of_their_own_frameworks() {
    let mut wrong = Vec::new();
    let only = std::env::var("VRSEG_EXPORT").unwrap_or_default();
    for folder in folders("cases") {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(text) = std::fs::read(folder.join("case.json")) else { continue };
        if !name.contains(&only) {
            continue;
        }
        let case: Case = serde_json::from_slice(&text).unwrap();
        match differs_by(&folder, &name, &case) {
            Ok((title, worst)) if worst <= case.tolerance && title.contains(&case.title) => {
                println!("| {name} | {title} | {} | {worst:.1e} | {:.0e} |", case.frames, case.tolerance);
            }
            Ok((title, worst)) => wrong.push(format!("{name}: taken for {title}, differs by {worst} ({case:?})")),
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an export is taken for, and by how much its mattes differ from those that were computed.
fn differs_by(folder: &Path, name: &str, case: &Case) -> Result<(String, f32), String> {
    let file = folder.join("model.onnx");
    let bytes = std::fs::read(&file).unwrap();
    // The file's name is a hint in some families.
    let called = PathBuf::from(format!("{name}.onnx"));
    let known = match recognize(&called, &bytes, &registry::sha256(&bytes), name) {
        Finding::Known(known) => known,
        Finding::Unknown(draft) => return Err(format!("not known; the first guess is {}", draft.guesses[0].text)),
        Finding::Refused(why) => return Err(why),
    };
    let model = Model { manifest: known.manifest, weights: Weights::File(file) };
    let mut runner = ModelRunner::load(&model, &SessionOptions::cpu(2)).map_err(|e| e.to_string())?;
    // Multiclass has a steeper matte here than the classes' probability.
    let steeper = folder.join("alpha_gain3.f32");
    let wanted = if steeper.is_file() { steeper } else { folder.join("alpha.f32") };
    let (rgb, want) = (floats(&folder.join("rgb.f32")), floats(&wanted));
    let (mut states, mut alphas, mut worst) = (States::default(), Vec::new(), 0f32);
    let area = case.width * case.height;
    for k in 0..case.frames {
        let batch = trial::batch(&planes(&rgb, k, case), &model.manifest, (case.width, case.height));
        runner.run(&batch, &mut states, &mut alphas).map_err(|e| format!("frame {k}: {e}"))?;
        let frame = alphas[0].data().iter().zip(&want[k * area..(k + 1) * area]);
        worst = frame.map(|(got, want)| (got - want).abs()).fold(worst, f32::max);
    }
    let (low, high) = want.iter().fold((f32::MAX, f32::MIN), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
    if high - low < 0.1 {
        return Err(format!("its mattes show nothing: values from {low} to {high}"));
    }
    Ok((known.title, worst))
}

#[test]
#[ignore = "needs exports, see above"]
fn models_without_mattes_are_refused_with_their_kind() {
    for folder in folders("refused") {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let file = folder.join("model.onnx");
        let bytes = std::fs::read(&file).unwrap();
        match recognize(&file, &bytes, &registry::sha256(&bytes), &name) {
            Finding::Refused(why) => println!("| {name} | {why} |"),
            Finding::Known(known) => panic!("{name}: taken for {}", known.title),
            // An opset or an operator that isn't known shows when it is loaded.
            Finding::Unknown(draft) => {
                let model = Model { manifest: draft.guesses[0].manifest.clone(), weights: Weights::File(file) };
                let error = ModelRunner::load(&model, &SessionOptions::cpu(1)).expect_err(&name);
                println!("| {name} | {error} |");
            }
        }
    }
}
