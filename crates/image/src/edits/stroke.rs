//! Brush strokes: a line as wide as the brush, whose points follow what they were painted on.

use crate::matte::{Borders, Motion};
use crate::plane::Plane;
use serde::{Deserialize, Serialize};

/// Half of the soft rim of a stroke, in samples.
const SOFT: f32 = 0.75;

/// A stroke at a frame, in samples of the matte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brush {
    /// The line.
    pub points: Vec<[f32; 2]>,
    /// Half of its width.
    pub radius: f32,
}

impl Brush {
    /// A brush along a line whose points lie at least half a sample apart.
    pub fn new(line: impl IntoIterator<Item = [f32; 2]>, radius: f32) -> Self {
        let mut points: Vec<[f32; 2]> = Vec::new();
        for [x, y] in line {
            if points.last().is_none_or(|[a, b]| (x - a).hypot(y - b) >= 0.5) {
                points.push([x, y]);
            }
        }
        Self { points, radius }
    }

    /// How much each sample of a matte is painted, 0..=1. What reaches beyond the left and right borders is painted at the other
    /// one, where they are neighbors.
    pub fn mask(&self, (width, height): (usize, usize), borders: Borders) -> Plane<f32> {
        let mut mask = Plane::from_vec(vec![0.0; width * height], width, height);
        let turn = width as f32;
        let turns = if borders.wraps() { &[0.0, -turn, turn][..] } else { &[0.0] };
        turns.iter().for_each(|by| self.paint(*by, &mut mask));
        mask
    }

    /// Paints the line, moved to the right by some samples.
    fn paint(&self, by: f32, mask: &mut Plane<f32>) {
        let (width, height) = (mask.width(), mask.height());
        let Some(first) = self.points.first() else { return };
        let single = [[*first, *first]];
        let lines = self.points.windows(2).map(|pair| [pair[0], pair[1]]);
        let reach = self.radius + SOFT;
        for ends in single.into_iter().chain(lines) {
            let [a, b] = ends.map(|[x, y]| [x + by, y]);
            let range = |i: usize, n: usize| {
                let (low, high) = (a[i].min(b[i]) - reach, a[i].max(b[i]) + reach);
                (low.floor().clamp(0.0, n as f32) as usize)..(high.ceil().clamp(0.0, n as f32) as usize)
            };
            for y in range(1, height) {
                for x in range(0, width) {
                    let far = distance([x as f32 + 0.5, y as f32 + 0.5], a, b);
                    let value = ((reach - far) / (2.0 * SOFT)).clamp(0.0, 1.0);
                    let painted = &mut mask.data_mut()[y * width + x];
                    *painted = painted.max(value);
                }
            }
        }
    }

    /// Moves each point along with the picture under it, from an earlier frame to this one, of `width` samples. Returns how far
    /// that is at most.
    pub fn follow(&mut self, motion: &Motion, width: usize, borders: Borders) -> f32 {
        let mut most: f32 = 0.0;
        let at = |x: f32, y: f32| motion.at(if borders.wraps() { x.rem_euclid(width as f32) } else { x }, y);
        for point in &mut self.points {
            // The motion is known at places of this frame; where it is even, that of the old place will do.
            let [dx, dy] = at(point[0], point[1]);
            let [dx, dy] = at(point[0] - dx, point[1] - dy);
            *point = [point[0] - dx, point[1] - dy];
            most = most.max(dx.hypot(dy));
        }
        most
    }
}

