//! The report and the comparison for a terminal.

use super::facts::{best_at, facts};
use crate::advice::{TARGET_GPU, TARGETS, efficiency, has_target_gpu, recommendations};
use crate::compare::{Comparison, Verdict};
use crate::figures::{gib, number};
use crate::results::{Outcome, Results, STAGES};
use std::fmt::Write as _;

/// Columns that are as wide as their cells; all but the first `left` are right-aligned.
struct Table {
    rows: Vec<Vec<String>>,
    left: usize,
}

impl Table {
    fn new(left: usize, header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|h| (*h).to_owned()).collect()], left }
    }

    fn text(&self) -> String {
        let width = |c: usize| self.rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..self.rows[0].len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (c, cell) in row.iter().enumerate() {
                let (gap, w) = (if c > 0 { "  " } else { "" }, widths.get(c).copied().unwrap_or(0));
                let _ = if c < self.left { write!(line, "{gap}{cell:<w$}") } else { write!(line, "{gap}{cell:>w$}") };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// The report of one benchmark. `target_fps`: frames a second that are wanted.
pub fn text(results: &Results, target_fps: f64) -> String {
    let mut text = String::new();
    for (label, value) in facts(results) {
        let _ = writeln!(text, "{label:<11} {value}");
    }
    let _ = write!(
        text,
        "\nThe whole pipeline: frames per second, and milliseconds of a frame from decoder to encoder (p50 to dev)\n{}",
        pipeline(results)
    );
    let alone = stages(results);
    if let Some(alone) = alone {
        let _ = write!(
            text,
            "\nEach stage alone, frames a second (compose is refine and painting in the pipeline)\n{alone}"
        );
    }
    if has_target_gpu(&results.machine) {
        let _ = write!(
            text,
            "\nTargets on an {TARGET_GPU} (not measured) beside {}\n{}",
            if results.machine.host.is_empty() { "this machine" } else { &results.machine.host },
            targets(results)
        );
    }
    text += "\nWhat follows\n";
    for sentence in recommendations(results, target_fps) {
        let _ = writeln!(text, "- {sentence}");
    }
    for p in &results.points {
        let notes = p.measured().map(|m| m.notes.as_slice()).unwrap_or_default();
        let limits = p.whole().map(|w| w.limits.as_slice()).unwrap_or_default();
        for note in notes.iter().chain(limits) {
            let _ = writeln!(text, "- {}: {note}.", results.label(p));
        }
    }
    text
}

fn pipeline(results: &Results) -> String {
    let mut table = Table::new(
        3,
        &["point", "model", "encoder", "fps", "p50 ms", "p95", "p99", "max", "dev", "CPU ms", "GiB", "slowest"],
    );
    let gpu = results.points.iter().filter_map(|p| p.whole()).any(|w| w.gpu_busy.is_some() || w.gpu_memory.is_some());
    if gpu {
        table.rows[0].extend(["GPU %".to_owned(), "VRAM GiB".to_owned()]);
    }
    let mut failed = String::new();
    for p in &results.points {
        let label = results.label(p);
        match &p.outcome {
            Outcome::Failed { error } => {
                let _ = writeln!(failed, "{label}: failed: {error}");
            }
            Outcome::Ok(m) => {
                let mut row = vec![label, m.model.clone(), m.encoder.clone()];
                let Some(w) = &m.whole else { continue };
                let l = &w.latency;
                row.push(number(w.fps));
                row.extend([l.p50, l.p95, l.p99, l.max, l.deviation, w.cpu_seconds * 1e3].map(|v| format!("{v:.0}")));
                row.extend([format!("{:.2}", gib(w.peak_memory)), w.slowest.clone()]);
                if gpu {
                    row.push(w.gpu_busy.map_or(String::new(), |b| format!("{b:.0}")));
                    row.push(w.gpu_memory.map_or(String::new(), |b| format!("{:.2}", gib(b))));
                }
                table.rows.push(row);
            }
        }
    }
    table.text() + &failed
}

fn stages(results: &Results) -> Option<String> {
    let mut header = vec!["point"];
    header.extend(STAGES);
    header.extend(["pipeline", "of slowest", "of cores"]);
    let mut table = Table::new(1, &header);
    for p in &results.points {
        let Some(m) = p.measured() else { continue };
        let mut row = vec![results.label(p)];
        for name in STAGES {
            row.push(m.stages.iter().find(|s| s.stage == name).map_or(String::new(), |s| number(s.fps)));
        }
        if let (Some(w), Some(e)) = (&m.whole, efficiency(m, results.machine.cores)) {
            row.push(number(w.fps));
            row.extend([e.of_slowest, e.of_cores.1].map(|share| format!("{:.0} %", 100.0 * share)));
        }
        table.rows.push(row);
    }
    (table.rows.len() > 1).then(|| table.text())
}

fn targets(results: &Results) -> String {
    let mut table = Table::new(1, &["size", "target fps", "target ms", "measured fps", "measured ms"]);
    for t in TARGETS {
        let mut row = vec![t.size.to_owned(), t.fps_text.to_owned(), format!("< {:.0}", t.latency)];
        match best_at(results, &t) {
            Some((fps, latency)) => row.extend([number(fps), format!("{latency:.0}")]),
            None => row.extend(["-".to_owned(), "-".to_owned()]),
        }
        table.rows.push(row);
    }
    table.text()
}

/// A comparison as a table.
pub fn comparison(c: &Comparison) -> String {
    let mut text = String::new();
    for w in &c.warnings {
        let _ = writeln!(text, "warning: {w}");
    }
    let mut table = Table::new(1, &["point", "fps", "fps", "ratio", "spread", "latency", "CPU", "memory", "verdict"]);
    for r in &c.rows {
        let fps = |v: Option<f64>| v.map_or("-".to_owned(), number);
        let mut row = vec![r.label.clone(), fps(r.fps.0), fps(r.fps.1)];
        match (&r.ratios, r.spread) {
            (Some(x), Some(spread)) => {
                row.push(format!("{:.2}", x.fps));
                row.push(format!("+-{:.0} %", 100.0 * spread));
                row.extend([x.latency, x.cpu, x.memory].map(|v| format!("{v:.2}")));
            }
            _ => row.extend(std::iter::repeat_n("-".to_owned(), 5)),
        }
        row.push(
            match r.verdict {
                Verdict::Faster => "faster",
                Verdict::Slower => "slower",
                Verdict::Noise => "noise",
                Verdict::Works => "works now",
                Verdict::Broken => "fails now",
                Verdict::Neither => "no pipeline in either",
            }
            .to_owned(),
        );
        table.rows.push(row);
    }
    text += &table.text();
    for (which, labels) in [("first", &c.only_first), ("second", &c.only_second)] {
        for label in labels {
            let _ = writeln!(text, "only in the {which}: {label}");
        }
    }
    text + "Ratios are second to first: of fps more is better, of latency, CPU time and memory less. The spread is the \
            95 % interval\nof the fps ratio, from the parts of each run; smaller differences, and all below 3 %, are noise.\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare;
    use crate::results::sample;

    #[test]
    fn report_text() {
        insta::assert_snapshot!(text(&sample::results(), 90.0));
    }

    #[test]
    fn comparison_text() {
        let (a, mut b) = (sample::results(), sample::results());
        b.points.remove(2);
        if let Outcome::Ok(m) = &mut b.points[0].outcome
            && let Some(w) = &mut m.whole
        {
            w.fps *= 1.5;
        }
        insta::assert_snapshot!(comparison(&compare(&a, &b)));
    }
}
