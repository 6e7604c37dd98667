//! Buffers that go back to a stage that fills them.

use crate::plan::SmallView;
use crossbeam_channel::{Receiver, Sender, bounded};
use vrseg_image::plane::Plane;

/// What one stage has done with, for another to use again. A fresh buffer costs the page faults of its first touch.
/// Clones share what is in it.
#[derive(Debug)]
pub struct Spare<T> {
    to: Sender<T>,
    from: Receiver<T>,
}

impl<T> Clone for Spare<T> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone(), from: self.from.clone() }
    }
}

impl<T: Default> Spare<T> {
    /// Keeps this many at most.
    pub fn new(most: usize) -> Self {
        let (to, from) = bounded(most);
        Self { to, from }
    }

    /// One that was used before, with what it held then, or a new one.
    pub fn take(&self) -> T {
        self.from.try_recv().unwrap_or_default()
    }

    /// Takes one back, unless there are enough.
    pub fn put(&self, used: T) {
        let _ = self.to.try_send(used);
    }
}

impl Spare<Plane<f32>> {
    /// Gives a plane memory, unless it has some.
    pub fn supply(&self, plane: &mut Plane<f32>) {
        if plane.data().is_empty() {
            *plane = self.take();
        }
    }

    /// Takes back the planes of views.
    pub fn put_views(&self, views: Vec<SmallView>) {
        for SmallView { yuv, mattes, alpha } in views {
            self.put_all([yuv.y, yuv.u, yuv.v, alpha].into_iter().chain(mattes));
        }
    }

    /// Takes back those planes that have samples.
    pub fn put_all(&self, planes: impl Iterator<Item = Plane<f32>>) {
        planes.filter(|plane| !plane.data().is_empty()).for_each(|plane| self.put(plane));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_taken_out_by_any_clone_and_no_more_than_that_is_kept() {
        let spare = Spare::new(2);
        let other = spare.clone();
        [vec![1], vec![2], vec![3]].into_iter().for_each(|used| spare.put(used));
        assert_eq!([other.take(), spare.take(), other.take()], [vec![1], vec![2], vec![]]);
    }
}
