//! Who is where, from frame to frame.
//!
//! All of it is plain arithmetic on what the frames before gave, in their order: the same video gives
//! the same tracks however threads run.

use super::Cell;
use crate::plane::Plane;
use serde::{Deserialize, Serialize};

/// A box around somebody whom the detector found, in samples of the first eye's small picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// How sure the detector is, 0..=1.
    pub score: f32,
    /// Left, top, right, bottom.
    pub sides: [f32; 4],
}

/// Intersection over union of two boxes given by their sides.
pub fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let across = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let down = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |s: &[f32; 4]| (s[2] - s[0]).max(0.0) * (s[3] - s[1]).max(0.0);
    let shared = across * down;
    let all = area(a) + area(b) - shared;
    if all > 0.0 { shared / all } else { 0.0 }
}

/// A score that is enough to go on with a track, and one that begins it.
const KEEP: f32 = 0.25;
const BEGIN: f32 = 0.35;
/// A box and a track that overlap by this much are the same person.
const SAME: f32 = 0.3;
/// Looks of the detector in a row that may miss somebody whose matte is still there.
const MISSES: u32 = 2;
/// A matte that fills less of its box is that of nobody.
const FILLED: f32 = 0.1;
/// Frames over which somebody new comes in and somebody lost goes.
const FADE: f32 = 3.0;
/// A box moves with its matte by at most this share of its size from frame to frame.
const STEP: f32 = 0.12;
/// Somebody new must be larger than who has been there for so many frames, to take their place.
const KNOWN: u32 = 60;
/// How many times as large as somebody who stays must another be to take their place.
const OUTDO: f32 = 1.5;
/// Frames that lie between two looks at least, however much is going on.
const PAUSE: u32 = 3;

/// Somebody who is followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Never given twice in a job.
    pub id: u64,
    /// Left, top, right, bottom, in samples of the first eye's small picture.
    pub sides: [f32; 4],
    /// How much further right the second eye sees them, in samples.
    pub shift: f32,
    /// How much they count, 0..=1.
    pub strength: f32,
    misses: u32,
    lost: bool,
    /// Frames for which they have been there, up to [`KNOWN`].
    age: u32,
    /// They were among those who stay.
    kept: bool,
    /// The middle of the matte in the box, relative to the box's own, of the frame before.
    middle: Option<(f32, f32)>,
    /// Share of the box that the matte filled in the last frame.
    filled: f32,
}

impl Track {
    /// The box as the second eye sees it.
    pub fn sides_in(&self, eye: usize) -> [f32; 4] {
        let shift = if eye == 0 { 0.0 } else { self.shift };
        [self.sides[0] + shift, self.sides[1], self.sides[2] + shift, self.sides[3]]
    }

    /// The shift was measured again.
    pub fn set_shift(&mut self, shift: f32, first: bool) {
        self.shift = if first { shift } else { 0.5 * (self.shift + shift) };
    }
}

/// Everybody who is followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracks {
    tracks: Vec<Track>,
    every: u32,
    since: u32,
    asked: bool,
    /// Nothing was seen yet, or a new scene has begun: who is found is there at once.
    fresh: bool,
    next: u64,
}

impl Tracks {
    /// Nobody yet; the detector looks on every `every`-th frame at least.
    pub fn new(every: u32) -> Self {
        Self { tracks: Vec::new(), every: every.max(1), since: 0, asked: true, fresh: true, next: 0 }
    }

    /// As many frames between looks, and nobody yet.
    pub fn like_new(&self) -> Self {
        Self::new(self.every)
    }

    /// Forgets everybody: a new scene.
    pub fn reset(&mut self) {
        self.tracks.clear();
        (self.since, self.asked, self.fresh) = (0, true, true);
    }

    /// Everybody.
    pub fn all(&self) -> &[Track] {
        &self.tracks
    }

    /// Everybody, to set what was found out of them.
    pub fn all_mut(&mut self) -> &mut [Track] {
        &mut self.tracks
    }

