//! The panel with frame and matte.

use super::panels::block;
use super::style::DrawOptions;
use crate::ui::picture::{Image, Picture};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

pub(super) fn draw_preview(picture: Option<&Picture>, options: &DrawOptions, area: Rect, buffer: &mut Buffer) {
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
    blocks(&source, options, inner, buffer);
    let (dx, dy) = if beside { (source.width as u16 + 1, 0) } else { (0, (source.height as u16).div_ceil(2)) };
    let second = Rect {
        x: inner.x + dx,
        y: inner.y + dy,
        width: inner.width.saturating_sub(dx),
        height: inner.height.saturating_sub(dy),
    };
    blocks(&matte, options, second, buffer);
}

/// Two pixels a cell: the upper half block in the color of one before that of the other.
fn blocks(image: &Image, options: &DrawOptions, area: Rect, buffer: &mut Buffer) {
    let pixel = |x: usize, y: usize| {
        let at = 3 * (y * image.width + x);
        options.colors.rgb([image.data[at], image.data[at + 1], image.data[at + 2]])
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
