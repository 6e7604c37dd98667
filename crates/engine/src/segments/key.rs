//! What makes two jobs the same: the input, the model, the settings, the program. Only then may one go
//! on with what the other has done.

use crate::error::Error;
use crate::plan::{PeoplePlan, Plan};
use crate::spec::Job;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use vrseg_image::compose::Mode;

/// Bytes at either end of a file that are hashed: the index of an mp4 or mkv lies in one of them.
const SAMPLE: u64 = 1 << 20;

/// The key of a job: a tree of names and values, so that a difference can be told.
///
/// # Errors
/// A file of the job can't be read.
pub fn key(job: &Job, plan: &Plan) -> Result<Value, Error> {
    let mut settings = serde_json::to_value(job).map_err(|e| Error::Unfinished(e.to_string()))?;
    if let Some(map) = settings.as_object_mut() {
        // What may change from run to run without changing what is made, at least on the same device.
        for name in [
            "input",
            "overwrite",
            "threads",
            "split",
            "queue_bytes",
            "decode",
            "max_memory",
            "cache",
            "strict",
            "target_fps",
            "max_latency_ms",
        ] {
            map.remove(name);
        }
        if let Some(model) = map.get_mut("model").and_then(Value::as_object_mut) {
            for name in ["name", "prefer", "device", "ort_library", "threads", "session"] {
                model.remove(name);
            }
        }
    }
    let backgrounds = job.outputs.iter().filter_map(|o| match &o.mode {
        Mode::Replace { background } => Some(identity(background)),
        _ => None,
    });
    let people = plan.people.iter().flat_map(PeoplePlan::models);
    let people: Vec<_> = people.map(|m| json!({"name": m.manifest.name, "sha256": m.manifest.sha256})).collect();
    let encoders: Vec<_> = plan.encoders.iter().map(|e| e.description.as_str()).collect();
    Ok(json!({
        "version of vrseg": env!("CARGO_PKG_VERSION"),
        "input": identity(&job.input)?,
        "backgrounds": backgrounds.collect::<Result<Vec<_>, _>>()?,
        "model": {
            "name": plan.model.manifest.name,
            "sha256": plan.model.manifest.sha256,
            "manifest": hex(&Sha256::digest(format!("{:?}", plan.model.manifest))),
            "size": plan.views.model_input_size(),
        },
        "people": people,
        "format": plan.format.summary(),
        "encoders": encoders,
        "settings": settings,
    }))
}

/// Size, time and a hash of both ends.
fn identity(path: &Path) -> Result<Value, Error> {
    let read = || -> io::Result<Value> {
        let mut file = File::open(path)?;
        let meta = file.metadata()?;
        let mut hash = Sha256::new();
        let mut sample = |from: u64| -> io::Result<()> {
            file.seek(SeekFrom::Start(from))?;
            io::copy(&mut (&mut file).take(SAMPLE), &mut HashWriter(&mut hash)).map(drop)
        };
        sample(0)?;
        sample(meta.len().saturating_sub(SAMPLE))?;
        let modified = meta.modified()?.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        Ok(json!({
            "path": path.to_str().map_or_else(|| json!(path.as_os_str().as_bytes()), Value::from),
            "bytes": meta.len(),
            "modified": modified.to_string(),
            "sha256 of both ends": hex(&hash.finalize()),
        }))
    };
    read().map_err(|reason| Error::JobFolder { path: path.to_path_buf(), reason })
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// Where two keys differ, as `name: before, now`.
pub fn differences(before: &Value, now: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before, now, &mut found);
    found
}

fn compare(name: &str, before: &Value, now: &Value, found: &mut Vec<String>) {
    match (before, now) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in names {
                let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&inner, &of(a), &of(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{name}.{i}"), a, b, found);
            }
        }
        _ if before != now => found.push(format!("{name}: {before} before, {now} now")),
        _ => {}
    }
}

/// The job with all its paths absolute, as it is understood from any folder.
pub fn absolute(job: &Job) -> Job {
    let full = |path: &Path| -> PathBuf { std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()) };
    let mut job = job.clone();
    job.input = full(&job.input);
    job.model.ort_library = job.model.ort_library.as_deref().map(full);
    if job.model.name.ends_with(".yaml") || job.model.name.ends_with(".yml") {
        job.model.name = full(Path::new(&job.model.name)).to_string_lossy().into_owned();
    }
    for output in &mut job.outputs {
        output.path = full(&output.path);
        if let Mode::Replace { background } = &mut output.mode {
            *background = full(background);
        }
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let a = json!({"settings": {"matte": {"grow": 0}, "outputs": [{"crf": 18}]}, "version": "1"});
        let b = json!({"settings": {"matte": {"grow": 2}, "outputs": [{"crf": 18}]}, "version": "1"});
        assert_eq!(differences(&a, &b), ["settings.matte.grow: 0 before, 2 now"]);
        assert!(differences(&a, &a).is_empty());
        let c = json!({"settings": {"matte": {"grow": 0}, "outputs": []}, "version": "1"});
        assert_eq!(differences(&a, &c), ["settings.outputs: [{\"crf\":18}] before, [] now"]);
    }

    #[test]
    fn a_file_is_known_by_its_ends() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a");
        let mut bytes = vec![7u8; 3 << 20];
        std::fs::write(&path, &bytes).expect("written");
        let ends = |path: &Path| identity(path).expect("readable")["sha256 of both ends"].clone();
        let before = ends(&path);
        let last = bytes.len() - 1;
        bytes[last] = 8;
        std::fs::write(&path, &bytes).expect("written");
        assert_ne!(before, ends(&path));
        assert!(identity(&dir.path().join("b")).is_err());
    }
}
