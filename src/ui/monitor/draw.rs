//! What the page in the terminal looks like.

use crate::ui::board::{Message, Now, Phase, Point};
use crate::ui::format;
use crate::ui::picture::{Image, Picture};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph, Sparkline, Widget};
use std::sync::Arc;

/// Colors that the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colors {
    /// None are wanted.
    None,
    /// The 256 of xterm.
    Indexed,
    /// All.
    True,
}

impl Colors {
    /// By the environment; `wanted`: colors are not refused.
    pub(super) fn of_terminal(wanted: bool) -> Self {
        let all = std::env::var("COLORTERM").is_ok_and(|c| c == "truecolor" || c == "24bit");
        match (wanted, all) {
            (false, _) => Colors::None,
            (true, true) => Colors::True,
            (true, false) => Colors::Indexed,
        }
    }

    fn rgb(self, [r, g, b]: [u8; 3]) -> Color {
        if self == Colors::True {
            return Color::Rgb(r, g, b);
        }
        let (low, high) = (r.min(g).min(b), r.max(g).max(b));
        // Gray has a finer ramp of its own: 24 steps from 8 to 238.
        if high - low < 12 && (8..=238).contains(&low) {
            return Color::Indexed(232 + (u16::from(low) * 23 / 238) as u8);
        }
        let step = |c: u8| ((u16::from(c) * 5 + 127) / 255) as u8;
        Color::Indexed(16 + 36 * step(r) + 6 * step(g) + step(b))
    }
}

/// How the page is to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub colors: Colors,
    /// With frame and matte.
    pub preview: bool,
}

impl Look {
    fn paint(&self, color: Color) -> Style {
        if self.colors == Colors::None { Style::new() } else { Style::new().fg(color) }
    }
}

/// What the page shows.
pub(super) struct Page {
    pub now: Now,
    pub history: Vec<Point>,
    pub messages: Vec<Message>,
    pub picture: Option<Arc<Picture>>,
}

/// Draws the page.
pub(super) fn page(frame: &mut Frame<'_>, page: &Page, look: &Look) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let now = &page.now;
    let stages = now.stages.len() as u16 + 3;
    let log = if area.height > 30 { 8 } else { 5 };
    let with_preview = look.preview && look.colors != Colors::None && area.width >= 100;
    // What a tall terminal has to spare goes to the pictures.
    let spare = if with_preview { area.height.saturating_sub(6) * 3 / 5 } else { 0 };
    let rows = [
        Constraint::Length(1),
        Constraint::Length(4),
        Constraint::Length(stages.max(9).max(spare)),
        Constraint::Min(log),
        Constraint::Length(1),
    ];
    let [title, progress, middle, messages, keys] = Layout::vertical(rows).areas(area);
    title_line(now, look).render(title, buffer);
    draw_progress(page, look, progress, buffer);

    let gauges = gauges(now);
    // Where there is room, figures are below each other, and pictures have the width.
    let tall = middle.height >= stages + 2 + 2 * gauges.len() as u16;
    let share = match (with_preview, tall) {
        (false, _) => 100,
        (true, false) => 58,
        (true, true) => 40,
    };
    let [figures, right] =
        Layout::horizontal([Constraint::Percentage(share), Constraint::Percentage(100 - share)]).areas(middle);
    let [upper, lower] = if with_preview && tall {
        Layout::vertical([Constraint::Length(stages), Constraint::Min(0)]).areas(figures)
    } else {
        Layout::horizontal([Constraint::Percentage(57), Constraint::Percentage(43)]).areas(figures)
    };
    draw_stages(now, look, upper, buffer);
    draw_machine(&gauges, look, lower, buffer);
    if with_preview {
        draw_preview(page.picture.as_deref(), look, right, buffer);
    }
    draw_messages(&page.messages, look, messages, buffer);
    let hint = " q or Ctrl-C: finish the frames under way and stop   p: preview on and off";
    Paragraph::new(hint).style(Style::new().add_modifier(Modifier::DIM)).render(keys, buffer);
}

fn block(title: &str) -> Block<'_> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(Style::new().add_modifier(Modifier::DIM))
        .title(Span::styled(format!(" {title} "), Style::new().add_modifier(Modifier::BOLD)))
}

fn title_line(now: &Now, look: &Look) -> Paragraph<'static> {
    let (word, color) = match now.phase {
        Phase::Starting => ("starting", Color::Cyan),
        Phase::Running => ("running", Color::Green),
        Phase::Stopping => ("stopping", Color::Yellow),
        Phase::Ended => ("done", Color::Green),
    };
    let number = if now.jobs.count > 1 { format!("[{}/{}] ", now.jobs.number, now.jobs.count) } else { String::new() };
    Paragraph::new(Line::from(vec![
        Span::styled(" vrseg ", Style::new().add_modifier(Modifier::BOLD)),
        Span::styled(word, look.paint(color)),
        Span::raw(format!("  {number}{}", now.input)),
    ]))
}

