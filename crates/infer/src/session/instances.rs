//! Mattes from the masks of single people, as YOLO's segmentation models give them.
//!
//! Each of the model's boxes comes with a score for each class and with coefficients; the mask is the sigmoid of the prototypes
//! weighed by them, inside the box (Bolya et al. 2019, "YOLACT"). The matte shows the union of the people: the highest of
//! their masks at each pixel.

use super::output::Raw;
use crate::models::manifest::{Instances, Output};
use crate::suppress::suppress;
use vrseg_image::matte::people::overlap;
use vrseg_image::matte::resize;
use vrseg_image::plane::Plane;

/// A box with a person in it, in pixels of the model's input.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    score: f32,
    /// Left, top, right, bottom.
    rect: [f32; 4],
    /// Its number among all boxes.
    at: usize,
}

/// The boxes of one picture as a table, one box a row or one a column.
struct Boxes<'a> {
    data: &'a [f32],
    count: usize,
    values: usize,
    /// Boxes lie side by side: value `v` of box `a` is at `v * count + a`.
    by_value: bool,
}

impl Boxes<'_> {
    fn get(&self, at: usize, value: usize) -> f32 {
        self.data[if self.by_value { value * self.count + at } else { at * self.values + value }]
    }
}

/// Reads the alphas of `n` pictures of `size`, in pixels; they get that size.
///
/// # Errors
/// Outputs of another shape; as a text for users.
pub(super) fn read(
    output: &Output,
    how: &Instances,
    boxes: &Raw<'_>,
    prototypes: &Raw<'_>,
    (n, size): (usize, (usize, usize)),
    alphas: &mut Vec<Plane<f32>>,
) -> Result<(), String> {
    let wrong = |name: &str, raw: &Raw<'_>| format!("output {name} has shape {:?} for a batch of {n}", raw.shape);
    let &[pictures, masks, height, width] = &prototypes.shape[..] else {
        return Err(wrong(&how.prototypes, prototypes));
    };
    let &[box_pictures, a, b] = &boxes.shape[..] else { return Err(wrong(&output.name, boxes)) };
    let (count, values) = if how.objectness { (a, b) } else { (b, a) };
    let first_class = if how.objectness { 5 } else { 4 };
    if pictures != n || box_pictures != n || width * height * masks == 0 || values <= first_class + masks + how.person {
        return Err(format!("{} and {}", wrong(&output.name, boxes), wrong(&how.prototypes, prototypes)));
    }
    alphas.resize_with(n, Plane::default);
    let planes = prototypes.data.chunks_exact(masks * width * height);
    for ((data, planes), alpha) in boxes.data.chunks_exact(count * values).zip(planes).zip(alphas) {
        let table = Boxes { data, count, values, by_value: !how.objectness };
        let mut people = candidates(&table, how, first_class..values - masks);
        suppress(&mut people, |p| p.score, |a, b| overlap(&a.rect, &b.rect) > how.overlap);
        alpha.resize(size.0, size.1);
        alpha.data_mut().fill(0.0);
        for person in people {
            let weights: Vec<f32> = (values - masks..values).map(|v| table.get(person.at, v)).collect();
            let mask = mask(planes, &weights, (width, height));
            raise(alpha, &resize(mask.as_ref(), size.0, size.1), person.rect);
        }
    }
    Ok(())
}

/// Boxes in which a person is the likeliest of all classes, and likely enough.
fn candidates(table: &Boxes<'_>, how: &Instances, classes: std::ops::Range<usize>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for at in 0..table.count {
        let objectness = if how.objectness { table.get(at, 4) } else { 1.0 };
        let score = table.get(at, classes.start + how.person) * objectness;
        // A comparison that NaN fails, too.
        let counts = score > how.score;
        if !counts || classes.clone().any(|class| table.get(at, class) * objectness > score) {
            continue;
        }
        let [x, y, w, h] = [0, 1, 2, 3].map(|v| table.get(at, v));
        found.push(Candidate { score, rect: [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0], at });
    }
    found
}

/// One person's mask at the size of the prototypes.
fn mask(planes: &[f32], weights: &[f32], (width, height): (usize, usize)) -> Plane<f32> {
    let mut mask = Plane::<f32>::new(width, height);
    for (plane, weight) in planes.chunks_exact(width * height).zip(weights) {
        mask.data_mut().iter_mut().zip(plane).for_each(|(logit, value)| *logit += weight * value);
    }
    mask.data_mut().iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp()));
    mask
}

