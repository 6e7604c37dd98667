//! The panels with figures: progress, stages, machine, messages.

use super::style::DrawOptions;
use crate::ui::batch::FileState;
use crate::ui::format;
use crate::ui::status::{HistoryPoint, LogMessage, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph, Sparkline, Widget};

pub(super) fn block(title: &str) -> Block<'_> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(Style::new().add_modifier(Modifier::DIM))
        .title(Span::styled(format!(" {title} "), Style::new().add_modifier(Modifier::BOLD)))
}

/// Green above the user's target, yellow above two thirds of it, red below; without a target no color means anything.
pub(super) fn speed_color(now: &Snapshot) -> Color {
    match now.target_fps.map(|target| now.fps / target) {
        None => Color::Reset,
        Some(share) if share >= 1.0 => Color::Green,
        Some(share) if share >= 2.0 / 3.0 => Color::Yellow,
        Some(_) => Color::Red,
    }
}

/// Columns from which on there is space for the chart of speed beside the progress.
const CHART_FROM: u16 = 100;

pub(super) fn draw_progress(
    now: &Snapshot,
    history: &[HistoryPoint],
    options: &DrawOptions,
    area: Rect,
    buffer: &mut Buffer,
) {
    let chart = if area.width >= CHART_FROM { area.width * 3 / 10 } else { 0 };
    let [left, right] = Layout::horizontal([Constraint::Min(0), Constraint::Length(chart)]).areas(area);
    let inner = block("progress").inner(left);
    block("progress").render(left, buffer);
    let width = usize::from(inner.width);
    let share = now.total.filter(|n| *n > 0).map(|n| (now.frames as f64 / n as f64).min(1.0));
    let percent = share.map(|s| format!(" {:3.0} %", (s * 100.0).floor())).unwrap_or_default();
    let bar = Line::from(vec![
        Span::styled(bar(share.unwrap_or(0.0), width.saturating_sub(percent.len())), options.paint(Color::Cyan)),
        Span::raw(percent),
    ]);
    let speed = if now.frames > 0 { format!("{} fps", format::fps(now.fps)) } else { "waiting".to_owned() };
    let color = if now.frames > 0 { speed_color(now) } else { Color::Reset };
    let rest = fitted(&figures(now), width.saturating_sub(speed.len() + 3));
    let text = Line::from(vec![
        Span::styled(speed, options.paint(color).add_modifier(Modifier::BOLD)),
        Span::raw(format!("   {rest}")),
    ]);
    Paragraph::new(vec![bar, text, Line::raw(fitted(&context(now), width))]).render(inner, buffer);
    if chart == 0 {
        return;
    }
    let inner = block("frames per second").inner(right);
    block("frames per second").render(right, buffer);
    // Tenths, so that slow jobs have a line too; the newest at the right.
    let speeds: Vec<u64> = history.iter().map(|p| (p.fps * 10.0) as u64).collect();
    let newest = &speeds[speeds.len().saturating_sub(usize::from(inner.width))..];
    Sparkline::default().data(newest).style(options.paint(Color::Cyan)).render(inner, buffer);
}

/// How far the present file is, the most important first.
fn figures(now: &Snapshot) -> Vec<String> {
    let mut parts = vec![match now.total {
        Some(total) => format!("{}/{total} frames", now.frames),
        None => format::count(now.frames, "frame"),
    }];
    if let Some(eta) = now.eta {
        parts.push(format!("{} left", format::duration(eta)));
        parts.push(format!("done at {}", format::clock_in(eta)));
    }
    parts.push(format!("{} elapsed", format::duration(now.elapsed)));
    if now.bytes > 0 {
        parts.push(format::bytes(now.bytes));
    }
    parts
}

/// The files, the segments, the slowest stage (which its panel shows too): the most important first.
fn context(now: &Snapshot) -> Vec<String> {
    let mut parts = Vec::new();
    if now.files.len() > 1 {
        let count = |state| now.files.iter().filter(|file| file.state == state).count();
        let mut text = format!("{} of {} files done", now.jobs.done, now.files.len());
        for (state, word) in
            [(FileState::Failed, "failed"), (FileState::Stopped, "stopped early"), (FileState::Skipped, "skipped")]
        {
            let n = count(state);
            if n > 0 {
                text += &format!(", {n} {word}");
            }
        }
        parts.push(text);
        if let Some(eta) = now.all_eta.filter(|eta| Some(*eta) != now.eta) {
            parts.push(format!("{} left in all", format::duration(eta)));
            parts.push(format!("done at {}", format::clock_in(eta)));
        }
    }
    if let Some(s) = &now.segments {
        parts.push(match s.count(now.total) {
            Some((all, certain)) => format!("segments {}/{}{all}", s.done(), if certain { "" } else { "~" }),
            None => format!("segments {}", s.done()),
        });
    }
    if !now.bottleneck.is_empty() {
        parts.push(format!("slowest: {}", now.bottleneck));
    }
    parts
}

