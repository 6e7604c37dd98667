//! Third stage: runs the network.

use super::cancel::Cancel;
use super::clock::Worker;
use super::error::Result;
use super::frame::{Prepared, Work};
use crossbeam_channel::{Receiver, Sender};
use vrseg_image::matte::rotate;
use vrseg_infer::Batch;
use vrseg_infer::cache::{Recall, Tally};

/// What the stage is connected to.
pub struct Channels {
    /// Batches that come in.
    pub work: Receiver<Work>,
    /// Frames that go out.
    pub mattes: Sender<Prepared>,
    /// Input buffers that go back.
    pub recycled: Sender<Batch>,
}

/// Runs batches until there are no more. `rotation` is undone on the mattes; after each batch `tell`
/// hears where the mattes came from so far, and what was done because the device failed.
pub fn run(
    mut recall: Recall<'_>,
    rotation: i32,
    channels: Channels,
    tell: &dyn Fn(Tally, Vec<String>),
    cancel: &Cancel,
    mut clock: Worker<'_>,
) -> Result<()> {
    let Channels { work, mattes, recycled } = channels;
    let (mut alphas, mut carried) = (Vec::new(), 0);
    loop {
        let Ok(Work { mut frames, batch }) = clock.waiting(|| work.recv()) else { break };
        if cancel.is_aborted() {
            break;
        }
        clock.take(frames[0].decoded.source.index, frames.len());
        clock.busy(|| -> Result<()> {
            // A recurrent network gets one frame at a time, so what is known is what is before that frame.
            for state in frames.iter_mut().filter_map(|f| f.decoded.place.state()) {
                state.past = recall.past()?;
            }
            // For the same reason a cut is always the batch's first.
            if frames[0].cut {
                recall.reset();
            }
            let asked = frames.iter().filter(|f| !f.is_carried()).count();
            carried += (frames.len() - asked) as u64;
            let done = if asked > 0 { recall.run(&batch, asked, &mut alphas) } else { Ok(()) };
            tell(Tally { carried, ..recall.tally() }, recall.take_notes());
            done?;
            let looked_at = frames.iter_mut().filter(|f| !f.is_carried());
            let windows = looked_at.flat_map(|f| &mut f.views).flat_map(|v| &mut v.mattes);
            for (matte, alpha) in windows.zip(&mut alphas) {
                if rotation != 0 {
                    *alpha = rotate(alpha, 360 - rotation);
                }
                // The window's plane, of an earlier frame, is the buffer for the next.
                std::mem::swap(matte, alpha);
            }
            Ok(())
        })?;
        clock.done(frames.len());
        let _ = recycled.try_send(batch);
        for frame in frames {
            if clock.waiting(|| mattes.send(frame).is_err()) {
                return Ok(());
            }
            clock.hand(1);
        }
    }
    clock.busy(|| recall.finish())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::budget::Permits;
    use super::super::clock::Clocks;
    use super::super::frame::{Decoded, SmallView};
    use super::super::segments::Place;
    use super::*;
    use crossbeam_channel::unbounded;
    use std::cell::RefCell;
    use std::time::Instant;
    use vrseg_image::plane::{Plane, YuvLayout};
    use vrseg_infer::provider::Provider;
    use vrseg_infer::testing::{Moody, network};
    use vrseg_media::{FramePool, SourceFrame};

    /// Sends `n` frames in batches through a network that fails on order; returns the numbers of the
    /// frames that came out, their mattes, and what was told.
    fn sent(n: usize, at_once: usize, first: Moody, then: Option<Moody>) -> (Vec<u64>, Vec<f32>, Vec<String>, bool) {
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let pool = FramePool::new(layout, 16, 16).unwrap();
        let mut permits = Permits::new(n);
        let (to_infer, work) = unbounded();
        let numbers: Vec<_> = (0..n).collect();
        for some in numbers.chunks(at_once) {
            let frame = |i: &usize| {
                let frame = pool.get().unwrap();
                let index = *i as u64;
                let source = SourceFrame { frame, pts: *i as i64, duration: 1, index, key: false, findable: true };
                let permit = permits.acquire(|| false).unwrap();
                let decoded =
                    Decoded { source, since: Instant::now(), _permit: permit, place: Place::Inside, turn: index };
                let view = SmallView { mattes: vec![Plane::default()], ..SmallView::default() };
                Prepared { decoded, views: vec![view], cut: false, motion: Vec::new() }
            };
            let data = some.iter().flat_map(|i| [*i as f32 / 100.0, 0.0, 0.0]).collect();
            let batch = Batch { data, n: some.len(), width: 1, height: 1 };
            to_infer.send(Work { frames: some.iter().map(frame).collect(), batch }).unwrap();
        }
        drop(to_infer);
        let (mattes, from_infer) = unbounded();
        let (recycled, _batches) = unbounded();
        let channels = Channels { work, mattes, recycled };
        let mut network = network("selfie", first, then);
        let told = RefCell::new(Vec::new());
        let tell = |_, notes| told.borrow_mut().extend::<Vec<String>>(notes);
        let recall = Recall::new(&mut network, &Default::default(), None).unwrap();
        let clocks = Clocks::default();
        let done = run(recall, 0, channels, &tell, &Cancel::new(), clocks.enter("infer"));
        let out: Vec<_> = from_infer.try_iter().collect();
        let numbers = out.iter().map(|p| p.decoded.source.index).collect();
        let values = out.iter().map(|p| p.views[0].mattes[0].data()[0]).collect();
        (numbers, values, told.into_inner(), done.is_ok())
    }

    #[test]
    fn no_frame_is_lost_doubled_or_out_of_order_whatever_the_device_does() {
        const MEMORY: Option<&str> = Some("CUDA failure 2: out of memory");
        const LOST: Option<&str> = Some("CUDA failure 719: unspecified launch failure");
        let healthy = sent(40, 8, Moody::new(Provider::Cpu, 99, &[]), None);
        assert!(healthy.3 && healthy.2.is_empty());
        assert_eq!(healthy.0, (0..40).collect::<Vec<u64>>());
        let orders: &[&[Option<&'static str>]] = &[
            &[LOST],
            &[MEMORY],
            &[None, MEMORY, None, LOST],
            &[MEMORY, None, MEMORY, None, MEMORY, None, MEMORY],
            &[None, None, Some("its output is not a number somewhere")],
        ];
        for order in orders {
            for fits in [0, 1, 3, 8, 99] {
                let cpu = Moody::new(Provider::Cpu, 99, &[]);
                let (numbers, values, told, ok) = sent(40, 8, Moody::new(Provider::Cuda(0), fits, order), Some(cpu));
                assert!(ok, "{order:?}, {fits} fit");
                assert_eq!((numbers, values), (healthy.0.clone(), healthy.1.clone()), "{order:?}, {fits} fit");
                assert!((1..=5).contains(&told.len()), "each is said once: {told:?}");
            }
        }
        // What can't be mended ends the job behind the frames that were whole.
        let (numbers, _, _, ok) = sent(40, 8, Moody::new(Provider::Cpu, 99, &[None, LOST]), None);
        assert_eq!((numbers.len(), ok), (8, false));
    }
}
