//! The background of `replace`, laid out like the source: a picture of one view is put behind each
//! eye, one that is itself stereo of the same layout covers the frame.

use crate::error::Result;
use crate::plan::recognize::recognize_blind;
use std::path::Path;
use std::sync::Arc;
use vrseg_image::plane::{PlaneMut, PlaneRef, Rect, Sample, Yuv, YuvLayout, YuvMut};
use vrseg_image::vr::{FormatRequest, Layout};
use vrseg_media::{Background, BackgroundTarget, FramePool, VideoFrame};

/// A background picture or video.
pub struct Backdrop {
    source: Background,
    /// Where the picture goes, when it is put behind each eye.
    eyes: Option<(Vec<Rect>, YuvLayout, FramePool)>,
    /// The last picture and what was made of it.
    last: Option<(Arc<VideoFrame>, Arc<VideoFrame>)>,
}

impl Backdrop {
    /// Opens `path` for frames of `size` like `target`, with the views `rects` of `frame_layout`.
    ///
    /// # Errors
    /// A file that is no picture or video.
    pub fn open(
        path: &Path,
        target: BackgroundTarget,
        (width, height): (usize, usize),
        frame_layout: Layout,
        rects: &[Rect],
    ) -> Result<Self> {
        let planes = YuvLayout { alpha: false, ..target.layout };
        let target = BackgroundTarget { layout: planes, ..target };
        let own = recognize_blind(&vrseg_media::probe(path)?, &FormatRequest::default()).layout.value;
        let (w, h) = (rects[0].w, rects[0].h);
        let same_size = rects.iter().all(|r| (r.w, r.h) == (w, h));
        if rects.len() == 1 || own == frame_layout || !same_size {
            let source = Background::open(path, target, width, height)?;
            return Ok(Self { source, eyes: None, last: None });
        }
        let pool = FramePool::new(planes, width, height)?;
        let source = Background::open(path, target, w, h)?;
        Ok(Self { source, eyes: Some((rects.to_vec(), planes, pool)), last: None })
    }

    /// The file.
    pub fn source(&mut self) -> &mut Background {
        &mut self.source
    }

    /// The frame that is seen `seconds` after the start.
    ///
    /// # Errors
    /// When the file can't be read any more.
    pub fn frame_at(&mut self, seconds: f64) -> Result<Arc<VideoFrame>> {
        let picture = self.source.frame_at(seconds)?;
        let Some((rects, planes, pool)) = &self.eyes else { return Ok(picture) };
        if let Some((seen, made)) = &self.last
            && Arc::ptr_eq(seen, &picture)
        {
            return Ok(Arc::clone(made));
        }
        let mut whole = pool.get()?;
        match (picture.yuv(), whole.yuv_mut()) {
            (Yuv::U8(from), YuvMut::U8(to, _)) => behind_each_eye(from, to, *planes, rects),
            (Yuv::U16(from), YuvMut::U16(to, _)) => behind_each_eye(from, to, *planes, rects),
            // Both were made for `planes`, so their samples have one width.
            (Yuv::U8(_), YuvMut::U16(..)) | (Yuv::U16(_), YuvMut::U8(..)) => {}
        }
        let whole = Arc::new(whole);
        self.last = Some((picture, Arc::clone(&whole)));
        Ok(whole)
    }
}

fn behind_each_eye<T: Sample>(from: [PlaneRef<'_, T>; 3], to: [PlaneMut<'_, T>; 3], planes: YuvLayout, rects: &[Rect]) {
    for (p, (from, mut to)) in from.into_iter().zip(to).enumerate() {
        let (sx, sy) = if p == 0 { (0, 0) } else { (planes.chroma_shift_x, planes.chroma_shift_y) };
        for rect in rects.iter().map(|r| r.subsampled(sx, sy)) {
            let mut eye = to.crop_mut(rect);
            for y in 0..rect.h.min(from.height) {
                let row = from.row(y);
                let n = rect.w.min(row.len());
                eye.row_mut(y)[..n].copy_from_slice(&row[..n]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_eye_gets_the_whole_picture() {
        let planes = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let picture: Vec<u8> = (0..16).collect();
        let small = [7u8, 8, 9, 10];
        let from = [PlaneRef::new(&picture, 4, 4, 4), PlaneRef::new(&small, 2, 2, 2), PlaneRef::new(&small, 2, 2, 2)];
        let (mut y, mut u, mut v) = (vec![0u8; 32], vec![0u8; 8], vec![0u8; 8]);
        let to = [PlaneMut::new(&mut y, 8, 8, 4), PlaneMut::new(&mut u, 4, 4, 2), PlaneMut::new(&mut v, 4, 4, 2)];
        behind_each_eye(from, to, planes, &Layout::SideBySide.views(8, 4));
        assert_eq!(y[8..16], [4, 5, 6, 7, 4, 5, 6, 7]);
        assert_eq!(u, [7, 8, 7, 8, 9, 10, 9, 10]);
    }
}
