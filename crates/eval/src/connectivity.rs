//! Connectivity error.

use super::{assert_same_size, sum};
use vrseg_image::plane::Plane;
use vrseg_image::simd::dispatch;

/// Levels between 0 and 1 at which connectedness is measured.
const STEPS: u8 = 10;

/// Connectivity error: sum over the picture of the difference of the two alphas' degrees of
/// connectedness, over 1000 (Rhemann et al., CVPR 2009).
///
/// A pixel is connected up to the highest of the levels 0.1, 0.2 ... 1.0 at which it has belonged
/// without a break to the largest 4-connected region where *both* alphas reach the level. What an
/// alpha has above that is its disconnected part; less than 0.15 of it is forgiven.
///
/// Keeps its memory from frame to frame.
#[derive(Debug, Default)]
pub struct Connectivity {
    /// Tenths that both alphas reach.
    common: Vec<u8>,
    /// Tenths up to which the pixel is connected.
    connected: Vec<u8>,
    regions: Regions,
}

impl Connectivity {
    /// The error of `pred` against `truth`, both 0..=1.
    ///
    /// # Panics
    /// When the planes differ in size.
    pub fn error(&mut self, pred: &Plane<f32>, truth: &Plane<f32>) -> f64 {
        assert_same_size(pred, truth);
        let width = pred.width();
        if pred.data().is_empty() {
            return 0.0;
        }
        self.common.resize(pred.data().len(), 0);
        self.connected.clear();
        self.connected.resize(pred.data().len(), 0);
        tenths(pred.data(), truth.data(), &mut self.common);
        for level in 1..=STEPS {
            for run in self.regions.largest(&self.common, width, level) {
                raise(&mut self.connected[run.start..run.end], level);
            }
        }
        let rows = pred.data().chunks_exact(width).zip(truth.data().chunks_exact(width));
        let rows = rows.zip(self.connected.chunks_exact(width));
        let mut total = 0.0;
        let mut differences = vec![0.0; width];
        for ((p, t), connected) in rows {
            phi_differences(p, t, connected, &mut differences);
            total += f64::from(row_sum(&differences));
        }
        total / 1000.0
    }
}

dispatch! {
    fn tenths(a: &[f32], b: &[f32], out: &mut [u8]) {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            let v = if a < b { a } else { b };
            // Comparisons and not a product: 0.3 * 10 is no safe way to ask for v >= 0.3.
            let mut n = 0u8;
            for step in 1..=STEPS {
                n += u8::from(v >= f32::from(step) / 10.0);
            }
            *o = n;
        }
    }

    /// Those that reached the level before reach this one.
    fn raise(connected: &mut [u8], level: u8) {
        for c in connected {
            *c += u8::from(*c == level - 1);
        }
    }

    fn phi_differences(a: &[f32], b: &[f32], connected: &[u8], out: &mut [f32]) {
        for (((o, &a), &b), &c) in out.iter_mut().zip(a).zip(b).zip(connected) {
            let base = f32::from(c) / 10.0;
            let (da, db) = (a - base, b - base);
            let da = if da >= 0.15 { da } else { 0.0 };
            let db = if db >= 0.15 { db } else { 0.0 };
            *o = (da - db).abs();
        }
    }

    fn row_sum(v: &[f32]) -> f32 {
        sum(v, v, |v, _| v)
    }
}

/// Neighboring pixels of one row, as indices into the whole plane.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: usize,
    end: usize,
}

/// Finds 4-connected regions by their runs.
#[derive(Debug, Default)]
struct Regions {
    runs: Vec<Run>,
    /// Union-find over runs: the root of a region is its first run, so that of two regions of one
    /// size the one that begins first in reading order is taken.
    parent: Vec<usize>,
    size: Vec<usize>,
}