/// Parts of a line as far as they fit.
fn fitted(parts: &[String], width: usize) -> String {
    let mut line = String::new();
    for part in parts {
        let gap = if line.is_empty() { "" } else { "   " };
        if line.chars().count() + gap.len() + part.chars().count() > width {
            break;
        }
        line = line + gap + part;
    }
    line
}

/// A bar of `width` cells, filled to `share` with an eighth of a cell's accuracy.
fn bar(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    let filled = "█".repeat(eighths / 8) + part;
    let rest = width - eighths / 8 - usize::from(!part.is_empty());
    filled + &"·".repeat(rest)
}

/// Columns of a stage's name, of the figures behind its bar, and of those that only wide terminals have.
const NAME: usize = 9;
const FIGURES: usize = 6 + 6 + 11;
const MORE_FIGURES: usize = 11 + 11;
/// A bar is at least so long.
const SHORTEST_BAR: usize = 4;

pub(super) fn draw_stages(now: &Snapshot, options: &DrawOptions, area: Rect, buffer: &mut Buffer) {
    let inner = block("stages").inner(area);
    block("stages").render(area, buffer);
    let columns = usize::from(inner.width);
    let wide = columns >= NAME + 2 * SHORTEST_BAR + FIGURES + MORE_FIGURES;
    let width = columns.saturating_sub(NAME + FIGURES + if wide { MORE_FIGURES } else { 0 }).max(SHORTEST_BAR);
    let dim = Style::new().add_modifier(Modifier::DIM);
    let mut head = format!("{:NAME$}{:width$}      {:>6}{:>11}", "", "load", "queue", "a frame");
    if wide {
        head += &format!("{:>11}{:>11}", "95 %", "longest");
    }
    let mut lines = vec![Line::styled(head, dim)];
    if now.stages.is_empty() {
        lines.push(Line::styled("waiting for the first frame", dim));
    }
    for stage in &now.stages {
        let slowest = stage.report.stage == now.bottleneck;
        let color = if slowest { Color::Yellow } else { Color::Reset };
        let work = |s: f64| match s {
            0.0 => "-".to_owned(),
            s if s < 1.0 => format!("{:.1} ms", s * 1e3),
            s => format!("{s:.2} s"),
        };
        let report = &stage.report;
        let mut figures = format!(" {:3.0} %{:>6}{:>11}", stage.load * 100.0, report.queue, work(report.p50));
        if wide {
            figures += &format!("{:>11}{:>11}", work(report.p95), work(report.max));
        }
        lines.push(Line::from(vec![
            Span::styled(format!("{:NAME$}", report.stage), options.paint(color)),
            Span::styled(bar(stage.load, width), options.paint(if slowest { Color::Yellow } else { Color::Cyan })),
            Span::raw(figures),
        ]));
    }
    Paragraph::new(lines).render(inner, buffer);
}

/// A share with its name and its figures.
pub(super) struct Gauge {
    label: &'static str,
    share: f64,
    text: String,
    /// A full bar is nothing to worry about.
    harmless: bool,
}

/// The process's use of the machine.
pub(super) fn gauges(now: &Snapshot) -> Vec<Gauge> {
    let mut all = Vec::new();
    let mut gauge = |label, share, text, harmless| all.push(Gauge { label, share, text, harmless });
    let sample = &now.sample;
    let cores = format!("{:.1} of {} cores", sample.cores, now.cores);
    gauge("CPU", sample.cores / now.cores.max(1) as f64, cores, true);
    let memory = format!("{} of {}", format::bytes(sample.memory), format::bytes(now.memory));
    gauge("memory", sample.memory as f64 / now.memory.max(1) as f64, memory, false);
    if let Some(gpu) = &sample.gpu {
        let busy = gpu.busy.unwrap_or(0);
        gauge("GPU", f64::from(busy) / 100.0, format!("{busy} % busy"), true);
        if let (Some(used), Some(total)) = (gpu.memory_used, now.card.as_ref().and_then(|c| c.1)) {
            let text = format!("{} of {}", format::bytes(used), format::bytes(total));
            gauge("VRAM", used as f64 / total.max(1) as f64, text, false);
        }
    }
    let cached = now.mattes.memory + now.mattes.disk;
    if cached > 0 {
        gauge("cache", now.mattes.hit_rate(), format!("{cached} mattes of {}", cached + now.mattes.computed), true);
    }
    all
}

