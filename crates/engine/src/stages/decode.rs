//! First stage: reads the source, gives frames to the graph and copied packets to the outputs.

use crate::error::Result;
use crate::frame::{Cuts, DecodedFrame, Place};
use crate::graph::{Next, Source, Ticket};
use crossbeam_channel::Sender;
use std::sync::Arc;
use vrseg_media::{CopiedPacket, Item, Reader};

/// Reads a source.
pub struct Decode<'a> {
    reader: &'a mut Reader,
    /// The outputs that copy packets.
    packets: Vec<Sender<Arc<CopiedPacket>>>,
    cuts: Cuts,
    /// Frames that are not there to warm up.
    delivered: u64,
}

impl<'a> Decode<'a> {
    /// Copied packets go to `packets`, one for each output that takes them; segments begin by `cuts`.
    pub fn new(reader: &'a mut Reader, packets: Vec<Sender<Arc<CopiedPacket>>>, cuts: Cuts) -> Self {
        Self { reader, packets, cuts, delivered: 0 }
    }
}

impl Source for Decode<'_> {
    type Output = DecodedFrame;

    fn next(&mut self, ticket: Ticket, stop: &dyn Fn() -> bool) -> Result<Next<DecodedFrame>> {
        loop {
            if stop() {
                return Ok(Next::Stopped);
            }
            match self.reader.next()? {
                None => return Ok(Next::End),
                Some(Item::Packet(packet)) => {
                    let packet = Arc::new(packet);
                    for output in &self.packets {
                        // An output that is gone has failed; its own error is the one to report.
                        let _ = output.send(Arc::clone(&packet));
                    }
                }
                Some(Item::Frame(mut source)) => {
                    let Some(place) = self.cuts.place(&source) else { return Ok(Next::End) };
                    // Outputs count what they get.
                    source.index = self.delivered;
                    self.delivered += u64::from(!matches!(place, Place::WarmUp));
                    let Ticket { permit, since } = ticket;
                    return Ok(Next::Item(DecodedFrame { source, since, permit, place }));
                }
            }
        }
    }

    fn delivered(&self) -> u64 {
        self.delivered
    }
}
