//! The other way round: reads an alpha-packed video and writes its matte as a video of two eyes.

use super::budget::{Permits, frames_in_flight};
use super::cancel::Cancel;
use super::clock::{Clocks, Worker};
use super::decode::Delivery;
use super::encode::Sink;
use super::error::{Error, Result};
use super::events::Observer;
use super::frame::{Decoded, Painted, Total};
use super::memory::Admission;
use super::plan::output_color;
use super::progress::Progress;
use super::run::{first_error, join, spawn, tell_of_reader, tell_of_writer};
use super::segments::Cuts;
use super::{decode, encode};
use crate::tune::rules;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::path::PathBuf;
use std::thread;
use vrseg_hardware::{Memory, cgroup::Limits};
use vrseg_image::compose::{Mode, PackedFrame, packed};
use vrseg_image::plane::{Plane, PlaneMut, PlaneRef, Yuv, YuvColor, YuvLayout, YuvMut};
use vrseg_image::vr::remap::Texel;
use vrseg_image::vr::{
    Camera, ContainerTags, Filter, Format, Layout, Lens, Picture, Projection, RemapTable, Remapper, names,
};
use vrseg_media::{
    DecodeOptions, EncodeOptions, Finished, FramePool, InputInfo, Purpose, Reader, TimeRange, VrTags, Writer,
    WriterOptions,
};

/// The projection of the matte's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UnpackAs {
    /// The packed video's own fisheye.
    #[default]
    Fisheye,
    /// VR180, for putting the matte beside the video that the packed one was made from.
    HalfEquirectangular,
}

