//! The file of settings that a search ends with.

use super::measurements::Measurements;
use crate::cli::exit::UsageError;
use crate::cli::io::create_file;
use anyhow::Context;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use time::OffsetDateTime;
use vrseg_engine::settings::{Settings, Sources, schema, user_file};
use vrseg_engine::tune::search::Outcome;

/// What `-c` calls the file that is written where the user named none.
pub(super) const NAME: &str = "tuned";
/// How such a file begins.
const HEAD: &str = "# Written by `vrseg optimize`";

/// Where the settings go.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: PathBuf,
    overwrite: bool,
}

impl Target {
    /// The file that the user named, or else `tuned.yaml` in their configuration folder, where a file that this command
    /// wrote before is replaced. What can't be written is refused, before minutes are spent on measuring.
    ///
    /// # Errors
    /// It exists and may not be replaced, is a folder, or its folder doesn't exist or can't be made.
    pub(super) fn new(named: Option<&Path>, overwrite: bool) -> anyhow::Result<Self> {
        let Some(path) = named else {
            let none = || UsageError("--save-config: there is no home folder; name a file".to_owned());
            let path = user_file().ok_or_else(none)?.with_file_name(NAME).with_extension("yaml");
            let folder = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder).with_context(|| format!("{}: can't be made", folder.display()))?;
            let own = std::fs::read_to_string(&path).is_ok_and(|text| text.starts_with(HEAD));
            refuse(&path, overwrite || own)?;
            return Ok(Self { path, overwrite: overwrite || own });
        };
        refuse(path, overwrite)?;
        Ok(Self { path: path.to_owned(), overwrite })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(&self, text: &str) -> anyhow::Result<()> {
        let written = create_file(&self.path, self.overwrite).and_then(|mut file| file.write_all(text.as_bytes()));
        written.with_context(|| format!("{}: can't be written", self.path.display()))
    }
}

