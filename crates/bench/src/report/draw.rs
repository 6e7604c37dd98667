//! A small kit of charts on plotters' SVG backend: bars, lines and shares over a few named things.
//!
//! Colors are Okabe and Ito's, which people of all kinds of color vision can tell apart. They stand in
//! the SVG as plain attributes, so that a file is complete by itself and a page can restyle it for
//! a dark background.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A chart as SVG.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Name of its file, without extension.
    pub name: &'static str,
    /// Title, which the picture shows too.
    pub title: String,
    /// What it shows, for those who can't see it.
    pub description: String,
    /// The picture, complete by itself.
    pub svg: String,
}

/// A chart can't be drawn: a bug.
#[derive(Debug, thiserror::Error)]
#[error("a chart can't be drawn: {0}")]
pub struct ChartError(String);

pub(super) type SvgResult = Result<String, ChartError>;
type DrawResult = Result<(), ChartError>;

pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);
pub(super) const YELLOW: RGBColor = RGBColor(240, 228, 66);
pub(super) const BLACK: RGBColor = RGBColor(0, 0, 0);
const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(31, 35, 40);
const MUTED: RGBColor = RGBColor(101, 109, 118);
const GRID: RGBColor = RGBColor(216, 222, 228);

const WIDTH: i32 = 440;
const HEIGHT: i32 = 290;
const LEFT: i32 = 52;
const RIGHT: i32 = 14;
const BOTTOM: i32 = 34;

/// Values of one kind, one for each category.
pub(super) struct Series {
    pub name: String,
    pub color: RGBColor,
    pub values: Vec<Option<f64>>,
}

/// What stands around the values.
pub(super) struct ChartLabels<'a> {
    pub title: &'a str,
    /// What is counted, with its unit and which way is better.
    pub unit: &'a str,
    /// What the categories are.
    pub across: &'a str,
    pub categories: &'a [String],
}

struct Canvas<'a>(DrawingArea<SVGBackend<'a>, Shift>);

fn picture(height: i32, draw: impl FnOnce(&Canvas<'_>) -> DrawResult) -> SvgResult {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        let canvas = Canvas(area);
        canvas.0.fill(&PAPER).map_err(fail)?;
        draw(&canvas)?;
        canvas.0.present().map_err(fail)?;
    }
    Ok(svg)
}

fn fail(e: impl std::fmt::Display) -> ChartError {
    ChartError(e.to_string())
}

impl Canvas<'_> {
    fn text(&self, text: &str, (x, y): (i32, i32), px: f64, color: RGBColor, h: HPos, bold: bool) -> DrawResult {
        // The backend writes a font's size divided by this.
        let font = ("sans-serif", px * 1.24).into_font();
        let font = if bold { font.style(FontStyle::Bold) } else { font };
        let style = TextStyle::from(font).color(&color).pos(Pos::new(h, VPos::Center));
        self.0.draw(&Text::new(text.to_owned(), (x, y), style)).map_err(fail)
    }

    fn bar(&self, (x0, y0): (i32, i32), (x1, y1): (i32, i32), color: RGBColor) -> DrawResult {
        self.0.draw(&Rectangle::new([(x0, y0), (x1, y1)], color.filled())).map_err(fail)
    }

    fn path(&self, points: Vec<(i32, i32)>, color: RGBColor, width: u32) -> DrawResult {
        self.0.draw(&PathElement::new(points, color.stroke_width(width))).map_err(fail)
    }

    fn dot(&self, at: (i32, i32), radius: i32, color: RGBColor) -> DrawResult {
        self.0.draw(&Circle::new(at, radius, color.filled())).map_err(fail)
    }

    /// Title, unit and legend; returns where the plot may begin.
    fn head(&self, title: &str, unit: &str, legend: &[(&str, RGBColor)]) -> Result<i32, ChartError> {
        self.text(title, (LEFT - 38, 18), 15.0, INK, HPos::Left, true)?;
        self.text(unit, (LEFT - 38, 38), 12.0, MUTED, HPos::Left, false)?;
        let (mut x, mut y) = (LEFT - 38, 58);
        if legend.len() < 2 {
            return Ok(y + 8);
        }
        for (name, color) in legend {
            let width = 18 + (name.chars().count() as f64 * 6.2) as i32 + 8;
            if x + width > WIDTH {
                (x, y) = (LEFT - 38, y + 17);
            }
            self.bar((x, y - 5), (x + 10, y + 5), *color)?;
            self.text(name, (x + 16, y), 12.0, INK, HPos::Left, false)?;
            x += width;
        }
        Ok(y + 26)
    }

    /// Grid lines and their figures; returns what a value's height is.
    fn axis(&self, top: i32, max: f64) -> Result<impl Fn(f64) -> i32 + use<>, ChartError> {
        // Room for the figures above the marks.
        let max = max * 1.12;
        let step = tick_step(max);
        let end = (max / step).ceil().max(1.0) * step;
        let bottom = HEIGHT - BOTTOM;
        let at = move |v: f64| bottom - (v / end * f64::from(bottom - top)).round() as i32;
        let mut tick = 0.0;
        while tick <= end * 1.0001 {
            self.path(vec![(LEFT, at(tick)), (WIDTH - RIGHT, at(tick))], GRID, 1)?;
            let digits = (-step.log10().floor()).max(0.0) as usize;
            self.text(&format!("{tick:.digits$}"), (LEFT - 6, at(tick)), 11.0, MUTED, HPos::Right, false)?;
            tick += step;
        }
        Ok(at)
    }
}