/// What is to be unpacked.
#[derive(Clone, Debug, PartialEq)]
pub struct UnpackRequest {
    /// The alpha-packed video.
    pub input: PathBuf,
    /// The matte.
    pub output: PathBuf,
    /// The projection of its eyes.
    pub projection: UnpackAs,
    /// What the packed circles show, in degrees; `None`: by the name, else 180. Matters only for
    /// [`UnpackAs::HalfEquirectangular`] and for a name.
    pub fov: Option<f32>,
    /// How the matte is encoded.
    pub encode: EncodeOptions,
    /// Replace an output that exists.
    pub overwrite: bool,
    /// Threads for decoder and encoder each; 0: as many as the process may use.
    pub threads: usize,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unpacked {
    /// Frames written.
    pub frames: u64,
    /// The file.
    pub finished: Finished,
    /// A request to stop ended it early.
    pub interrupted: bool,
    /// The matte's projection.
    pub projection: Projection,
}

/// Reads the discs of a video's frames and writes them as a matte, with the source's sound and time
/// stamps.
///
/// # Errors
/// The input can't be read or has not the shape of an alpha-packed video, the output can't be written.
pub fn unpack(request: &UnpackRequest, cancel: &Cancel, observer: &dyn Observer) -> Result<Unpacked> {
    let input = vrseg_media::probe(&request.input)?;
    let frame = shape(&input)?;
    let fov = request.fov.or_else(|| names::read(&request.input).fov()).unwrap_or(180.0);
    let projection = match request.projection {
        UnpackAs::Fisheye => Projection::Fisheye { fov },
        UnpackAs::HalfEquirectangular => Projection::HalfEquirectangular,
    };
    let format = Format { layout: Layout::SideBySide, projection, ..Format::FLAT };
    let threads = if request.threads > 0 { request.threads } else { vrseg_hardware::cores() };

    let range = TimeRange::default();
    let mut reader = Reader::open(&request.input, &DecodeOptions { range, threads, alpha: false, strict: false })?;
    let template = reader.template();
    let video = template.info().video.clone();
    let layout = YuvLayout { alpha: false, ..video.layout };
    let encode = EncodeOptions { threads, ..request.encode.clone() };
    let mut options = WriterOptions {
        path: &request.output,
        encode: &encode,
        layout,
        color: video.color,
        width: video.width,
        height: video.height,
        reshaped: true,
        overwrite: request.overwrite,
        purpose: Purpose::Matte,
        copy_streams: true,
        tags: VrTags::Made(ContainerTags::of(&format)),
    };
    options.color = output_color(&Mode::Matte, &vrseg_media::plan_encoder(&options)?, video.color);
    let writer = Writer::create(options, &template)?;
    tell_of_writer(writer.dropped_streams(), writer.notes(), &request.output, observer);

    let pool = FramePool::new(layout, video.width, video.height)?;
    let mut unpacker = Unpacker::new(frame, format.projection, f64::from(fov), (layout, video.color), options.color);
    let frame_bytes = layout.frame_bytes(video.width, video.height);
    let queue_bytes = rules::queue(&Memory::detect(&Limits::detect())).value as usize;
    let admission = Admission::new(Permits::new(frames_in_flight(queue_bytes, frame_bytes, 1, 2)), None);
    let clocks = Clocks::default();
    let total = Total::unknown();
    let progress = Progress::new(video.frames, 0, 1, observer, &clocks);
    let (to_unpack, from_decode) = bounded(2);
    let (to_encode, painted) = bounded(1);
    let (packet_sender, packets) = unbounded();
    let (finished_sender, finished) = bounded(1);
    let results = thread::scope(|scope| {
        let (reader, total, clocks, progress) = (&mut reader, &total, &clocks, &progress);
        let unpacker = &mut unpacker;
        let stages = vec![
            spawn(scope, cancel, "decode", move || {
                let delivery = Delivery { frames: to_unpack, packets: vec![packet_sender], cuts: Cuts::none() };
                decode::run(reader, admission, delivery, total, cancel, clocks.enter("decode"))
            }),
            spawn(scope, cancel, "compose", move || {
                unpacker.run(&pool, &from_decode, &to_encode, cancel, clocks.enter("compose"))
            }),
            spawn(scope, cancel, "encode", move || {
                let wrote = |n, _| progress.wrote(0, n);
                let sink = Sink::Whole(Box::new(writer), packets);
                let done = encode::run(sink, painted, total, cancel, clocks.enter("encode"), &wrote)?;
                done.into_iter().for_each(|done| drop(finished_sender.send(done)));
                Ok(())
            }),
        ];
        join(stages)
    });
    first_error(results)?;
    tell_of_reader(&reader, &request.input, observer);
    let finished = finished.try_recv().map_err(|_| Error::Interrupted)?;
    Ok(Unpacked { frames: progress.frames(), finished, interrupted: cancel.is_requested(), projection })
}

/// The packed frame's geometry.
fn shape(input: &InputInfo) -> Result<PackedFrame> {
    let (w, h) = (input.video.width, input.video.height);
    PackedFrame::of_frame(w, h).ok_or_else(|| {
        Error::Request(format!(
            "{}: a frame of {w}x{h} is not alpha packed: that has two square eyes side by side, each at least {} \
             rows high and a multiple of 4",
            input.path.display(),
            PackedFrame::MIN_SIDE
        ))
    })
}

/// Turns packed frames into mattes.
struct Unpacker {
    frame: PackedFrame,
    layout: YuvLayout,
    color: YuvColor,
    /// The meaning of the matte's samples.
    out_color: YuvColor,
    table: RemapTable,
    remapper: Remapper<f32>,
    tile: Plane<f32>,
}

impl Unpacker {
    fn new(
        frame: PackedFrame,
        projection: Projection,
        fov: f64,
        (layout, color): (YuvLayout, YuvColor),
        out_color: YuvColor,
    ) -> Self {
        let lens = projection.lens().unwrap_or(Lens::Fisheye { fov });
        let eye = Picture::new(Camera::ahead(lens), frame.side(), frame.side());
        let table = frame.untile_table(&eye, fov);
        let remapper = Remapper::new(Filter::Bilinear);
        Self { frame, layout, color, out_color, table, remapper, tile: Plane::default() }
    }

