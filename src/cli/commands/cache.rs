//! `vrseg cache`: statistics, removal and verification of the caches.

use crate::cli::args::CacheCommand;
use crate::cli::exit::Exit;
use crate::ui::format;
use anyhow::Context;
use serde::Serialize;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use vrseg_engine::settings::Loader;
use vrseg_infer::cache::{Checked, Disk, Stats, folder};

#[derive(Debug, Default, PartialEq, Serialize)]
struct Report {
    mattes: Stats,
    /// Most bytes of mattes, by the settings.
    limit: u64,
    /// Models that were compiled for a device.
    engines: Engines,
}

/// Files of a folder.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Engines {
    folder: PathBuf,
    files: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Cleared {
    entries: u64,
    bytes: u64,
    engines: u64,
}

/// Does what `command` asks.
///
/// # Errors
/// What can't be read or removed.
pub(crate) fn run(command: &CacheCommand, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let folder = folder();
    match command {
        CacheCommand::Stats { json } => {
            let (settings, _) = Loader::from_environment().load()?;
            let limit = settings.processing.cache.disk;
            let report = Report { mattes: Disk::stats(&folder)?, limit, engines: engines(&folder) };
            print(&if *json { serde_json::to_string_pretty(&report)? + "\n" } else { stats(&report) })?;
        }
        CacheCommand::Clear { json } => {
            let engines = engines(&folder);
            let mattes = Disk::clear(&folder)?;
            if engines.folder.exists() {
                let shown = engines.folder.display();
                fs::remove_dir_all(&engines.folder).with_context(|| format!("{shown}: can't be removed"))?;
            }
            let cleared = Cleared { entries: mattes.entries, bytes: mattes.bytes, engines: engines.files };
            let bytes = format::bytes(cleared.bytes + engines.bytes);
            let text =
                format!("{} entries and {} compiled models removed, {bytes}\n", cleared.entries, cleared.engines);
            print(&if *json { serde_json::to_string(&cleared)? + "\n" } else { text })?;
        }
        CacheCommand::Verify { json } => {
            let checked = Disk::verify(&folder)?;
            print(&if *json { serde_json::to_string(&checked)? + "\n" } else { verdict(&checked) })?;
            if checked.damaged > 0 || checked.file_damaged {
                return Ok(Exit::Failed);
            }
        }
    }
    Ok(Exit::Done)
}

fn stats(r: &Report) -> String {
    let mut text = format!("mattes   {}\n", r.mattes.path.display());
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:8} {value}");
    };
    if r.mattes.entries == 0 {
        line("", "nothing is kept");
    } else {
        let of = format::bytes(r.limit);
        line("", &format!("{} entries, {} of at most {of}", r.mattes.entries, format::bytes(r.mattes.bytes)));
        line("", &format!("{} on disk", format::bytes(r.mattes.file_bytes)));
    }
    line("engines", &r.engines.folder.display().to_string());
    line("", &format!("{} files, {}", r.engines.files, format::bytes(r.engines.bytes)));
    text
}

fn verdict(checked: &Checked) -> String {
    match (checked.file_damaged, checked.damaged) {
        (true, _) => "the file was damaged; removed it\n".to_owned(),
        (false, 0) => format!("{} entries, none damaged\n", checked.entries),
        (false, n) => format!("{} entries, {n} damaged ones removed\n", checked.entries),
    }
}

/// What is in the folder of compiled models.
fn engines(folder: &Path) -> Engines {
    let folder = folder.join("tensorrt");
    let each = fs::read_dir(&folder).into_iter().flatten().flatten();
    let all = each.flat_map(|e| fs::read_dir(e.path()).into_iter().flatten().flatten());
    let sizes: Vec<u64> =
        all.filter_map(|e| e.metadata().ok()).filter(fs::Metadata::is_file).map(|m| m.len()).collect();
    Engines { folder, files: sizes.len() as u64, bytes: sizes.iter().sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_text() {
        let mattes = Stats {
            path: "/home/me/.cache/vrseg/mattes-1.sqlite".into(),
            entries: 420,
            bytes: 61_000_000,
            file_bytes: 64_100_000,
            oldest: Some(1_700_000_000),
        };
        let engines = Engines { folder: "/home/me/.cache/vrseg/tensorrt".into(), files: 2, bytes: 31_000_000 };
        let text = stats(&Report { mattes, limit: 10_000_000_000, engines });
        insta::assert_snapshot!(text);
        assert!(stats(&Report::default()).contains("nothing is kept"));
    }
}
