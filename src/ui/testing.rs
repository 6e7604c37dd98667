//! What tests of several modules use.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use vrseg_engine::{CacheReport, Event, JobDescription, OutputReport, StageReport, Summary};
use vrseg_hardware::Usage;

/// A writer whose text can be read.
#[derive(Clone, Default)]
pub(crate) struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SharedBuffer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
    }
}

pub(crate) fn sample_summary(interrupted: bool) -> Summary {
    let stage = |stage, busy, waiting| StageReport { stage, busy, waiting, ..StageReport::default() };
    Summary {
        frames: 600,
        seconds: 21.44,
        fps: 27.98,
        interrupted,
        decode_errors: 0,
        cache: CacheReport::default(),
        latency: None,
        stages: vec![stage("decode", 9.0, 12.0), stage("infer", 4.0, 17.0), stage("encode", 20.0, 1.4)],
        outputs: vec![
            OutputReport {
                path: "out.mp4".into(),
                mode: "green",
                encoder: "libx264".into(),
                bytes: 12_345_678,
                lost: Vec::new(),
            },
            OutputReport {
                path: "mask.mkv".into(),
                mode: "matte",
                encoder: "libx264".into(),
                bytes: 999,
                lost: Vec::new(),
            },
        ],
        resources: Usage { peak_memory: 605_000_000, mean_cores: 1.84, ..Usage::default() },
    }
}

fn job() -> JobDescription {
    JobDescription {
        input: "clip_LR.mp4".into(),
        width: 3840,
        height: 1920,
        fps: 30000.0 / 1001.0,
        frames: Some(600),
        layout: "side by side, from \"lr\" in the file name".into(),
        model: "selfie at 512x512".into(),
        outputs: vec!["green out.mp4 (libx264)".into(), "matte mask.mkv (libx264)".into()],
    }
}

pub(crate) fn start_event() -> Event {
    Event::Start { job: job(), device: "CPU".into() }
}

pub(crate) fn probed_event() -> Event {
    Event::Probed { job: job() }
}
