//! Mattes from files: any picture or video that FFmpeg reads, as planes of 0..=1.

use std::path::Path;
use vrseg_image::matte::{Sampler, SmallYuv};
use vrseg_image::plane::{Plane, PlaneRef, Rect, Sample, Yuv, YuvColor};
use vrseg_image::simd::dispatch;
use vrseg_image::vr::Layout;
use vrseg_media::{DecodeOptions, InputInfo, Item, PlaneSamples, Reader, Result, TimeRange, VideoFrame};

/// A file of mattes, frame by frame.
pub(super) struct Mattes {
    reader: Reader,
    /// Whether the matte is the opacity; known from the first frame on.
    opacity: Option<bool>,
}

impl Mattes {
    /// # Errors
    /// Those of [`Reader::open`].
    pub(super) fn open(path: &Path, range: TimeRange, threads: usize) -> Result<Self> {
        let options = DecodeOptions { range, threads, ..DecodeOptions::default() };
        Ok(Self { reader: Reader::open(path, &options)?, opacity: None })
    }

    pub(super) fn info(&self) -> &InputInfo {
        self.reader.info()
    }

    /// Reads the next frame's views into planes of their sizes; false at the end.
    ///
    /// # Errors
    /// When the file can't be read any more.
    pub(super) fn next(&mut self, views: &[Rect], planes: &mut Vec<Plane<f32>>) -> Result<bool> {
        let Some(frame) = next_frame(&mut self.reader)? else { return Ok(false) };
        // A picture whose opacity says nothing (a PNG saved with an alpha channel) has its matte in
        // the brightness.
        let opacity = *self.opacity.get_or_insert_with(|| frame.alpha().is_some_and(|a| !is_opaque(a, &frame)));
        planes.resize_with(views.len(), Plane::default);
        let color = self.reader.info().video.color;
        for (view, plane) in views.iter().zip(planes) {
            plane.resize(view.w, view.h);
            match (frame.alpha().filter(|_| opacity), frame.yuv()) {
                (Some(PlaneSamples::U8(a)), _) => opacities(a.crop(*view), &frame, plane),
                (Some(PlaneSamples::U16(a)), _) => opacities(a.crop(*view), &frame, plane),
                (None, Yuv::U8([y, ..])) => brightness(y.crop(*view), &frame, color, plane),
                (None, Yuv::U16([y, ..])) => brightness(y.crop(*view), &frame, color, plane),
            }
        }
        Ok(true)
    }
}

/// The two eyes of a video, sampled down frame by frame.
pub(super) struct Pictures {
    reader: Reader,
    views: Vec<Rect>,
    sampler: Sampler,
    small: [SmallYuv; 2],
}

impl Pictures {
    /// # Errors
    /// Those of [`Reader::open`].
    pub(super) fn open(path: &Path, range: TimeRange, threads: usize) -> Result<Self> {
        let options = DecodeOptions { range, threads, ..DecodeOptions::default() };
        let reader = Reader::open(path, &options)?;
        Ok(Self { reader, views: Vec::new(), sampler: Sampler::new(), small: Default::default() })
    }

    pub(super) fn info(&self) -> &InputInfo {
        self.reader.info()
    }

    /// Sets the stereo layout; to be called before the first frame.
    pub(super) fn set_layout(&mut self, layout: Layout) {
        let video = &self.reader.info().video;
        self.views = layout.views(video.width, video.height);
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.reader.info().video.width, self.reader.info().video.height)
    }

    /// Whether an eye has no pixels.
    pub(super) fn is_too_small(&self) -> bool {
        self.views.iter().any(|v| v.w == 0 || v.h == 0)
    }

    pub(super) fn view_size(&self) -> (usize, usize) {
        self.views.first().map_or((1, 1), |v| (v.w, v.h))
    }

    /// The next frame's eyes at `size`; `None` at the end.
    ///
    /// # Errors
    /// When the file can't be read any more.
    pub(super) fn next(&mut self, size: (usize, usize)) -> Result<Option<&[SmallYuv; 2]>> {
        let Some(frame) = next_frame(&mut self.reader)? else { return Ok(None) };
        let video = &self.reader.info().video;
        for (view, small) in self.views.iter().zip(&mut self.small) {
            self.sampler.sample(&frame.yuv(), video.layout, video.color, *view, size, small);
        }
        Ok(Some(&self.small))
    }
}

/// The next picture; packets of other streams are passed over.
fn next_frame(reader: &mut Reader) -> Result<Option<VideoFrame>> {
    while let Some(item) = reader.next()? {
        if let Item::Frame(f) = item {
            return Ok(Some(f.frame));
        }
    }
    Ok(None)
}

fn bits(frame: &VideoFrame) -> u32 {
    frame.layout().map_or(8, |l| l.bits)
}

fn is_opaque(alpha: PlaneSamples<'_>, frame: &VideoFrame) -> bool {
    // swscale turns an opacity of 255 in RGBA into 254.
    let full = ((1u32 << bits(frame)) - 1) / 255 * 254;
    match alpha {
        PlaneSamples::U8(a) => (0..a.height).all(|y| a.row(y).iter().all(|v| v.to_u32() >= full)),
        PlaneSamples::U16(a) => (0..a.height).all(|y| a.row(y).iter().all(|v| v.to_u32() >= full)),
    }
}

fn brightness<T: Sample>(luma: PlaneRef<'_, T>, frame: &VideoFrame, color: YuvColor, out: &mut Plane<f32>) {
    let (offset, span) = color.luma(bits(frame));
    fill(luma, offset, span, out);
}

/// Opacity uses the full range whatever the colors do.
fn opacities<T: Sample>(alpha: PlaneRef<'_, T>, frame: &VideoFrame, out: &mut Plane<f32>) {
    fill(alpha, 0.0, ((1u32 << bits(frame)) - 1) as f32, out);
}

fn fill<T: Sample>(samples: PlaneRef<'_, T>, offset: f32, span: f32, out: &mut Plane<f32>) {
    for y in 0..samples.height {
        normalize(samples.row(y), offset, span, out.as_mut().row_mut(y));
    }
}

dispatch! {
    fn normalize[T: Sample](samples: &[T], offset: f32, span: f32, out: &mut [f32]) {
        for (out, v) in out.iter_mut().zip(samples) {
            // Divided and not multiplied: 51 of 255 must be 0.2 exactly, since metrics ask for >= 0.2.
            *out = ((v.to_f32() - offset) / span).clamp(0.0, 1.0);
        }
    }
}
