//! A contact sheet: moments of a video below each other, what was made of them side by side.

use super::picture::Image;
use embedded_graphics::Pixel;
use embedded_graphics::mono_font::ascii::{FONT_9X18_BOLD, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Point, Size};
use embedded_graphics::text::{Baseline, Text};
use std::convert::Infallible;

const BACKGROUND: [u8; 3] = [24, 27, 33];
const INK: [u8; 3] = [232, 235, 240];
const DIM: [u8; 3] = [150, 160, 175];
/// Pixels between cells and around them.
const GAP: usize = 12;
/// Height of a line of text with its space.
const LINE: usize = 30;

#[derive(Debug)]
pub(crate) struct Moment {
    pub label: String,
    /// One picture a column, all of one size.
    pub cells: Vec<Image>,
}

/// Draws the sheet: titles above, a heading above each column, a row for each moment.
pub(crate) fn draw(titles: &[String], headings: &[&str], moments: &[Moment]) -> Image {
    let (w, h) = moments.first().and_then(|m| m.cells.first()).map_or((0, 0), |c| (c.width, c.height));
    let columns = headings.len();
    let width = GAP + columns * (w + GAP);
    let head = GAP + LINE * titles.len() + LINE;
    let height = head + moments.len() * (h + GAP);
    let mut sheet = Image { width, height, data: BACKGROUND.repeat(width * height) };
    for (i, title) in titles.iter().enumerate() {
        let color = if i == 0 { INK } else { DIM };
        text(&mut sheet, title, (GAP, GAP + i * LINE), &FONT_10X20, color);
    }
    for (i, heading) in headings.iter().enumerate() {
        text(&mut sheet, heading, (GAP + i * (w + GAP), head - LINE + 4), &FONT_9X18_BOLD, INK);
    }
    for (row, moment) in moments.iter().enumerate() {
        let top = head + row * (h + GAP);
        for (i, cell) in moment.cells.iter().enumerate() {
            sheet.place(cell, GAP + i * (w + GAP), top);
        }
        if !moment.label.is_empty() {
            label(&mut sheet, &moment.label, (GAP, top));
        }
    }
    sheet
}

/// A label on a dark ground, in a corner of a picture.
pub(crate) fn label(sheet: &mut Image, words: &str, (x, y): (usize, usize)) {
    let size = (9 * words.chars().count() + 12, 24);
    let ground = Image { width: size.0, height: size.1, data: BACKGROUND.repeat(size.0 * size.1) };
    sheet.place(&ground, x, y);
    text(sheet, words, (x + 6, y + 3), &FONT_9X18_BOLD, INK);
}

fn text(sheet: &mut Image, words: &str, (x, y): (usize, usize), font: &MonoFont<'_>, [r, g, b]: [u8; 3]) {
    let style = MonoTextStyle::new(font, Rgb888::new(r, g, b));
    // What is beyond the border is cut off.
    let _ = Text::with_baseline(words, Point::new(x as i32, y as i32), style, Baseline::Top).draw(sheet);
}

impl OriginDimensions for Image {
    fn size(&self) -> Size {
        Size::new(self.width as u32, self.height as u32)
    }
}

impl DrawTarget for Image {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, color) in pixels {
            let (Ok(x), Ok(y)) = (usize::try_from(at.x), usize::try_from(at.y)) else { continue };
            if x < self.width && y < self.height {
                let i = 3 * (y * self.width + x);
                self.data[i..i + 3].copy_from_slice(&[color.r(), color.g(), color.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_placed_and_labeled() {
        let cell = |v: u8| Image { width: 100, height: 50, data: vec![v; 100 * 50 * 3] };
        let moment = |v| Moment { label: "0:01".into(), cells: vec![cell(v), cell(v + 1)] };
        let sheet = draw(&["clip.mp4".into()], &["frame", "matte"], &[moment(100), moment(200)]);
        assert_eq!((sheet.width, sheet.height), (3 * GAP + 200, GAP + 2 * LINE + 2 * (50 + GAP)));
        let pixel = |x: usize, y: usize| sheet.data[3 * (y * sheet.width + x)];
        let top = GAP + 2 * LINE;
        assert_eq!(pixel(GAP + 99, top + 49), 100);
        assert_eq!(pixel(2 * GAP + 100, top), 101);
        assert_eq!(pixel(2 * GAP + 199, top + 50 + GAP), 201);
        assert_eq!(pixel(GAP, top), BACKGROUND[0], "the label's ground");
        let label = (GAP..GAP + 60).flat_map(|x| (top..top + 24).map(move |y| (x, y)));
        assert!(label.filter(|(x, y)| pixel(*x, *y) == INK[0]).count() > 40, "the label's letters");
    }
}
