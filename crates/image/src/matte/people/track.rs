//! Tracks of people from frame to frame.
//!
//! All of it is plain arithmetic on what the frames before gave, in their order: the same video gives
//! the same tracks however threads run.

use super::CropRect;
use crate::plane::Plane;
use serde::{Deserialize, Serialize};

/// A person's box as the detector found it, in samples of the first eye's small picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PersonBox {
    /// The detector's confidence, 0..=1.
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

/// A score that is enough to continue a track, and one that starts it.
const CONTINUE_SCORE: f32 = 0.25;
const START_SCORE: f32 = 0.35;
/// A box and a track that overlap by this much are the same person.
const SAME_PERSON: f32 = 0.3;
/// Detection passes in a row that may miss a person whose matte is still there.
const MAX_MISSES: u32 = 2;
/// A matte that fills less of its box shows no person.
const MIN_FILLED: f32 = 0.1;
/// Frames over which a new person is faded in and a lost one is faded out.
const FADE_FRAMES: f32 = 3.0;
/// A box moves with its matte by at most this share of its size from frame to frame.
const MAX_STEP: f32 = 0.12;
/// Frames after which a track no longer gains weight by its age.
const FULL_AGE: u32 = 60;
/// Factor by which a person must be larger than a selected one to take their place.
const REPLACE_FACTOR: f32 = 1.5;
/// Least number of frames from one detection pass to the next, whatever happens.
const MIN_INTERVAL: u32 = 3;

/// A tracked person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Unique within a job.
    pub id: u64,
    /// Left, top, right, bottom, in samples of the first eye's small picture.
    pub sides: [f32; 4],
    /// How much further right the second eye shows them, in samples.
    pub shift: f32,
    /// Weight of their matte, 0..=1.
    pub strength: f32,
    misses: u32,
    lost: bool,
    /// Frames since the track started, up to [`FULL_AGE`].
    age: u32,
    /// Whether they were among the selected people.
    kept: bool,
    /// The middle of the matte in the box, relative to the box's own, of the frame before.
    middle: Option<(f32, f32)>,
    /// Share of the box that the matte filled in the last frame.
    filled: f32,
}

impl Track {
    /// The box in that eye, 0 being the first.
    pub fn sides_in(&self, eye: usize) -> [f32; 4] {
        let shift = if eye == 0 { 0.0 } else { self.shift };
        [self.sides[0] + shift, self.sides[1], self.sides[2] + shift, self.sides[3]]
    }

    /// Updates the shift by a new measurement; the first one replaces it.
    pub fn set_shift(&mut self, shift: f32, first: bool) {
        self.shift = if first { shift } else { 0.5 * (self.shift + shift) };
    }
}

/// All tracked people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracks {
    tracks: Vec<Track>,
    /// Most frames from one detection pass to the next.
    every: u32,
    /// Frames since the last detection pass.
    since: u32,
    /// Whether a detection pass was requested before it is due.
    asked: bool,
    /// Before the first detection pass of a scene: found people are not faded in.
    fresh: bool,
    next: u64,
}

impl Tracks {
    /// Without tracks; the detector runs on every `every`-th frame at least.
    pub fn new(every: u32) -> Self {
        Self { tracks: Vec::new(), every: every.max(1), since: 0, asked: true, fresh: true, next: 0 }
    }

    /// Without tracks, with the same interval between detection passes.
    pub fn like_new(&self) -> Self {
        Self::new(self.every)
    }

    /// Drops all tracks: a new scene.
    pub fn reset(&mut self) {
        self.tracks.clear();
        (self.since, self.asked, self.fresh) = (0, true, true);
    }

    /// All tracks.
    pub fn all(&self) -> &[Track] {
        &self.tracks
    }

    /// All tracks, to update their shifts.
    pub fn all_mut(&mut self) -> &mut [Track] {
        &mut self.tracks
    }

