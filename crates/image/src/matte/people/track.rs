//! Tracks of people from frame to frame.
//!
//! They come from the detector, and from motion between its passes; never from mattes. So people can be followed ahead
//! of the model, and all windows of a frame be seen at once. All of it is plain arithmetic on what the frames before
//! gave, in their order: the same video gives the same tracks however threads run.

use super::follow::Patch;
use super::surface::{Region, Surface};
use crate::plane::Plane;
use serde::{Deserialize, Serialize};

/// A person's box as the detector found it in the first eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PersonBox {
    /// The detector's confidence, 0..=1.
    pub score: f32,
    /// The box.
    pub region: Region,
    /// Whether it ends on the left, upper, right or lower side of the detector's view rather than where the person does.
    pub cut: [bool; 4],
}

impl PersonBox {
    fn is_cut(&self) -> bool {
        self.cut.contains(&true)
    }
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

/// A score that no box without a person reached on the choosing half.
const CERTAIN_SCORE: f32 = 0.53;
/// The sum of the detector's score and of what models see (see [`Tracks::verify`]) from which on somebody is there. On the
/// choosing half 129 of 156 boxes with people reach this, and 1 of 235 without.
const BELIEVED: f32 = 1.95;
/// No box without a person had this score, so that less is enough then: people of 30 pixels have hardly any keypoints.
const LIKELY_SCORE: f32 = 0.6;
const BELIEVED_IF_LIKELY: f32 = 1.5;
/// Frames until somebody who was refused is verified again; twice as many after each further refusal, up to this
/// number of doublings.
const RETRY_FRAMES: u32 = 4;
const RETRY_DOUBLINGS: u32 = 6;
/// Who overlaps the place where they were refused by less than this looks different now and is verified again at once, but
/// not after this number of refusals: what moves and is nobody costs little.
const SAME_PLACE: f64 = 0.5;
const MAX_RETRIES: u32 = 8;
/// How much of what the detector corrects is taken for speed.
const CORRECTION: f64 = 0.5;
/// By how much the detector's score must rise for who was refused to be verified again at once.
const BETTER: f32 = 0.1;
/// Frames that somebody may be unseen for to be verified by models: they are followed by their motion.
const STILL_THERE: u32 = 8;
/// Who has moved by this share of their box's half side since the last detection pass is checked again.
const FAR_OFF: f64 = 0.5;
/// A box and a track that overlap by this much are the same person.
pub const SAME_PERSON: f64 = 0.3;
/// A box of which this share lies in another is a part of the same person.
const PART_OF: f64 = 0.7;
/// Whose box is smaller than this share of that one's area can't be another person who stands in front of or behind them.
const SMALL_PART: f64 = 0.35;
/// Detection passes in a row that may miss a person, and frames that they may be unseen: in the dark or blurred by a turn the detector
/// loses people that the models still see.
const MAX_MISSES: u32 = 2;
const MAX_UNSEEN: u32 = 15;
/// Frames over which a new person is faded in and a lost one is faded out.
const FADE_FRAMES: f32 = 3.0;
/// Frames after which a track no longer gains weight by its age.
const FULL_AGE: u32 = 60;
/// Factor by which a person must be larger than a selected one to take their place.
const REPLACE_FACTOR: f64 = 1.5;
/// The window stands still until the box has moved by this share of its longer side ...
const SLACK: f64 = 0.04;
/// ... or changed its size by this share.
const MISFIT: f64 = 0.08;

/// Which scores of the detector count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trust {
    /// A score that is enough to follow somebody further.
    pub follow: f32,
    /// A score that starts a track.
    pub start: f32,
    /// A score that must be reached once for a track to show, if nothing else confirms it.
    pub sure: f32,
}

impl Trust {
    /// Only the detector says who is there: what it takes for a person by mistake (a bush and its shadow) is so
    /// in every pass, with a low score.
    pub const DETECTOR_ALONE: Self = Self { follow: 0.25, start: 0.30, sure: 0.40 };
    /// Models confirm who has no score that nothing but people reaches, see [`Tracks::verify`].
    pub const VERIFIED: Self = Self { follow: 0.15, start: 0.20, sure: 0.70 };
}

/// A tracked person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Unique within a job.
    pub id: u64,
    /// The box in the first eye.
    pub region: Region,
    /// The box that crops are made for: it stands still while the person stays near it, so that mattes don't jump.
    #[serde(rename = "held")]
    pub crop_region: Region,
    /// How many pixels further right the second eye shows them.
    pub shift: f64,
    /// Weight of their matte, 0..=1.
    pub strength: f32,
    /// The detector was sure once, or a model confirmed it.
    confirmed: bool,
    /// How often the model saw nobody there, and frames until it is run again.
    refusals: u32,
    wait: u32,
    /// Where they were then.
    refused_at: Option<Region>,
    /// The best score so far.
    best: f32,
    /// How far they went since the detector saw them last, in half sides of their box.
    #[serde(rename = "gone")]
    moved: f64,
    /// Pixels of the eye that they last went to the right and down from frame to frame.
    speed: (f64, f64),
    misses: u32,
    /// Frames since the detector saw them.
    unseen: u32,
    lost: bool,
    /// Frames since the track started, up to [`FULL_AGE`].
    age: u32,
    /// Whether they were among the selected people.
    #[serde(rename = "kept")]
    selected: bool,
    patch: Patch,
}

