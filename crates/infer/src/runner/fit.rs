//! Pictures of any size for a graph that takes one size only: stretched, or padded with the mean color.

use crate::batch::{Batch, Pictures};
use crate::models::manifest::{Input, inside};
use vrseg_image::matte::resize;
use vrseg_image::plane::{Plane, PlaneRef};

/// How pictures of one size go into a graph that takes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    /// Size of the pictures.
    from: (usize, usize),
    /// Size that the graph takes.
    graph: (usize, usize),
    /// Left, top, width and height of the picture inside it.
    inside: [usize; 4],
}

impl Fit {
    /// `None`: the graph takes the pictures as they are.
    pub(crate) fn of(input: &Input, from: (usize, usize)) -> Option<Self> {
        let graph = input.graph_size(from)?;
        let (w, h) = inside(graph, input.aspect, from);
        let inside = [(graph.0 - w) / 2, (graph.1 - h) / 2, w, h];
        Some(Self { from, graph, inside })
    }

    /// Writes the pictures at the graph's size into `out`. They are normalized, so that 0 is the mean color.
    pub(crate) fn place(&self, batch: Pictures<'_>, out: &mut Batch) {
        let ((width, height), [left, top, w, h]) = (self.graph, self.inside);
        (out.n, out.width, out.height) = (batch.n, width, height);
        out.data.clear();
        out.data.resize(3 * batch.n * width * height, 0.0);
        let planes = batch.data.chunks_exact(batch.width * batch.height);
        for (plane, out) in planes.zip(out.data.chunks_exact_mut(width * height)) {
            let plane = PlaneRef::new(plane, batch.width, batch.width, batch.height);
            let resized = resize(plane, w, h);
            for (row, out) in resized.data().chunks_exact(w).zip(out.chunks_exact_mut(width).skip(top)) {
                out[left..left + w].copy_from_slice(row);
            }
        }
    }

    /// Cuts the pictures' mattes out of the graph's, at the pictures' size.
    pub(crate) fn take(&self, alphas: &mut [Plane<f32>]) {
        let [left, top, w, h] = self.inside;
        for alpha in alphas {
            let cut = PlaneRef::new(&alpha.data()[top * self.graph.0 + left..], self.graph.0, w, h);
            *alpha = resize(cut, self.from.0, self.from.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    fn input(more: &str) -> Input {
        let mut input = registry::built_in().unwrap().remove(0).input;
        let read: serde_yaml::Value = serde_yaml::from_str(more).unwrap();
        input.aspect = serde_yaml::from_value(read["aspect"].clone()).unwrap();
        input.frame = serde_yaml::from_value(read["frame"].clone()).unwrap();
        input
    }

    /// A batch of two pictures whose left half is 1 and whose right half is -1.
    fn batch(width: usize, height: usize) -> Batch {
        let data = (0..6 * width * height).map(|i| if i % width < width / 2 { 1.0 } else { -1.0 }).collect();
        Batch { data, n: 2, width, height }
    }

    #[test]
    fn pictures_are_padded_and_their_mattes_cut_out() {
        let fit = Fit::of(&input("{aspect: pad, frame: {width: 64, height: 64}}"), (32, 16)).unwrap();
        assert_eq!(fit.inside, [0, 16, 64, 32]);
        let mut out = Batch::default();
        fit.place(batch(32, 16).pictures(), &mut out);
        assert_eq!((out.n, out.width, out.height, out.data.len()), (2, 64, 64, 6 * 64 * 64));
        let at = |x: usize, y: usize| out.data[5 * 64 * 64 + y * 64 + x];
        assert_eq!([at(0, 15), at(0, 16), at(63, 47), at(63, 48)], [0.0, 1.0, -1.0, 0.0]);
        let mut alphas: Vec<_> = out.data.chunks_exact(64 * 64).map(|p| Plane::from_vec(p.to_vec(), 64, 64)).collect();
        fit.take(&mut alphas);
        assert_eq!((alphas[0].width(), alphas[0].height()), (32, 16));
        assert_eq!([alphas[3].data()[0], alphas[3].data()[31]], [1.0, -1.0]);
    }

    #[test]
    fn pictures_are_stretched_to_the_frame() {
        let fit = Fit::of(&input("{aspect: square, frame: {width: 64, height: 36}}"), (32, 32)).unwrap();
        assert_eq!(fit.inside, [0, 0, 64, 36]);
        let mut out = Batch::default();
        fit.place(batch(32, 32).pictures(), &mut out);
        assert_eq!(out.data.len(), 6 * 64 * 36);
        let mut alphas = vec![Plane::from_vec(out.data[..64 * 36].to_vec(), 64, 36)];
        fit.take(&mut alphas);
        assert_eq!((alphas[0].width(), alphas[0].height()), (32, 32));
        assert_eq!(Fit::of(&input("{aspect: square, frame: {width: 64, height: 36}}"), (64, 36)), None);
        assert_eq!(Fit::of(&input("{aspect: keep}"), (64, 36)), None);
    }
}