fn refuse(path: &Path, overwrite: bool) -> Result<(), UsageError> {
    let shown = path.display();
    if path.is_dir() {
        return Err(UsageError(format!("--save-config {shown}: is a folder; name a file in it")));
    }
    if path.exists() && !overwrite {
        return Err(UsageError(format!("--save-config {shown}: exists; -y replaces it")));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    match folder.filter(|f| !f.is_dir()) {
        Some(folder) => {
            Err(UsageError(format!("--save-config {shown}: the folder {} doesn't exist", folder.display())))
        }
        None => Ok(()),
    }
}

/// The comments of the file: what was measured, and whether it gains.
fn head(measured: &Measurements, found: &Outcome) -> String {
    let now = date(SystemTime::now().into());
    let mut text = format!("{HEAD} of vrseg {} on {now}.\n", env!("CARGO_PKG_VERSION"));
    let runs = |fps: &[f64]| fps.iter().map(|f| format!("{f:.2}")).collect::<Vec<_>>().join(", ");
    if let Some(duel) = &found.duel {
        let _ = write!(
            text,
            "# {gain:.2} times as fast as before, measured in turns, {frames} frames a run:\n\
             #   before  {before} fps\n\
             #   after   {after} fps\n\
             # matte: IoU {iou:.4} with the FP32 matte of the same frames (required: {floor})\n",
            gain = duel.gain,
            frames = duel.frames,
            before = runs(&duel.before),
            after = runs(&duel.after),
            iou = duel.iou,
            floor = measured.floor,
        );
    }
    if !found.faster {
        let tried = found.tried.len();
        let _ =
            writeln!(text, "# None of {tried} tried settings was faster: the settings below are the previous ones.");
    }
    let Measurements { machine, clip, start, .. } = measured;
    let _ = write!(
        text,
        "# machine: {machine}\n# clip: {clip}\n# before: {start}\n\
         # Use it with `vrseg input.mp4 -o out.mp4 -c FILE`. On another machine, or for video of a very\n\
         # different size, measure again.\n"
    );
    text
}

/// The file: what was measured as comments, the profile, what the user had given, what was found where it is faster.
/// A value that only the rules had set before is given as `auto`.
pub(super) fn file(settings: &Settings, sources: &Sources, measured: &Measurements, found: &Outcome) -> String {
    let mut text = head(measured, found);
    let _ = writeln!(text, "profile: {}", settings.profile);
    let mut lines: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for name in sources.explicit() {
        lines.insert(name, (sources.shown(name), "your setting".to_owned()));
    }
    if let Some(fps) = measured.target_fps {
        lines.entry("performance.target_fps").or_insert((fps.to_string(), "the requested one".to_owned()));
    }
    let better = found.duel.iter().filter(|_| found.faster);
    for (name, value) in better.flat_map(|d| d.candidate.settings()) {
        lines.insert(name, (value.to_owned(), format!("found; before: {}", sources.shown(name))));
    }
    for section in schema::sections() {
        let keys = schema::SETTINGS.iter().filter(|k| k.section() == section);
        let of: Vec<_> = keys.filter_map(|k| Some((k.leaf(), lines.get(k.name)?))).collect();
        if !of.is_empty() {
            let _ = writeln!(text, "{section}:");
        }
        for (leaf, (value, why)) in of {
            let setting = format!("  {leaf}: {value}");
            let _ = writeln!(text, "{setting:<26} # {why}");
        }
    }
    text
}

/// Day and time of a moment in UTC, to the minute.
fn date(at: OffsetDateTime) -> String {
    let (year, month, day) = at.to_calendar_date();
    format!("{year}-{:02}-{day:02} {:02}:{:02} UTC", u8::from(month), at.hour(), at.minute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::Parser;
    use vrseg_engine::settings::{Loader, check};
    use vrseg_engine::tune::search::{Candidate, FinalComparison};

    #[test]
    fn dates_are_utc_to_the_minute() {
        let date = |seconds| super::date(OffsetDateTime::from_unix_timestamp(seconds).expect("a time"));
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_782_399), "2000-02-28 23:59 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(date(1_767_225_599), "2025-12-31 23:59 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00 UTC");
    }

    #[test]
    fn saved_file_has_found_and_given_settings() {
        let cli = Cli::try_parse_from(["vrseg", "--show-config", "--model", "selfie", "--profile", "fast"]).unwrap();
        let load = |file: Option<std::path::PathBuf>| {
            let flags = if file.is_none() { cli.job.overrides() } else { Vec::new() };
            let profile = cli.job.model.profile.clone().filter(|_| file.is_none());
            Loader { file, profile, flags, ..Loader::default() }.load().expect("settings")
        };
        let (settings, sources) = load(None);
        let candidate = Candidate::default().with("processing.workers", 2).with("model.input_size", 384);
        let duel =
            FinalComparison { candidate, frames: 20, before: vec![1.0], after: vec![2.0], gain: 2.0, iou: 0.987 };
        let found = Outcome { tried: Vec::new(), duel: Some(duel), faster: true, stopped: false };
        let measured = Measurements {
            machine: "two cores".into(),
            clip: "a clip".into(),
            start: "as it was".into(),
            benchmark: None,
            bottlenecks: None,
            search: None,
            target_fps: Some(30.0),
            floor: 0.95,
            saved: None,
        };
        let text = file(&settings, &sources, &measured, &found);
        assert!(text.contains("IoU 0.9870") && text.contains("2.00 times as fast"), "{text}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tuned.yaml");
        Target::new(Some(&path), false).unwrap().write(&text).unwrap();
        assert!(Target::new(Some(&path), false).is_err() && Target::new(Some(&path), true).is_ok());
        let (again, sources) = load(Some(path));
        check(&again, &sources).expect("settings that go together");
        assert_eq!((again.profile.as_str(), again.model.name.as_deref()), ("fast", Some("selfie")));
        assert_eq!((again.model.input_size, again.processing.split.workers), (Some(384), 2));
        assert_eq!(again.performance.target_fps, Some(30.0));
        let same = |s: &Settings| (s.output.clone(), s.matte, s.log_level.clone());
        assert_eq!(same(&again), same(&settings));
    }
}