impl Track {
    /// The box in that eye, 0 being the first.
    pub fn region_in(&self, surface: &Surface, eye: usize) -> Region {
        if eye == 0 { self.region } else { surface.moved(&self.region, self.shift, 0.0) }
    }

    /// The box that the window in that eye is for.
    pub fn crop_region_in(&self, surface: &Surface, eye: usize) -> Region {
        if eye == 0 { self.crop_region } else { surface.moved(&self.crop_region, self.shift, 0.0) }
    }

    /// Updates the shift by a new measurement; the first one replaces it.
    pub fn set_shift(&mut self, shift: f64, first: bool) {
        self.shift = if first { shift } else { 0.5 * (self.shift + shift) };
    }

    /// Whether another detection pass should confirm that somebody is there (still).
    pub fn is_doubtful(&self) -> bool {
        if self.confirmed { self.misses > 0 || self.moved > FAR_OFF } else { self.wait == 0 }
    }

    /// Whether they are elsewhere than where models saw nobody.
    fn has_moved_on(&self, surface: &Surface) -> bool {
        let elsewhere = |place: &Region| surface.overlap(place, &self.region) < SAME_PLACE;
        self.refusals < MAX_RETRIES && self.refused_at.as_ref().is_some_and(elsewhere)
    }

    /// The detector was so sure that hardly anything but a person can be there.
    pub fn is_certain(&self) -> bool {
        self.best >= CERTAIN_SCORE
    }

    /// Whether somebody is there if models saw this much of a person in the box, see [`Tracks::verify`].
    pub fn is_believed(&self, seen: f32) -> bool {
        self.best + seen >= if self.best >= LIKELY_SCORE { BELIEVED_IF_LIKELY } else { BELIEVED }
    }

    /// The same person, to be followed back by [`Track::step_back`].
    pub fn backward(&self) -> Self {
        Self { speed: (0.0, 0.0), ..self.clone() }
    }

    /// Goes to the frame before, whose first eye is `luma` in small. False: they aren't in the picture there.
    pub fn step_back(&mut self, surface: &Surface, luma: &Plane<f32>) -> bool {
        self.follow(surface, luma);
        self.remember(surface, luma);
        surface.shows(self.region.center, 0.0)
    }

    /// Moves the box to where the person is in the next picture.
    fn follow(&mut self, surface: &Surface, luma: &Plane<f32>) {
        self.speed = self.patch.find(surface, luma, &self.region, self.speed);
        self.region = surface.moved(&self.region, self.speed.0, self.speed.1);
    }

    /// Remembers where the person is and what they look like. The crop region follows where they have left it.
    fn remember(&mut self, surface: &Surface, luma: &Plane<f32>) {
        let longer = |r: &Region| r.half[0].max(r.half[1]);
        let fits = surface
            .plane(self.crop_region.center)
            .point(self.region.center)
            .is_some_and(|[x, y]| x.abs().max(y.abs()) <= 2.0 * SLACK * longer(&self.crop_region));
        let ratio = longer(&self.region) / longer(&self.crop_region).max(1e-9);
        if !fits || (ratio - 1.0).abs() > MISFIT {
            self.crop_region = self.region;
        }
        self.patch.take(surface, luma, &self.region);
    }

    /// Takes over the sides of a box. Those at which the view ended can only be further out.
    fn update(&mut self, surface: &Surface, found: &PersonBox, trust: Trust) {
        let Some(new) = surface.sides_seen_from(&found.region, &self.region) else { return };
        let mut sides = self.region.sides();
        // Boxes that nearly agree are averaged, so that they don't jitter; a person who moved is followed.
        let mut share = if surface.overlap(&self.region, &found.region) > 0.8 { 0.4 } else { 0.8 };
        if found.is_cut() {
            // The sides of a part are the less certain the less the detector is sure of it.
            share *= f64::from(found.score / self.best.max(found.score));
        }
        for (i, side) in sides.iter_mut().enumerate() {
            let outwards = if i < 2 { new[i] < *side } else { new[i] > *side };
            if !found.cut[i] || outwards {
                *side += share * (new[i] - *side);
            }
        }
        let before = surface.position(self.region.center);
        self.region = surface.with_sides(&self.region, sides);
        let after = surface.position(self.region.center);
        let frames = f64::from(self.unseen.max(1));
        self.speed.0 += CORRECTION * (surface.near(after.0, before.0) - before.0) / frames;
        self.speed.1 += CORRECTION * (after.1 - before.1) / frames;
        self.confirmed |= found.score >= trust.sure;
        if found.score > self.best + BETTER {
            self.wait = 0;
        }
        self.best = self.best.max(found.score);
        (self.misses, self.unseen, self.lost, self.moved) = (0, 0, false, 0.0);
    }
}