/// Green above the target, yellow above two thirds of it, red below.
fn speed_color(now: &Now) -> Color {
    match now.fps / now.target_fps {
        share if share >= 1.0 => Color::Green,
        share if share >= 2.0 / 3.0 => Color::Yellow,
        _ => Color::Red,
    }
}

fn draw_progress(page: &Page, look: &Look, area: Rect, buffer: &mut Buffer) {
    let now = &page.now;
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
            look.paint(speed_color(now)).add_modifier(Modifier::BOLD),
        ),
        Span::raw(format!("   {frames}{eta}{segments}{slowest}")),
    ]);
    let percent = share.map(|s| format!(" {:3.0} %", s * 100.0)).unwrap_or_default();
    let width = usize::from(inner.width).saturating_sub(percent.len());
    let bar =
        Line::from(vec![Span::styled(bar(share.unwrap_or(0.0), width), look.paint(Color::Cyan)), Span::raw(percent)]);
    Paragraph::new(vec![text, bar]).render(inner, buffer);

    let inner = block("frames per second").inner(right);
    block("frames per second").render(right, buffer);
    // Tenths, so that slow jobs have a line too; the newest at the right.
    let speeds: Vec<u64> = page.history.iter().map(|p| (p.fps * 10.0) as u64).collect();
    let newest = &speeds[speeds.len().saturating_sub(usize::from(inner.width))..];
    Sparkline::default().data(newest).style(look.paint(Color::Cyan)).render(inner, buffer);
}

/// A bar of `width` cells, filled to `share` with an eighth of a cell's accuracy.
fn bar(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    let filled = "█".repeat(eighths / 8) + part;
    let rest = width - eighths / 8 - usize::from(!part.is_empty());
    filled + &"·".repeat(rest)
}

fn draw_stages(now: &Now, look: &Look, area: Rect, buffer: &mut Buffer) {
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
            Span::styled(format!("{:9}", stage.report.stage), look.paint(color)),
            Span::styled(bar(stage.load, width), look.paint(if slowest { Color::Yellow } else { Color::Cyan })),
            Span::raw(format!(" {:3.0} %{:>6} {work:>10}", stage.load * 100.0, stage.report.queue)),
        ]));
    }
    Paragraph::new(lines).render(inner, buffer);
}

/// A share with its name and its figures.
struct Gauge {
    label: &'static str,
    share: f64,
    text: String,
    /// Nearly all of it is nothing to worry about.
    harmless: bool,
}

/// What the process takes of the machine.
fn gauges(now: &Now) -> Vec<Gauge> {
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
    let kept = now.mattes.memory + now.mattes.disk;
    if kept > 0 {
        gauge("cache", now.mattes.hit_rate(), format!("{kept} mattes of {}", kept + now.mattes.computed), true);
    }
    all
}

fn draw_machine(gauges: &[Gauge], look: &Look, area: Rect, buffer: &mut Buffer) {
    let inner = block("machine").inner(area);
    block("machine").render(area, buffer);
    let width = usize::from(inner.width).saturating_sub(8).clamp(4, 24);
    let lines: Vec<_> = gauges
        .iter()
        .flat_map(|g| {
            let color = if g.share > 0.95 && !g.harmless { Color::Red } else { Color::Cyan };
            let bar = Span::styled(bar(g.share, width), look.paint(color));
            let text = Line::styled(format!("       {}", g.text), Style::new().add_modifier(Modifier::DIM));
            [Line::from(vec![Span::raw(format!("{:7}", g.label)), bar]), text]
        })
        .collect();
    Paragraph::new(lines).render(inner, buffer);
}

fn draw_preview(picture: Option<&Picture>, look: &Look, area: Rect, buffer: &mut Buffer) {
    let title = picture.map_or("preview".to_owned(), |p| format!("frame {}", p.frame));
    let inner = block(&title).inner(area);
    block(&title).render(area, buffer);
    let Some(picture) = picture else { return };
    // Above the other where that makes them larger: a cell is about twice as high as wide.
    let (w, h) = (usize::from(inner.width), 2 * usize::from(inner.height));
    let halves = [((w.saturating_sub(1)) / 2, h), (w, h.saturating_sub(2) / 4 * 2)];
    let across = picture.source.fitted(halves[0].0, halves[0].1);
    let down = picture.source.fitted(halves[1].0, halves[1].1);
    let beside = across.width >= down.width;
    let (source, half) = if beside { (across, halves[0]) } else { (down, halves[1]) };
    let matte = picture.matte.fitted(half.0, half.1);
    blocks(&source, look, inner, buffer);
    let (dx, dy) = if beside { (source.width as u16 + 1, 0) } else { (0, (source.height as u16).div_ceil(2)) };
    let second = Rect {
        x: inner.x + dx,
        y: inner.y + dy,
        width: inner.width.saturating_sub(dx),
        height: inner.height.saturating_sub(dy),
    };
    blocks(&matte, look, second, buffer);
}

