//! The panels with figures: progress, stages, machine, messages.

use super::style::DrawOptions;
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

/// Green above the target, yellow above two thirds of it, red below.
pub(super) fn speed_color(now: &Snapshot) -> Color {
    match now.fps / now.target_fps {
        share if share >= 1.0 => Color::Green,
        share if share >= 2.0 / 3.0 => Color::Yellow,
        _ => Color::Red,
    }
}

pub(super) fn draw_progress(
    now: &Snapshot,
    history: &[HistoryPoint],
    options: &DrawOptions,
    area: Rect,
    buffer: &mut Buffer,
) {
    let [left, right] = Layout::horizontal([Constraint::Min(60), Constraint::Percentage(40)]).areas(area);
    let inner = block("progress").inner(left);
    block("progress").render(left, buffer);
    let share = now.total.filter(|n| *n > 0).map(|n| (now.frames as f64 / n as f64).min(1.0));
    let frames = match now.total {
        Some(total) => format!("{}/{total} frames", now.frames),
        None => format!("{} frames", now.frames),
    };
    let eta = now.eta.map(|s| format!("   {} left", format::duration(s))).unwrap_or_default();
    let segments = now.segments.as_ref().map(|s| match s.count(now.total) {
        Some((all, certain)) => format!("   segments {}/{}{all}", s.done(), if certain { "" } else { "~" }),
        None => format!("   segments {}", s.done()),
    });
    let segments = segments.unwrap_or_default();
    let slowest = if now.bottleneck.is_empty() { String::new() } else { format!("   slowest: {}", now.bottleneck) };
    let text = Line::from(vec![
        Span::styled(
            format!("{} fps", format::fps(now.fps)),
            options.paint(speed_color(now)).add_modifier(Modifier::BOLD),
        ),
        Span::raw(format!("   {frames}{eta}{segments}{slowest}")),
    ]);
    let percent = share.map(|s| format!(" {:3.0} %", s * 100.0)).unwrap_or_default();
    let width = usize::from(inner.width).saturating_sub(percent.len());
    let bar = Line::from(vec![
        Span::styled(bar(share.unwrap_or(0.0), width), options.paint(Color::Cyan)),
        Span::raw(percent),
    ]);
    Paragraph::new(vec![text, bar]).render(inner, buffer);

    let inner = block("frames per second").inner(right);
    block("frames per second").render(right, buffer);
    // Tenths, so that slow jobs have a line too; the newest at the right.
    let speeds: Vec<u64> = history.iter().map(|p| (p.fps * 10.0) as u64).collect();
    let newest = &speeds[speeds.len().saturating_sub(usize::from(inner.width))..];
    Sparkline::default().data(newest).style(options.paint(Color::Cyan)).render(inner, buffer);
}

/// A bar of `width` cells, filled to `share` with an eighth of a cell's accuracy.
fn bar(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    let filled = "█".repeat(eighths / 8) + part;
    let rest = width - eighths / 8 - usize::from(!part.is_empty());
    filled + &"·".repeat(rest)
}

pub(super) fn draw_stages(now: &Snapshot, options: &DrawOptions, area: Rect, buffer: &mut Buffer) {
    let inner = block("stages").inner(area);
    block("stages").render(area, buffer);
    let width = usize::from(inner.width).saturating_sub(9 + 7 + 6 + 11).clamp(4, 24);
    let dim = Style::new().add_modifier(Modifier::DIM);
    let head = format!("{:9}{:width$}      {:>6} {:>10}", "", "load", "queue", "a frame");
    let mut lines = vec![Line::styled(head, dim)];
    for stage in &now.stages {
        let slowest = stage.report.stage == now.bottleneck;
        let color = if slowest { Color::Yellow } else { Color::Reset };
        let work = match stage.report.p50 {
            s if s < 1.0 => format!("{:.1} ms", s * 1e3),
            s => format!("{s:.2} s"),
        };
        lines.push(Line::from(vec![
            Span::styled(format!("{:9}", stage.report.stage), options.paint(color)),
            Span::styled(bar(stage.load, width), options.paint(if slowest { Color::Yellow } else { Color::Cyan })),
            Span::raw(format!(" {:3.0} %{:>6} {work:>10}", stage.load * 100.0, stage.report.queue)),
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
        gauge("card", f64::from(busy) / 100.0, format!("{busy} % busy"), true);
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
    let width = usize::from(inner.width).saturating_sub(8).clamp(4, 24);
    let lines: Vec<_> = gauges
        .iter()
        .flat_map(|g| {
            let color = if g.share > 0.95 && !g.harmless { Color::Red } else { Color::Cyan };
            let bar = Span::styled(bar(g.share, width), options.paint(color));
            let text = Line::styled(format!("       {}", g.text), Style::new().add_modifier(Modifier::DIM));
            [Line::from(vec![Span::raw(format!("{:7}", g.label)), bar]), text]
        })
        .collect();
    Paragraph::new(lines).render(inner, buffer);
}

pub(super) fn draw_messages(messages: &[LogMessage], options: &DrawOptions, area: Rect, buffer: &mut Buffer) {
    let inner = block("messages").inner(area);
    block("messages").render(area, buffer);
    let newest = &messages[messages.len().saturating_sub(inner.height.into())..];
    let lines: Vec<_> = newest
        .iter()
        .map(|m| {
            let color = match &m.text {
                t if t.contains("error") || t.contains("ERROR") => Color::Red,
                t if t.contains("warning") || t.contains("WARN") => Color::Yellow,
                _ => Color::Reset,
            };
            Line::styled(m.text.clone(), options.paint(color))
        })
        .collect();
    Paragraph::new(lines).render(inner, buffer);
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
}
