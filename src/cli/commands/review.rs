//! `vrseg review`: corrects mattes on a web page, and renders.

use crate::cli::args::ReviewArgs;
use crate::cli::exit::{Exit, UsageError};
use crate::cli::interrupt::Stop;
use crate::cli::job::{inputs, source};
use crate::cli::quote;
use crate::ui::Console;
use crate::ui::review::{ReviewOptions, serve};
use anyhow::Context;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use vrseg_engine::Plan;
use vrseg_engine::edits::{self, Edits};

/// How often Ctrl-C is looked for.
const INTERVAL: Duration = Duration::from_millis(100);

/// Serves the page until Ctrl-C.
///
/// # Errors
/// The video or its edits file can't be read, the address can't be listened at.
pub(crate) fn run(args: &ReviewArgs, stop: &Stop, console: &Console) -> anyhow::Result<Exit> {
    inputs::check_file(&args.file)?;
    let edits_file = args.edits.clone().unwrap_or_else(|| args.file.with_extension("edits.yaml"));
    let (edits, on_disk) = existing(&edits_file)?;
    let job = source::without_outputs(&args.file, &args.source.model)?;
    let plan = Plan::of_source(&job)?;
    let named = |what| UsageError(format!("{}: {what}", edits_file.display()));
    edits.check_for(plan.lens().is_some(), plan.views.rects.len()).map_err(named)?;
    plan.warnings().for_each(|warning| console.warning(&warning));
    let options = render_options(&args.file);
    let title = format!(
        "Edits of {}, made by vrseg review.\nApply: {}\ndocs/review.md explains this file.",
        args.file.display(),
        command(&args.file, "OUT.mp4", &options, &edits_file)
    );
    let review = ReviewOptions {
        command: {
            let (file, options, edits_file) = (args.file.clone(), options.clone(), edits_file.clone());
            Box::new(move |output| command(&file, output, &options, &edits_file))
        },
        job,
        plan,
        edits_file: edits_file.clone(),
        edits,
        on_disk,
        title,
        options,
    };
    let server = serve(review, args.address).with_context(|| format!("--address {}", args.address))?;
    console.line(&format!("vrseg: review of {} at {}", args.file.display(), server.link));
    console.line(&format!("vrseg: edits are saved to {}; Ctrl-C ends", edits_file.display()));
    while stop.presses() == 0 {
        std::thread::sleep(INTERVAL);
    }
    if server.is_incomplete() {
        console.warning(&format!(
            "{}: not all of the video was searched; hidden people are shown after that place until a review finishes the search",
            edits_file.display()
        ));
    }
    drop(server);
    Ok(Exit::Done)
}

/// The edits of a file that may exist.
fn existing(path: &Path) -> anyhow::Result<(Edits, Option<Vec<u8>>)> {
    if !path.exists() {
        return Ok((Edits::default(), None));
    }
    // Checked before all of it is read: it may be a video.
    let edits = edits::read(path).map_err(|e| UsageError(format!("{e}; fix or move that edits file")))?;
    let bytes = std::fs::read(path).map_err(|e| UsageError(format!("{}: {e}", path.display())))?;
    Ok((edits, Some(bytes)))
}

/// The options of this command that a job understands: all but the video and the page's own.
fn render_options(file: &Path) -> Vec<OsString> {
    let mut words = std::env::args_os().skip_while(|word| word != "review").skip(1);
    let (mut options, mut named) = (Vec::new(), false);
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "--address" || text == "--edits" {
            words.next();
        } else if text.starts_with("--address=") || text.starts_with("--edits=") || text == "--" {
            continue;
        } else if !named && Path::new(&word) == file {
            named = true;
        } else {
            options.push(word);
        }
    }
    options
}

/// The command line that renders a video with its edits.
fn command(file: &Path, output: &str, options: &[OsString], edits_file: &Path) -> String {
    let output = file.with_file_name(output);
    let mut words: Vec<OsString> = vec!["vrseg".into(), file.into(), "-o".into(), output.into()];
    words.extend(options.iter().cloned());
    words.extend(["--edits".into(), edits_file.into()]);
    quote::line(words)
}
