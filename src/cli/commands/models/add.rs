//! `vrseg models add`.

use super::{session, test};
use crate::cli::args::ModelAddArgs;
use crate::cli::exit::{Exit, UsageError};
use crate::ui::Console;
use anyhow::Context;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use vrseg_infer::library::{self, Placing, Staged};
use vrseg_infer::recognize::{self, Draft, Finding, Guess, Known, License};
use vrseg_infer::trial::{self, Trial};
use vrseg_infer::{Manifest, Model, Weights, registry};

/// Recognizes a model, tries it and adds it; or drafts a manifest.
///
/// # Errors
/// Files that can't be read or written, and models that make no mattes.
pub(super) fn run(
    args: &ModelAddArgs,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let shown = args.file.display();
    let name = args.name.clone().unwrap_or_else(|| library::name_of(&args.file));
    library::check_name(&name).map_err(UsageError)?;
    let manifest_path = library::manifest_path(&name);
    if manifest_path.exists() {
        let fix = format!("`vrseg models remove {name}` removes it; or choose another name with --name");
        return Err(UsageError(format!("there is a model {name} already ({}); {fix}", manifest_path.display())).into());
    }
    let bytes = std::fs::read(&args.file).with_context(|| format!("can't read {shown}"))?;
    let sha256 = registry::sha256(&bytes);
    if let Some(path) = &args.manifest {
        let known = described(path, &name, &sha256)?;
        return add(args, &known, console, print);
    }
    match recognize::recognize(&args.file, &bytes, &sha256, &name) {
        Finding::Refused(why) => Err(UsageError(format!("{shown}: {why}")).into()),
        Finding::Known(known) => {
            drop(bytes);
            add(args, &known, console, print)
        }
        Finding::Unknown(draft) => {
            drop(bytes);
            drafted(args, &draft, console, print)
        }
    }
}

/// A model as its user's manifest describes it, under another name.
fn described(path: &Path, name: &str, sha256: &str) -> anyhow::Result<Known> {
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let manifest = Manifest::parse(&text, path)?;
    let (name, file, sha256) = (name.to_owned(), format!("{name}.onnx"), sha256.to_owned());
    let manifest = Manifest { name, file, sha256, ..manifest };
    let title = manifest.description.clone();
    let why = vec![format!("{} says so", path.display())];
    Ok(Known { title, why, license: License::UNKNOWN, manifest })
}

/// Tries a model and adds it.
fn add(
    args: &ModelAddArgs,
    known: &Known,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let license = match args.manifest {
        Some(_) => format!("{} (by the manifest)", known.manifest.license),
        None => format!("{} ({})", known.license.spdx, known.license.note),
    };
    let mut text = format!("{}\n  it is      {}\n", args.file.display(), known.title);
    for why in &known.why {
        let _ = writeln!(text, "  because    {why}");
    }
    let _ = writeln!(text, "  license    {license}");
    print(&text)?;
    if let Some(warning) = known.license.warning().filter(|_| args.manifest.is_none()) {
        console.warning(&format!("license {}: {warning}", known.license.spdx));
    }
    if !known.manifest.notes.is_empty() {
        print(&format!("  note       {}\n", known.manifest.notes))?;
    }
    let placing = if args.link { Placing::Link } else { Placing::Copy };
    let staged = Staged::new(&args.file, known.manifest.clone(), placing)?;
    let trial = trial::run(&staged.model, &session(args.ort_library.as_deref()))?;
    print(&format!("  tried      {}\n", test::words(&trial)))?;
    if !trial.is_usable() {
        let what = test::failure(&trial);
        if !args.force {
            console.error(&format!("{what}. Not added; --force adds it anyway"));
            return Ok(Exit::Failed);
        }
        console.warning(&format!("{what}. Added anyway"));
    }
    let name = known.manifest.name.clone();
    let remarks = remarks(known, &trial);
    let path = staged.keep(&remarks)?;
    print(&format!("  added      {}\n  use it     vrseg in.mp4 -o out.mp4 --model {name}\n", path.display()))?;
    Ok(Exit::Done)
}

