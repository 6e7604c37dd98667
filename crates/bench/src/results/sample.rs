//! Results for tests.

use super::benchmark::{Results, Settings};
use super::machine::MachineInfo;
use super::measured::{Latency, Measured, StageAlone, StageShare, WholePipeline};
use super::point::{Outcome, Point, Spec};
use vrseg_hardware::{Machine, Usage};

/// A machine of two cores, measured at three sizes, batches and precisions, by hand.
pub(crate) fn results() -> Results {
    let base = Spec {
        size: "1080p".into(),
        width: 1920,
        height: 1080,
        batch: 1,
        precision: "auto".into(),
        model: String::new(),
        device: "auto".into(),
    };
    let whole = |fps: f64, memory: u64| WholePipeline {
        frames: 40,
        fps,
        samples: vec![fps * 0.98, fps, fps * 1.02],
        latency: Latency::of((0..40).map(|i| 4000.0 / fps + f64::from(i)).collect()),
        cpu_seconds: 1.9 / fps,
        peak_memory: memory << 20,
        gpu_busy: None,
        gpu_memory: None,
        slowest: "infer".into(),
        shares: vec![StageShare { stage: "infer".into(), busy: 9.0, waiting: 0.5 }],
        usage: Usage::default(),
        limits: Vec::new(),
    };
    let alone = |fps: f64, pixels: f64| {
        let stage = |stage: &str, ms: f64| StageAlone {
            stage: stage.into(),
            frames: 20,
            fps: 1e3 / ms,
            latency: Latency::of(vec![ms; 20]),
            cpu_seconds: ms * 1.5e-3,
        };
        vec![
            stage("decode", 3.0 * pixels),
            stage("prepare", 1.0 + 0.2 * pixels),
            stage("infer", 1.0 / fps * 0.8e3),
            stage("matte", 1.5),
            stage("refine", 1.5 * pixels),
            stage("compose", 0.6 * pixels),
            stage("encode", 7.0 * pixels),
        ]
    };
    let ok = |spec: Spec, fps: f64, memory| {
        let pixels = (spec.width * spec.height) as f64 / 2e6;
        Point {
            outcome: Outcome::Ok(Box::new(Measured {
                model: "rvm".into(),
                input_size: (512, 512),
                views: 2,
                device: "cpu, 2 threads".into(),
                encoder: "libx264".into(),
                frame: (spec.width, spec.height),
                load_seconds: 0.4,
                notes: Vec::new(),
                whole: Some(whole(fps, memory)),
                stages: alone(fps, pixels),
            })),
            spec,
        }
    };
    let mut batch = ok(Spec { batch: 4, ..base.clone() }, 5.9, 400);
    if let Outcome::Ok(m) = &mut batch.outcome {
        m.whole = None;
        m.notes.push("rvm carries a state from frame to frame".into());
    }
    let settings = Settings { iterations: 50, warmup: 5, seconds: 15.0, base: base.clone(), ..Settings::default() };
    let mut results = Results::begin(&Machine::default(), "", settings);
    results.created = "2026-11-25T20:00:00Z".into();
    (results.commit, results.version, results.ffmpeg) = ("0123456789ab".into(), "0.1.0".into(), "5.1.9".into());
    results.machine = MachineInfo {
        host: "workshop".into(),
        system: "Debian 12, kernel 6.1".into(),
        cpu: "AMD Ryzen 5".into(),
        cores: 2,
        memory: 24 << 30,
        gpus: Vec::new(),
        driver: None,
    };
    results.finished = true;
    results.points = vec![
        ok(base.clone(), 6.0, 300),
        ok(Spec { size: "4k".into(), width: 3840, height: 1920, ..base.clone() }, 3.1, 700),
        ok(Spec { size: "8k".into(), width: 7680, height: 3840, ..base.clone() }, 1.2, 1800),
        batch,
        ok(Spec { precision: "fp32".into(), ..base.clone() }, 6.1, 300),
        Point {
            spec: Spec { precision: "int8".into(), ..base },
            outcome: Outcome::Failed { error: "no INT8 weights, \"yet\"".into() },
        },
    ];
    results
}
