//! Mattes of single people over the matte of the whole eye.

use super::CropRect;
use crate::matte::ramp;
use crate::plane::Plane;

/// The matte that a crop model made of one person.
#[derive(Debug)]
pub struct PersonMatte<'a> {
    /// The crop of the eye that the model got.
    pub cell: CropRect,
    /// The person's box in samples of the eye: left, top, right, bottom.
    pub sides: [f32; 4],
    /// Its weight, 0..=1: people are faded in and out.
    pub strength: f32,
    /// The matte, of the crop's size.
    pub matte: &'a Plane<f32>,
}

/// Outside of the person's box the matte counts fully up to this share of the box's size ...
const NEAR: f32 = 0.06;
/// ... and not at all from this one on: what is further away is another person.
const FAR: f32 = 0.2;
/// Samples at a crop's border over which the matte fades, unless the border is the eye's.
const RIM: f32 = 3.0;

/// Puts the mattes of single people over an eye's matte; keeps its buffers.
#[derive(Debug, Default)]
pub struct PersonLayers {
    sum: Plane<f32>,
    weight: Plane<f32>,
    people: Plane<f32>,
    models: f32,
}

impl PersonLayers {
    /// Starts with an eye of that size.
    pub fn begin(&mut self, width: usize, height: usize) {
        for plane in [&mut self.sum, &mut self.weight, &mut self.people] {
            plane.resize(width, height);
            plane.data_mut().fill(0.0);
        }
        self.models = 0.0;
    }

    /// Adds the people's mattes of one model; where several overlap, the highest counts. Where
    /// none counts, `whole` does, the matte of the whole eye.
    pub fn add<'a>(&mut self, whole: &Plane<f32>, people: impl Iterator<Item = PersonMatte<'a>>) {
        self.weight.data_mut().fill(0.0);
        self.people.data_mut().fill(0.0);
        let (width, height) = (whole.width(), whole.height());
        for person in people {
            let cell = person.cell;
            let weight_across = fade(person.sides[0], person.sides[2], cell.x0, cell.x1, width);
            let weight_down = fade(person.sides[1], person.sides[3], cell.y0, cell.y1, height);
            for (y, down) in weight_down.iter().enumerate() {
                let at = (cell.y0 + y) * width + cell.x0;
                let matte = &person.matte.data()[y * cell.width()..][..cell.width()];
                let sum = &mut self.people.data_mut()[at..][..cell.width()];
                let weight = &mut self.weight.data_mut()[at..][..cell.width()];
                for (((sum, weight), alpha), across) in sum.iter_mut().zip(weight).zip(matte).zip(&weight_across) {
                    let share = person.strength * if across < down { *across } else { *down };
                    *sum = if alpha * share > *sum { alpha * share } else { *sum };
                    *weight = if share > *weight { share } else { *weight };
                }
            }
        }
        let parts = self.people.data().iter().zip(self.weight.data()).zip(whole.data());
        for (sum, ((person, weight), whole)) in self.sum.data_mut().iter_mut().zip(parts) {
            *sum += person + whole * (1.0 - weight);
        }
        self.models += 1.0;
    }

    /// Removes from a matte all but the surroundings of some boxes (left, top, right, bottom), each with its weight.
    pub fn only(&mut self, boxes: impl Iterator<Item = ([f32; 4], f32)>, alpha: &mut Plane<f32>) {
        let (width, height) = (alpha.width(), alpha.height());
        self.weight.resize(width, height);
        self.weight.data_mut().fill(0.0);
        for (sides, strength) in boxes {
            let weight_across = fade(sides[0], sides[2], 0, width, width);
            let weight_down = fade(sides[1], sides[3], 0, height, height);
            for (down, row) in weight_down.iter().zip(self.weight.data_mut().chunks_exact_mut(width.max(1))) {
                for (weight, across) in row.iter_mut().zip(&weight_across) {
                    let share = strength * if across < down { *across } else { *down };
                    *weight = if share > *weight { share } else { *weight };
                }
            }
        }
        alpha.data_mut().iter_mut().zip(self.weight.data()).for_each(|(a, weight)| *a *= weight);
    }

    /// The mean over the models; nothing changes where there was none.
    pub fn finish(&mut self, alpha: &mut Plane<f32>) {
        if self.models > 0.0 {
            let share = 1.0 / self.models;
            alpha.data_mut().iter_mut().zip(self.sum.data()).for_each(|(a, sum)| *a = (sum * share).min(1.0));
        }
    }
}

