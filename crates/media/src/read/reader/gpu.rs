//! Whether a GPU decodes a source, and why not.

use crate::error::Result;
use crate::ffi::hardware::{self, CudaDevice};
use crate::read::info::InputInfo;
use ffmpeg_next as ffmpeg;

/// Codecs that FFmpeg's own decoders decode on an NVIDIA GPU. AV1 is read by dav1d, which can't.
const CODECS: [&str; 3] = ["h264", "hevc", "vp9"];

/// A GPU that was asked to decode.
#[derive(Default)]
pub(super) struct GpuDecoding {
    device: Option<CudaDevice>,
    /// Why it doesn't decode.
    refusal: Option<String>,
    /// A frame came from it.
    active: bool,
}

impl GpuDecoding {
    /// It was asked, and doesn't decode, for this reason.
    pub(super) fn refused(why: String) -> Self {
        Self { refusal: Some(why), ..Self::default() }
    }

    /// Opens the GPU for a source, if it is to decode.
    pub(super) fn open(gpu: Option<u32>, info: &InputInfo) -> Self {
        let Some(gpu) = gpu else { return Self::default() };
        if let Some(why) = unsuitable(info) {
            return Self::refused(why);
        }
        match CudaDevice::open(gpu) {
            Ok(device) => Self { device: Some(device), ..Self::default() },
            Err(why) => Self::refused(why),
        }
    }

    pub(super) fn device(&self) -> Option<&CudaDevice> {
        self.device.as_ref()
    }

    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Whether frames come from it, so that an error may be the GPU's and not the source's.
    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    /// Whether it was opened for the source but doesn't decode it; known with the first frame.
    pub(super) fn declines(&self) -> bool {
        self.device.is_some() && !self.active
    }

    /// A decoded frame, in main memory.
    ///
    /// # Errors
    /// As [`hardware::download`].
    pub(super) fn take(&mut self, frame: ffmpeg::frame::Video) -> Result<ffmpeg::frame::Video> {
        if self.device.is_none() || !hardware::is_on_gpu(&frame) {
            return Ok(frame);
        }
        self.active = true;
        hardware::download(&frame)
    }
}

/// Why no GPU is asked to decode a source.
fn unsuitable(info: &InputInfo) -> Option<String> {
    let video = &info.video;
    if !CODECS.contains(&video.codec.as_str()) {
        return Some(format!("{} is decoded on the CPU only", video.codec));
    }
    video.layers.map(|_| "the second view of MV-HEVC is decoded on the CPU only".to_owned())
}