/// A round distance of four or five grid lines below `max`.
fn tick_step(max: f64) -> f64 {
    let rough = (max / 4.0).max(1e-9);
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|f| f * power >= rough * 0.999).unwrap_or(10.0);
    factor * power
}

fn highest(series: &[Series]) -> f64 {
    series.iter().flat_map(|s| &s.values).flatten().copied().fold(0.0, f64::max).max(1e-6)
}

fn legend(series: &[Series]) -> Vec<(&str, RGBColor)> {
    series.iter().map(|s| (s.name.as_str(), s.color)).collect()
}

/// Groups of bars, each with its figure; a value that isn't there is marked "failed".
pub(super) fn bars(labels: &ChartLabels<'_>, series: &[Series]) -> SvgResult {
    picture(HEIGHT, |c| {
        let top = c.head(labels.title, labels.unit, &legend(series))?;
        let at = c.axis(top, highest(series))?;
        let slot = f64::from(WIDTH - LEFT - RIGHT) / labels.categories.len().max(1) as f64;
        let width = ((slot * 0.76 / series.len().max(1) as f64) as i32).min(64);
        // Figures of narrow bars would run into each other.
        let small = width < 30;
        for (i, category) in labels.categories.iter().enumerate() {
            let middle = LEFT + (slot * (i as f64 + 0.5)) as i32;
            let from = middle - width * series.len() as i32 / 2;
            for (k, s) in series.iter().enumerate() {
                let x = from + width * k as i32;
                match s.values.get(i).copied().flatten() {
                    Some(v) => {
                        c.bar((x + 1, at(v)), (x + width - 1, at(0.0)), s.color)?;
                        let px = if small { 9.5 } else { 11.0 };
                        c.text(&short(v), (x + width / 2, at(v) - 8), px, INK, HPos::Center, false)?;
                    }
                    None => c.text("failed", (x + width / 2, at(0.0) - 10), 10.0, MUTED, HPos::Center, false)?,
                }
            }
            c.text(category, (middle, HEIGHT - BOTTOM + 11), 12.0, INK, HPos::Center, false)?;
        }
        c.text(labels.across, (LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8), 11.0, MUTED, HPos::Center, false)
    })
}

