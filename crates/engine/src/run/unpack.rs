//! The other way round: reads an alpha-packed video and writes its matte as a video of two eyes.

use super::outputs::report_writer;
use super::report::report_reader;
use crate::error::{Error, Result};
use crate::events::{Observer, Progress};
use crate::frame::{Cuts, DecodedFrame, PaintedFrame};
use crate::graph::{Admission, Cancel, Clocks, Graph, Permits, Stage, frames_in_flight};
use crate::plan::output_color;
use crate::stages::{ByteCounter, Decode, Encode, WholeSink};
use crate::tune::rules;
use crossbeam_channel::unbounded;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use vrseg_hardware::{Memory, cgroup::Limits};
use vrseg_image::compose::{Mode, PackedFrame, packed};
use vrseg_image::plane::{Plane, PlaneMut, PlaneRef, Yuv, YuvColor, YuvLayout, YuvMut};
use vrseg_image::vr::remap::Texel;
use vrseg_image::vr::{
    Camera, ContainerTags, Filter, Format, Layout, Lens, Picture, Projection, RemapTable, Remapper, names,
};
use vrseg_media::{
    DecodeOptions, EncodeOptions, Finished, FramePool, InputInfo, Purpose, Reader, Resize, SourceTemplate, TimeRange,
    VrTags, Writer, WriterOptions,
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
    let mut reader = Reader::open(&request.input, &DecodeOptions { range, threads, ..DecodeOptions::default() })?;
    let template = reader.template();
    let video = template.info().video.clone();
    let layout = YuvLayout { alpha: false, ..video.layout };
    let (writer, out_color) = open_matte(request, &template, &format, threads)?;
    report_writer(writer.notes(), &request.output, observer);

    let pool = FramePool::new(layout, video.width, video.height)?;
    let unpacker = Unpacker::new(frame, projection, f64::from(fov), (layout, video.color), out_color, pool);
    let queue_bytes = rules::queue(&Memory::detect(&Limits::detect())).value as usize;
    let frames = frames_in_flight(queue_bytes, layout.frame_bytes(video.width, video.height), 1, 2);
    let admission = Admission::new(Permits::new(frames), None);
    let clocks = Clocks::default();
    let bytes = Arc::default();
    let progress = Progress::new(video.frames, 0, 1, &bytes, observer, &clocks);
    let wrote = |output, frames, _: Instant| progress.wrote(output, frames);
    let (packet_sender, packets) = unbounded();
    let sink = Encode::Whole(Box::new(WholeSink { writer, packets, bytes: ByteCounter::new(&bytes) }));
    let finished = Graph::new(cancel, &clocks)
        .source(Decode::new(&mut reader, vec![packet_sender], Cuts::none()), admission, 2)
        .split("compose", vec![unpacker], 1, 1)
        .run("encode", vec![sink], &wrote)?;
    report_reader(&reader, &request.input, observer);
    let interrupted = !finished.whole;
    let finished = finished.sinks.into_iter().flatten().next().ok_or(Error::Interrupted)?;
    Ok(Unpacked { frames: progress.frames(), finished, interrupted, projection })
}

/// Opens the matte, and returns what its samples mean.
fn open_matte(
    request: &UnpackRequest,
    template: &Arc<SourceTemplate>,
    format: &Format,
    threads: usize,
) -> Result<(Writer, YuvColor)> {
    let video = &template.info().video;
    let encode = EncodeOptions { threads, ..request.encode.clone() };
    let mut options = WriterOptions {
        path: &request.output,
        encode: &encode,
        layout: YuvLayout { alpha: false, ..video.layout },
        color: video.color,
        width: video.width,
        height: video.height,
        fps: video.fps,
        reshaped: true,
        overwrite: request.overwrite,
        purpose: Purpose::Matte,
        copy_streams: true,
        tags: VrTags::Custom(ContainerTags::of(format)),
        resize: Resize::default(),
    };
    let color = output_color(&Mode::Matte, &vrseg_media::plan_encoder(&options)?, video.color);
    options.color = color;
    Ok((Writer::create(options, template)?, color))
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
    pool: FramePool,
}

impl Unpacker {
    fn new(
        frame: PackedFrame,
        projection: Projection,
        fov: f64,
        (layout, color): (YuvLayout, YuvColor),
        out_color: YuvColor,
        pool: FramePool,
    ) -> Self {
        let lens = projection.lens().unwrap_or(Lens::Fisheye { fov });
        let eye = Picture::new(Camera::ahead(lens), frame.side(), frame.side());
        let table = frame.untile_table(&eye, fov);
        let remapper = Remapper::new(Filter::Bilinear);
        Self { frame, layout, color, out_color, table, remapper, tile: Plane::default(), pool }
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

impl Stage for Unpacker {
    type Input = DecodedFrame;
    type Output = Vec<PaintedFrame>;

    fn process(&mut self, DecodedFrame { source, since, .. }: DecodedFrame) -> Result<Vec<PaintedFrame>> {
        let mut picture = self.pool.get()?;
        picture.copy_props_from(&source.frame);
        match (source.frame.yuv(), picture.yuv_mut()) {
            (Yuv::U8(from), YuvMut::U8(to, _)) => self.paint(&from, to),
            (Yuv::U16(from), YuvMut::U16(to, _)) => self.paint(&from, to),
            // The pool was made for the source's layout.
            (Yuv::U8(_), YuvMut::U16(..)) | (Yuv::U16(_), YuvMut::U8(..)) => {}
        }
        let (index, pts, duration) = (source.index, source.pts, source.duration);
        Ok(vec![PaintedFrame { index, picture, pts, duration, border: None, since, permit: None }])
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
        let pool = || FramePool::new(layout, w, h).unwrap();
        let painter = DiscPainter::new(frame, AlphaChannel::Gray, layout, color);
        painter.paint([tile.as_ref(), tile.as_ref()], &mut packed.each_mut().map(Plane::as_mut));
        for projection in [Projection::Fisheye { fov: fov as f32 }, Projection::HalfEquirectangular] {
            let mut unpacker = Unpacker::new(frame, projection, fov, (layout, color), color, pool());
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
