//! Fourth stage: brings the mattes of windows back onto their eyes, lets the mattes of two eyes meet,
//! calms the small mattes over time and fetches each frame's background. The one place after the
//! network where frames depend on the frame before.

use super::backdrop::Backdrop;
use super::cancel::Cancel;
use super::clock::StageClock;
use super::error::Result;
use super::frame::{Matted, Prepared};
use crate::matte::Stabilizer;
use crate::matte::stereo::StereoFusion;
use crate::matte::windows::{Blender, Windows};
use crossbeam_channel::{Receiver, Sender};

/// Works until there are no more frames. `windows` are those of each view; `stereo` is there for
/// frames of two views; `stabilizers` has one entry a view, or is empty for recurrent networks, which
/// are steady by themselves; `backgrounds` one entry an output. `tick` is the source's time base in
/// seconds.
#[allow(clippy::too_many_arguments)]
pub fn run(
    windows: &Windows,
    mut stereo: Option<StereoFusion>,
    mut stabilizers: Vec<Stabilizer>,
    mut backgrounds: Vec<Option<Backdrop>>,
    tick: f64,
    frames: Receiver<Prepared>,
    matted: Sender<Matted>,
    cancel: &Cancel,
    clock: &StageClock,
) -> Result<()> {
    clock.enter();
    let mut first_pts = None;
    let mut blender = Blender::new();
    loop {
        let Ok(mut frame) = clock.waiting(|| frames.recv()) else { return Ok(()) };
        if cancel.is_aborted() {
            return Ok(());
        }
        let pictures = clock.busy(|| -> Result<Vec<_>> {
            for view in &mut frame.views {
                blender.blend(windows, &mut view.mattes, &mut view.alpha);
            }
            if let (Some(stereo), [a, b]) = (&mut stereo, frame.views.as_mut_slice()) {
                stereo.apply((&a.yuv, &mut a.alpha), (&b.yuv, &mut b.alpha));
            }
            for (stabilizer, view) in stabilizers.iter_mut().zip(&mut frame.views) {
                if frame.cut {
                    stabilizer.reset();
                }
                stabilizer.apply(&view.yuv.y, &mut view.alpha);
            }
            let pts = frame.decoded.source.pts;
            let seconds = (pts - *first_pts.get_or_insert(pts)) as f64 * tick;
            let mut pictures = Vec::with_capacity(backgrounds.len());
            for background in &mut backgrounds {
                pictures.push(match background {
                    Some(b) => Some(b.frame_at(seconds)?),
                    None => None,
                });
            }
            Ok(pictures)
        })?;
        if clock.waiting(|| matted.send(Matted { frame, backgrounds: pictures }).is_err()) {
            return Ok(());
        }
    }
}