    /// Begins a frame: those who come count more, those who go less. Says whether the detector shall look.
    pub fn step(&mut self) -> bool {
        for track in &mut self.tracks {
            let by = if track.lost { -1.0 / FADE } else { 1.0 / FADE };
            track.strength = (track.strength + by).clamp(0.0, 1.0);
            track.age = (track.age + 1).min(KNOWN);
        }
        self.tracks.retain(|t| !t.lost || t.strength > 0.0);
        self.since += 1;
        self.fresh || self.since >= self.every || (self.asked && self.since >= PAUSE)
    }

    /// The numbers of the `n` largest of those who have been there longest. Who was among them stays
    /// until somebody clearly outdoes them.
    pub fn largest(&mut self, n: usize) -> Vec<u64> {
        let weight = |t: &Track| {
            let area = (t.sides[2] - t.sides[0]) * (t.sides[3] - t.sides[1]);
            area * (1.0 + t.age as f32 / KNOWN as f32) * if t.kept { OUTDO } else { 1.0 }
        };
        let mut order: Vec<_> = self.tracks.iter().map(|t| (weight(t), t.id)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let kept: Vec<u64> = order.into_iter().take(n).map(|(_, id)| id).collect();
        self.tracks.iter_mut().for_each(|t| t.kept = kept.contains(&t.id));
        kept
    }

    /// The detector has looked. Returns the numbers of those who are new.
    pub fn found(&mut self, spots: &[Spot]) -> Vec<u64> {
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (t, track) in self.tracks.iter().enumerate() {
            for (s, spot) in spots.iter().enumerate().filter(|(_, s)| s.score >= KEEP) {
                pairs.push((overlap(&track.sides, &spot.sides), t, s));
            }
        }
        pairs.retain(|p| p.0 >= SAME);
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut met, mut taken) = (vec![false; self.tracks.len()], vec![false; spots.len()]);
        for (overlap, t, s) in pairs {
            if met[t] || taken[s] {
                continue;
            }
            (met[t], taken[s]) = (true, true);
            let track = &mut self.tracks[t];
            // What nearly agrees is averaged, so that boxes don't tremble; who has moved is followed.
            let share = if overlap > 0.8 { 0.4 } else { 0.8 };
            for (have, new) in track.sides.iter_mut().zip(spots[s].sides) {
                *have += share * (new - *have);
            }
            (track.misses, track.lost, track.middle) = (0, false, None);
        }
        for (track, met) in self.tracks.iter_mut().zip(met) {
            if !met {
                track.misses += 1;
                track.lost |= track.misses > MISSES || track.filled < FILLED;
            }
        }
        let mut new = Vec::new();
        for (spot, taken) in spots.iter().zip(taken) {
            if taken || spot.score < BEGIN {
                continue;
            }
            let strength = if self.fresh { 1.0 } else { 1.0 / FADE };
            let (id, sides) = (self.next, spot.sides);
            self.tracks.push(Track {
                id,
                sides,
                shift: 0.0,
                strength,
                misses: 0,
                lost: false,
                age: 0,
                kept: false,
                middle: None,
                filled: 1.0,
            });
            new.push(id);
            self.next += 1;
        }
        (self.since, self.asked, self.fresh) = (0, false, false);
        new
    }

