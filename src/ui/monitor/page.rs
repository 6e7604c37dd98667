//! The layout of the page in the terminal.

use super::panels::{draw_job, draw_machine, draw_messages, draw_progress, draw_stages, gauges, shortened};
use super::preview::draw_preview;
use super::style::{Colors, DrawOptions};
use crate::ui::picture::Picture;
use crate::ui::status::{HistoryPoint, LogMessage, Phase, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};
use std::sync::Arc;
use vrseg_engine::graph::STAGES;

pub(super) struct Page {
    pub now: Snapshot,
    pub history: Vec<HistoryPoint>,
    pub messages: Vec<LogMessage>,
    pub picture: Option<Arc<Picture>>,
}

pub(super) fn draw(frame: &mut Frame<'_>, page: &Page, options: &DrawOptions) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let now = &page.now;
    // Room for all of them from the beginning, so that nothing jumps.
    let stages = now.stages.len().max(STAGES.len()) as u16 + 3;
    let log = if area.height > 30 { 8 } else { 5 };
    let job = if area.height > 30 { job_height(now) } else { 0 };
    let with_preview = options.preview && options.colors != Colors::None && area.width >= 100;
    // What a tall terminal has to spare goes to the pictures.
    let spare = if with_preview { area.height.saturating_sub(7 + job) * 3 / 5 } else { 0 };
    let rows = [
        Constraint::Length(1),
        Constraint::Length(5),
        Constraint::Length(stages.max(spare)),
        Constraint::Length(job),
        Constraint::Min(log),
        Constraint::Length(1),
    ];
    let [title, progress, middle, facts, messages, keys] = Layout::vertical(rows).areas(area);
    title_line(now, options, title.width.into()).render(title, buffer);
    draw_progress(&page.now, &page.history, options, progress, buffer);

    let gauges = gauges(now);
    // Where there is space, figures are below each other, and pictures have the width.
    let tall = middle.height >= stages + 2 + gauges.len() as u16;
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
    draw_stages(now, options, upper, buffer);
    draw_machine(&gauges, options, lower, buffer);
    if with_preview {
        draw_preview(page.picture.as_deref(), options, right, buffer);
    }
    if job > 0 {
        draw_job(now, options, facts, buffer);
    }
    draw_messages(&page.messages, options, messages, buffer);
    let hint = " q or Ctrl-C: finish the current frames and stop   p: preview on and off";
    Paragraph::new(hint).style(Style::new().add_modifier(Modifier::DIM)).render(keys, buffer);
}

/// Rows for what the job is and its files.
fn job_height(now: &Snapshot) -> u16 {
    let files = if now.files.len() > 1 { now.files.len().min(6) } else { 0 };
    (now.facts.len().max(5) + files) as u16 + 2
}

fn title_line(now: &Snapshot, options: &DrawOptions, width: usize) -> Paragraph<'static> {
    let (word, color) = match now.phase {
        Phase::Starting => ("starting", Color::Cyan),
        Phase::Loading => ("loading the model", Color::Cyan),
        Phase::Tuning => ("measuring splits of threads", Color::Cyan),
        Phase::Running => ("running", Color::Green),
        Phase::Joining => ("joining segments", Color::Green),
        Phase::Stopping => ("stopping", Color::Yellow),
        Phase::Ended if now.jobs.failed > 0 => ("ended with failures", Color::Red),
        Phase::Ended => ("done", Color::Green),
    };
    let number = if now.jobs.count > 1 { format!("[{}/{}] ", now.jobs.number, now.jobs.count) } else { String::new() };
    let limit = now.phase_limit.map(|s| format!(" ({s:.0} s at most)")).unwrap_or_default();
    let used = 7 + word.len() + limit.len() + 2 + number.len();
    let input = shortened(&now.input, width.saturating_sub(used));
    Paragraph::new(Line::from(vec![
        Span::styled(" vrseg ", Style::new().add_modifier(Modifier::BOLD)),
        Span::styled(word, options.paint(color)),
        Span::raw(format!("{limit}  {number}{input}")),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::monitor::panels::speed_color;
    use crate::ui::picture::Image;
    use crate::ui::status::StageStatus;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use vrseg_engine::StageReport;

    fn sample(fps: f64) -> Page {
        let stage = |stage, load| StageStatus {
            report: StageReport { stage, p50: 0.0123, queue: 2, ..StageReport::default() },
            load,
        };
        let now = Snapshot {
            phase: Phase::Running,
            input: "clip_LR.mp4".into(),
            frames: 300,
            total: Some(600),
            fps,
            target_fps: Some(90.0),
            eta: Some(65.0),
            bottleneck: "infer",
            stages: vec![stage("decode", 0.5), stage("infer", 1.0)],
            cores: 2,
            memory: 8 << 30,
            ..Snapshot::default()
        };
        let image = Image { width: 8, height: 4, data: vec![200; 96] };
        let picture = Picture { frame: 7, seconds: 0.1, source: image.clone(), matte: image.clone(), composite: image };
        let messages = vec![LogMessage { number: 1, t: 0.0, text: "vrseg: warning: a word".into() }];
        Page { now, history: Vec::new(), messages, picture: Some(Arc::new(picture)) }
    }

    fn drawn(content: &Page, size: (u16, u16), colors: Colors) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a terminal");
        let options = DrawOptions { colors, preview: true };
        terminal.draw(|frame| draw(frame, content, &options)).expect("drawn");
        terminal.backend().buffer().clone()
    }

    fn text(buffer: &Buffer) -> String {
        let width = usize::from(buffer.area.width);
        let cells: Vec<_> = buffer.content.iter().map(|c| c.symbol()).collect();
        cells.chunks(width).map(|row| row.concat() + "\n").collect()
    }

    #[test]
    fn all_figures_are_shown_in_every_size() {
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
    fn speed_color_follows_the_target_and_no_colors_means_none() {
        let color = |fps| speed_color(&sample(fps).now);
        assert_eq!([color(91.0), color(61.0), color(59.0)], [Color::Green, Color::Yellow, Color::Red]);
        let plain = drawn(&sample(91.0), (120, 32), Colors::None);
        assert!(plain.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset));
    }
}