/// What stands above a manifest that was written by the program.
fn remarks(known: &Known, trial: &Trial) -> Vec<String> {
    let mut lines = vec![format!("{}: added by `vrseg models add`, because", known.title)];
    lines.extend(known.why.iter().map(|why| format!("  {why}.")));
    lines.push(format!("On the test picture {}.", test::words(trial)));
    lines
}

/// Writes a draft of a manifest beside the file, with the guess that fits the test picture best.
fn drafted(
    args: &ModelAddArgs,
    draft: &Draft,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let path = args.file.with_extension("yaml");
    if path.exists() {
        let what = format!("{} is not a known model, and it has a manifest already", args.file.display());
        let fix = format!("complete it, then: vrseg models add {} --manifest {}", args.file.display(), path.display());
        return Err(UsageError(format!("{what}: {}; {fix}", path.display())).into());
    }
    let best = best_guess(args, draft)?;
    let text = draft_text(args, draft, &best);
    library::write_whole(&path, &text)?;
    let found = match &best.trial {
        Ok(trial) => format!("{}; then {}", best.guess.text, test::words(trial)),
        Err(why) => format!("the guess doesn't run: {why}"),
    };
    print(&format!(
        "{}\n  model      unknown; inputs: {}; outputs: {}\n  best guess {found}\n  written    {}\n",
        args.file.display(),
        ports(&draft.graph.inputs),
        ports(&draft.graph.outputs),
        path.display()
    ))?;
    console.error(&format!(
        "not added yet. Two questions remain: how are its pictures normalized (mean and std), and what does its output mean (an \
         alpha, a logit, which class)? Correct {0} where its guesses are wrong, then: vrseg models add {1} --manifest {0}",
        path.display(),
        args.file.display()
    ));
    Ok(Exit::Failed)
}

fn ports(ports: &[vrseg_infer::graph::Port]) -> String {
    ports.iter().map(vrseg_infer::graph::Port::text).collect::<Vec<_>>().join("; ")
}

/// A guess, and what came of it.
struct Tried<'a> {
    guess: &'a Guess,
    trial: Result<Trial, String>,
}

/// The guess whose matte shows the person of the test picture best.
fn best_guess<'a>(args: &ModelAddArgs, draft: &'a Draft) -> anyhow::Result<Tried<'a>> {
    let options = session(args.ort_library.as_deref());
    let try_one = |guess: &'a Guess| {
        let weights = Weights::File(PathBuf::from(&args.file));
        let model = Model { manifest: guess.manifest.clone(), weights };
        Tried { guess, trial: trial::run(&model, &options).map_err(|e| e.to_string()) }
    };
    let overlap = |tried: &Tried<'_>| tried.trial.as_ref().map_or(-1.0, |t| t.overlap);
    let mut best: Option<Tried<'a>> = None;
    for guess in &draft.guesses {
        let tried = try_one(guess);
        if best.as_ref().is_none_or(|b| overlap(&tried) > overlap(b)) {
            best = Some(tried);
        }
    }
    best.context("nothing to guess")
}

/// A manifest with comments on what was read off the graph, and on what was guessed.
fn draft_text(args: &ModelAddArgs, draft: &Draft, best: &Tried<'_>) -> String {
    let mut text =
        format!("# A draft: what vrseg could read from {} or guess.\n#\n# The graph:\n", args.file.display());
    for (what, ports) in [("input ", &draft.graph.inputs), ("output", &draft.graph.outputs)] {
        for port in ports {
            let _ = writeln!(text, "#   {what}  {}", port.text());
        }
    }
    text += "#\n# Two questions remain:\n";
    text += "#   1. How are its pictures normalized? See input.scale, mean and std.\n";
    text += "#   2. What does its output mean? See output.activation, stretch and class, and kind.\n";
    match &best.trial {
        Ok(trial) => {
            let _ = writeln!(text, "#\n# Best of {} guesses on the test picture:", draft.guesses.len());
            let _ = writeln!(text, "# {}; {}.", best.guess.text, test::words(trial));
        }
        Err(why) => {
            let _ = writeln!(text, "#\n# This guess doesn't run: {why}");
        }
    }
    let _ = writeln!(text, "#\n# Then: vrseg models add {} --manifest THIS_FILE\n", args.file.display());
    let file = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    text + &Manifest { file, ..best.guess.manifest.clone() }.to_yaml()
}