    /// Boxes follow what the first eye's matte `alpha` shows in them; `cells` are the squares that were cut out
    /// for them, in order. Who leaves a square or fades makes the detector look again.
    pub fn follow(&mut self, alpha: &Plane<f32>, cells: &[Cell]) {
        let (width, height) = (alpha.width() as f32, alpha.height() as f32);
        for (track, cell) in self.tracks.iter_mut().zip(cells) {
            let Some(seen) = seen(alpha, track.sides) else {
                self.asked |= track.filled >= FILLED;
                track.filled = 0.0;
                track.middle = None;
                continue;
            };
            let size = (track.sides[2] - track.sides[0], track.sides[3] - track.sides[1]);
            if let Some(last) = track.middle {
                let dx = (seen.middle.0 - last.0).clamp(-STEP, STEP) * size.0;
                let dy = (seen.middle.1 - last.1).clamp(-STEP, STEP) * size.1;
                // At the eye's border the matte is cut, and its middle says little.
                let dx =
                    if track.sides[0] <= 1.0 || track.sides[2] >= width - 1.0 { dx.max(-size.0 * 0.02) } else { dx };
                track.sides[0] = (track.sides[0] + dx).clamp(0.0, width - 2.0);
                track.sides[2] = (track.sides[2] + dx).clamp(track.sides[0] + 2.0, width.max(track.sides[0] + 2.0));
                track.sides[1] = (track.sides[1] + dy).clamp(0.0, height - 2.0);
                track.sides[3] = (track.sides[3] + dy).clamp(track.sides[1] + 2.0, height.max(track.sides[1] + 2.0));
                // The box has moved, so the matte stands in it where it stood before.
                track.middle = Some((seen.middle.0 - dx / size.0, seen.middle.1 - dy / size.1));
            } else {
                track.middle = Some(seen.middle);
            }
            self.asked |= seen.filled < FILLED && track.filled >= FILLED;
            track.filled = seen.filled;
            self.asked |= touches(alpha, cell);
        }
    }
}

/// What a matte shows in a box.
struct Seen {
    /// Its middle, from -0.5 to 0.5 of the box.
    middle: (f32, f32),
    /// Its share of the box.
    filled: f32,
}

fn seen(alpha: &Plane<f32>, sides: [f32; 4]) -> Option<Seen> {
    let (w, h) = (alpha.width(), alpha.height());
    let at = |v: f32, limit: usize| (v.round().max(0.0) as usize).min(limit);
    let (x0, x1, y0, y1) = (at(sides[0], w), at(sides[2], w), at(sides[1], h), at(sides[3], h));
    let (mut sum, mut sx, mut sy) = (0f32, 0f32, 0f32);
    for y in y0..y1 {
        for (x, a) in alpha.data()[y * w..][x0..x1.max(x0)].iter().enumerate() {
            sum += a;
            sx += a * (x0 + x) as f32;
            sy += a * y as f32;
        }
    }
    let size = ((sides[2] - sides[0]).max(1.0), (sides[3] - sides[1]).max(1.0));
    let filled = sum / (size.0 * size.1);
    let middle = |s: f32, low: f32, size: f32| (s / sum + 0.5 - low) / size - 0.5;
    (filled > 0.01).then(|| Seen { middle: (middle(sx, sides[0], size.0), middle(sy, sides[1], size.1)), filled })
}

