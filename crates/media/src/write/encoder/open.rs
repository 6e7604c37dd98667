//! Opening the encoder of an output.

use crate::error::Result;
use crate::read::template::SourceTemplate;
use crate::write::encoder::plan::plan_encoder;
use crate::write::encoder::video::VideoEncoder;
use crate::write::options::{EncodeOptions, OutputNotes, WriterOptions};

/// Opens an output's encoder, and says why it isn't NVENC where that was allowed.
///
/// # Errors
/// Container and codec don't fit, the encoder refuses its options.
pub(crate) fn open_encoder(
    options: &WriterOptions<'_>,
    template: &SourceTemplate,
) -> Result<(VideoEncoder, OutputNotes)> {
    let plan = plan_encoder(options)?;
    let hints = plan.hardware_unavailable.iter().map(|why| format!("NVENC is not used: {why}")).collect();
    let mut notes = OutputNotes { lost: plan.warnings.clone(), hints };
    let global_header = plan.container.wants_global_header();
    let chosen_hardware = plan.encoder.ends_with("_nvenc") && options.encode.encoder.is_none();
    let encoder = match VideoEncoder::open(plan, options, &template.video, global_header) {
        // A GPU may run out of sessions or memory: then the CPU does it.
        Err(error) if chosen_hardware => {
            notes.hints.push(format!("NVENC is not used: {error}"));
            let software = EncodeOptions { hardware: false, ..options.encode.clone() };
            let options = WriterOptions { encode: &software, ..*options };
            VideoEncoder::open(plan_encoder(&options)?, &options, &template.video, global_header)?
        }
        other => other?,
    };
    Ok((encoder, notes))
}
