//! A whole benchmark: where and how it ran, and its points.

use super::machine::MachineInfo;
use super::point::{Point, Spec};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vrseg_hardware::Machine;

/// Version of the file's form. A reader refuses a file whose version is higher.
pub(super) const SCHEMA: u32 = 1;

/// A benchmark: machine, settings and points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The version of this format when it was written.
    pub schema: u32,
    /// When it began, in UTC, as RFC 3339 has it.
    pub created: String,
    /// Version of vrseg that measured.
    pub version: String,
    /// The commit it was built from; empty where that wasn't known.
    pub commit: String,
    /// Version of FFmpeg that vrseg was linked with.
    pub ffmpeg: String,
    /// Machine on which it ran.
    pub machine: MachineInfo,
    /// Settings of the benchmark, which all points share.
    pub settings: Settings,
    /// Whether all points were tried.
    pub finished: bool,
    /// The points in the order in which they were measured.
    pub points: Vec<Point>,
    /// The GPUs as `vrseg hardware --json` describes them, in results that are made to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<serde_json::Value>,
}

/// Settings of a benchmark, which all points share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The profile; the default where none was named.
    pub profile: Option<String>,
    /// The given video; without one the clips were made.
    pub input: Option<String>,
    /// Frames measured of each point at most.
    pub iterations: u64,
    /// Frames before those, which are not counted.
    pub warmup: u64,
    /// Seconds that each measurement may take.
    pub seconds: f64,
    /// Codec of the output, where it was named.
    pub codec: Option<String>,
    /// Preset of the output's encoder, where it was named.
    pub preset: Option<String>,
    /// At most two frames are in flight.
    #[serde(default)]
    pub low_latency: bool,
    /// Values of what a sweep doesn't vary.
    pub base: Spec,
}

/// Changes all texts in `value`.
fn change_texts(value: &mut serde_json::Value, change: &dyn Fn(&str) -> String) {
    match value {
        serde_json::Value::String(text) => *text = change(text),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|v| change_texts(v, change)),
        serde_json::Value::Object(map) => map.values_mut().for_each(|v| change_texts(v, change)),
        _ => {}
    }
}

/// A text without the folders of the absolute paths in it: a path begins at a slash behind a blank or a sign, and ends, as
/// far as can be told, at the last slash of the line.
fn without_folders(text: &str) -> String {
    let one = |line: &str| {
        let begins =
            |(at, _): &(usize, &str)| !line[..*at].ends_with(|c: char| c.is_alphanumeric() || "/.~_-".contains(c));
        let first = line.match_indices('/').find(begins);
        match (first, line.rfind('/')) {
            (Some((first, _)), Some(last)) if first < last => format!("{}...{}", &line[..first], &line[last..]),
            _ => line.to_owned(),
        }
    };
    text.split('\n').map(one).collect::<Vec<_>>().join("\n")
}

impl Results {
    /// Nothing is measured yet. `commit` is the one that the program was built from.
    pub fn begin(machine: &Machine, commit: &str, settings: Settings) -> Self {
        let now = OffsetDateTime::from(SystemTime::now());
        let now = now.replace_nanosecond(0).unwrap_or(now);
        Self {
            schema: SCHEMA,
            created: now.format(&Rfc3339).unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit.to_owned(),
            ffmpeg: vrseg_media::opens::ffmpeg_version(),
            machine: MachineInfo::of(machine),
            settings,
            finished: false,
            points: Vec::new(),
            gpu: None,
        }
    }

    /// The same to be sent to others: with the GPUs of `machine`, and without the machine's name and, in texts of errors
    /// and devices, the folders of paths.
    ///
    /// # Errors
    /// The results can't be written as JSON.
    pub fn to_send(&self, machine: &Machine) -> serde_json::Result<Self> {
        let mut value = serde_json::to_value(self)?;
        change_texts(&mut value, &without_folders);
        let mut results: Self = serde_json::from_value(value)?;
        results.machine.host = String::new();
        results.gpu = Some(serde_json::to_value(&machine.gpu)?);
        Ok(results)
    }

    /// A point's settings in words, as reports show them.
    pub fn label(&self, point: &Point) -> String {
        point.spec.label(&self.settings.base)
    }

    /// The point with these settings, if it was measured.
    pub fn point(&self, spec: &Spec) -> Option<&Point> {
        self.points.iter().find(|p| p.spec == *spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_left_out_of_texts() {
        let cases = [
            ("/home/al ice/none.so (ORT_DYLIB_PATH) is not a file", ".../none.so (ORT_DYLIB_PATH) is not a file"),
            ("can't read '/mnt/x/a.mp4' or /root/b.mp4: no", "can't read '.../b.mp4: no"),
            ("60 frames/s, 2 of 4 and/or 8", "60 frames/s, 2 of 4 and/or 8"),
            ("one\nat /a/b\ntwo", "one\nat .../b\ntwo"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_folders(text), expected);
        }
    }
}