impl Regions {
    /// Runs of the largest region of pixels that are `level` or more. Empty where there is none.
    fn largest<'a>(&'a mut self, levels: &[u8], width: usize, level: u8) -> impl Iterator<Item = Run> + 'a {
        self.runs.clear();
        self.parent.clear();
        let mut above = 0..0;
        for (y, row) in levels.chunks_exact(width).enumerate() {
            let first = self.runs.len();
            find_runs(row, y * width, level, &mut self.runs);
            self.parent.extend(first..self.runs.len());
            self.join(above, first..self.runs.len(), width);
            above = first..self.runs.len();
        }
        self.size.clear();
        self.size.resize(self.runs.len(), 0);
        for (i, run) in self.runs.iter().enumerate() {
            let root = root(&mut self.parent, i);
            self.size[root] += run.end - run.start;
        }
        let mut best = None;
        for (i, &size) in self.size.iter().enumerate() {
            if size > best.map_or(0, |b: usize| self.size[b]) {
                best = Some(i);
            }
        }
        // Every run's root was resolved above, so parents are roots now.
        self.runs.iter().zip(&self.parent).filter(move |(_, parent)| Some(**parent) == best).map(|(run, _)| *run)
    }

    /// Unites the runs of a row with those of the row above that they touch.
    fn join(&mut self, above: std::ops::Range<usize>, row: std::ops::Range<usize>, width: usize) {
        let mut up = above.start;
        for i in row {
            let run = self.runs[i];
            while up < above.end && self.runs[up].end + width <= run.start {
                up += 1;
            }
            let mut touching = up;
            while touching < above.end && self.runs[touching].start + width < run.end {
                let (a, b) = (root(&mut self.parent, i), root(&mut self.parent, touching));
                self.parent[a.max(b)] = a.min(b);
                touching += 1;
            }
            // The last one may reach over to the next run.
            up = up.max(touching.saturating_sub(1));
        }
    }
}

fn root(parent: &mut [usize], mut i: usize) -> usize {
    let mut top = i;
    while parent[top] != top {
        top = parent[top];
    }
    while parent[i] != top {
        i = std::mem::replace(&mut parent[i], top);
    }
    top
}

/// Adds the runs of a row whose pixels are `level` or more; `base` is the index of its first pixel.
fn find_runs(row: &[u8], base: usize, level: u8, runs: &mut Vec<Run>) {
    let mut at = 0;
    while let Some(start) = position(&row[at..], |v| v >= level) {
        let start = at + start;
        let end = position(&row[start..], |v| v < level).map_or(row.len(), |n| start + n);
        runs.push(Run { start: base + start, end: base + end });
        at = end;
    }
}

/// The first value that `wanted` accepts. Looks at 32 at a time: mattes are mostly alike.
#[inline(always)]
fn position(values: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut blocks = values.chunks(32).enumerate();
    let found = blocks.find(|(_, block)| block.iter().fold(false, |any, &v| any | wanted(v)));
    let (i, block) = found?;
    block.iter().position(|&v| wanted(v)).map(|n| 32 * i + n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(rows: &[&str]) -> Plane<f32> {
        let value = |c: u8| if c == b'X' { 1.0 } else { f32::from(c - b'0') / 10.0 };
        let data = rows.iter().flat_map(|r| r.bytes().map(value)).collect();
        Plane::from_vec(data, rows[0].len(), rows.len())
    }

    fn error(pred: &[&str], truth: &[&str]) -> f64 {
        Connectivity::default().error(&plane(pred), &plane(truth)) * 1000.0
    }

    #[test]
    fn lost_part_counts_and_equal_mattes_have_no_error() {
        let whole = ["XXXX0", "XXXX0", "000XX"];
        assert_eq!(error(&whole, &whole), 0.0);
        // The two pixels that only the truth has are wholly disconnected.
        assert!((error(&["XXXX0", "XXXX0", "00000"], &whole) - 2.0).abs() < 1e-5);
        // Both have the island, so it is no error, although it hangs together with nothing.
        let island = ["XX00X", "XX000", "00000"];
        assert_eq!(error(&island, &island), 0.0);
    }

    #[test]
    fn an_island_of_one_matte_counts_above_its_connected_part() {
        // 0.5 more than the truth on one pixel; what both have is connected.
        assert!((error(&["XX5"], &["XX0"]) - 0.5).abs() < 1e-5);
        // Less than 0.15 is forgiven.
        assert_eq!(error(&["XX1"], &["XX0"]), 0.0);
    }

    #[test]
    fn regions_join_around_corners() {
        let shapes: [(&[&str], usize); 5] = [
            (&["X0X", "X0X", "XXX"], 7),
            (&["X0X0X", "XXXXX", "00000", "XX000"], 8),
            (&["0X0", "X0X", "0X0"], 1),
            (&["XXX0XXX", "X00000X", "XXXXXXX"], 15),
            (&["XX0XX", "0XXX0", "0X0X0", "XX0XX"], 13),
        ];
        for (rows, size) in shapes {
            let levels: Vec<u8> = rows.iter().flat_map(|r| r.bytes().map(|c| if c == b'X' { 10 } else { 0 })).collect();
            let mut regions = Regions::default();
            let found: usize = regions.largest(&levels, rows[0].len(), 5).map(|r| r.end - r.start).sum();
            assert_eq!(found, size, "{rows:?}");
        }
    }

    #[test]
    fn mattes_without_common_pixels_count_whole() {
        assert!((error(&["X00"], &["00X"]) - 2.0).abs() < 1e-5);
        assert_eq!(error(&["000"], &["000"]), 0.0);
    }
}