/// The weight of each sample of a line of a crop, from `start` to `end` in an eye of `limit` samples,
/// for a box from `low` to `high`.
fn fade(low: f32, high: f32, start: usize, end: usize, limit: usize) -> Vec<f32> {
    let length = (high - low).max(1.0);
    (start..end)
        .map(|i| {
            let at = i as f32 + 0.5;
            let outside = (low - at).max(at - high).max(0.0) / length;
            let from_start = if start == 0 { RIM } else { at - start as f32 };
            let from_end = if end == limit { RIM } else { end as f32 - at };
            (1.0 - ramp(outside, (NEAR, FAR))).min(from_start.min(from_end) / RIM).clamp(0.0, 1.0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(whole: &Plane<f32>, models: &[Vec<PersonMatte<'_>>]) -> Plane<f32> {
        let (mut layers, mut alpha) = (PersonLayers::default(), whole.clone());
        layers.begin(whole.width(), whole.height());
        for pieces in models {
            let again = |p: &PersonMatte<'_>| (p.cell, p.sides, p.strength);
            layers.add(
                whole,
                pieces.iter().map(|p| {
                    let (cell, sides, strength) = again(p);
                    PersonMatte { cell, sides, strength, matte: p.matte }
                }),
            );
        }
        layers.finish(&mut alpha);
        alpha
    }

    const CELL: CropRect = CropRect { x0: 10, y0: 10, x1: 30, y1: 30 };
    const SIDES: [f32; 4] = [14.0, 14.0, 26.0, 26.0];

    #[test]
    fn person_matte_decides_in_its_box_and_eye_matte_far_from_it() {
        let whole = Plane::from_vec(vec![0.7; 40 * 40], 40, 40);
        for value in [0.0, 1.0] {
            let matte = Plane::from_vec(vec![value; 400], 20, 20);
            let alpha = merged(&whole, &[vec![PersonMatte { cell: CELL, sides: SIDES, strength: 1.0, matte: &matte }]]);
            assert_eq!(alpha.data()[20 * 40 + 20], value);
            for i in [20 * 40 + 5, 5 * 40 + 20, 20 * 40 + 11, 39 * 40 + 39] {
                assert!((alpha.data()[i] - 0.7).abs() < 0.12, "{i}: {}", alpha.data()[i]);
            }
        }
    }

    #[test]
    fn models_are_averaged_and_no_person_changes_nothing() {
        let whole = Plane::from_vec(vec![0.25; 40 * 40], 40, 40);
        assert_eq!(merged(&whole, &[]), whole);
        assert_eq!(merged(&whole, &[vec![], vec![]]), whole);
        let (low, high) = (Plane::from_vec(vec![0.2; 400], 20, 20), Plane::from_vec(vec![0.8; 400], 20, 20));
        let piece = |matte| vec![PersonMatte { cell: CELL, sides: SIDES, strength: 1.0, matte }];
        let alpha = merged(&whole, &[piece(&low), piece(&high)]);
        assert!((alpha.data()[20 * 40 + 20] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn only_people_in_the_given_boxes_stay() {
        let mut alpha = Plane::from_vec(vec![1.0; 40 * 40], 40, 40);
        PersonLayers::default().only([(SIDES, 1.0)].into_iter(), &mut alpha);
        assert_eq!((alpha.data()[20 * 40 + 20], alpha.data()[20 * 40 + 38], alpha.data()[0]), (1.0, 0.0, 0.0));
        PersonLayers::default().only(std::iter::empty(), &mut alpha);
        assert!(alpha.data().iter().all(|a| *a == 0.0));
    }

    #[test]
    fn crops_do_not_fade_at_the_border_of_the_eye() {
        let whole = Plane::from_vec(vec![0.0; 40 * 40], 40, 40);
        let matte = Plane::from_vec(vec![1.0; 400], 20, 20);
        let cell = CropRect { x0: 0, y0: 20, x1: 20, y1: 40 };
        let sides = [0.0, 22.0, 16.0, 40.0];
        let alpha = merged(&whole, &[vec![PersonMatte { cell, sides, strength: 1.0, matte: &matte }]]);
        assert_eq!(alpha.data()[39 * 40], 1.0);
    }
}
