//! Whether an encoder really works here: the only sure answer is to open it.

pub use crate::ffi::version::ffmpeg_version;

use crate::ffi::codec::find_encoder;
use crate::ffi::log;
use crate::write::codec::Codec;
use crate::write::encoder::nvenc::load_driver;
use crate::write::encoder::trial;

/// The encoders that vrseg chooses from by itself, each with the codec that it is for.
pub fn encoders() -> impl Iterator<Item = (&'static str, Codec)> {
    Codec::ALL.into_iter().flat_map(|codec| {
        [Some(codec.software()), codec.hardware()].into_iter().flatten().map(move |name| (name, codec))
    })
}

/// Opens the encoder `name` for a picture of 640x480, and leaves it open: SVT-AV1 was seen never to
/// come back from being closed before its first frame. For a process that ends soon.
///
/// # Errors
/// Why it can't be opened, in one line.
pub fn encoder_opens(name: &str) -> std::result::Result<(), String> {
    log::init();
    let codec = find_encoder(name).ok_or_else(|| format!("this FFmpeg is built without {name}"))?;
    if name.ends_with("_nvenc") {
        load_driver()?;
    }
    trial::open(codec).map(std::mem::forget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ffv1_opens_and_nonsense_does_not() {
        assert_eq!(encoder_opens("ffv1"), Ok(()));
        assert!(encoder_opens("libx999").is_err_and(|why| why.contains("built without libx999")));
        assert!(ffmpeg_version().contains('.'));
    }
}
