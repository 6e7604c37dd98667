//! `vrseg eval`.

use crate::cli::args::EvalArgs;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::fmt::Write as _;
use vrseg_eval::{Report, Request, Scores, evaluate};
use vrseg_image::vr::Layout;
use vrseg_media::TimeRange;

/// Compares two mattes and prints what was measured.
///
/// # Errors
/// The files can't be compared, or the reading broke off.
pub(crate) fn run(args: &EvalArgs, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let start = args.ss.map(|s| s.0);
    let request = Request {
        pred: args.pred.clone(),
        truth: args.truth.clone(),
        source: args.source.clone(),
        layout: args.layout.as_ref().and_then(|l| Layout::from_name(l.0.as_str()?)),
        range: TimeRange { start, end: args.duration.map(|t| start.unwrap_or(0.0) + t.0), frames: args.frames },
        threads: vrseg_hardware::cores(),
    };
    // Shown on a terminal only.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(
        ProgressStyle::with_template("{pos} frames, {per_sec}").unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let result = evaluate(&request, &mut |frames| bar.set_position(frames));
    bar.finish_and_clear();
    let report = result?;
    if args.json {
        print(&(serde_json::to_string_pretty(&to_json(args, &report))? + "\n"))
    } else {
        print(&table(args, &report))
    }
}

fn to_json(args: &EvalArgs, report: &Report) -> serde_json::Value {
    json!({
        "pred": args.pred,
        "truth": args.truth,
        "source": args.source,
        "width": report.width,
        "height": report.height,
        "frames": report.frames,
        "layout": report.layout.value.name(),
        "scores": report.scores,
        "views": report.views,
        "stereo": report.stereo,
    })
}

/// Name with unit, which direction is better, decimals, and where the value is.
type Row = (&'static str, &'static str, usize, fn(&Scores) -> Option<f64>);

const ROWS: [Row; 9] = [
    ("IoU", "higher", 4, |s| s.iou),
    ("boundary F", "higher", 4, |s| s.boundary_f),
    ("MAD (1e-3)", "lower", 3, |s| s.mad),
    ("MSE (1e-3)", "lower", 3, |s| s.mse),
    ("Grad (1e3)", "lower", 3, |s| s.grad),
    ("Conn (1e3)", "lower", 3, |s| s.conn),
    ("dtSSD (1e-2)", "lower", 3, |s| s.dtssd),
    ("flicker (1e-3)", "lower", 3, |s| s.flicker),
    ("  of the reference", "", 3, |s| s.truth_flicker),
];

fn table(args: &EvalArgs, report: &Report) -> String {
    let mut text = format!("pred    {}\n", args.pred.display());
    if let Some(truth) = &args.truth {
        let _ = writeln!(text, "truth   {}", truth.display());
    }
    let layout = &report.layout;
    let _ = writeln!(
        text,
        "frames  {} of {}x{}, {} ({})\n",
        report.frames, report.width, report.height, layout.value, layout.evidence
    );
    let two = report.views.len() > 1;
    let _ = write!(text, "{:<16}{:>10}", "metric", if two { "mean" } else { "value" });
    for i in 0..report.views.len() * usize::from(two) {
        let _ = write!(text, "{:>10}", format!("view {}", i + 1));
    }
    text += "  better\n";
    for (name, better, decimals, field) in ROWS {
        let Some(value) = field(&report.scores) else { continue };
        let _ = write!(text, "{name:<16}{value:>10.decimals$}");
        for view in report.views.iter().filter(|_| two) {
            let _ = write!(text, "{:>10.decimals$}", field(view).unwrap_or(f64::NAN));
        }
        let line = format!("  {better}");
        text += line.trim_end();
        text.push('\n');
    }
    if let Some(stereo) = &report.stereo {
        let _ = writeln!(text, "\nagreement of the eyes, over {:.0} % of the picture", 100.0 * stereo.coverage);
        let _ = writeln!(text, "{:<16}{:>10.4}  higher", "IoU", stereo.iou);
        let _ = writeln!(text, "{:<16}{:>10.3}  lower", "MAD (1e-3)", stereo.mad);
    }
    text
}