/// The weight of somebody's first matte: where a scene begins (`fresh`) nobody is faded in.
fn first_strength(fresh: bool) -> f32 {
    if fresh { 1.0 } else { 1.0 / FADE_FRAMES }
}

/// All tracked people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tracks {
    tracks: Vec<Track>,
    next: u64,
}

impl Tracks {
    /// Without tracks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drops all tracks: a new scene. Their numbers aren't given again.
    pub fn reset(&mut self) {
        self.tracks.clear();
    }

    /// All tracks.
    pub fn all(&self) -> &[Track] {
        &self.tracks
    }

    /// All tracks, to update their shifts.
    pub fn all_mut(&mut self) -> &mut [Track] {
        &mut self.tracks
    }

    /// Shows somebody at full weight.
    pub fn show(&mut self, id: u64) {
        self.tracks.iter_mut().filter(|t| t.id == id).for_each(|t| t.strength = 1.0);
    }

    /// Begins a frame, whose first eye is `luma` in small: follows everybody, fades in and out.
    pub fn step(&mut self, surface: &Surface, luma: &Plane<f32>) {
        for track in &mut self.tracks {
            let before = track.region;
            track.follow(surface, luma);
            let step = surface.plane(before.center).point(track.region.center).unwrap_or([0.0; 2]);
            track.moved += step[0].hypot(step[1]) / before.half[0].max(before.half[1]).max(1e-9);
            let by = if track.lost || !track.confirmed { -1.0 } else { 1.0 } / FADE_FRAMES;
            track.strength = (track.strength + by).clamp(0.0, 1.0);
            track.unseen = track.unseen.saturating_add(1);
            track.wait = if track.has_moved_on(surface) { 0 } else { track.wait.saturating_sub(1) };
            track.age = (track.age + 1).min(FULL_AGE);
            track.lost |= !surface.shows(track.region.center, 0.0);
        }
        self.tracks.retain(|t| !t.lost || t.strength > 0.0);
    }

    /// Ends a frame: who is where is remembered for the next.
    pub fn finish(&mut self, surface: &Surface, luma: &Plane<f32>) {
        for track in &mut self.tracks {
            track.remember(surface, luma);
        }
    }