    /// Begins a frame: fades tracks in and out. Returns whether the detector must run.
    pub fn step(&mut self) -> bool {
        for track in &mut self.tracks {
            let by = if track.lost { -1.0 / FADE_FRAMES } else { 1.0 / FADE_FRAMES };
            track.strength = (track.strength + by).clamp(0.0, 1.0);
            track.age = (track.age + 1).min(FULL_AGE);
        }
        self.tracks.retain(|t| !t.lost || t.strength > 0.0);
        self.since += 1;
        self.fresh || self.since >= self.every || (self.asked && self.since >= MIN_INTERVAL)
    }

    /// The ids of the `n` most prominent people, by size and age. A selected person stays selected
    /// until another is clearly larger.
    pub fn largest(&mut self, n: usize) -> Vec<u64> {
        let weight = |t: &Track| {
            let area = (t.sides[2] - t.sides[0]) * (t.sides[3] - t.sides[1]);
            area * (1.0 + t.age as f32 / FULL_AGE as f32) * if t.kept { REPLACE_FACTOR } else { 1.0 }
        };
        let mut order: Vec<_> = self.tracks.iter().map(|t| (weight(t), t.id)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let kept: Vec<u64> = order.into_iter().take(n).map(|(_, id)| id).collect();
        self.tracks.iter_mut().for_each(|t| t.kept = kept.contains(&t.id));
        kept
    }

    /// Updates the tracks by the result of a detection pass. Returns the ids of new ones.
    pub fn found(&mut self, spots: &[PersonBox]) -> Vec<u64> {
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (t, track) in self.tracks.iter().enumerate() {
            for (s, spot) in spots.iter().enumerate().filter(|(_, s)| s.score >= CONTINUE_SCORE) {
                pairs.push((overlap(&track.sides, &spot.sides), t, s));
            }
        }
        pairs.retain(|p| p.0 >= SAME_PERSON);
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut matched, mut used) = (vec![false; self.tracks.len()], vec![false; spots.len()]);
        for (overlap, t, s) in pairs {
            if matched[t] || used[s] {
                continue;
            }
            (matched[t], used[s]) = (true, true);
            let track = &mut self.tracks[t];
            // Boxes that nearly agree are averaged, so that they don't jitter; a person who moved is followed.
            let share = if overlap > 0.8 { 0.4 } else { 0.8 };
            for (have, new) in track.sides.iter_mut().zip(spots[s].sides) {
                *have += share * (new - *have);
            }
            (track.misses, track.lost, track.middle) = (0, false, None);
        }
        for (track, matched) in self.tracks.iter_mut().zip(matched) {
            if !matched {
                track.misses += 1;
                track.lost |= track.misses > MAX_MISSES || track.filled < MIN_FILLED;
            }
        }
        let mut new = Vec::new();
        for (spot, used) in spots.iter().zip(used) {
            if used || spot.score < START_SCORE {
                continue;
            }
            let strength = if self.fresh { 1.0 } else { 1.0 / FADE_FRAMES };
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

    /// Moves the boxes with the first eye's matte `alpha`; `cells` are the crops of the tracks, in order.
    /// A person who leaves a crop or vanishes requests a detection pass.
    pub fn follow(&mut self, alpha: &Plane<f32>, cells: &[CropRect]) {
        let (width, height) = (alpha.width() as f32, alpha.height() as f32);
        for (track, cell) in self.tracks.iter_mut().zip(cells) {
            let Some(content) = box_content(alpha, track.sides) else {
                self.asked |= track.filled >= MIN_FILLED;
                track.filled = 0.0;
                track.middle = None;
                continue;
            };
            let size = (track.sides[2] - track.sides[0], track.sides[3] - track.sides[1]);
            if let Some(last) = track.middle {
                let dx = (content.middle.0 - last.0).clamp(-MAX_STEP, MAX_STEP) * size.0;
                let dy = (content.middle.1 - last.1).clamp(-MAX_STEP, MAX_STEP) * size.1;
                // At the eye's border the matte is cut, and its middle says little.
                let dx =
                    if track.sides[0] <= 1.0 || track.sides[2] >= width - 1.0 { dx.max(-size.0 * 0.02) } else { dx };
                track.sides[0] = (track.sides[0] + dx).clamp(0.0, width - 2.0);
                track.sides[2] = (track.sides[2] + dx).clamp(track.sides[0] + 2.0, width.max(track.sides[0] + 2.0));
                track.sides[1] = (track.sides[1] + dy).clamp(0.0, height - 2.0);
                track.sides[3] = (track.sides[3] + dy).clamp(track.sides[1] + 2.0, height.max(track.sides[1] + 2.0));
                // The box has moved, so the matte stands in it where it stood before.
                track.middle = Some((content.middle.0 - dx / size.0, content.middle.1 - dy / size.1));
            } else {
                track.middle = Some(content.middle);
            }
            self.asked |= content.filled < MIN_FILLED && track.filled >= MIN_FILLED;
            track.filled = content.filled;
            self.asked |= touches(alpha, cell);
        }
    }
}

/// The matte's mass in a box.
struct BoxContent {
    /// Its middle, from -0.5 to 0.5 of the box.
    middle: (f32, f32),
    /// Its share of the box.
    filled: f32,
}

fn box_content(alpha: &Plane<f32>, sides: [f32; 4]) -> Option<BoxContent> {
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
    (filled > 0.01).then(|| BoxContent { middle: (middle(sx, sides[0], size.0), middle(sy, sides[1], size.1)), filled })
}

/// Whether a matte reaches a border of a crop that isn't the eye's, over a twentieth of its length.
fn touches(alpha: &Plane<f32>, cell: &CropRect) -> bool {
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

    fn spot(score: f32, x: f32, y: f32) -> PersonBox {
        PersonBox { score, sides: [x - 2.0, y - 2.0, x + 22.0, y + 42.0] }
    }

    fn cells(tracks: &Tracks) -> Vec<CropRect> {
        tracks.all().iter().map(|t| CropRect::around(t.sides, 1.6, (W, H), 1.0)).collect()
    }

    #[test]
    fn box_follows_its_matte_between_detection_passes() {
        let mut tracks = Tracks::new(10);
        assert!(tracks.step());
        assert_eq!(tracks.found(&[spot(0.8, 30.0, 20.0)]), [0]);
        for t in 0..9 {
            tracks.follow(&person(30.0 + 2.0 * t as f32, 20.0), &cells(&tracks));
            assert_eq!(tracks.step(), t == 9, "frame {t}");
        }
        let sides = tracks.all()[0].sides;
        assert!((sides[0] - (28.0 + 16.0)).abs() < 1.5 && (sides[2] - sides[0] - 24.0).abs() < 0.1, "{sides:?}");
        assert!(tracks.step(), "the detector runs on the tenth frame");
        assert!(tracks.found(&[spot(0.3, 48.0, 20.0)]).is_empty(), "less sure is enough for who is known");
        assert_eq!(tracks.all().len(), 1);
    }

    #[test]
    fn low_scores_start_no_track() {
        let mut tracks = Tracks::new(10);
        assert!(tracks.step());
        assert!(tracks.found(&[spot(0.3, 30.0, 20.0)]).is_empty() && tracks.all().is_empty());
    }

    #[test]
    fn missed_person_stays_while_the_matte_does_and_fades_without_it() {
        let mut tracks = Tracks::new(1);
        tracks.step();
        tracks.found(&[spot(0.8, 30.0, 20.0)]);
        for _ in 0..MAX_MISSES {
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
    fn matte_that_leaves_its_crop_or_empties_requests_detection() {
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
    fn largest_person_stays_until_another_is_clearly_larger() {
        let mut tracks = Tracks::new(10);
        tracks.step();
        let large = |side: f32, x: f32| PersonBox { score: 0.8, sides: [x, 0.0, x + side, side] };
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
    fn reset_drops_tracks_and_never_reuses_ids() {
        let mut tracks = Tracks::new(10);
        tracks.step();
        tracks.found(&[spot(0.8, 30.0, 20.0)]);
        tracks.reset();
        assert!(tracks.all().is_empty() && tracks.step());
        assert_eq!(tracks.found(&[spot(0.8, 30.0, 20.0)]), [1], "numbers are not given twice");
        assert_eq!(tracks.all()[0].strength, 1.0);
    }
}
