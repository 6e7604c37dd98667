//! `vrseg unpack`.

use crate::cli::args::{SettingValue, UnpackArgs};
use crate::cli::exit::{Exit, UsageError};
use crate::cli::interrupt::Stop;
use crate::cli::job::inputs;
use crate::ui::{Console, ProgressUi, Style, format::bytes};
use vrseg_engine::plan::recognize::recognize;
use vrseg_engine::run::{UnpackAs, UnpackRequest, unpack};
use vrseg_image::vr::FormatRequest;
use vrseg_media::{Codec, EncodeOptions};

/// Unpacks a file.
///
/// # Errors
/// A usage error where the file is not alpha packed or the output can't be named so, else what failed.
pub(crate) fn run(args: &UnpackArgs, stop: &Stop, console: &Console) -> anyhow::Result<Exit> {
    if args.output.extension().is_none() {
        let shown = args.output.display();
        return Err(UsageError(format!(
            "--output {shown}: the name has no extension (.mkv, .mp4, .mov, .webm) that selects a container"
        ))
        .into());
    }
    let number = |s: &Option<SettingValue>| s.as_ref().and_then(|s| s.0.as_f64()).map(|n| n as f32);
    let codec = args.codec.as_ref().and_then(|c| c.0.as_str()).and_then(Codec::from_name);
    let request = UnpackRequest {
        input: args.file.clone(),
        output: args.output.clone(),
        projection: if args.projection == "hequirect" { UnpackAs::HalfEquirectangular } else { UnpackAs::Fisheye },
        fov: number(&args.fov),
        encode: EncodeOptions { codec, crf: number(&args.crf), hardware: true, ..EncodeOptions::default() },
        overwrite: args.overwrite,
        threads: 0,
    };
    inputs::check_file(&args.file)?;
    if let Ok(input) = vrseg_media::probe(&args.file)
        && !recognize(&input, &FormatRequest::default()).alpha_packed.value
    {
        console.warning(&format!(
            "{}: this video may not be alpha packed (no metadata, no name with _alpha), so the matte may be wrong",
            args.file.display()
        ));
    }
    let ui = ProgressUi::new(console.clone(), if args.quiet { Style::Quiet } else { Style::Human });
    let result = unpack(&request, &stop.next_job(), &ui);
    ui.end();
    match result {
        Err(error) => stop.excuse(error.into()),
        Ok(done) => {
            let (path, size) = (done.finished.path.display(), bytes(done.finished.bytes));
            ui.note(&format!("{path}: {} frames of a matte, {}, {size}", done.frames, done.projection));
            Ok(if done.interrupted { Exit::Interrupted } else { Exit::Done })
        }
    }
}
