//! The picture or video that replaces the background.

use crate::error::{MediaError, Result};
use crate::ffi::convert::dynamic::{DynamicConverter, DynamicRange, Meaning};
use crate::ffi::convert::scale::{Scaler, Side};
use crate::ffi::frame::VideoFrame;
use crate::ffi::pixel_format::format_for;
use crate::ffi::pool::FramePool;
use crate::ffi::time;
use crate::read::options::DecodeOptions;
use crate::read::reader::{Item, Reader};
use ffmpeg_next::ffi;
use std::path::Path;
use std::sync::Arc;
use vrseg_image::plane::{YuvColor, YuvLayout};

/// How the pictures behind a person are stored and what their samples mean: as those of the person.
#[derive(Clone, Copy, Debug)]
pub struct BackgroundTarget {
    /// Depth and subsampling.
    pub layout: YuvLayout,
    /// Matrix and range.
    pub color: YuvColor,
    /// A background of another dynamic range is converted.
    pub dynamic: DynamicRange,
}

/// A picture, or a video that is looped, brought to one size, layout and color. It covers the
/// whole frame: what doesn't fit the frame's shape is cut off evenly on both sides. Transparency
/// is ignored.
pub struct Background {
    fit: Fit,
    shown: Arc<VideoFrame>,
    video: Option<Looped>,
}

/// The video behind a moving background.
struct Looped {
    reader: Reader,
    /// The frame after the shown one, with its time in seconds of the loop's clock.
    next: Option<(f64, VideoFrame)>,
    /// When the loop in flight began, in seconds of the output.
    began: f64,
    /// Time stamp of its first frame, in seconds.
    first: f64,
    /// Where it ends as far as read: end of the last frame.
    length: f64,
    /// A time before this one needs a new start.
    shown_from: f64,
}

impl Background {
    /// Opens the file and makes its first frame ready.
    ///
    /// # Errors
    /// Those of [`Reader::open`]; the layout has alpha or none of FFmpeg's formats.
    pub fn open(path: &Path, target: BackgroundTarget, width: usize, height: usize) -> Result<Self> {
        let mut fit = Fit::new(target, width, height)?;
        let mut reader = Reader::open(path, &DecodeOptions::default())?;
        let video = &reader.info().video;
        (fit.source_color, fit.source_dynamic) = (video.color, video.dynamic);
        let no_frame =
            || MediaError::Decode { path: path.to_path_buf(), reason: "it has no frame".to_owned(), log: Vec::new() };
        let (first, end, frame) = next_frame(&mut reader)?.ok_or_else(no_frame)?;
        let shown = Arc::new(fit.run(&frame)?);
        let second = next_frame(&mut reader)?;
        let video = second.map(|(time, end_of_second, frame)| Looped {
            reader,
            next: Some((time - first, frame)),
            began: 0.0,
            first,
            length: end.max(end_of_second) - first,
            shown_from: 0.0,
        });
        Ok(Self { fit, shown, video })
    }

    /// The frame that is shown `seconds` after the start. Quick when the times of the calls
    /// rise, as those of a video do.
    ///
    /// # Errors
    /// When the file can't be read any more.
    pub fn frame_at(&mut self, seconds: f64) -> Result<Arc<VideoFrame>> {
        let Some(video) = &mut self.video else { return Ok(Arc::clone(&self.shown)) };
        if let Some(frame) = video.advance(seconds)? {
            self.shown = Arc::new(self.fit.run(&frame)?);
        }
        Ok(Arc::clone(&self.shown))
    }

    /// Seconds at which the loop in flight began, and its length as far as it is known; `None` for a
    /// picture.
    pub fn position(&self) -> Option<(f64, f64)> {
        self.video.as_ref().map(|v| (v.began, v.length))
    }

    /// Goes to the [position](Self::position) of another background of the same file.
    ///
    /// # Errors
    /// When the file can't be read any more.
    pub fn go_to(&mut self, (began, length): (f64, f64)) -> Result<()> {
        let Some(video) = &mut self.video else { return Ok(()) };
        video.length = length;
        if let Some(frame) = video.restart(began)? {
            self.shown = Arc::new(self.fit.run(&frame)?);
        }
        Ok(())
    }
}

impl Looped {
    /// The frame that is due at that time, if it isn't the one that was due before.
    fn advance(&mut self, seconds: f64) -> Result<Option<VideoFrame>> {
        let mut due = None;
        if seconds < self.shown_from {
            due = self.restart(0.0)?;
        }
        loop {
            match &self.next {
                Some((time, _)) if self.began + time <= seconds => {
                    if let Some((time, frame)) = self.next.take() {
                        self.shown_from = self.began + time;
                        due = Some(frame);
                    }
                    self.next = next_frame(&mut self.reader)?.map(|(time, end, frame)| {
                        self.length = self.length.max(end - self.first);
                        (time - self.first, frame)
                    });
                }
                Some(_) => return Ok(due),
                // The last frame is shown until its duration is over.
                None if seconds < self.began + self.length => return Ok(due),
                None => {
                    // Whole loops that nobody sees are omitted.
                    let loops = ((seconds - self.began) / self.length).floor().max(1.0);
                    due = self.restart(self.began + loops * self.length)?.or(due);
                }
            }
        }
    }

