//! What all reports state: machine and settings, and figures beside the targets.

use crate::advice::SpeedTarget;
use crate::results::{Measured, Results};

/// The best frames a second at a target's size on this machine, and the latency with it; `None` where that size
/// wasn't measured.
pub(super) fn best_at(results: &Results, target: &SpeedTarget) -> Option<(f64, f64)> {
    let base = &results.settings.base;
    let rows = results.points.iter().filter(|p| p.spec.size == target.size && p.spec.batch == base.batch);
    let all = rows.filter_map(|p| p.whole()).map(|w| (w.fps, w.latency.p50));
    all.max_by(|a, b| a.0.total_cmp(&b.0))
}

/// The model's pictures a second, alone.
pub(super) fn views_per_second(m: &Measured) -> Option<f64> {
    Some(m.stages.iter().find(|s| s.stage == "infer")?.fps * m.views as f64)
}

/// What stands above a report: version, time, machine, settings.
pub(super) fn facts(results: &Results) -> Vec<(&'static str, String)> {
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
    let latency = if s.low_latency { ", low latency" } else { "" };
    let profile = s.profile.as_deref().unwrap_or("balanced");
    facts.push((
        "measured",
        format!(
            "profile {profile}{encode}{latency}; up to {} frames after {} of warm-up, {} s for each pipeline",
            s.iterations, s.warmup, s.seconds
        ),
    ));
    if !results.finished {
        facts.push(("unfinished", "not all points were measured; `vrseg bench --resume` continues".to_owned()));
    }
    facts
}
