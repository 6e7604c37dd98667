//! All metrics of one view, gathered frame by frame.

use super::{Connectivity, Gradient, boundary_f, dtssd, flicker, iou, mad, mse};
use serde::Serialize;
use vrseg_image::plane::Plane;

/// Means over the frames of a view. What can't be measured is `None`: everything but the flicker
/// without a truth, dtSSD of a single frame, flicker of fewer than three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// [`iou`], 0..=1.
    pub iou: Option<f64>,
    /// [`boundary_f`], 0..=1.
    pub boundary_f: Option<f64>,
    /// [`mad`], in thousandths.
    pub mad: Option<f64>,
    /// [`mse`], in thousandths.
    pub mse: Option<f64>,
    /// [`Gradient`], in thousands.
    pub grad: Option<f64>,
    /// [`Connectivity`], in thousands.
    pub conn: Option<f64>,
    /// [`dtssd`], in hundredths. The mean is over pairs of frames; evaluations that count a 0 for the
    /// first frame come out lower by one part in the number of frames.
    pub dtssd: Option<f64>,
    /// [`flicker`], in thousandths.
    pub flicker: Option<f64>,
    /// The flicker of the truth itself, which is movement and not error.
    pub truth_flicker: Option<f64>,
}

impl Scores {
    /// The means over views; a metric that one of them lacks is omitted.
    pub fn mean(views: &[Scores]) -> Scores {
        let of = |field: fn(&Scores) -> Option<f64>| {
            let values: Option<Vec<_>> = views.iter().map(field).collect();
            values.filter(|v| !v.is_empty()).map(|v| v.iter().sum::<f64>() / v.len() as f64)
        };
        Scores {
            iou: of(|s| s.iou),
            boundary_f: of(|s| s.boundary_f),
            mad: of(|s| s.mad),
            mse: of(|s| s.mse),
            grad: of(|s| s.grad),
            conn: of(|s| s.conn),
            dtssd: of(|s| s.dtssd),
            flicker: of(|s| s.flicker),
            truth_flicker: of(|s| s.truth_flicker),
        }
    }
}

/// A running mean.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    total: f64,
    count: u64,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        self.total += value;
        self.count += 1;
    }

    pub(super) fn get(self) -> Option<f64> {
        (self.count > 0).then(|| self.total / self.count as f64)
    }
}

/// Gathers the [`Scores`] of one view.
#[derive(Debug, Default)]
pub struct Meter {
    gradient: Gradient,
    connectivity: Connectivity,
    iou: Mean,
    boundary_f: Mean,
    mad: Mean,
    mse: Mean,
    grad: Mean,
    conn: Mean,
    dtssd: Mean,
    pred: History,
    truth: History,
}

impl Meter {
    /// Takes the next frame: its matte (0..=1) and, where there is one, the true one. All planes of
    /// a meter have one size, and either all frames have a truth or none.
    ///
    /// # Panics
    /// When the planes differ in size.
    pub fn add(&mut self, pred: &Plane<f32>, truth: Option<&Plane<f32>>) {
        if let Some(truth) = truth {
            self.iou.add(iou(pred, truth));
            self.boundary_f.add(boundary_f(pred, truth));
            self.mad.add(mad(pred, truth));
            self.mse.add(mse(pred, truth));
            self.grad.add(self.gradient.error(pred, truth));
            self.conn.add(self.connectivity.error(pred, truth));
            if let (Some(pred_before), Some(truth_before)) = (self.pred.last(), self.truth.last()) {
                self.dtssd.add(dtssd((pred_before, truth_before), (pred, truth)));
            }
            self.truth.add(truth);
        }
        self.pred.add(pred);
    }

    /// The means so far.
    pub fn scores(&self) -> Scores {
        Scores {
            iou: self.iou.get(),
            boundary_f: self.boundary_f.get(),
            mad: self.mad.get(),
            mse: self.mse.get(),
            grad: self.grad.get(),
            conn: self.conn.get(),
            dtssd: self.dtssd.get(),
            flicker: self.pred.flicker.get(),
            truth_flicker: self.truth.flicker.get(),
        }
    }
}

/// The last two frames of a matte, and its flicker.
#[derive(Debug, Default)]
struct History {
    /// The older first.
    frames: [Plane<f32>; 2],
    count: usize,
    flicker: Mean,
}

impl History {
    fn last(&self) -> Option<&Plane<f32>> {
        (self.count > 0).then_some(&self.frames[1])
    }

    fn add(&mut self, frame: &Plane<f32>) {
        if self.count == 2 {
            self.flicker.add(flicker(&self.frames[0], &self.frames[1], frame));
        }
        self.frames.swap(0, 1);
        let kept = &mut self.frames[1];
        kept.resize(frame.width(), frame.height());
        kept.data_mut().copy_from_slice(frame.data());
        self.count = (self.count + 1).min(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(v: f32) -> Plane<f32> {
        Plane::from_vec(vec![v; 12], 4, 3)
    }

    #[test]
    fn scores_without_enough_frames_are_none() {
        let mut meter = Meter::default();
        assert_eq!(meter.scores(), Scores::default());
        meter.add(&flat(0.5), None);
        assert_eq!(meter.scores(), Scores::default());
        meter.add(&flat(0.6), None);
        meter.add(&flat(0.5), None);
        let scores = meter.scores();
        assert!((scores.flicker.expect("three frames") - 200.0).abs() < 1e-3);
        assert_eq!(Scores { flicker: None, ..scores }, Scores::default());
    }

    #[test]
    fn means_are_over_frames_and_pairs() {
        let mut meter = Meter::default();
        for (p, t) in [(0.0, 0.0), (0.2, 0.0), (0.2, 0.1)] {
            meter.add(&flat(p), Some(&flat(t)));
        }
        let scores = meter.scores();
        let near = |v: Option<f64>, want: f64| assert!((v.expect("measured") - want).abs() < 1e-3, "{v:?} {want}");
        near(scores.mad, 100.0);
        near(scores.dtssd, 15.0);
        near(scores.flicker, 200.0);
        near(scores.truth_flicker, 100.0);
        near(scores.iou, 1.0);
        let both = Scores::mean(&[scores, Scores { mad: Some(300.0), dtssd: None, ..scores }]);
        near(both.mad, 200.0);
        assert_eq!(both.dtssd, None);
    }
}