    /// Starts from the first frame, which is returned.
    fn restart(&mut self, began: f64) -> Result<Option<VideoFrame>> {
        let path = self.reader.info().path.clone();
        self.reader = Reader::open(&path, &DecodeOptions::default())?;
        (self.began, self.shown_from) = (began, began);
        let first = next_frame(&mut self.reader)?;
        self.next = next_frame(&mut self.reader)?.map(|(time, _, frame)| (time - self.first, frame));
        Ok(first.map(|(_, _, frame)| frame))
    }
}

/// The next frame with its start and end in seconds.
fn next_frame(reader: &mut Reader) -> Result<Option<(f64, f64, VideoFrame)>> {
    let (num, den) = reader.info().video.time_base;
    let tick = time::tick(ffi::AVRational { num, den });
    while let Some(item) = reader.next()? {
        if let Item::Frame(f) = item {
            let start = f.pts as f64 * tick;
            // A loop must get on, whatever the file says.
            return Ok(Some((start, start + (f.duration as f64 * tick).max(0.001), f.frame)));
        }
    }
    Ok(None)
}

/// Cuts and scales frames to the wanted shape.
struct Fit {
    target: Side,
    requested: BackgroundTarget,
    source_color: YuvColor,
    source_dynamic: DynamicRange,
    pool: FramePool,
    scaler: Option<Scaler>,
    /// From the source's dynamic range to the wanted one.
    converter: Option<DynamicConverter>,
}

impl Fit {
    fn new(requested: BackgroundTarget, width: usize, height: usize) -> Result<Self> {
        let BackgroundTarget { layout, color, dynamic } = requested;
        let format = format_for(layout).filter(|_| !layout.alpha).ok_or_else(|| MediaError::Unsupported {
            what: format!("a background cannot have the layout {layout:?}"),
        })?;
        Ok(Self {
            target: Side { format, width, height, color },
            requested,
            source_color: color,
            source_dynamic: dynamic,
            pool: FramePool::new(layout, width, height)?,
            scaler: None,
            converter: None,
        })
    }

    fn run(&mut self, frame: &VideoFrame) -> Result<VideoFrame> {
        // The center, in the shape of the target.
        let (x, y) = margins(frame.width(), frame.height(), self.target.width, self.target.height);
        let cut = frame.center(x, y)?;
        let source = Side {
            format: frame.format(),
            width: cut.width() as usize,
            height: cut.height() as usize,
            color: self.source_color,
        };
        let other_range = self.source_dynamic != self.requested.dynamic;
        let scaler = match self.scaler.take().filter(|s| s.source() == source) {
            Some(scaler) => scaler,
            None if other_range => self.prepare_conversion(source)?,
            None => Scaler::new(source, self.target)?,
        };
        let mut out = self.pool.get()?;
        self.scaler.insert(scaler).run(&cut, out.av_mut())?;
        match &mut self.converter {
            Some(converter) => converter.run(&out),
            None => Ok(out),
        }
    }

    /// To the wanted size first, with the source's own meaning and no fewer than 10 bits, which a gamma curve for 10 000
    /// cd/m2 needs; then to the wanted dynamic range.
    fn prepare_conversion(&mut self, source: Side) -> Result<Scaler> {
        let (width, height) = (self.target.width, self.target.height);
        let fine = YuvLayout { bits: self.requested.layout.bits.max(10), ..self.requested.layout };
        let format = format_for(fine)
            .ok_or_else(|| MediaError::Unsupported { what: format!("a background cannot have the layout {fine:?}") })?;
        let from = Meaning { layout: fine, color: self.source_color, dynamic: self.source_dynamic };
        let BackgroundTarget { layout, color, dynamic } = self.requested;
        self.converter = Some(DynamicConverter::new(from, Meaning { layout, color, dynamic }, (width, height))?);
        self.pool = FramePool::new(fine, width, height)?;
        Scaler::new(source, Side { format, width, height, color: self.source_color })
    }
}

