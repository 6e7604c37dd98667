//! First stage: reads the source, hands frames to the network and copied packets to the outputs.

use super::cancel::Cancel;
use super::clock::Worker;
use super::error::Result;
use super::frame::{Decoded, Total};
use super::memory::Admission;
use super::segments::{Cuts, Place};
use crossbeam_channel::Sender;
use std::sync::Arc;
use std::time::Instant;
use vrseg_media::{CopiedPacket, Item, Reader};

/// Where frames and packets go.
pub struct Delivery {
    /// The next stage.
    pub frames: Sender<Decoded>,
    /// The outputs that copy packets.
    pub packets: Vec<Sender<Arc<CopiedPacket>>>,
    /// Where segments begin.
    pub cuts: Cuts,
}

/// Reads until the end, a request to stop, or until nobody listens any more.
pub fn run(
    reader: &mut Reader,
    mut admission: Admission<'_>,
    delivery: Delivery,
    total: &Total,
    cancel: &Cancel,
    mut clock: Worker<'_>,
) -> Result<()> {
    let Delivery { frames, packets, mut cuts } = delivery;
    let (mut sent, mut turn) = (0, 0);
    clock.take(sent, 1);
    // The channels close when this function returns, so the total must be known before.
    let ended = |sent, whole| {
        total.set(sent, whole);
        Ok(())
    };
    loop {
        // The permit is taken before the decoder is asked, so that memory is bounded even while
        // the frame is being decoded.
        let Some(permit) = clock.waiting(|| admission.acquire(|| cancel.is_requested())) else {
            return ended(sent, false);
        };
        let since = Instant::now();
        loop {
            if cancel.is_requested() {
                return ended(sent, false);
            }
            match clock.busy(|| reader.next())? {
                None => return ended(sent, true),
                Some(Item::Packet(packet)) => {
                    let packet = Arc::new(packet);
                    for output in &packets {
                        // An output that is gone has failed; its own error is the one to report.
                        let _ = output.send(Arc::clone(&packet));
                    }
                }
                Some(Item::Frame(mut source)) => {
                    let Some(place) = cuts.place(&source) else { return ended(sent, true) };
                    // Outputs count what they get.
                    source.index = sent;
                    sent += u64::from(!matches!(place, Place::WarmUp));
                    clock.done(1);
                    let decoded = Decoded { source, since, _permit: permit, place, turn };
                    if clock.waiting(|| frames.send(decoded)).is_err() {
                        return Ok(());
                    }
                    turn += 1;
                    clock.hand(1);
                    clock.take(sent, 1);
                    break;
                }
            }
        }
    }
}