    /// The ids of the `n` most prominent people, by size and age. A selected person stays selected
    /// until another is clearly larger.
    pub fn largest(&mut self, n: usize) -> Vec<u64> {
        let weight = |t: &Track| {
            let area = t.region.half[0] * t.region.half[1];
            area * (1.0 + f64::from(t.age) / f64::from(FULL_AGE)) * if t.selected { REPLACE_FACTOR } else { 1.0 }
        };
        let sure = self.tracks.iter().filter(|t| t.confirmed);
        let mut order: Vec<_> = sure.map(|t| (weight(t), t.id)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let selected: Vec<u64> = order.into_iter().take(n).map(|(_, id)| id).collect();
        self.tracks.iter_mut().for_each(|t| t.selected = selected.contains(&t.id));
        selected
    }

    /// Who was found lately, and is to be confirmed: the likeliest.
    pub fn unverified(&self) -> Option<&Track> {
        let open = self.tracks.iter().filter(|t| !t.confirmed && !t.lost && t.wait == 0 && t.unseen <= STILL_THERE);
        open.max_by(|a, b| a.best.total_cmp(&b.best).then(b.id.cmp(&a.id)))
    }

    /// Models that were run on the crop of track `id` found this much of a person in its box, to be added to the
    /// detector's score. `fresh`: as for [`Tracks::found`].
    pub fn verify(&mut self, surface: &Surface, id: u64, seen: f32, fresh: bool) {
        let Some(track) = self.tracks.iter_mut().find(|t| t.id == id) else { return };
        if track.is_believed(seen) {
            track.confirmed = true;
            track.strength = track.strength.max(first_strength(fresh));
            // What is in the box, much smaller, and not confirmed yet is a part of the same person.
            let whole = track.region;
            let area = |r: &Region| r.half[0] * r.half[1];
            let part = |r: &Region| surface.covered(r, &whole) > PART_OF && area(r) < SMALL_PART * area(&whole);
            self.tracks.retain(|t| t.confirmed || !part(&t.region));
        } else {
            track.wait = RETRY_FRAMES << track.refusals.min(RETRY_DOUBLINGS);
            track.refusals += 1;
            track.refused_at = Some(track.region);
        }
    }

    /// Updates the tracks by what the detector found. `expected` says which people the detector saw enough of to find them.
    /// `fresh`: it is the first detection pass of a scene, and nobody is faded in. Returns the ids of new tracks.
    pub fn found(
        &mut self,
        surface: &Surface,
        boxes: &[PersonBox],
        expected: impl Fn(&Track) -> bool,
        trust: Trust,
        fresh: bool,
    ) -> Vec<u64> {
        let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
        for (t, track) in self.tracks.iter().enumerate() {
            for (b, found) in boxes.iter().enumerate().filter(|(_, b)| b.score >= trust.follow) {
                let mut match_by = surface.overlap(&track.region, &found.region);
                if found.is_cut() && surface.covered(&found.region, &track.region) > PART_OF {
                    // The part of somebody that the view shows; a whole box is the better match.
                    match_by = match_by.max(SAME_PERSON);
                }
                pairs.push((match_by, t, b));
            }
        }
        pairs.retain(|p| p.0 >= SAME_PERSON);
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut matched, mut used) = (vec![false; self.tracks.len()], vec![false; boxes.len()]);
        for (_, t, b) in pairs {
            if !matched[t] && !used[b] {
                (matched[t], used[b]) = (true, true);
                self.tracks[t].update(surface, &boxes[b], trust);
            }
        }
        for (track, matched) in self.tracks.iter_mut().zip(matched) {
            if !matched && expected(track) {
                track.misses += 1;
                let left = track.misses > MAX_MISSES && track.unseen > MAX_UNSEEN;
                // Who was refused is remembered for a while, so that the models aren't run after each detection pass.
                track.lost |= left || !(track.confirmed || track.refusals > 0);
            }
        }
        let mut new = Vec::new();
        for (found, _) in boxes.iter().zip(used).filter(|(found, used)| !used && found.score >= trust.start) {
            let part = |t: &Track| surface.covered(&found.region, &t.region) > PART_OF;
            // In the box of what is hardly a person may be one.
            let same =
                |t: &Track| t.confirmed || found.is_cut() || surface.overlap(&found.region, &t.region) > SAME_PERSON;
            let known = |t: &Track| part(t) && same(t);
            if !self.tracks.iter().any(known) {
                new.push(self.start(found, trust, fresh));
            }
        }
        new
    }

    /// Begins to follow somebody.
    fn start(&mut self, found: &PersonBox, trust: Trust, fresh: bool) -> u64 {
        let id = self.next;
        self.next += 1;
        let confirmed = found.score >= trust.sure;
        let strength = if confirmed { first_strength(fresh) } else { 0.0 };
        self.tracks.push(Track {
            id,
            region: found.region,
            crop_region: found.region,
            shift: 0.0,
            strength,
            confirmed,
            refusals: 0,
            wait: 0,
            refused_at: None,
            best: found.score,
            moved: 0.0,
            speed: (0.0, 0.0),
            misses: 0,
            unseen: 0,
            lost: false,
            age: 0,
            selected: false,
            patch: Patch::default(),
        });
        id
    }
}

/// Boxes that several views found, each person once. What a view shows whole counts; of who is whole in none, the parts
/// are put together.
pub fn merge_views(surface: &Surface, mut boxes: Vec<PersonBox>) -> Vec<PersonBox> {
    boxes.sort_by(|a, b| a.is_cut().cmp(&b.is_cut()).then(b.score.total_cmp(&a.score)));
    let mut merged: Vec<PersonBox> = Vec::new();
    for found in boxes {
        let same = |m: &&mut PersonBox| {
            let part = surface.covered(&found.region, &m.region).max(surface.covered(&m.region, &found.region));
            surface.overlap(&m.region, &found.region) >= SAME_PERSON || (found.is_cut() && part > PART_OF / 2.0)
        };
        match merged.iter_mut().find(same) {
            Some(known) if known.is_cut() && found.is_cut() => join(surface, known, &found),
            Some(known) => known.score = known.score.max(found.score),
            None => merged.push(found),
        }
    }
    merged
}

/// Makes a box reach as far as another part of the same person.
fn join(surface: &Surface, known: &mut PersonBox, part: &PersonBox) {
    let Some(other) = surface.sides_seen_from(&part.region, &known.region) else { return };
    let mut sides = known.region.sides();
    for i in 0..4 {
        let further = if i < 2 { other[i] < sides[i] } else { other[i] > sides[i] };
        if further && known.cut[i] {
            (sides[i], known.cut[i]) = (other[i], part.cut[i]);
        }
    }
    known.region = surface.with_sides(&known.region, sides);
    known.score = known.score.max(part.score);
}
