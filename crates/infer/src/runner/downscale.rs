//! A model's input at half its size, which may fit into a device's memory where a whole picture does not.

use crate::batch::Batch;
use crate::models::manifest::Input;
use vrseg_image::matte::resize;
use vrseg_image::plane::{Plane, PlaneRef};

/// Half of a size, if the model accepts that.
pub(crate) fn half_of(input: &Input, (width, height): (usize, usize)) -> Option<(usize, usize)> {
    let multiple = input.multiple.max(1) as usize;
    let half = |n: usize| (n / 2).next_multiple_of(multiple);
    let (w, h) = (half(width), half(height));
    let smaller = w < width && h < height && w.max(h) >= input.min as usize;
    (smaller && !input.fixed).then_some((w, h))
}

/// Writes the pictures of `batch`, averaged down to a smaller size, into `out`. They stay normalized: a mean of
/// normalized values is the mean's normalized value.
pub(crate) fn shrink(batch: &Batch, (width, height): (usize, usize), out: &mut Batch) {
    (out.n, out.width, out.height) = (batch.n, width, height);
    out.data.clear();
    for plane in batch.data.chunks_exact(batch.width * batch.height).take(3 * batch.n) {
        let plane = PlaneRef::new(plane, batch.width, batch.width, batch.height);
        out.data.extend_from_slice(resize(plane, width, height).data());
    }
}

/// Scales mattes to the size of the batch.
pub(crate) fn enlarge(mattes: &mut [Plane<f32>], (width, height): (usize, usize)) {
    mattes.iter_mut().for_each(|m| *m = resize(m.as_ref(), width, height));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    fn input(model: &str) -> Input {
        registry::built_in().unwrap().into_iter().find(|m| m.name == model).unwrap().input
    }

    #[test]
    fn half_size_is_accepted_by_the_model() {
        let selfie = input("selfie");
        assert_eq!(half_of(&selfie, (512, 448)), Some((256, 224)));
        let mut size = (1024, 1024);
        while let Some(half) = half_of(&selfie, size) {
            assert!(half.0 < size.0 && half.0 % selfie.multiple as usize == 0, "{half:?}");
            size = half;
        }
        assert!(size.0 >= selfie.min as usize);
        let fixed = Input { fixed: true, ..selfie };
        assert_eq!(half_of(&fixed, (512, 512)), None);
    }

    #[test]
    fn shrinking_averages_and_enlarging_restores_the_size() {
        let ramp = |k: usize| (0..64).map(move |i| (k * 100 + i % 8) as f32);
        let batch = Batch { data: (0..6).flat_map(ramp).collect(), n: 2, width: 8, height: 8 };
        let mut out = Batch::default();
        shrink(&batch, (4, 4), &mut out);
        assert_eq!((out.n, out.width, out.height, out.data.len()), (2, 4, 4, 6 * 16));
        for (k, plane) in out.data.chunks_exact(16).enumerate() {
            for row in plane.chunks_exact(4) {
                let want = [0.5, 2.5, 4.5, 6.5].map(|x| (100 * k) as f32 + x);
                assert!(row.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-3), "{row:?}");
            }
        }
        let mut mattes = vec![Plane::from_vec(vec![0.25; 16], 4, 4)];
        enlarge(&mut mattes, (8, 8));
        assert_eq!((mattes[0].width(), mattes[0].height()), (8, 8));
        assert!(mattes[0].data().iter().all(|a| (a - 0.25).abs() < 1e-6));
    }
}