/// How much is cut off left and right, above and below, in even numbers so that chroma samples
/// aren't split.
fn margins(w: usize, h: usize, target_w: usize, target_h: usize) -> (usize, usize) {
    // Compare w/h with target_w/target_h without dividing.
    let (wide, tall) = (w * target_h, h * target_w);
    let half = |rest: usize| rest / 2 / 4 * 4;
    if wide > tall {
        (half(w - (tall / target_h).clamp(2.min(w), w)), 0)
    } else {
        (0, half(h - (wide / target_w).clamp(2.min(h), h)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Files, yuv420};
    use vrseg_image::plane::Yuv;

    #[test]
    fn overhang_is_cropped_evenly() {
        assert_eq!(margins(1920, 1080, 1920, 1080), (0, 0));
        assert_eq!(margins(400, 100, 100, 100), (148, 0));
        assert_eq!(margins(100, 400, 100, 100), (0, 148));
        assert_eq!(margins(3, 1, 1, 1000), (0, 0));
    }

    fn target(bits: u32, color: YuvColor) -> BackgroundTarget {
        BackgroundTarget { layout: yuv420(bits), color, dynamic: DynamicRange::Standard }
    }

    fn y_at(frame: &VideoFrame, x: usize, y: usize) -> u8 {
        match frame.yuv() {
            Yuv::U8([plane, ..]) => plane.row(y)[x],
            Yuv::U16(_) => panic!("8 bit is u8"),
        }
    }

    #[test]
    fn picture_covers_the_frame() {
        let files = Files::new();
        // White bars left and right of a black square.
        let path = files.make(
            "-f lavfi -i color=white:s=400x100 -vf drawbox=x=150:w=100:y=0:h=100:c=black:t=fill -frames:v 1 -update 1",
            "b.png",
        );
        let color = YuvColor::default();
        let mut background = Background::open(&path, target(8, color), 64, 64).unwrap();
        let a = background.frame_at(0.0).unwrap();
        let b = background.frame_at(1234.5).unwrap();
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!((a.width(), a.height(), a.layout()), (64, 64, Some(yuv420(8))));
        for (x, y) in [(4, 4), (60, 60), (32, 32)] {
            assert!(y_at(&a, x, y).abs_diff(16) <= 1, "{}", y_at(&a, x, y));
        }
        // Ten bits and full range.
        let full = YuvColor { full_range: true, ..color };
        let mut background = Background::open(&path, target(10, full), 800, 200).unwrap();
        let frame = background.frame_at(0.0).unwrap();
        let Yuv::U16([y, ..]) = frame.yuv() else { panic!("10 bit is u16") };
        assert!(y.row(100)[10] >= 1020 && y.row(100)[400] <= 3, "{} {}", y.row(100)[10], y.row(100)[400]);
    }

    #[test]
    fn video_is_looped() {
        let files = Files::new();
        // Five frames at 10 per second, each brighter by 40.
        let path = files.make(
            "-f lavfi -i color=black:s=64x64:r=10:d=0.5 -vf geq=lum='20+40*N':cb=128:cr=128 -c:v ffv1 -pix_fmt yuv420p",
            "b.mkv",
        );
        let mut background = Background::open(&path, target(8, YuvColor::default()), 64, 64).unwrap();
        for (seconds, n) in [
            (0.0, 0),
            (0.05, 0),
            (0.1, 1),
            (0.45, 4),
            (0.52, 0),
            (0.75, 2),
            // Back to the start, and far ahead.
            (0.12, 1),
            (100.0 + 0.35, 3),
            (100.0 + 0.36, 3),
        ] {
            let frame = background.frame_at(seconds).unwrap();
            assert!(y_at(&frame, 30, 30).abs_diff(20 + 40 * n) <= 1, "{seconds}: {}", y_at(&frame, 30, 30));
        }
    }

    #[test]
    fn backgrounds_of_another_dynamic_range_are_converted() {
        let files = Files::new();
        let white = files.make("-f lavfi -i color=white:s=64x64 -frames:v 1 -update 1", "white.png");
        let wide = YuvColor { matrix: vrseg_image::plane::Matrix::Bt2020, full_range: false };
        for (dynamic, want) in [(DynamicRange::Pq, 573), (DynamicRange::Hlg, 721)] {
            // BT.2408, table 1: white of graphics is at 58 % of PQ's signal and 75 % of HLG's.
            let target = BackgroundTarget { layout: yuv420(10), color: wide, dynamic };
            let mut background = Background::open(&white, target, 64, 64).unwrap();
            let frame = background.frame_at(0.0).unwrap();
            let Yuv::U16([y, u, v]) = frame.yuv() else { panic!("10 bit is u16") };
            assert!(y.row(9)[9].abs_diff(want) <= 12, "{dynamic:?}: {}", y.row(9)[9]);
            assert!(u.row(9)[9].abs_diff(512) <= 2 && v.row(9)[9].abs_diff(512) <= 2);
        }
        // 203 cd/m2 in PQ, and back.
        let bright = files.make(
            "-f lavfi -i color=gray:s=64x64 -vf \
             format=yuv420p10le,geq=lum=573:cb=512:cr=512,setparams=color_trc=smpte2084:\
             color_primaries=bt2020:colorspace=bt2020nc:range=tv -frames:v 1 -c:v ffv1 -color_trc smpte2084 \
             -color_primaries bt2020 -colorspace bt2020nc -color_range tv",
            "bright.mkv",
        );
        let mut background = Background::open(&bright, target(8, YuvColor::default()), 64, 64).unwrap();
        let frame = background.frame_at(0.0).unwrap();
        assert!((150..=236).contains(&y_at(&frame, 9, 9)), "{}", y_at(&frame, 9, 9));
    }
}
