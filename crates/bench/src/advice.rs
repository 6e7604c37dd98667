//! What follows from the figures: what limits a point, which settings are the best, the owner's
//! targets.

use crate::figures::number;
use crate::results::{MachineInfo, Measured, Point, Results, Spec};

/// The GPU that the targets are for. They are the owner's: nobody here has measured it.
pub(crate) const TARGET_GPU: &str = "RTX 3090";

/// Whether a machine has the GPU that the targets are for.
pub(crate) fn has_target_gpu(machine: &MachineInfo) -> bool {
    machine.gpus.iter().any(|name| name.contains(TARGET_GPU))
}

/// A speed that is wanted at one frame size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SpeedTarget {
    pub size: &'static str,
    /// Least frames a second that are wanted.
    pub fps: f64,
    /// `fps` as a range, for reports.
    pub fps_text: &'static str,
    /// Milliseconds that a frame may take through the pipeline.
    pub latency: f64,
}

/// The owner's targets on the [`TARGET_GPU`].
pub(crate) const TARGETS: [SpeedTarget; 4] = [
    SpeedTarget { size: "1080p", fps: 150.0, fps_text: "150+", latency: 20.0 },
    SpeedTarget { size: "4k", fps: 100.0, fps_text: "100+", latency: 30.0 },
    SpeedTarget { size: "6k", fps: 60.0, fps_text: "60-80", latency: 40.0 },
    SpeedTarget { size: "8k", fps: 30.0, fps_text: "30-50", latency: 50.0 },
];

/// How near a point's pipeline is to what its stages allow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Efficiency {
    /// The slowest stage by itself, and its frames a second.
    pub slowest: (String, f64),
    /// The pipeline's frames a second as a share of that.
    pub of_slowest: f64,
    /// Frames a second if all cores did nothing but the stages' own work, and the pipeline's share of it.
    pub of_cores: (f64, f64),
}

/// Of a point whose whole pipeline and stages were measured.
pub(crate) fn efficiency(m: &Measured, cores: usize) -> Option<Efficiency> {
    let whole = m.whole.as_ref()?;
    let slowest = m.stages.iter().filter(|s| s.fps > 0.0).min_by(|a, b| a.fps.total_cmp(&b.fps))?;
    let cpu: f64 = m.stages.iter().map(|s| s.cpu_seconds).sum();
    let bound = cores as f64 / cpu.max(1e-9);
    Some(Efficiency {
        slowest: (slowest.stage.clone(), slowest.fps),
        of_slowest: whole.fps / slowest.fps,
        of_cores: (bound, whole.fps / bound),
    })
}

/// Rows of the resolution sweep at the base's other settings, in order of their pixels.
pub(crate) fn by_size(results: &Results) -> Vec<&Point> {
    let base = &results.settings.base;
    let mut rows = matching(results, |s| s.batch == base.batch && s.precision == base.precision && same(s, base));
    rows.sort_by_key(|p| p.measured().map_or(p.spec.width * p.spec.height, |m| m.frame.0 * m.frame.1));
    rows
}

/// Rows of the batch sweep.
pub(crate) fn by_batch(results: &Results) -> Vec<&Point> {
    let base = &results.settings.base;
    let mut rows = matching(results, |s| s.size == base.size && s.precision == base.precision && same(s, base));
    rows.sort_by_key(|p| p.spec.batch);
    rows
}

/// Rows of the precision sweep.
pub(crate) fn by_precision(results: &Results) -> Vec<&Point> {
    let base = &results.settings.base;
    matching(results, |s| s.size == base.size && s.batch == base.batch && same(s, base))
}

fn same(spec: &Spec, base: &Spec) -> bool {
    spec.model == base.model && spec.device == base.device
}

fn matching(results: &Results, wanted: impl Fn(&Spec) -> bool) -> Vec<&Point> {
    results.points.iter().filter(|p| wanted(&p.spec)).collect()
}

