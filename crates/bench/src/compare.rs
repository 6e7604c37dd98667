//! Two benchmarks side by side: ratios with their spread, and which differences are noise.

use crate::results::{Point, Results, Spec, WholePipeline, mean_and_deviation};
use serde::Serialize;

/// Which of two benchmarks is faster at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The second is faster, by more than chance explains.
    Faster,
    /// The second is slower, by more than chance explains.
    Slower,
    /// The difference is within what chance explains.
    Noise,
    /// Only the second has figures.
    Works,
    /// Only the first has figures.
    Broken,
    /// Neither has figures of the whole pipeline.
    Neither,
}

/// A point that both have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The point's settings in words, as in reports.
    pub label: String,
    /// The settings, which are the same in both.
    pub spec: Spec,
    /// Frames a second of the first and of the second.
    pub fps: (Option<f64>, Option<f64>),
    /// Second to first: frames a second, median latency, CPU seconds a frame, peak memory.
    pub ratios: Option<Ratios>,
    /// Half width of the 95 % interval of the ratio of frames a second, as a share of it.
    pub spread: Option<f64>,
    /// Which one is faster, or why that can't be said.
    pub verdict: Verdict,
}

/// Ratios of the second's figures to the first's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratios {
    /// Frames a second: more is better.
    pub fps: f64,
    /// Median latency: less is better.
    pub latency: f64,
    /// CPU seconds a frame: less is better, and hardly disturbed by what else the machine does.
    pub cpu: f64,
    /// Peak memory: less is better.
    pub memory: f64,
}

/// Two benchmarks, point by point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Points that both have, in the first's order.
    pub rows: Vec<Row>,
    /// Points that only the first has.
    pub only_first: Vec<String>,
    /// Points that only the second has.
    pub only_second: Vec<String>,
    /// Why the two can't simply be compared.
    pub warnings: Vec<String>,
}

/// Smaller differences are never called more than noise: runs of one binary on a quiet machine
/// differ by as much (its memory lies elsewhere).
const NOISE_FLOOR: f64 = 0.03;

/// Compares `second` with `first`, which is the base of all ratios.
pub fn compare(first: &Results, second: &Results) -> Comparison {
    let rows = first.points.iter().filter_map(|a| Some(row(first.label(a), a, second.point(&a.spec)?))).collect();
    let missing = |of: &Results, from: &Results| {
        let rest = of.points.iter().filter(|p| from.point(&p.spec).is_none());
        rest.map(|p| of.label(p)).collect::<Vec<_>>()
    };
    let mut warnings = Vec::new();
    let mut differ = |what: &str, a: &str, b: &str| {
        if a != b {
            warnings.push(format!("{what} differs: {a} and {b}"));
        }
    };
    let (a, b) = (first, second);
    differ("the machine", &a.machine.summary(), &b.machine.summary());
    differ("FFmpeg", &a.ffmpeg, &b.ffmpeg);
    let shown = |v: &Option<String>| v.clone().unwrap_or_else(|| "the default".to_owned());
    differ("the profile", &shown(&a.settings.profile), &shown(&b.settings.profile));
    differ("the input", &shown(&a.settings.input), &shown(&b.settings.input));
    differ("the codec", &shown(&a.settings.codec), &shown(&b.settings.codec));
    differ("the preset", &shown(&a.settings.preset), &shown(&b.settings.preset));
    Comparison { rows, only_first: missing(first, second), only_second: missing(second, first), warnings }
}

fn row(label: String, a: &Point, b: &Point) -> Row {
    let (x, y) = (a.whole(), b.whole());
    let spec = a.spec.clone();
    let fps = (x.map(|w| w.fps), y.map(|w| w.fps));
    let (Some(x), Some(y)) = (x, y) else {
        let verdict = match (x, y) {
            (None, Some(_)) => Verdict::Works,
            (Some(_), None) => Verdict::Broken,
            _ => Verdict::Neither,
        };
        return Row { label, spec, fps, ratios: None, spread: None, verdict };
    };
    let ratio = |f: fn(&WholePipeline) -> f64| f(y) / f(x).max(1e-12);
    let ratios = Ratios {
        fps: ratio(|w| w.fps),
        latency: ratio(|w| w.latency.p50),
        cpu: ratio(|w| w.cpu_seconds),
        memory: ratio(|w| w.peak_memory as f64),
    };
    // Relative errors of a quotient add up like legs of a right triangle.
    let spread = 1.96 * (relative_error(x).powi(2) + relative_error(y).powi(2)).sqrt();
    let verdict = match ratios.fps.ln() {
        d if d.abs() <= spread.max(NOISE_FLOOR) => Verdict::Noise,
        d if d > 0.0 => Verdict::Faster,
        _ => Verdict::Slower,
    };
    Row { label, spec, fps, ratios: Some(ratios), spread: Some(spread), verdict }
}

/// Standard error of a point's frames a second, relative, from the parts of its run.
fn relative_error(w: &WholePipeline) -> f64 {
    let (mean, deviation) = mean_and_deviation(&w.samples);
    if mean > 0.0 { deviation / mean / (w.samples.len() as f64).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;
    use crate::results::{Outcome, Results};

    fn changed(of: &Results, i: usize, factor: f64) -> Results {
        let mut results = of.clone();
        if let Outcome::Ok(m) = &mut results.points[i].outcome
            && let Some(w) = &mut m.whole
        {
            w.fps *= factor;
            w.samples.iter_mut().for_each(|s| *s *= factor);
        }
        results
    }

    #[test]
    fn small_differences_are_noise() {
        let a = sample::results();
        let verdict = |factor| compare(&a, &changed(&a, 0, factor)).rows[0].verdict;
        assert_eq!([verdict(1.0), verdict(1.02), verdict(0.98)], [Verdict::Noise; 3]);
        assert_eq!([verdict(1.2), verdict(0.8)], [Verdict::Faster, Verdict::Slower]);
        // A run whose parts differ much says less.
        let mut wild = changed(&a, 0, 1.2);
        if let Outcome::Ok(m) = &mut wild.points[0].outcome {
            m.whole.as_mut().unwrap().samples = vec![4.0, 7.0, 10.0];
        }
        assert_eq!(compare(&a, &wild).rows[0].verdict, Verdict::Noise);
        let row = &compare(&a, &changed(&a, 0, 1.2)).rows[0];
        assert!((row.ratios.unwrap().fps - 1.2).abs() < 1e-9 && row.spread.unwrap() < 0.04, "{row:?}");
    }

    #[test]
    fn points_and_machines_that_differ_are_listed() {
        let a = sample::results();
        let mut b = a.clone();
        b.points.remove(1);
        b.points[0].outcome = Outcome::Failed { error: "no".into() };
        b.machine.cores = 4;
        let c = compare(&a, &b);
        assert_eq!((c.only_first[0].as_str(), c.only_second.len()), ("4k", 0));
        assert_eq!(c.rows[0].verdict, Verdict::Broken);
        assert_eq!(c.rows.last().unwrap().verdict, Verdict::Neither);
        assert!(c.warnings[0].starts_with("the machine differs"), "{:?}", c.warnings);
        assert_eq!(compare(&b, &a).rows[0].verdict, Verdict::Works);
    }
}
