//! Frames whose memory is used again.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::frame::VideoFrame;
use crate::ffi::numbers::PixelFormat;
use crate::ffi::pixel_format::format_for;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ptr;
use std::sync::Arc;
use vrseg_image::plane::YuvLayout;

/// Rows and planes start at multiples of this number of bytes (a cache line, an AVX-512 register).
const ALIGN: usize = 64;

/// Bytes behind each plane that FFmpeg's assembly may touch beyond its end.
const MARGIN: usize = 64;

/// A source of frames of one layout and size. A clone is the same pool; any thread may use it.
///
/// The memory of a frame comes back by itself when its last holder (an encoder's thread, say)
/// lets go of it, so a frame from [`FramePool::get`] is always writable. The pool never holds
/// more frames than were in use at one time.
#[derive(Clone)]
pub struct FramePool(Arc<Inner>);

struct Inner {
    pool: *mut ffi::AVBufferPool,
    layout: YuvLayout,
    width: usize,
    height: usize,
    format: PixelFormat,
    /// Offset and stride of each plane, in bytes.
    planes: Vec<(usize, usize)>,
}

// SAFETY: FFmpeg's buffer pool is made for use from several threads (it has its own lock).
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: made in `FramePool::new`. Buffers still in use keep the pool's memory alive.
        unsafe { ffi::av_buffer_pool_uninit(&raw mut self.pool) };
    }
}

impl FramePool {
    /// An empty pool.
    ///
    /// # Errors
    /// When FFmpeg has no format of this layout, the size is 0 or beyond FFmpeg's limits.
    pub fn new(layout: YuvLayout, width: usize, height: usize) -> Result<Self> {
        let bad = || MediaError::Unsupported { what: format!("no frame can have {width}x{height} {layout:?}") };
        let format = format_for(layout).ok_or_else(bad)?;
        if width == 0 || height == 0 || width > 1 << 16 || height > 1 << 16 {
            return Err(bad());
        }
        let mut planes = Vec::new();
        let mut size = 0;
        for i in 0..layout.planes() {
            let (w, h) = layout.plane_size(i, width, height);
            let stride = (w * layout.sample_bytes()).next_multiple_of(ALIGN);
            planes.push((size, stride));
            // FFmpeg's own frames have their height rounded up to 32: some encoders count on it.
            size += (stride * h.next_multiple_of(32) + MARGIN).next_multiple_of(ALIGN);
        }
        // SAFETY: null is checked for; no allocator means FFmpeg's own.
        let pool = unsafe { ffi::av_buffer_pool_init(size + ALIGN, None) };
        if pool.is_null() {
            return Err(MediaError::NoMemory { what: "a frame pool".to_owned() });
        }
        Ok(FramePool(Arc::new(Inner { pool, layout, width, height, format, planes })))
    }

    /// A writable frame with unspecified contents and no properties.
    ///
    /// # Errors
    /// When memory is short.
    pub fn get(&self) -> Result<VideoFrame> {
        let inner = &*self.0;
        let no_memory = || MediaError::NoMemory { what: format!("a frame of {}x{}", inner.width, inner.height) };
        let mut frame = ffmpeg::frame::Video::empty();
        // SAFETY: the frame is empty and gets one buffer, which holds all planes with their margins:
        // `new` has laid them out, and the buffer is `ALIGN` bytes longer than that.
        unsafe {
            let f = frame.as_mut_ptr();
            if f.is_null() {
                return Err(no_memory());
            }
            let buffer = ffi::av_buffer_pool_get(inner.pool);
            if buffer.is_null() {
                return Err(no_memory());
            }
            (*f).buf[0] = buffer;
            let base = (*buffer).data.add((*buffer).data.align_offset(ALIGN));
            for (i, &(offset, stride)) in inner.planes.iter().enumerate() {
                (*f).data[i] = base.add(offset);
                (*f).linesize[i] = stride as i32;
            }
            (*f).extended_data = ptr::addr_of_mut!((*f).data).cast();
            (*f).format = inner.format.get();
            (*f).width = inner.width as i32;
            (*f).height = inner.height as i32;
        }
        VideoFrame::from_av(frame).map_err(|_| no_memory())
    }

    /// Layout of the frames that it gives.
    pub fn layout(&self) -> YuvLayout {
        self.0.layout
    }

    /// Width and height of its frames.
    pub fn size(&self) -> (usize, usize) {
        (self.0.width, self.0.height)
    }
}

impl std::fmt::Debug for FramePool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FramePool({}x{} {:?})", self.0.width, self.0.height, self.0.layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::plane::{Yuv, YuvMut};

    const LAYOUT: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: true };

    fn address(frame: &VideoFrame) -> usize {
        let Yuv::U8([y, ..]) = frame.yuv() else { panic!("8 bit is u8") };
        y.data.as_ptr() as usize
    }

    #[test]
    fn memory_is_reused() {
        let pool = FramePool::new(LAYOUT, 33, 17).unwrap();
        let first = pool.get().unwrap();
        let second = pool.get().unwrap();
        let (a, b) = (address(&first), address(&second));
        assert_ne!(a, b);
        assert!(a.is_multiple_of(ALIGN));
        drop(first);
        let mut again = pool.get().unwrap();
        assert_eq!(address(&again), a);
        let YuvMut::U8([mut y, ..], Some(mut alpha)) = again.yuv_mut() else { panic!("8 bit with alpha") };
        y.fill(1);
        alpha.fill(2);
    }

    #[test]
    fn memory_that_an_encoder_holds_is_not_reused() {
        let pool = FramePool::new(LAYOUT, 16, 16).unwrap();
        let frame = pool.get().unwrap();
        let held = address(&frame);
        // SAFETY: a second reference to a valid frame.
        let reference = unsafe { ffmpeg::frame::Video::wrap(ffi::av_frame_clone(frame.av().as_ptr())) };
        assert!(!frame.is_writable());
        drop(frame);
        let other = pool.get().unwrap();
        assert_ne!(address(&other), held);
        drop(reference);
        assert_eq!(address(&pool.get().unwrap()), held);
    }

    #[test]
    fn frames_outlive_their_pool() {
        let mut frame = FramePool::new(LAYOUT, 16, 16).unwrap().get().unwrap();
        let YuvMut::U8([mut y, ..], _) = frame.yuv_mut() else { panic!("8 bit is u8") };
        y.fill(9);
    }
}