/// Lines over categories; with `mark`, the highest value of each line has a ring and its figure,
/// else every value has its figure.
pub(super) fn lines(labels: &ChartLabels<'_>, series: &[Series], mark: bool) -> SvgResult {
    picture(HEIGHT, |c| {
        let top = c.head(labels.title, labels.unit, &legend(series))?;
        let at = c.axis(top, highest(series))?;
        let slot = f64::from(WIDTH - LEFT - RIGHT) / labels.categories.len().max(1) as f64;
        let x = |i: usize| LEFT + (slot * (i as f64 + 0.5)) as i32;
        for (k, s) in series.iter().enumerate() {
            let there: Vec<_> = s.values.iter().enumerate().filter_map(|(i, v)| Some((i, (*v)?))).collect();
            c.path(there.iter().map(|(i, v)| (x(*i), at(*v))).collect(), s.color, 2)?;
            let best = there.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|b| b.0);
            for (i, v) in there {
                let ring = mark && best == Some(i);
                if ring {
                    c.dot((x(i), at(v)), 7, s.color)?;
                    c.dot((x(i), at(v)), 5, PAPER)?;
                }
                c.dot((x(i), at(v)), 3, s.color)?;
                if ring || !mark {
                    let text = if ring { format!("best {}", short(v)) } else { short(v) };
                    let away = if k == 0 { -14 } else { 15 };
                    c.text(&text, (x(i), at(v) + away), 11.0, INK, HPos::Center, false)?;
                }
            }
        }
        for (i, category) in labels.categories.iter().enumerate() {
            c.text(category, (x(i), HEIGHT - BOTTOM + 11), 12.0, INK, HPos::Center, false)?;
        }
        c.text(labels.across, (LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8), 11.0, MUTED, HPos::Center, false)
    })
}

/// For each category a bar of parts that make up the whole, with the whole's figure behind it.
pub(super) fn shares(labels: &ChartLabels<'_>, parts: &[Series], unit: &str) -> SvgResult {
    picture(HEIGHT, |c| {
        let top = c.head(labels.title, labels.unit, &legend(parts))?;
        let rows = labels.categories.len().max(1) as i32;
        let slot = (HEIGHT - 12 - top) / rows;
        let thick = (slot * 7 / 10).min(34);
        let (left, right) = (LEFT + 6, WIDTH - 78);
        for (i, category) in labels.categories.iter().enumerate() {
            let y = top + slot * i as i32 + (slot - thick) / 2;
            let value = |p: &Series| p.values.get(i).copied().flatten().unwrap_or(0.0);
            let total: f64 = parts.iter().map(value).sum();
            let mut sum = 0.0;
            let at = |v: f64| left + (v / total.max(1e-9) * f64::from(right - left)).round() as i32;
            for p in parts {
                let (from, to) = (at(sum), at(sum + value(p)));
                sum += value(p);
                if to > from {
                    c.bar((from, y), (to, y + thick), p.color)?;
                }
                if to - from > 30 {
                    let ink = if [BLUE, VERMILION, GREEN].contains(&p.color) { PAPER } else { RGBColor(0, 0, 0) };
                    let share = format!("{:.0} %", 100.0 * value(p) / total.max(1e-9));
                    c.text(&share, ((from + to) / 2, y + thick / 2), 11.0, ink, HPos::Center, false)?;
                }
            }
            c.text(category, (left - 6, y + thick / 2), 12.0, INK, HPos::Right, false)?;
            c.text(&format!("{} {unit}", short(total)), (right + 6, y + thick / 2), 11.0, INK, HPos::Left, false)?;
        }
        Ok(())
    })
}

/// A figure beside a mark.
fn short(v: f64) -> String {
    match v {
        v if v >= 9999.5 => format!("{:.0}k", v / 1e3),
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.95 => format!("{v:.0}"),
        v if v >= 0.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_steps_are_round_numbers() {
        for (max, want) in [(1.0, 0.25), (3.9, 1.0), (7.0, 2.0), (55.0, 20.0), (100.0, 25.0), (0.03, 0.01)] {
            assert!((tick_step(max) - want).abs() < 1e-9, "{max}: {}", tick_step(max));
        }
    }

    #[test]
    fn charts_print_their_values() {
        let categories = ["a".to_owned(), "b & c".to_owned()];
        let labels = ChartLabels { title: "T", unit: "u", across: "x", categories: &categories };
        let series = |values| [Series { name: "s".into(), color: BLUE, values }];
        let svg = bars(&labels, &series(vec![Some(12.3), None])).unwrap();
        assert!(svg.contains(">\n12\n") && svg.contains("failed") && svg.contains("b &amp; c"), "{svg}");
        let svg = lines(&labels, &series(vec![Some(1.0), Some(2.0)]), true).unwrap();
        assert!(svg.contains("best 2.0"), "{svg}");
        let svg = shares(&labels, &series(vec![Some(1.0), Some(2.0)]), "ms").unwrap();
        assert!(svg.contains("100 %") && svg.contains("2.0 ms"), "{svg}");
    }
}