/// The distance of a point from a line between two others.
fn distance(p: [f32; 2], a: [f32; 2], b: [f32; 2]) -> f32 {
    let (along, from) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length = along[0] * along[0] + along[1] * along[1];
    let t = if length > 0.0 { ((from[0] * along[0] + from[1] * along[1]) / length).clamp(0.0, 1.0) } else { 0.0 };
    (from[0] - t * along[0]).hypot(from[1] - t * along[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matte::MotionSearch;

    #[test]
    fn strokes_have_round_ends_and_the_brushs_width() {
        let brush = Brush { points: vec![[5.0, 10.0], [15.0, 10.0]], radius: 3.0 };
        let mask = brush.mask((20, 20), Borders::Clamp);
        let at = |x: usize, y: usize| mask.data()[y * 20 + x];
        assert_eq!((at(10, 10), at(10, 8), at(10, 14), at(0, 10)), (1.0, 1.0, 0.0, 0.0));
        let sum: f32 = mask.data().iter().sum();
        assert!((sum - (60.0 + 28.27)).abs() < 3.0, "{sum}");
        let dot = Brush { points: vec![[5.0, 5.0]], radius: 2.0 }.mask((10, 10), Borders::Clamp);
        assert!((dot.data().iter().sum::<f32>() - 12.57).abs() < 1.5);
        assert_eq!(Brush { points: Vec::new(), radius: 2.0 }.mask((4, 4), Borders::Clamp).data(), [0.0; 16]);
        // Points outside of the view paint only what reaches in.
        let outside = Brush { points: vec![[-1.0, 2.0], [f32::MAX, 2.0]], radius: 1.0 }.mask((4, 4), Borders::Clamp);
        assert!(outside.data().iter().all(|v| v.is_finite()));
    }

    #[test]
    fn strokes_cross_the_seam_of_a_360_view() {
        let brush = Brush { points: vec![[18.0, 10.0], [23.0, 10.0]], radius: 2.0 };
        let sum = |borders| brush.mask((20, 20), borders).data().iter().sum::<f32>();
        let mask = brush.mask((20, 20), Borders::WrapX);
        let at = |x: usize| mask.data()[10 * 20 + x];
        assert_eq!((at(19), at(0), at(3), at(10)), (1.0, 1.0, 1.0, 0.0));
        assert!((sum(Borders::WrapX) - (20.0 + 12.57)).abs() < 2.0);
        assert!(sum(Borders::Clamp) < sum(Borders::WrapX) / 2.0);
    }

    #[test]
    fn points_of_a_line_that_say_nothing_are_left_out() {
        let line = (0..1000).map(|i| [i as f32 / 100.0, 3.0]);
        let brush = Brush::new(line.clone(), 1.0);
        assert!((15..=21).contains(&brush.points.len()), "{}", brush.points.len());
        let whole = Brush { points: line.collect(), radius: 1.0 };
        let masks = [brush, whole].map(|b| b.mask((20, 20), Borders::Clamp));
        let most = masks[0].data().iter().zip(masks[1].data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most <= 0.35, "{most}");
    }

    #[test]
    fn points_follow_the_picture() {
        let (w, h) = (128, 96);
        let frame = |shift: i64| {
            let value = |x: i64, y: i64| {
                let (x, y) = (x as f32, y as f32);
                0.5 + 0.2 * (0.11 * x).sin() * (0.17 * y).cos()
                    + 0.2 * (0.05 * x + 0.08 * y).sin()
                    + 0.1 * (0.4 * x).sin()
            };
            let data = (0..w * h).map(|i| value((i % w) as i64 - shift + 4000, (i / w) as i64 - shift / 2 + 4000));
            Plane::from_vec(data.collect(), w, h)
        };
        let mut search = MotionSearch::default();
        let mut brush = Brush { points: vec![[40.0, 40.0], [60.0, 50.0]], radius: 4.0 };
        search.push(frame(0).as_ref());
        for step in 1..=5 {
            search.push(frame(4 * step).as_ref());
            brush.follow(&search.find().unwrap(), w, Borders::Clamp);
        }
        for (point, start) in brush.points.iter().zip([[40.0, 40.0], [60.0, 50.0]]) {
            assert!((point[0] - start[0] - 20.0).abs() < 1.0 && (point[1] - start[1] - 10.0).abs() < 1.0, "{point:?}");
        }
    }
}
