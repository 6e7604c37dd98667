//! The figures of one point.

use serde::{Deserialize, Serialize};
use vrseg_hardware::Usage;

/// The stages that are measured alone, in the order of the data.
pub(crate) const STAGES: [&str; 8] = ["decode", "prepare", "windows", "infer", "matte", "refine", "compose", "encode"];

/// The figures of a point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Name of the model that ran.
    pub model: String,
    /// Width and height of the model's input.
    pub input_size: (usize, usize),
    /// Pictures that the model gets for a frame.
    pub views: usize,
    /// What ran the model, for people.
    pub device: String,
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// Width and height of a frame.
    pub frame: (usize, usize),
    /// Seconds for loading and checking the model.
    pub load_seconds: f64,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
    /// The whole pipeline; `None` where it can't run with these settings.
    pub whole: Option<WholePipeline>,
    /// Each stage by itself, with nothing else running.
    pub stages: Vec<StageAlone>,
}

/// The pipeline with all stages at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WholePipeline {
    /// Frames that were measured.
    pub frames: u64,
    /// Frames a second, without start and end.
    pub fps: f64,
    /// Frames a second of up to eight parts of the run.
    pub samples: Vec<f64>,
    /// From the decoder being asked for a frame until its encoder had taken it.
    pub latency: Latency,
    /// CPU seconds that a frame took, of all threads.
    pub cpu_seconds: f64,
    /// The most memory that the process held, in bytes.
    pub peak_memory: u64,
    /// Percent of time in which the GPU computed.
    pub gpu_busy: Option<f64>,
    /// The most memory in use on the GPU, in bytes.
    pub gpu_memory: Option<u64>,
    /// The stage that the others waited for.
    pub slowest: String,
    /// How long each stage was at work and waited.
    pub shares: Vec<StageShare>,
    /// What was used of the machine, the GPU's parts among it.
    #[serde(default)]
    pub usage: Usage,
    /// What held the pipeline up, a sentence each.
    #[serde(default)]
    pub limits: Vec<String>,
}

/// How a stage spent its time in the whole pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageShare {
    /// Name of the stage.
    pub stage: String,
    /// Seconds of work, summed over its threads.
    pub busy: f64,
    /// Seconds of waiting for other stages, summed over its threads.
    pub waiting: f64,
}

/// A stage by itself, with nothing else running.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageAlone {
    /// decode, prepare, infer, matte, refine, compose, encode.
    pub stage: String,
    /// Frames that were measured.
    pub frames: u64,
    /// Frames a second, from the sum of the laps' times.
    pub fps: f64,
    /// For a frame; of `infer`, for a batch.
    pub latency: Latency,
    /// CPU seconds that a frame took, of all threads.
    pub cpu_seconds: f64,
}

/// A distribution of times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation of the sample.
    pub deviation: f64,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The longest time.
    pub max: f64,
}

impl Latency {
    /// Of these times in milliseconds, by nearest rank.
    pub fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let Some(max) = times.last().copied() else { return Self::default() };
        let (mean, deviation) = mean_and_deviation(&times);
        let rank = |q: f64| times[((q * times.len() as f64).ceil() as usize).clamp(1, times.len()) - 1];
        Self { mean, deviation, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max }
    }
}

/// Mean, and standard deviation of the sample (0 for one value).
pub(crate) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, if values.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_use_the_nearest_rank() {
        let l = Latency::of((1..=100).rev().map(f64::from).collect());
        assert_eq!((l.p50, l.p95, l.p99, l.max, l.mean), (50.0, 95.0, 99.0, 100.0, 50.5));
        assert!((l.deviation - 29.011).abs() < 1e-3);
        assert_eq!(
            Latency::of(vec![7.0]),
            Latency { mean: 7.0, deviation: 0.0, p50: 7.0, p95: 7.0, p99: 7.0, max: 7.0 }
        );
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }
}
