//! The report, for people and for programs.

use super::measurements::Measurements;
use super::save;
use super::trial::Trial;
use crate::cli::args::OptimizeArgs;
use crate::ui::format::bytes;
use serde_json::{Value, json};
use std::fmt::Write as _;
use vrseg_engine::tune::search::{Outcome, Tried};
use vrseg_hardware::Machine;

/// A machine in a line.
pub(super) fn machine_line(machine: &Machine) -> String {
    let gpus = match machine.gpu.cards.as_slice() {
        [] => "no GPU".to_owned(),
        [one] => one.name.clone(),
        [first, ..] => format!("{} GPUs, the first {}", machine.gpu.cards.len(), first.name),
    };
    let (cpu, memory) = (&machine.cpu, machine.memory.limit.unwrap_or(machine.memory.total));
    format!("{}, {} threads, {:.1} GiB of memory, {gpus}", cpu.model, cpu.usable, memory as f64 / f64::from(1 << 30))
}

pub(super) fn text(measured: &Measurements, args: &OptimizeArgs) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:<12} {value}");
    };
    line("machine", &measured.machine);
    line("clip", &measured.clip);
    line("settings", &measured.start);
    if let Some(trial) = measured.benchmark.as_ref().filter(|_| args.benchmark) {
        benchmark(trial, &mut line);
    }
    if let Some(found) = &measured.bottlenecks {
        if found.is_empty() {
            line("bottleneck", "none: no stage, core, memory, GPU or disk was at its limit");
        }
        for (i, finding) in found.iter().enumerate() {
            line(if i == 0 { "bottleneck" } else { "" }, &finding.what);
            line("", &format!("what helps: {}", finding.help));
        }
    }
    if let Some(outcome) = &measured.search {
        search(outcome, measured, &mut line);
    }
    if let Some(path) = &measured.saved {
        let as_before = measured.search.as_ref().is_some_and(|found| !found.faster);
        let what = if as_before { " (the previous settings)" } else { "" };
        let named = if args.save_config == Some(None) { save::NAME.into() } else { path.display().to_string() };
        line("saved", &format!("{}{what}; use it with: vrseg input.mp4 -o out.mp4 -c {named}", path.display()));
    }
    text
}

fn benchmark(trial: &Trial, line: &mut dyn FnMut(&str, &str)) {
    line("speed", &format!("{:.2} fps ({} frames in {:.1} s)", trial.fps, trial.frames, trial.seconds));
    if let Some(l) = trial.latency {
        let text = format!("{:.0} ms per frame, 95 % below {:.0}, at most {:.0}", l.p50_ms, l.p95_ms, l.max_ms);
        line("latency", &text);
    }
    let r = &trial.resources;
    line("took", &format!("{:.2} cores, {} of memory", r.mean_cores, bytes(r.peak_memory)));
    if let Some(busy) = r.gpu_busy {
        let memory = r.gpu_peak_memory.map(|m| format!(", {} of its memory", bytes(m))).unwrap_or_default();
        line("", &format!("the GPU {busy:.0} % of the time{memory}"));
    }
}

fn search(outcome: &Outcome, measured: &Measurements, line: &mut dyn FnMut(&str, &str)) {
    line("tried", &format!("{} settings", outcome.tried.len()));
    let good = |t: &&Tried| t.fps.is_ok() && !t.candidate.is_empty();
    let mut best: Vec<_> = outcome.tried.iter().filter(good).collect();
    let fps = |t: &Tried| t.fps.as_ref().copied().unwrap_or(0.0);
    best.sort_by(|a, b| fps(b).total_cmp(&fps(a)));
    for tried in best.iter().take(5) {
        let iou = match &tried.iou {
            Some(Ok(iou)) if *iou < measured.floor => format!(", IoU {iou:.3}: too low"),
            Some(Ok(iou)) => format!(", IoU {iou:.3}"),
            Some(Err(why)) => format!(", {why}"),
            None => String::new(),
        };
        line("", &format!("{:>7.2} fps  {}{iou}", fps(tried), tried.candidate));
    }
    for tried in &outcome.tried {
        if let Err(why) = &tried.fps {
            line("", &format!("        no  {}: {why}", tried.candidate));
        }
    }
    let Some(duel) = &outcome.duel else {
        line("result", "nothing was faster than the current settings");
        return;
    };
    let runs = |fps: &[f64]| fps.iter().map(|f| format!("{f:.2}")).collect::<Vec<_>>().join(", ");
    line("before", &format!("{} fps", runs(&duel.before)));
    line("after", &format!("{} fps, in turns with it, {} frames each", runs(&duel.after), duel.frames));
    line("matte", &format!("IoU {:.4} with the FP32 matte; required: {}", duel.iou, measured.floor));
    let what = if outcome.faster {
        format!("{:.2} times as fast: {}", duel.gain, duel.candidate)
    } else if duel.iou < measured.floor {
        "rejected: the matte is not good enough".to_owned()
    } else {
        format!("{:.2} times as fast, which is noise: the settings are not changed", duel.gain)
    };
    line("result", &what);
    if let Some(target) = measured.target_fps {
        let fps = median(if outcome.faster { &duel.after } else { &duel.before });
        let reached = if fps >= target { "reached" } else { "not reached" };
        line("target", &format!("{target} fps: {reached}, with {fps:.2}"));
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// The report for programs; `docs/performance_guide.md` describes it.
///
/// # Errors
/// None in practice.
pub(super) fn json(measured: &Measurements) -> anyhow::Result<String> {
    let mut report = serde_json::to_value(measured)?;
    report["search"] = measured.search.as_ref().map_or(Value::Null, |outcome| {
        let settings = |c: &vrseg_engine::tune::search::Candidate| -> serde_json::Map<String, Value> {
            c.settings().map(|(name, value)| (name.to_owned(), value.into())).collect()
        };
        let tried = |t: &Tried| {
            let iou = t.iou.as_ref().and_then(|iou| iou.as_ref().ok());
            let why = t.fps.as_ref().err().or(t.iou.as_ref().and_then(|iou| iou.as_ref().err()));
            json!({
                "settings": settings(&t.candidate),
                "fps": t.fps.as_ref().ok(),
                "frames": t.frames,
                "iou": iou,
                "why": why,
            })
        };
        json!({
            "tried": outcome.tried.iter().map(tried).collect::<Vec<_>>(),
            "faster": outcome.faster,
            "result": outcome.duel.as_ref().map(|d| json!({
                "settings": settings(&d.candidate),
                "before_fps": d.before,
                "after_fps": d.after,
                "frames": d.frames,
                "gain": d.gain,
                "iou": d.iou,
            })),
        })
    });
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}
