//! What the pass that finds people has come across: small pictures for the timeline, and portraits.

use crate::ui::picture::{Image, from_small};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use vrseg_engine::run::{PeopleScan, ScanViewer};
use vrseg_image::matte::SmallYuv;
use vrseg_image::plane::Matrix;

/// Pictures of the timeline at most, and their height.
const PICTURES: f64 = 400.0;
const HEIGHT: usize = 160;
/// Seconds from one to the next at least.
const CLOSEST: f64 = 0.25;
/// How long the pass waits for moments at most, so that it comes to an end.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The pass, while it runs and behind it.
#[derive(Debug)]
pub(super) struct Scan {
    /// The people.
    pub(super) found: Mutex<PeopleScan>,
    strip: Mutex<BTreeMap<u64, Image>>,
    portraits: Mutex<BTreeMap<u32, Image>>,
    /// Seconds from one picture of the timeline to the next.
    step: f64,
    /// Moments that are being made: the pass makes way for them.
    busy: AtomicUsize,
    /// It came to its end.
    finished: AtomicBool,
    /// Why it ended early.
    error: Mutex<Option<String>>,
}

fn millis(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
}

impl Scan {
    /// Of a video of this number of seconds.
    pub(super) fn new(duration: f64) -> Self {
        Self {
            found: Mutex::default(),
            strip: Mutex::default(),
            portraits: Mutex::default(),
            step: (duration / PICTURES).max(CLOSEST),
            busy: AtomicUsize::new(0),
            finished: AtomicBool::new(false),
            error: Mutex::default(),
        }
    }

    /// The pass ended.
    pub(super) fn end(&self, error: Option<String>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
        self.finished.store(true, Ordering::Release);
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    pub(super) fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The timeline's picture nearest to a time; `None` where the pass has not been yet.
    pub(super) fn picture(&self, seconds: f64) -> Option<Image> {
        let strip = self.strip.lock().unwrap_or_else(PoisonError::into_inner);
        let at = millis(seconds);
        let near = strip.range(..=at).next_back().into_iter().chain(strip.range(at..).next());
        let (_, image) = near.min_by_key(|(time, _)| time.abs_diff(at))?;
        // Before the pass was there, the nearest picture may be of another scene.
        let passed = strip.keys().next_back().is_some_and(|last| *last >= at);
        let close = self.is_finished() || passed;
        close.then(|| image.clone())
    }

    /// The picture of a person.
    pub(super) fn portrait(&self, number: u32) -> Option<Image> {
        self.portraits.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// While it lives, the pass waits.
    pub(super) fn make_way(&self) -> MakeWay<'_> {
        self.busy.fetch_add(1, Ordering::AcqRel);
        MakeWay(self)
    }
}

/// See [`Scan::make_way`].
pub(super) struct MakeWay<'a>(&'a Scan);

impl Drop for MakeWay<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

impl ScanViewer for Scan {
    fn frame(&self, seconds: f64, view: &SmallYuv, matrix: Matrix) {
        let since = Instant::now();
        while self.busy.load(Ordering::Acquire) > 0 && since.elapsed() < MAX_WAIT {
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut strip = self.strip.lock().unwrap_or_else(PoisonError::into_inner);
        let due = strip.keys().next_back().is_none_or(|last| millis(seconds) >= last + millis(self.step));
        if strip.len() as f64 > 4.0 * PICTURES {
            // The length was unknown.
            let mut odd = false;
            strip.retain(|_, _| {
                odd = !odd;
                odd
            });
        }
        if due {
            strip.insert(millis(seconds), from_small(view, matrix).fitted(usize::MAX, HEIGHT));
        }
    }

    fn keeps_frames(&self) -> bool {
        true
    }

    fn person(&self, number: u32, picture: &SmallYuv, matrix: Matrix) {
        let image = from_small(picture, matrix);
        self.portraits.lock().unwrap_or_else(PoisonError::into_inner).insert(number, image);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::plane::Plane;

    #[test]
    fn timeline_has_pictures_at_equal_steps_and_the_nearest_is_shown() {
        let scan = Scan::new(10.0);
        let gray = |v: f32| {
            let plane = |v: f32| Plane::from_vec(vec![v; 4], 2, 2);
            SmallYuv { y: plane(v), u: plane(0.0), v: plane(0.0) }
        };
        assert_eq!(scan.picture(0.0), None);
        for n in 0..50 {
            scan.frame(f64::from(n) / 25.0, &gray(n as f32 / 50.0), Matrix::Bt709);
        }
        let strip = scan.strip.lock().expect("the strip").len();
        assert_eq!(strip, 8);
        let shade = |t: f64| scan.picture(t).map(|i| i.data[0]);
        assert!(shade(0.1) < shade(1.0) && shade(1.0).is_some());
        assert_eq!(shade(9.0), None, "not seen yet");
        scan.end(None);
        assert!(shade(9.0).is_some());
    }
}
