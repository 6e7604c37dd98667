//! Last stage: puts the frames of one output back in order, encodes and muxes them together with
//! the copied packets.

use super::cancel::Cancel;
use super::clock::Worker;
use super::error::{Error, Result};
use super::frame::{Painted, Total};
use crate::media::{CopiedPacket, Finished, Writer};
use crossbeam_channel::Receiver;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Encodes until the frames end, then closes the file. `wrote` is called after every frame with
/// the number of frames written and when the decoder was asked for this one.
pub fn run(
    mut writer: Writer,
    frames: Receiver<Painted>,
    packets: Receiver<Arc<CopiedPacket>>,
    total: &Total,
    cancel: &Cancel,
    mut clock: Worker<'_>,
    wrote: &(dyn Fn(u64, Instant) + Sync),
) -> Result<Finished> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    while let Ok(painted) = clock.waiting(|| frames.recv()) {
        if cancel.is_aborted() {
            return Err(Error::Interrupted);
        }
        // Several workers paint: a frame may overtake another by as many as there are workers.
        clock.take(painted.index, 1);
        early.insert(painted.index, painted);
        while let Some(p) = early.remove(&next) {
            let since = p.since;
            clock.busy(|| -> Result<()> {
                for packet in packets.try_iter() {
                    writer.write_packet(&packet)?;
                }
                // The picture's memory goes back to its pool when the encoder lets go of it.
                writer.write_frame(p.picture, p.pts, p.duration)?;
                Ok(())
            })?;
            next += 1;
            clock.done(1);
            wrote(next, since);
        }
    }
    // Stopped before the first frame: an empty file would be no result.
    let nothing = next == 0 && cancel.is_requested();
    if cancel.is_aborted() || nothing || !total.is(next) {
        return Err(Error::Interrupted);
    }
    clock.busy(|| {
        for packet in packets.iter() {
            writer.write_packet(&packet)?;
        }
        Ok(writer.finish()?)
    })
}
