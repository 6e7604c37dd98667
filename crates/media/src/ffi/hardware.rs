//! Decoding on an NVIDIA GPU (NVDEC) through FFmpeg's hardware acceleration, with the pictures copied to main memory.
//!
//! A decoder that has such a device chooses it by itself where the GPU can decode the stream, and else decodes in
//! software: FFmpeg asks the driver (`cuvidGetDecoderCaps`) when it meets the stream's headers, again whenever they change.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::frame::{copy_props, format_of};
use crate::ffi::log;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::CString;
use std::ptr;

/// Surfaces beyond those that the codec refers to: the reader copies each picture at once, so one may wait.
const EXTRA_SURFACES: i32 = 2;

/// An open GPU.
pub(crate) struct CudaDevice(*mut ffi::AVBufferRef);

// SAFETY: a reference to a device whose functions FFmpeg lets any thread call.
unsafe impl Send for CudaDevice {}

impl CudaDevice {
    /// Opens the GPU of this number, as CUDA counts.
    ///
    /// # Errors
    /// FFmpeg's reason, as text: no driver, no such GPU.
    pub(crate) fn open(gpu: u32) -> std::result::Result<Self, String> {
        log::init();
        let name = CString::new(gpu.to_string()).unwrap_or_default();
        let (result, lines) = log::capture(|| {
            let mut device = ptr::null_mut();
            // SAFETY: the name is a valid string; FFmpeg writes the reference only on success.
            let code = unsafe {
                ffi::av_hwdevice_ctx_create(
                    &raw mut device,
                    ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_CUDA,
                    name.as_ptr(),
                    ptr::null_mut(),
                    0,
                )
            };
            if code < 0 { Err(ffmpeg::Error::from(code)) } else { Ok(Self(device)) }
        });
        // A line begins with the part of FFmpeg that wrote it, in brackets.
        let text = |line: &String| line.rsplit_once("] ").map_or(line.clone(), |(_, text)| text.to_owned());
        result.map_err(|e| format!("FFmpeg says: {}", lines.first().map_or_else(|| e.to_string(), text)))
    }

    /// Lets a decoder that isn't open yet decode on the GPU. It gets one thread: more would each hold surfaces of the GPU,
    /// and wait for the same unit of it.
    ///
    /// # Errors
    /// Memory is short.
    pub(crate) fn attach(&self, context: &mut ffmpeg::codec::Context) -> Result<()> {
        // SAFETY: a valid reference, and plain fields of a context that isn't open yet and frees the new reference.
        unsafe {
            let reference = ffi::av_buffer_ref(self.0);
            if reference.is_null() {
                return Err(MediaError::NoMemory { what: "a decoder on the GPU".to_owned() });
            }
            let context = context.as_mut_ptr();
            (*context).hw_device_ctx = reference;
            (*context).thread_count = 1;
            (*context).extra_hw_frames = EXTRA_SURFACES;
        }
        Ok(())
    }
}

impl Drop for CudaDevice {
    fn drop(&mut self) {
        // SAFETY: a reference of our own, which is given up once.
        unsafe { ffi::av_buffer_unref(&raw mut self.0) };
    }
}

/// Whether a decoded frame is in the GPU's memory.
pub(crate) fn is_on_gpu(frame: &ffmpeg::frame::Video) -> bool {
    format_of(frame) == ffi::AVPixelFormat::AV_PIX_FMT_CUDA
}

/// Copies a frame in the GPU's memory to main memory, as NV12 or P010.
///
/// # Errors
/// The driver fails, or memory is short.
pub(crate) fn download(frame: &ffmpeg::frame::Video) -> Result<ffmpeg::frame::Video> {
    let mut copy = ffmpeg::frame::Video::empty();
    // SAFETY: both are valid; FFmpeg allocates what an empty frame lacks.
    let code = unsafe { ffi::av_hwframe_transfer_data(copy.as_mut_ptr(), frame.as_ptr(), 0) };
    if code < 0 {
        let reason = ffmpeg::Error::from(code);
        return Err(MediaError::Invalid { what: format!("a picture can't be copied from the GPU: {reason}") });
    }
    copy_props(frame, &mut copy);
    // Of a frame on a GPU FFmpeg cuts off only what is right of the picture and below it.
    // SAFETY: a valid frame of our own.
    let code = unsafe { ffi::av_frame_apply_cropping(copy.as_mut_ptr(), ffi::AV_FRAME_CROP_UNALIGNED as i32) };
    if code < 0 {
        return Err(MediaError::Invalid { what: "a picture of the GPU can't be cropped".to_owned() });
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_gpu_is_reported_in_ffmpegs_words() {
        // No machine has a GPU of that number; most test machines have no driver.
        let Err(why) = CudaDevice::open(200) else { panic!("GPU 200 was opened") };
        assert!(why.to_lowercase().contains("cuda"), "{why}");
    }
}
