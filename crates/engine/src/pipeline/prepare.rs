//! Second stage: samples each view down to the network's size, looks at it through its windows and
//! fills the network's input. Several workers share that; what depends on the frames before they do in turns.

use super::cancel::Cancel;
use super::clock::Worker;
use super::error::Result;
use super::frame::{Decoded, Prepared, SmallView, Work};
use super::turns::Turns;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use vrseg_image::matte::windows::{View, Viewer, Windows};
use vrseg_image::matte::{Motion, MotionSearch, Normalization, SceneDetector, SmallYuv, to_network};
use vrseg_image::plane::{Plane, Rect, YuvColor, YuvLayout};
use vrseg_infer::Batch;

/// What is seen of every frame.
#[derive(Clone, Debug)]
pub struct Views {
    /// The views in luma samples of the frame.
    pub rects: Vec<Rect>,
    /// How the network looks at them.
    pub view: View,
    /// The windows through which the network sees each of them.
    pub windows: Arc<Windows>,
    /// Clockwise degrees by which a player turns the picture; the network sees it upright.
    pub rotation: i32,
}

impl Views {
    /// Size of a view's small picture and matte, before rotation.
    pub fn size(&self) -> (usize, usize) {
        self.windows.grid()
    }

    /// Size of the network's input.
    pub fn network_size(&self) -> (usize, usize) {
        let (w, h) = self.windows.size();
        if self.rotation % 180 == 0 { (w, h) } else { (h, w) }
    }

    /// Pictures that the network gets for a frame.
    pub fn pictures(&self) -> usize {
        self.rects.len() * self.windows.count()
    }
}

/// Buffers that later stages have done with. A fresh one costs the page faults of its first touch.
#[derive(Debug)]
pub struct Recycled {
    /// Inputs of the network.
    pub batches: Receiver<Batch>,
    /// The views of painted frames.
    pub views: Receiver<Vec<SmallView>>,
}

/// The part of the stage that does not change from frame to frame.
#[derive(Debug)]
pub struct Prepare {
    /// Views.
    pub views: Views,
    /// The source's planes.
    pub layout: YuvLayout,
    /// Their meaning.
    pub color: YuvColor,
    /// The network's input.
    pub normalization: Normalization,
    /// Frames that go through the network together.
    pub batch_frames: usize,
    /// The network is asked for every so many frames; 1: for all.
    pub every: u32,
}

/// What the stage knows of the frames before.
#[derive(Debug)]
struct Past {
    scenes: SceneDetector,
    /// One for each view, where mattes may be carried along.
    searches: Vec<MotionSearch>,
    /// Frames since the network was asked.
    carried: u32,
}

impl Past {
    /// Where a frame's views came from, if its mattes can be carried along from the frame before; else empty.
    /// `fresh`: they must not.
    fn motion(&mut self, views: &[SmallView], every: u32, fresh: bool) -> Vec<Motion> {
        for (search, view) in self.searches.iter_mut().zip(views) {
            search.look(view.yuv.y.as_ref());
        }
        let motion: Option<Vec<_>> = if fresh || self.carried + 1 >= every {
            None
        } else {
            self.searches.iter().map(|search| search.find().filter(|m| m.lost() <= NEW)).collect()
        };
        self.carried = if motion.is_some() { self.carried + 1 } else { 0 };
        motion.unwrap_or_default()
    }
}

/// Share of a view's blocks that may be new: where it is more, the network is asked.
const NEW: f32 = 0.04;

/// What the workers do in the order of the frames.
#[derive(Debug)]
pub struct InOrder {
    past: Past,
    /// Frames that wait for their batch to be full, and the pictures of those that are looked at.
    pending: Vec<Prepared>,
    batch: Batch,
    /// Workers that may still bring frames.
    workers: usize,
}

impl InOrder {
    /// The work of all pending frames; nothing where there is none.
    fn take(&mut self) -> Option<Work> {
        let frames = std::mem::take(&mut self.pending);
        (!frames.is_empty()).then(|| Work { frames, batch: std::mem::take(&mut self.batch) })
    }
}

impl Prepare {
    /// What `workers` share. `memory` is the scene detector's, where the work goes on somewhere in the middle.
    pub fn in_order(&self, workers: usize, memory: Option<Plane<f32>>) -> Turns<InOrder> {
        let searches = if self.every > 1 { self.views.rects.len() } else { 0 };
        let searches = (0..searches).map(|_| MotionSearch::default()).collect();
        let mut past = Past { scenes: SceneDetector::default(), searches, carried: 0 };
        past.scenes.remember(memory);
        let pending = Vec::with_capacity(self.batch_frames);
        Turns::new(InOrder { past, pending, batch: Batch::default(), workers })
    }

