//! The bar on a terminal.

use super::text::Figures;
use crate::ui::console::Console;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(200);

/// A line at the bottom of the terminal: first what is prepared, then the bar with its figures.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    color: bool,
    /// A bar that fills, not a spinner.
    fills: bool,
}

impl Bar {
    /// A spinner with a text.
    pub(super) fn new(console: &Console, prefix: &str, text: &str) -> Self {
        let bar = console.bars().add(ProgressBar::new_spinner());
        let bar = Self { bar, color: console.colors(), fills: false };
        bar.style("{prefix}{spinner} {wide_msg}");
        bar.bar.set_prefix(prefix.to_owned());
        bar.bar.set_message(text.to_owned());
        bar.bar.enable_steady_tick(TICK);
        bar
    }

    fn style(&self, template: &str) {
        // The templates are constants and right; indicatif's own is good enough if they weren't.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("━╸─"));
        }
    }

    /// What is being done, where there is no progress yet.
    pub(super) fn say(&mut self, text: &str) {
        if self.fills {
            self.style("{prefix}{spinner} {wide_msg}");
            self.fills = false;
        }
        self.bar.set_message(text.to_owned());
    }

    /// Shows a job's progress; `batch` is a second line, for several files.
    pub(super) fn show(&mut self, figures: &Figures, batch: Option<&str>) {
        let width = ::console::Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
        if let Some(total) = figures.total {
            if !self.fills {
                let bar = if self.color { "{wide_bar:.cyan}" } else { "{wide_bar}" };
                self.style(&format!("{{prefix}}{bar} {{percent:>3}} %\n{{msg}}"));
                self.fills = true;
            }
            self.bar.set_length(total);
            self.bar.set_position(figures.frames);
        } else if self.fills {
            // The container announced too few.
            self.say("");
        }
        // A spinner stands in front where there is no bar.
        let width = if self.fills { width } else { width.saturating_sub(self.bar.prefix().chars().count() + 2) };
        let mut text = figures.fitted(width);
        if let Some(batch) = batch {
            text = format!("{text}\n{}", batch.chars().take(width).collect::<String>());
        }
        self.bar.set_message(text);
    }

    /// Takes it away.
    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }
}
