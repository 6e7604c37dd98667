//! Whether a GPU decodes a source, and why not.

use crate::error::Result;
use crate::ffi::hardware::{self, CudaDevice};
use crate::ffi::log;
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
    /// A frame was decoded.
    begun: bool,
}

impl GpuDecoding {
    /// Opens the GPU for a source, if it is to decode.
    pub(super) fn open(gpu: Option<u32>, info: &InputInfo) -> Self {
        let Some(gpu) = gpu else { return Self::default() };
        let refuse = |why: String| Self { refusal: Some(why), ..Self::default() };
        if let Some(why) = unsuitable(info) {
            return refuse(why);
        }
        match CudaDevice::open(gpu) {
            Ok(device) => Self { device: Some(device), ..Self::default() },
            Err(why) => refuse(why),
        }
    }

    pub(super) fn device(&self) -> Option<&CudaDevice> {
        self.device.as_ref()
    }

    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// A decoded frame, in main memory.
    ///
    /// # Errors
    /// As [`hardware::download`].
    pub(super) fn take(&mut self, frame: ffmpeg::frame::Video) -> Result<ffmpeg::frame::Video> {
        if self.device.is_none() {
            return Ok(frame);
        }
        let on_gpu = hardware::is_on_gpu(&frame);
        if !on_gpu && !self.begun {
            let said = log::recent_log().pop().map(|line| format!(" ({line})")).unwrap_or_default();
            self.refusal = Some(format!("the GPU doesn't decode this video{said}"));
        }
        self.begun = true;
        if on_gpu { hardware::download(&frame) } else { Ok(frame) }
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