    /// One worker; works until the decoder ends or nobody listens any more.
    pub fn run(
        &self,
        frames: Receiver<Decoded>,
        work: Sender<Work>,
        recycled: &Recycled,
        turns: &Turns<InOrder>,
        cancel: &Cancel,
        mut clock: Worker<'_>,
    ) -> Result<()> {
        let mut viewer = Viewer::new();
        let mut pictures = Batch::default();
        while let Ok(decoded) = clock.waiting(|| frames.recv()) {
            if cancel.is_aborted() {
                return Ok(());
            }
            clock.take(decoded.source.index, 1);
            let mut views = recycled.views.try_recv().unwrap_or_default();
            if pictures.data.capacity() == 0 {
                pictures = recycled.batches.try_recv().unwrap_or_default();
            }
            clock.busy(|| self.look(&decoded, &mut views, &mut viewer, &mut pictures));
            let Some(mut turn) = clock.waiting(|| turns.wait(decoded.turn, || cancel.is_aborted())) else {
                return Ok(());
            };
            clock.busy(|| self.enter(decoded, views, &mut pictures, &mut turn));
            clock.done(1);
            if turn.pending.len() == self.batch_frames && !hand(turn.take(), &work, &mut clock) {
                return Ok(());
            }
        }
        // A last batch may have fewer frames.
        let rest = turns.aside(|in_order| {
            in_order.workers -= 1;
            if in_order.workers == 0 { in_order.take() } else { None }
        });
        hand(rest, &work, &mut clock);
        Ok(())
    }

    /// Samples a frame's views and makes their pictures the network's input. Knows nothing of other frames.
    fn look(&self, decoded: &Decoded, views: &mut Vec<SmallView>, viewer: &mut Viewer, pictures: &mut Batch) {
        let planes = decoded.source.frame.yuv();
        let windows = &self.views.windows;
        pictures.n = 0;
        (pictures.width, pictures.height) = self.views.network_size();
        views.resize_with(self.views.rects.len(), SmallView::default);
        for (rect, view) in self.views.rects.iter().zip(views) {
            view.mattes.resize_with(windows.count(), Plane::default);
            viewer.look(windows, &planes, self.layout, self.color, *rect, &mut view.yuv, |picture| {
                self.add(picture, pictures);
            });
        }
        // It may have been a larger batch's.
        pictures.data.truncate(pictures.n * 3 * pictures.width * pictures.height);
    }

    /// Lets a frame follow those before it: finds cuts and what moves, and adds `pictures` to the batch.
    fn enter(&self, mut decoded: Decoded, views: Vec<SmallView>, pictures: &mut Batch, in_order: &mut InOrder) {
        let InOrder { past, pending, batch, .. } = in_order;
        let state = decoded.place.state();
        let border = state.is_some();
        if let Some(state) = state {
            state.scene = past.scenes.memory().cloned();
        }
        let cut = past.scenes.is_cut(&views[0].yuv.y);
        let motion = past.motion(&views, self.every, border || cut);
        // Pictures of frames that are carried along are not looked at.
        if motion.is_empty() && batch.n == 0 {
            std::mem::swap(batch, pictures);
        } else if motion.is_empty() {
            batch.data.extend_from_slice(&pictures.data);
            batch.n += pictures.n;
        }
        pending.push(Prepared { decoded, views, cut, motion });
    }

    /// Adds a picture, as it lies in the frame, to the batch.
    fn add(&self, picture: &SmallYuv, batch: &mut Batch) {
        let len = 3 * batch.width * batch.height;
        let from = batch.n * len;
        batch.n += 1;
        if batch.data.len() < from + len {
            batch.data.resize(from + len, 0.0);
        }
        let out = &mut batch.data[from..][..len];
        if self.views.rotation == 0 {
            to_network(picture, self.color.matrix, &self.normalization, out);
        } else {
            to_network(&picture.rotated(self.views.rotation), self.color.matrix, &self.normalization, out);
        }
    }
}