/// Whether a matte reaches a border of a square that isn't the eye's: a twentieth of its length.
fn touches(alpha: &Plane<f32>, cell: &Cell) -> bool {
    let (w, h) = (alpha.width(), alpha.height());
    let on = |x: usize, y: usize| alpha.data()[y * w + x] > 0.5;
    let down = |x: usize| (cell.y0..cell.y1).filter(|y| on(x, *y)).count() * 20 > cell.height();
    let across = |y: usize| (cell.x0..cell.x1).filter(|x| on(*x, y)).count() * 20 > cell.width();
    (cell.x0 > 0 && down(cell.x0))
        || (cell.x1 < w && down(cell.x1 - 1))
        || (cell.y0 > 0 && across(cell.y0))
        || (cell.y1 < h && across(cell.y1 - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: usize = 200;
    const H: usize = 100;

    fn person(x: f32, y: f32) -> Plane<f32> {
        let inside = |i: usize| {
            let (px, py) = ((i % W) as f32 + 0.5, (i / W) as f32 + 0.5);
            (px > x && px < x + 20.0 && py > y && py < y + 40.0) as u8 as f32
        };
        Plane::from_vec((0..W * H).map(inside).collect(), W, H)
    }

    fn spot(score: f32, x: f32, y: f32) -> Spot {
        Spot { score, sides: [x - 2.0, y - 2.0, x + 22.0, y + 42.0] }
    }

    fn cells(tracks: &Tracks) -> Vec<Cell> {
        tracks.all().iter().map(|t| Cell::around(t.sides, 1.6, (W, H), 1.0)).collect()
    }

    #[test]
    fn a_box_follows_its_matte_between_two_looks() {
        let mut tracks = Tracks::new(10);
        assert!(tracks.step());
        assert_eq!(tracks.found(&[spot(0.8, 30.0, 20.0)]), [0]);
        for t in 0..9 {
            tracks.follow(&person(30.0 + 2.0 * t as f32, 20.0), &cells(&tracks));
            assert_eq!(tracks.step(), t == 9, "frame {t}");
        }
        let sides = tracks.all()[0].sides;
        assert!((sides[0] - (28.0 + 16.0)).abs() < 1.5 && (sides[2] - sides[0] - 24.0).abs() < 0.1, "{sides:?}");
        assert!(tracks.step(), "the tenth frame is looked at");
        assert!(tracks.found(&[spot(0.3, 48.0, 20.0)]).is_empty(), "less sure is enough for who is known");
        assert_eq!(tracks.all().len(), 1);
    }

    #[test]
    fn who_is_not_sure_enough_begins_no_track() {
        let mut tracks = Tracks::new(10);
        assert!(tracks.step());
        assert!(tracks.found(&[spot(0.3, 30.0, 20.0)]).is_empty() && tracks.all().is_empty());
    }

    #[test]
    fn who_is_missed_stays_while_the_matte_does_and_fades_without_it() {
        let mut tracks = Tracks::new(1);
        tracks.step();
        tracks.found(&[spot(0.8, 30.0, 20.0)]);
        for _ in 0..MISSES {
            tracks.follow(&person(30.0, 20.0), &cells(&tracks));
            assert!(tracks.step());
            tracks.found(&[]);
            assert_eq!(tracks.all()[0].strength, 1.0);
        }
        tracks.follow(&person(150.0, 20.0), &cells(&tracks));
        tracks.step();
        tracks.found(&[]);
        let mut strengths = Vec::new();
        while let Some(track) = tracks.all().first() {
            strengths.push(track.strength);
            tracks.step();
        }
        assert_eq!(strengths.len(), 3, "{strengths:?}");
    }

    #[test]
    fn a_matte_that_leaves_its_square_or_empties_calls_the_detector() {
        for gone in [person(52.0, 20.0), Plane::new(W, H)] {
            let mut tracks = Tracks::new(100);
            tracks.step();
            tracks.found(&[spot(0.8, 30.0, 20.0)]);
            tracks.follow(&person(30.0, 20.0), &cells(&tracks));
            assert!(!tracks.step() && !tracks.step() && !tracks.step());
            tracks.follow(&gone, &cells(&tracks));
            assert!(tracks.step());
        }
    }

    #[test]
    fn the_largest_stays_until_somebody_clearly_outdoes_them() {
        let mut tracks = Tracks::new(10);
        tracks.step();
        let large = |side: f32, x: f32| Spot { score: 0.8, sides: [x, 0.0, x + side, side] };
        tracks.found(&[large(20.0, 0.0), large(30.0, 50.0)]);
        assert_eq!(tracks.largest(1), [1]);
        assert_eq!(tracks.largest(5).len(), 2);
        tracks.largest(1);
        tracks.found(&[large(20.0, 0.0), large(30.0, 50.0), large(34.0, 120.0)]);
        assert_eq!(tracks.largest(1), [1], "a little larger isn't enough");
        tracks.found(&[large(30.0, 50.0), large(60.0, 120.0)]);
        assert_eq!(tracks.largest(1), [2]);
    }

    #[test]
    fn a_new_scene_begins_anew() {
        let mut tracks = Tracks::new(10);
        tracks.step();
        tracks.found(&[spot(0.8, 30.0, 20.0)]);
        tracks.reset();
        assert!(tracks.all().is_empty() && tracks.step());
        assert_eq!(tracks.found(&[spot(0.8, 30.0, 20.0)]), [1], "numbers are not given twice");
        assert_eq!(tracks.all()[0].strength, 1.0);
    }
}