/// The row with the most, or least, of something.
fn best(results: &Results, value: impl Fn(&Point) -> Option<f64>) -> Option<(&Point, f64)> {
    let rows = results.points.iter().filter_map(|p| Some((p, value(p)?)));
    rows.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Most pixels a second through the whole pipeline.
pub(crate) fn best_throughput(results: &Results) -> Option<(&Point, f64)> {
    best(results, |p| {
        let m = p.measured()?;
        Some(m.whole.as_ref()?.fps * (m.frame.0 * m.frame.1) as f64 / 1e6)
    })
}
pub(crate) fn fastest(results: &Results) -> Option<(&Point, f64)> {
    best(results, |p| Some(p.whole()?.fps))
}
pub(crate) fn best_latency(results: &Results) -> Option<(&Point, f64)> {
    best(results, |p| Some(-p.whole()?.latency.p50)).map(|(p, l)| (p, -l))
}

/// What to do, in sentences: what reaches `target_fps`, the best for throughput and latency, and
/// what holds the rest back.
pub(crate) fn recommendations(results: &Results, target_fps: f64) -> Vec<String> {
    let mut sentences = Vec::new();
    let enough = |p: &&Point| p.whole().is_some_and(|w| w.fps >= target_fps);
    let reached: Vec<_> = results.points.iter().filter(enough).map(|p| results.label(p)).collect();
    match fastest(results) {
        None => return vec!["No pipeline succeeded; each point shows its error.".to_owned()],
        Some((p, fps)) if reached.is_empty() => sentences.push(format!(
            "No setting reaches {target_fps:.0} fps on this machine; {} comes closest with {} fps.",
            results.label(p),
            number(fps)
        )),
        Some(_) => sentences.push(format!("{target_fps:.0} fps are reached with: {}.", reached.join("; "))),
    }
    if let Some((p, rate)) = best_throughput(results) {
        let rate = number(rate);
        sentences.push(format!("Best for throughput: {} ({rate} megapixels a second).", results.label(p)));
    }
    if let Some((p, ms)) = best_latency(results) {
        let ms = number(ms);
        sentences.push(format!("Best for latency: {} (median {ms} ms).", results.label(p)));
    }
    for p in by_size(results) {
        let Some(m) = p.measured() else { continue };
        let (Some(w), Some(e)) = (&m.whole, efficiency(m, results.machine.cores)) else { continue };
        if w.fps < target_fps {
            let (stage, fps) = (&e.slowest.0, number(e.slowest.1));
            let full = e.of_cores.1 > 0.8 && e.of_cores.1 >= e.of_slowest;
            let limit = if full {
                format!(
                    "all {} cores are busy ({:.0} % of their time); {stage} alone would reach {fps} fps",
                    results.machine.cores,
                    100.0 * e.of_cores.1.min(1.0)
                )
            } else {
                format!("{stage} alone reaches {fps} fps, and the pipeline {:.0} % of that", 100.0 * e.of_slowest)
            };
            sentences.push(format!("{} is limited: {limit}. {}.", results.label(p), help(stage)));
        }
    }
    sentences
}

/// What helps where a stage is the slowest.
fn help(stage: &str) -> &'static str {
    match stage {
        "infer" => "What helps: --profile fast, a smaller --input-size, a GPU",
        "decode" => "What helps: more cores, a source of a lower resolution or an easier codec",
        "encode" => "What helps: a faster --preset, another --codec, NVENC",
        "prepare" => "What helps: fewer detection passes (people.every), --crops off",
        _ => "What helps: more cores, fewer outputs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn efficiency_compares_the_pipeline_with_its_slowest_stage() {
        let results = sample::results();
        let e = efficiency(results.points[0].measured().unwrap(), 2).unwrap();
        assert_eq!(e.slowest.0, "infer");
        assert!((e.of_slowest - 0.8).abs() < 1e-9, "{e:?}");
        assert!(e.of_cores.0 > 6.0 && e.of_cores.1 < 1.0, "{e:?}");
    }

    #[test]
    fn sweeps_are_selected_by_axis() {
        let results = sample::results();
        let names = |rows: Vec<&Point>| rows.iter().map(|p| results.label(p)).collect::<Vec<_>>();
        assert_eq!(names(by_size(&results)), ["1080p", "4k", "8k"]);
        assert_eq!(names(by_batch(&results)), ["1080p", "1080p batch 4"]);
        assert_eq!(names(by_precision(&results)), ["1080p", "1080p fp32", "1080p int8"]);
    }

    #[test]
    fn recommendations_name_best_points_and_bottleneck() {
        let sentences = recommendations(&sample::results(), 90.0);
        assert!(sentences[0].starts_with("No setting reaches 90 fps on this machine; 1080p fp32"), "{sentences:?}");
        assert!(sentences[1].contains("8k") && sentences[2].contains("1080p fp32"), "{sentences:?}");
        assert!(sentences[3].starts_with("1080p is limited: infer alone reaches"), "{sentences:?}");
        assert!(sentences[3].contains("--profile fast"));
        assert_eq!(recommendations(&sample::results(), 6.05)[0], "6 fps are reached with: 1080p fp32.");
        let mut none = sample::results();
        none.points.clear();
        assert_eq!(recommendations(&none, 90.0).len(), 1);
    }
}