/// Raises `alpha` to one person's mask inside the box.
fn raise(alpha: &mut Plane<f32>, mask: &Plane<f32>, rect: [f32; 4]) {
    let (width, height) = (alpha.width(), alpha.height());
    let inside = |low: f32, high: f32, most: usize| {
        let place = |v: f32| v.ceil().clamp(0.0, most as f32) as usize;
        place(low)..place(high).max(place(low))
    };
    let columns = inside(rect[0], rect[2], width);
    for y in inside(rect[1], rect[3], height) {
        let row = y * width + columns.start..y * width + columns.end;
        let pairs = alpha.data_mut()[row.clone()].iter_mut().zip(&mask.data()[row]);
        pairs.for_each(|(alpha, mask)| *alpha = alpha.max(*mask));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::manifest::Activation;

    fn how(objectness: bool) -> (Output, Instances) {
        let text = format!(
            "{{name: o, activation: none, instances: {{prototypes: p, score: 0.5, objectness: {objectness}}}}}"
        );
        let output: Output = serde_yaml::from_str(&text).unwrap();
        assert_eq!(output.activation, Activation::None);
        let instances = output.instances.clone().unwrap();
        (output, instances)
    }

    /// Two people who overlap hardly, one of them twice, a dog, and a person who is unlikely; one prototype of +5.
    const ROWS: [[f32; 8]; 5] = [
        // x, y, w, h, objectness, person, dog, coefficient
        [4.0, 8.0, 4.0, 8.0, 1.0, 0.9, 0.1, 1.0],
        [4.2, 8.0, 4.0, 8.0, 1.0, 0.8, 0.1, -9.0],
        [12.0, 8.0, 4.0, 8.0, 1.0, 0.7, 0.1, -1.0],
        [8.0, 2.0, 4.0, 4.0, 1.0, 0.6, 0.9, 1.0],
        [8.0, 14.0, 4.0, 4.0, 1.0, 0.4, 0.1, 1.0],
    ];

    fn alphas(objectness: bool) -> Plane<f32> {
        let (output, how) = how(objectness);
        let rows: Vec<Vec<f32>> =
            ROWS.iter().map(|r| if objectness { r.to_vec() } else { [&r[..4], &r[5..]].concat() }).collect();
        let values = rows[0].len();
        let (shape, data) = if objectness {
            (vec![1, rows.len(), values], rows.concat())
        } else {
            let by_value = (0..values).flat_map(|v| rows.iter().map(move |r| r[v])).collect();
            (vec![1, values, rows.len()], by_value)
        };
        let boxes = Raw { shape, data: data.into() };
        let prototypes = Raw { shape: vec![1, 1, 8, 8], data: vec![5.0; 64].into() };
        let mut alphas = Vec::new();
        read(&output, &how, &boxes, &prototypes, (1, (16, 16)), &mut alphas).unwrap();
        alphas.remove(0)
    }

    #[test]
    fn masks_of_likely_people_are_joined_inside_their_boxes() {
        for objectness in [false, true] {
            let alpha = alphas(objectness);
            let at = |x: usize, y: usize| alpha.data()[y * 16 + x];
            assert!(at(2, 4) > 0.99 && at(5, 11) > 0.99, "the first person");
            assert!(at(10, 6) < 0.01 && at(10, 6) > 0.0, "the second person's mask is negative");
            let others = [at(8, 2), at(8, 14), at(0, 0), at(15, 6), at(6, 6)];
            assert_eq!(others, [0.0; 5], "the dog, the unlikely person, the background");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        let (output, how) = how(false);
        let raw = |shape: &[usize]| Raw { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()].into() };
        for (boxes, prototypes) in [
            (&[1, 7, 5][..], &[1, 3, 8, 8][..]),
            (&[2, 7, 5], &[1, 1, 8, 8]),
            (&[1, 7, 5], &[1, 1, 8]),
            (&[1, 5], &[1, 1, 8, 8]),
            (&[1, 7, 5], &[1, 1, 0, 8]),
        ] {
            let e = read(&output, &how, &raw(boxes), &raw(prototypes), (1, (16, 16)), &mut Vec::new()).unwrap_err();
            assert!(e.contains("has shape"), "{e}");
        }
    }
}
