//! Third stage: runs the network.

use super::cancel::Cancel;
use super::clock::Worker;
use super::error::Result;
use super::frame::{Prepared, Work};
use crate::cache::{Recall, Tally};
use crate::matte::rotate;
use crate::model::Batch;
use crossbeam_channel::{Receiver, Sender};

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
/// hears where the mattes came from so far.
pub fn run(
    mut recall: Recall<'_>,
    rotation: i32,
    channels: Channels,
    tell: &dyn Fn(Tally),
    cancel: &Cancel,
    mut clock: Worker<'_>,
) -> Result<()> {
    let Channels { work, mattes, recycled } = channels;
    let mut alphas = Vec::new();
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
            recall.run(&batch, frames.len(), &mut alphas)?;
            let windows = frames.iter_mut().flat_map(|f| &mut f.views).flat_map(|v| &mut v.mattes);
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
        tell(recall.tally());
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
