//! Results for people: text for a terminal, a page for a browser, charts.

pub mod charts;
mod draw;
pub mod html;
pub mod text;

pub use draw::{Chart, ChartError};

use super::advice::Target;
use super::results::{Measured, Results};

/// A figure with three digits that mean something.
pub fn number(v: f64) -> String {
    match v.abs() {
        a if a >= 99.95 => format!("{v:.0}"),
        a if a >= 9.995 => format!("{v:.1}"),
        _ => format!("{v:.2}"),
    }
}

/// Bytes in GiB.
fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

/// What was measured beside a target, on this machine: frames a second and latency; `None` where its
/// size wasn't.
fn beside(results: &Results, target: &Target) -> Option<(f64, f64)> {
    let base = &results.settings.base;
    let rows = results.points.iter().filter(|p| p.spec.size == target.size && p.spec.batch == base.batch);
    let all = rows.filter_map(|p| p.whole()).map(|w| (w.fps, w.latency.p50));
    all.max_by(|a, b| a.0.total_cmp(&b.0))
}

/// The network's pictures a second, alone.
fn views_per_second(m: &Measured) -> Option<f64> {
    Some(m.stages.iter().find(|s| s.stage == "infer")?.fps * m.views as f64)
}

/// What stands above a report: version, time, machine, settings.
fn facts(results: &Results) -> Vec<(&'static str, String)> {
    let s = &results.settings;
    let commit = if results.commit.is_empty() { String::new() } else { format!(" ({})", results.commit) };
    let driver = results.machine.driver.as_ref().map(|d| format!(", driver {d}")).unwrap_or_default();
    let device = results.points.iter().find_map(|p| p.measured()).map(|m| m.device.clone());
    let mut facts = vec![
        ("machine", format!("{}{driver}", results.machine.summary())),
        ("system", format!("{}, FFmpeg {}", results.machine.system, results.ffmpeg)),
        ("vrseg", format!("{}{commit}, {}", results.version, results.created)),
    ];
    if let Some(device) = device {
        facts.push(("device", device));
    }
    let input = s.input.clone().unwrap_or_else(|| "clips of a person that vrseg makes, both eyes side by side".into());
    facts.push(("input", input));
    let encode = [("codec", &s.codec), ("preset", &s.preset)];
    let encode: String = encode.iter().filter_map(|(n, v)| Some(format!(", {n} {}", v.as_ref()?))).collect();
    let profile = s.profile.as_deref().unwrap_or("balanced");
    facts.push((
        "measured",
        format!(
            "profile {profile}{encode}; up to {} frames after {} of warm-up, {} s for each pipeline",
            s.iterations, s.warmup, s.seconds
        ),
    ));
    if !results.finished {
        facts.push(("unfinished", "not all points were measured; `vrseg bench --resume` goes on".to_owned()));
    }
    facts
}
