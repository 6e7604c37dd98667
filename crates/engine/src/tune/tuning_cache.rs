//! What trials at the start of jobs found, kept for the next job of the kind: a small file that can be
//! thrown away at any time.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Kinds of jobs that are remembered: more than anybody has, and the file stays small.
const MOST: usize = 256;

/// What a trial found.
pub trait Found: Serialize + DeserializeOwned {
    /// Name of the file with such results; another meaning of what is in it gets another name.
    const FILE: &'static str;
    /// When it was tried, in seconds since 1970.
    fn when(&self) -> u64;
    /// Whether its values can be true.
    fn is_plausible(&self) -> bool;
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs())
}

/// How many workers are best, as far as it was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedWorkers {
    /// Workers that refine mattes and paint outputs.
    pub workers: usize,
    /// Frames per second with them over those with the rules' number: 1 where that is the best.
    pub gain: f64,
    /// When it was tried, in seconds since 1970.
    pub when: u64,
}

impl Found for TunedWorkers {
    const FILE: &'static str = "tuned-2.json";

    fn when(&self) -> u64 {
        self.when
    }

    fn is_plausible(&self) -> bool {
        (1..=256).contains(&self.workers)
    }
}

/// The file in a folder for what can be made again.
#[derive(Clone, Debug)]
pub struct TuningCache<T>(PathBuf, PhantomData<T>);

impl<T: Found> TuningCache<T> {
    /// In that folder.
    pub fn new(folder: &Path) -> Self {
        Self(folder.join(T::FILE), PhantomData)
    }

    /// What was found for a kind of job. A file that can't be read is as if there were none.
    pub fn get(&self, kind: &str) -> Option<T> {
        self.read().remove(kind).filter(T::is_plausible)
    }

    /// Keeps what was found. Of two processes that do so at once one may win.
    ///
    /// # Errors
    /// The folder can't be written to.
    pub fn put(&self, kind: &str, found: T) -> io::Result<()> {
        let mut all = self.read();
        all.insert(kind.to_owned(), found);
        while all.len() > MOST {
            let Some(oldest) = all.iter().min_by_key(|(_, f)| f.when()).map(|(kind, _)| kind.clone()) else { break };
            all.remove(&oldest);
        }
        let folder = self.0.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec_pretty(&all)?)?;
        file.persist(&self.0)?;
        Ok(())
    }

    fn read(&self) -> BTreeMap<String, T> {
        std::fs::read(&self.0).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(when: u64) -> TunedWorkers {
        TunedWorkers { workers: 2, gain: 1.25, when }
    }

    #[test]
    fn cached_entries_are_found_and_the_oldest_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let cache = TuningCache::<TunedWorkers>::new(&dir.path().join("new"));
        assert_eq!(cache.get("a"), None);
        for i in 0..MOST as u64 + 5 {
            cache.put(&format!("kind {i}"), found(1000 - i)).unwrap();
        }
        assert_eq!(cache.get("kind 3"), Some(found(997)));
        assert_eq!(cache.read().len(), MOST);
        assert_eq!(cache.get("kind 0"), Some(found(1000)), "the oldest are those with the least time");
        assert_eq!(cache.get(&format!("kind {}", MOST)), None);
    }

    #[test]
    fn nonsense_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let cache = TuningCache::<TunedWorkers>::new(dir.path());
        for text in ["", "{", "[1]", r#"{"a": {"workers": 0, "gain": 1.0, "when": 1}}"#] {
            std::fs::write(dir.path().join(TunedWorkers::FILE), text).unwrap();
            assert_eq!(cache.get("a"), None, "{text}");
        }
        cache.put("a", found(1)).unwrap();
        assert_eq!(cache.get("a"), Some(found(1)));
        assert!(TuningCache::<TunedWorkers>::new(Path::new("/proc/nowhere")).put("a", found(1)).is_err());
    }
}