/// Two pixels a cell: the upper half block in the color of one before that of the other.
fn blocks(image: &Image, look: &Look, area: Rect, buffer: &mut Buffer) {
    let pixel = |x: usize, y: usize| {
        let at = 3 * (y * image.width + x);
        look.colors.rgb([image.data[at], image.data[at + 1], image.data[at + 2]])
    };
    for y in 0..image.height.div_ceil(2).min(area.height.into()) {
        for x in 0..image.width.min(area.width.into()) {
            let Some(cell) = buffer.cell_mut((area.x + x as u16, area.y + y as u16)) else { continue };
            cell.set_symbol("▀").set_fg(pixel(x, 2 * y));
            if 2 * y + 1 < image.height {
                cell.set_bg(pixel(x, 2 * y + 1));
            }
        }
    }
}

fn draw_messages(messages: &[Message], look: &Look, area: Rect, buffer: &mut Buffer) {
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
            Line::styled(m.text.clone(), look.paint(color))
        })
        .collect();
    Paragraph::new(lines).render(inner, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::board::StageNow;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use vrseg_engine::pipeline::StageReport;

    fn sample(fps: f64) -> Page {
        let stage = |stage, load| StageNow {
            report: StageReport { stage, p50: 0.0123, queue: 2, ..StageReport::default() },
            load,
        };
        let now = Now {
            phase: Phase::Running,
            input: "clip_LR.mp4".into(),
            frames: 300,
            total: Some(600),
            fps,
            target_fps: 90.0,
            eta: Some(65.0),
            bottleneck: "infer",
            stages: vec![stage("decode", 0.5), stage("infer", 1.0)],
            cores: 2,
            memory: 8 << 30,
            ..Now::default()
        };
        let image = Image { width: 8, height: 4, data: vec![200; 96] };
        let picture = Picture { frame: 7, seconds: 0.1, source: image.clone(), matte: image.clone(), composite: image };
        let messages = vec![Message { number: 1, t: 0.0, text: "vrseg: warning: a word".into() }];
        Page { now, history: Vec::new(), messages, picture: Some(Arc::new(picture)) }
    }

    fn drawn(page_: &Page, size: (u16, u16), colors: Colors) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a terminal");
        let look = Look { colors, preview: true };
        terminal.draw(|frame| page(frame, page_, &look)).expect("drawn");
        terminal.backend().buffer().clone()
    }

    fn text(buffer: &Buffer) -> String {
        let width = usize::from(buffer.area.width);
        let cells: Vec<_> = buffer.content.iter().map(|c| c.symbol()).collect();
        cells.chunks(width).map(|row| row.concat() + "\n").collect()
    }

    #[test]
    fn all_figures_are_there_in_every_size() {
        for size in [(120, 32), (80, 24)] {
            let text = text(&drawn(&sample(45.0), size, Colors::True));
            for part in [
                "clip_LR.mp4",
                "45 fps",
                "300/600 frames",
                "1:05 left",
                "slowest: infer",
                "50 %",
                "12.3 ms",
                "2 cores",
                "a word",
                "Ctrl-C",
            ] {
                assert!(text.contains(part), "{part} at {size:?}:\n{text}");
            }
            assert_eq!(text.contains('▀'), size.0 >= 100, "{text}");
        }
        // However small, it doesn't fail.
        for size in [(1, 1), (10, 3), (200, 5), (30, 60)] {
            drawn(&sample(1.0), size, Colors::Indexed);
        }
    }

    #[test]
    fn the_speeds_color_goes_by_the_target_and_none_is_used_where_none_is_wanted() {
        let color = |fps| speed_color(&sample(fps).now);
        assert_eq!([color(91.0), color(61.0), color(59.0)], [Color::Green, Color::Yellow, Color::Red]);
        let plain = drawn(&sample(91.0), (120, 32), Colors::None);
        assert!(plain.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset));
    }

    #[test]
    fn bars_are_filled_by_eighths() {
        assert_eq!(bar(0.0, 3), "···");
        assert_eq!(bar(0.5, 3), "█▌·");
        assert_eq!(bar(2.0, 3), "███");
        assert_eq!(bar(1.0 / 24.0, 3), "▏··");
    }

    #[test]
    fn colors_have_their_nearest_of_256() {
        assert_eq!(Colors::Indexed.rgb([255, 0, 0]), Color::Indexed(196));
        assert_eq!(Colors::Indexed.rgb([128, 128, 128]), Color::Indexed(244));
        assert_eq!(Colors::True.rgb([1, 2, 3]), Color::Rgb(1, 2, 3));
    }
}
