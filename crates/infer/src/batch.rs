//! What goes into a model and what a recurrent one remembers: pictures and tensors.

use ort::value::DynValue;
use std::ops::Range;

/// Input of one run: `n` pictures as f32 `[n, 3, height, width]`, normalized as the manifest says.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// `n * 3 * height * width` values.
    pub data: Vec<f32>,
    /// Number of pictures.
    pub n: usize,
    /// Width of each picture in pixels.
    pub width: usize,
    /// Height of each picture in pixels.
    pub height: usize,
}

impl Batch {
    /// All pictures, borrowed.
    pub(crate) fn pictures(&self) -> Pictures<'_> {
        Pictures { data: &self.data, n: self.n, width: self.width, height: self.height }
    }
}

/// Consecutive pictures of a [`Batch`], borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pictures<'a> {
    /// `n * 3 * height * width` values.
    pub(crate) data: &'a [f32],
    pub(crate) n: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl<'a> Pictures<'a> {
    /// The pictures in `range` of these.
    ///
    /// # Panics
    /// When `range` ends after the last picture.
    pub(crate) fn part(self, range: Range<usize>) -> Pictures<'a> {
        let len = 3 * self.width * self.height;
        Pictures { data: &self.data[range.start * len..range.end * len], n: range.len(), ..self }
    }
}

/// What a recurrent model remembers of the frames before, for all pictures of a batch. Empty (the default) at the
/// start and after a scene cut. Always FP32: in FP16 the states drift. The states of one session hold all pictures;
/// those of several sessions lie one picture behind the other, and [`ModelRunner::save`](crate::ModelRunner::save) joins them.
#[derive(Debug, Default)]
pub struct States(pub(crate) Vec<DynValue>);

impl States {
    /// Forgets all frames before, as at a scene cut.
    pub fn reset(&mut self) {
        self.0.clear();
    }

    /// Whether no frame before is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A tensor in main memory: what [`ModelRunner::save`](crate::ModelRunner::save) makes of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Length of each dimension, the outermost first.
    pub shape: Vec<usize>,
    /// The values, as many as the product of `shape`, the innermost dimension contiguous.
    pub data: Vec<f32>,
}

impl Tensor {
    /// The rows (parts along the outermost dimension) at these places, zeros where there is none.
    pub(crate) fn rows(&self, places: &[Option<usize>]) -> Tensor {
        let len: usize = self.shape.iter().skip(1).product();
        let mut data = Vec::with_capacity(places.len() * len);
        for place in places {
            match place.and_then(|place| self.data.get(place * len..(place + 1) * len)) {
                Some(row) => data.extend_from_slice(row),
                None => data.resize(data.len() + len, 0.0),
            }
        }
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = places.len();
        }
        Tensor { shape, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_move_and_new_ones_are_zero() {
        let tensor = Tensor { shape: vec![2, 1, 2], data: vec![1.0, 2.0, 3.0, 4.0] };
        let moved = tensor.rows(&[Some(1), None, Some(0)]);
        assert_eq!(moved, Tensor { shape: vec![3, 1, 2], data: vec![3.0, 4.0, 0.0, 0.0, 1.0, 2.0] });
    }
}