    fn run(
        &mut self,
        pool: &FramePool,
        frames: &Receiver<Decoded>,
        painted: &Sender<Painted>,
        cancel: &Cancel,
        mut clock: Worker<'_>,
    ) -> Result<()> {
        loop {
            let Ok(Decoded { source, since, _permit, .. }) = clock.waiting(|| frames.recv()) else { return Ok(()) };
            if cancel.is_aborted() {
                return Ok(());
            }
            clock.take(source.index, 1);
            let picture = clock.busy(|| -> Result<_> {
                let mut picture = pool.get()?;
                picture.copy_props_from(&source.frame);
                match (source.frame.yuv(), picture.yuv_mut()) {
                    (Yuv::U8(from), YuvMut::U8(to, _)) => self.paint(&from, to),
                    (Yuv::U16(from), YuvMut::U16(to, _)) => self.paint(&from, to),
                    // The pool was made for the source's layout.
                    (Yuv::U8(_), YuvMut::U16(..)) | (Yuv::U16(_), YuvMut::U8(..)) => {}
                }
                Ok(picture)
            })?;
            let (index, pts, duration) = (source.index, source.pts, source.duration);
            let done = Painted { index, picture, pts, duration, border: None, since };
            clock.done(1);
            if clock.waiting(|| painted.send(done)).is_err() {
                return Ok(());
            }
            clock.hand(1);
        }
    }

    fn paint<T: Texel>(&mut self, from: &[PlaneRef<'_, T>; 3], to: [PlaneMut<'_, T>; 3]) {
        let [mut y, u, v] = to;
        let (black, span) = self.out_color.luma(self.layout.bits);
        for (eye, place) in self.frame.eyes().into_iter().enumerate() {
            packed::read_disc(self.frame, eye, from, self.layout, self.color, &mut self.tile);
            self.tile.data_mut().iter_mut().for_each(|a| *a = black + span * *a);
            let max = self.layout.max() as f32;
            let outside = T::from_sum(black, max);
            self.remapper.remap(&self.table, self.tile.as_ref(), outside, max, y.crop_mut(place));
        }
        let neutral = T::from_u32(self.out_color.chroma(self.layout.bits).0 as u32);
        for mut plane in [u, v] {
            plane.fill(neutral);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::compose::AlphaChannel;
    use vrseg_image::compose::packed::DiscPainter;

    /// A cap of 30 degrees around (25 degrees right) is packed and unpacked into both projections.
    #[test]
    fn a_matte_comes_back_in_either_projection() {
        let layout = YuvLayout { bits: 10, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let color = YuvColor::default();
        let frame = PackedFrame::for_height(600);
        let fov = 200.0;
        let yaw = 25f64.to_radians();
        let inside = |ray: [f64; 3]| (ray[0] * yaw.sin() + ray[2] * yaw.cos()).clamp(-1.0, 1.0).acos().to_degrees();
        let n = frame.tile_side();
        let tile = |i: usize| {
            let (u, v) = frame.place((i % n) as f64, (i / n) as f64);
            let ray = Lens::Fisheye { fov }.ray(u, v);
            ray.map_or(0, |r| if inside(r) < 30.0 { 255 } else { 0 })
        };
        let tile = Plane::<u8>::from_vec((0..n * n).map(tile).collect(), n, n);
        let (w, h) = frame.size();
        let mut packed: [Plane<u16>; 3] = std::array::from_fn(|p| {
            let (w, h) = layout.plane_size(p, w, h);
            Plane::from_vec(vec![512; w * h], w, h)
        });
        let painter = DiscPainter::new(frame, AlphaChannel::Gray, layout, color);
        painter.paint([tile.as_ref(), tile.as_ref()], &mut packed.each_mut().map(Plane::as_mut));
        for projection in [Projection::Fisheye { fov: fov as f32 }, Projection::HalfEquirectangular] {
            let mut unpacker = Unpacker::new(frame, projection, fov, (layout, color), color);
            let mut out: [Plane<u16>; 3] = packed.each_ref().map(|p| Plane::new(p.width(), p.height()));
            unpacker.paint(&packed.each_ref().map(Plane::as_ref), out.each_mut().map(Plane::as_mut));
            let picture = Picture::new(Camera::ahead(projection.lens().unwrap()), h, h);
            let mut near = 0;
            for (i, luma) in out[0].data().iter().enumerate() {
                let (x, y) = (i % w % h, i / w);
                let angle = picture.ray(x as f64, y as f64).map_or(180.0, inside);
                let want = if angle < 30.0 { 940 } else { 64 };
                if (angle - 30.0).abs() > 1.5 {
                    assert!(luma.abs_diff(want) <= 1, "{projection} {x} {y}: {luma} {want}");
                } else {
                    near += 1;
                }
            }
            assert!(near * 50 < w * h);
            assert!(out[1].data().iter().chain(out[2].data()).all(|c| *c == 512));
        }
    }
}