/// Sends frames on; false where nobody listens any more.
fn hand(work: Option<Work>, to: &Sender<Work>, clock: &mut Worker<'_>) -> bool {
    let Some(work) = work else { return true };
    let n = work.frames.len();
    let sent = clock.waiting(|| to.send(work)).is_ok();
    if sent {
        clock.hand(n);
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::super::budget::Permits;
    use super::super::clock::Clocks;
    use super::super::segments::Place;
    use super::*;
    use crossbeam_channel::unbounded;
    use std::thread;
    use std::time::Instant;
    use vrseg_image::plane::YuvMut;
    use vrseg_image::vr::Lens;
    use vrseg_media::{FramePool, SourceFrame};

    const FRAMES: u64 = 23;
    const EYE: usize = 64;

    /// What a batch is made of: number, cut and carried views of each frame, and the pictures.
    type Made = (Vec<(u64, bool, usize)>, usize, Vec<f32>);

    /// Prepares frames in which something moves, with a cut at the tenth.
    fn prepared(workers: usize, batch_frames: usize, every: u32) -> Vec<Made> {
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let pool = FramePool::new(layout, 2 * EYE, EYE).unwrap();
        let rect = |x| Rect { x, y: 0, w: EYE, h: EYE };
        let windows = Windows::new(View::Fisheye, Lens::HalfEquirectangular, (EYE, EYE), (48, 48), (32, 32));
        let prepare = Prepare {
            views: Views {
                rects: vec![rect(0), rect(EYE)],
                view: View::Fisheye,
                windows: Arc::new(windows),
                rotation: 0,
            },
            layout,
            color: YuvColor::default(),
            normalization: Normalization::default(),
            batch_frames,
            every,
        };
        let mut permits = Permits::new(FRAMES as usize);
        let (to_prepare, frames) = unbounded();
        for turn in 0..FRAMES {
            let mut frame = pool.get().unwrap();
            let shade = |x: usize, y: usize| match turn {
                0..10 => ((x + turn as usize) / 8 % 2 * 160 + y) as u8,
                _ => (255 - (y / 16 % 2 * 200 + (x + turn as usize) / 4 % 8 * 5)) as u8,
            };
            let YuvMut::U8(planes, _) = frame.yuv_mut() else { unreachable!() };
            for plane in planes {
                let stride = plane.stride;
                plane.data.iter_mut().enumerate().for_each(|(i, v)| *v = shade(i % stride, i / stride));
            }
            let source = SourceFrame { frame, pts: 0, duration: 1, index: turn, key: false, findable: true };
            let permit = permits.acquire(|| false).unwrap();
            let decoded = Decoded { source, since: Instant::now(), _permit: permit, place: Place::Inside, turn };
            to_prepare.send(decoded).unwrap();
        }
        drop(to_prepare);
        let (work, made) = unbounded();
        let (_batches, batches) = unbounded();
        let (_views, views) = unbounded();
        let recycled = Recycled { batches, views };
        let (turns, clocks, cancel) = (prepare.in_order(workers, None), Clocks::default(), Cancel::new());
        thread::scope(|scope| {
            for _ in 0..workers {
                let (frames, work) = (frames.clone(), work.clone());
                let (prepare, recycled, turns, clocks, cancel) = (&prepare, &recycled, &turns, &clocks, &cancel);
                scope.spawn(move || prepare.run(frames, work, recycled, turns, cancel, clocks.enter("prepare")));
            }
        });
        made.try_iter()
            .map(|Work { frames, batch }| {
                let of = |f: &Prepared| (f.decoded.source.index, f.cut, f.motion.len());
                (frames.iter().map(of).collect(), batch.n, batch.data)
            })
            .collect()
    }

    #[test]
    fn several_workers_make_what_one_makes() {
        for (batch_frames, every) in [(1, 1), (1, 3), (4, 1), (4, 2)] {
            let one = prepared(1, batch_frames, every);
            let frames: Vec<_> = one.iter().flat_map(|made| &made.0).collect();
            assert!(frames.iter().map(|f| f.0).eq(0..FRAMES));
            assert!(frames.iter().all(|f| f.1 == (f.0 == 10)), "{frames:?}");
            let carried = frames.iter().filter(|f| f.2 > 0).count();
            assert_eq!(carried > 0, every > 1, "{frames:?}");
            let pictures: usize = one.iter().map(|made| made.1).sum();
            assert_eq!(pictures, 2 * (frames.len() - carried));
            assert!(one.iter().all(|made| made.2.len() == made.1 * 3 * 32 * 32));
            for workers in [2, 4] {
                assert!(prepared(workers, batch_frames, every) == one, "{workers} workers, {batch_frames} a batch");
            }
        }
    }
}
