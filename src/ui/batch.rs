//! The files of a run: how far each is, how it ended, and how long all of them will take.

use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vrseg_engine::{Event, OutputReport};

/// How far a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileState {
    #[default]
    Waiting,
    Running,
    Done,
    Failed,
    /// Ended early on request.
    Stopped,
    /// Its outputs exist.
    Skipped,
}

/// A file of the run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct FileStatus {
    /// Path of the source.
    pub input: String,
    pub state: FileState,
    /// Share of its frames that is written, 0 to 1.
    pub share: f64,
    /// Seconds that it took, once it has ended.
    pub seconds: Option<f64>,
    /// Why it failed or was skipped.
    pub message: Option<String>,
    /// What was written.
    pub outputs: Vec<OutputReport>,
    /// The source's bytes: about how much work it is.
    #[serde(skip)]
    weight: f64,
}

/// The files of a run and their states.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    all: Vec<FileStatus>,
    /// The one that is worked on, and since when.
    current: Option<(usize, Instant)>,
}

/// How many files ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct FileCounts {
    pub done: usize,
    pub failed: usize,
    pub stopped: usize,
    pub skipped: usize,
    /// Those that are not begun.
    pub waiting: usize,
}

impl Files {
    /// Files that wait, and those that are skipped with the reason.
    pub(crate) fn new<'a>(
        inputs: impl IntoIterator<Item = &'a Path>,
        skipped: impl IntoIterator<Item = (&'a PathBuf, String)>,
    ) -> Self {
        let input = |path: &Path| path.to_string_lossy().into_owned();
        let waiting = inputs.into_iter().map(|path| FileStatus {
            input: input(path),
            weight: std::fs::metadata(path).map_or(1.0, |m| m.len().max(1) as f64),
            ..FileStatus::default()
        });
        let skipped = skipped.into_iter().map(|(path, why)| FileStatus {
            input: input(path),
            state: FileState::Skipped,
            message: Some(why),
            ..FileStatus::default()
        });
        Self { all: waiting.chain(skipped).collect(), current: None }
    }

    /// Work on file `index` begins.
    pub(crate) fn begin(&mut self, index: usize) {
        if let Some(file) = self.all.get_mut(index) {
            file.state = FileState::Running;
            self.current = Some((index, Instant::now()));
        }
    }

    /// The present file failed.
    pub(crate) fn failed(&mut self, message: &str) {
        self.end(FileState::Failed, |file| file.message = Some(message.to_owned()));
    }

    /// The present file was stopped before anything of it was written.
    pub(crate) fn stopped(&mut self) {
        self.end(FileState::Stopped, |_| {});
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Progress { frames, total: Some(total), .. } => {
                if let Some(file) = self.current.and_then(|(index, _)| self.all.get_mut(index)) {
                    file.share = (*frames as f64 / (*total).max(1) as f64).min(1.0);
                }
            }
            Event::Done { summary } => {
                let state = if summary.interrupted { FileState::Stopped } else { FileState::Done };
                self.end(state, |file| file.outputs.clone_from(&summary.outputs));
            }
            _ => {}
        }
    }

    fn end(&mut self, state: FileState, also: impl FnOnce(&mut FileStatus)) {
        let Some((index, since)) = self.current.take() else { return };
        let Some(file) = self.all.get_mut(index) else { return };
        (file.state, file.seconds) = (state, Some(since.elapsed().as_secs_f64()));
        if state == FileState::Done {
            file.share = 1.0;
        }
        also(file);
    }

    pub(crate) fn all(&self) -> &[FileStatus] {
        &self.all
    }

    pub(crate) fn counts(&self) -> FileCounts {
        let count = |state| self.all.iter().filter(|f| f.state == state).count();
        FileCounts {
            done: count(FileState::Done),
            failed: count(FileState::Failed),
            stopped: count(FileState::Stopped),
            skipped: count(FileState::Skipped),
            waiting: count(FileState::Waiting),
        }
    }

    /// Seconds until all files are done, where the present one takes `current` more: the others by their size and what
    /// the files so far took. `None` while nothing is known.
    pub(crate) fn eta(&self, current: Option<f64>) -> Option<f64> {
        let rest: f64 = self.all.iter().filter(|f| f.state == FileState::Waiting).map(|f| f.weight).sum();
        if rest == 0.0 {
            return current;
        }
        let ended = self.all.iter().filter(|f| f.state == FileState::Done);
        let mut worked = ended.fold((0.0, 0.0), |(w, s), f| (w + f.weight, s + f.seconds.unwrap_or(0.0)));
        if let Some((index, since)) = self.current
            && let Some(file) = self.all.get(index)
        {
            worked = (worked.0 + file.weight * file.share, worked.1 + since.elapsed().as_secs_f64());
        }
        let (weight, seconds) = worked;
        let current = if self.current.is_some() { current? } else { 0.0 };
        (weight > 0.0).then(|| current + rest * seconds / weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::sample_summary;

    fn progress(frames: u64) -> Event {
        Event::Progress { frames, total: Some(100), fps: 1.0, eta: None, bytes: 0, bottleneck: "infer" }
    }

    #[test]
    fn files_are_counted_by_how_they_ended() {
        let skipped = PathBuf::from("s.mp4");
        let mut files = Files::new(["a", "b", "c", "d"].map(Path::new), [(&skipped, "out/s.mp4 exists".to_owned())]);
        files.begin(0);
        files.event(&progress(40));
        assert!((files.all()[0].share - 0.4).abs() < 1e-9);
        files.event(&Event::Done { summary: sample_summary(false) });
        files.begin(1);
        files.failed("no video stream");
        files.begin(2);
        files.event(&Event::Done { summary: sample_summary(true) });
        assert_eq!(files.counts(), FileCounts { done: 1, failed: 1, stopped: 1, skipped: 1, waiting: 1 });
        assert_eq!(files.all()[1].message.as_deref(), Some("no video stream"));
        assert_eq!(files.all()[0].outputs.len(), 2);
    }

    #[test]
    fn time_left_for_all_files_follows_their_sizes() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: usize| {
            let path = dir.path().join(name);
            std::fs::write(&path, vec![0; bytes]).unwrap();
            path
        };
        let paths = [file("a", 1000), file("b", 1000), file("c", 3000)];
        let mut files = Files::new(paths.iter().map(PathBuf::as_path), []);
        files.begin(0);
        assert_eq!(files.eta(None), None, "nothing is known yet");
        files.event(&Event::Done { summary: sample_summary(false) });
        files.all[0].seconds = Some(10.0);
        files.begin(1);
        // Half of the second: 5 seconds more, and 30 for the third.
        files.current = Some((1, Instant::now() - std::time::Duration::from_secs(5)));
        files.event(&progress(50));
        let eta = files.eta(Some(5.0)).expect("known");
        assert!((eta - 35.0).abs() < 0.5, "{eta}");
        files.event(&Event::Done { summary: sample_summary(false) });
        files.begin(2);
        assert_eq!(files.eta(Some(7.0)), Some(7.0), "the last file's time is all that is left");
    }
}