pub(super) fn draw_machine(gauges: &[Gauge], options: &DrawOptions, area: Rect, buffer: &mut Buffer) {
    let inner = block("machine").inner(area);
    block("machine").render(area, buffer);
    let columns = usize::from(inner.width).saturating_sub(7);
    let longest = gauges.iter().map(|g| g.text.chars().count()).max().unwrap_or(0);
    // Beside each other where a bar has space, or where there are not two lines for each.
    let beside = columns > longest + 12 || 2 * gauges.len() > usize::from(inner.height);
    let width = if beside { columns.saturating_sub(longest + 1).max(SHORTEST_BAR) } else { columns };
    let dim = Style::new().add_modifier(Modifier::DIM);
    let mut lines = Vec::new();
    for g in gauges {
        let color = if g.share > 0.95 && !g.harmless { Color::Red } else { Color::Cyan };
        let bar = Span::styled(bar(g.share, width), options.paint(color));
        let name = Span::raw(format!("{:7}", g.label));
        if beside {
            lines.push(Line::from(vec![name, bar, Span::styled(format!(" {}", g.text), dim)]));
        } else {
            lines.push(Line::from(vec![name, bar]));
            lines.push(Line::styled(format!("       {}", g.text), dim));
        }
    }
    Paragraph::new(lines).render(inner, buffer);
}

/// What the job is, and the files of a batch.
pub(super) fn draw_job(now: &Snapshot, options: &DrawOptions, area: Rect, buffer: &mut Buffer) {
    let inner = block("job").inner(area);
    block("job").render(area, buffer);
    let width = usize::from(inner.width);
    let mut lines = Vec::new();
    for (label, value) in &now.facts {
        for (i, part) in format::wrapped(value, width.saturating_sub(8)).into_iter().enumerate() {
            let label = if i == 0 { *label } else { "" };
            lines.push(Line::raw(format!("{label:8}{part}")));
        }
    }
    let left = usize::from(inner.height).saturating_sub(lines.len());
    if now.files.len() > 1 {
        // Those round the present one.
        let at = now.jobs.number.saturating_sub(1 + left / 2).min(now.files.len().saturating_sub(left));
        lines.extend(now.files.iter().skip(at).take(left).map(|file| {
            let (word, color) = match file.state {
                FileState::Waiting => ("waiting", Color::Reset),
                FileState::Running => ("running", Color::Cyan),
                FileState::Done => ("done", Color::Green),
                FileState::Failed => ("failed", Color::Red),
                FileState::Stopped => ("stopped", Color::Yellow),
                FileState::Skipped => ("skipped", Color::Yellow),
            };
            let name = shortened(&file.input, width.saturating_sub(8));
            Line::from(vec![Span::styled(format!("{word:8}"), options.paint(color)), Span::raw(name)])
        }));
    }
    Paragraph::new(lines).render(inner, buffer);
}

/// The end of a path that is too long, which has the name.
pub(super) fn shortened(path: &str, width: usize) -> String {
    let n = path.chars().count();
    if n <= width {
        return path.to_owned();
    }
    let end: String = path.chars().skip(n - width.saturating_sub(1).min(n)).collect();
    format!("…{end}")
}

pub(super) fn draw_messages(messages: &[LogMessage], options: &DrawOptions, area: Rect, buffer: &mut Buffer) {
    let inner = block("messages").inner(area);
    block("messages").render(area, buffer);
    let newest = &messages[messages.len().saturating_sub(inner.height.into())..];
    let lines: Vec<_> = newest
        .iter()
        .flat_map(|m| {
            let color = match &m.text {
                t if t.contains("error") || t.contains("ERROR") => Color::Red,
                t if t.contains("warning") || t.contains("WARN") => Color::Yellow,
                _ => Color::Reset,
            };
            format::wrapped(&m.text, inner.width.into())
                .into_iter()
                .map(move |line| Line::styled(line, options.paint(color)))
        })
        .collect();
    let newest = lines.len().saturating_sub(inner.height.into());
    Paragraph::new(lines[newest..].to_vec()).render(inner, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_by_eighths_of_a_cell() {
        assert_eq!(bar(0.0, 3), "···");
        assert_eq!(bar(0.5, 3), "█▌·");
        assert_eq!(bar(2.0, 3), "███");
        assert_eq!(bar(1.0 / 24.0, 3), "▏··");
    }

    #[test]
    fn long_paths_lose_their_beginning() {
        assert_eq!(shortened("/a/long/folder/clip.mp4", 10), "…/clip.mp4");
        assert_eq!(shortened("clip.mp4", 10), "clip.mp4");
    }
}
