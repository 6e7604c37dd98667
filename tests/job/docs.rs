//! What the documents say of settings, exit codes and options is what the program does.
//!
//! `VRSEG_UPDATE_DOCS=1 cargo test --test job docs` writes what can be generated.

use crate::harness::*;
use clap::Parser;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use vrseg::cli::args::Cli;
use vrseg::config::schema::{KEYS, Key, Kind, PROFILES};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Compares a document with what it must be, or writes it where that was asked for.
#[track_caller]
fn current(name: &str, want: &str) {
    if std::env::var_os("VRSEG_UPDATE_DOCS").is_some() {
        fs::write(root().join(name), want).expect("the document can be written");
    }
    let have = read(name);
    let line = have.lines().zip(want.lines()).find(|(a, b)| a != b);
    assert!(have == want, "{name} is out of date: VRSEG_UPDATE_DOCS=1 mends it; first difference: {line:#?}");
}

/// The cells of a table's row.
fn cells(line: &str) -> Option<Vec<&str>> {
    Some(line.strip_prefix("| ")?.strip_suffix(" |")?.split('|').map(str::trim).collect())
}

/// Settings of one of the built-in files: `section.key` and the value as the document shows it.
fn built_in(file: &str) -> BTreeMap<String, String> {
    let all: Value = serde_yaml::from_str(&read(file)).expect("YAML");
    let mut values = BTreeMap::new();
    for (section, settings) in all.as_object().expect("sections") {
        for (leaf, value) in settings.as_object().into_iter().flatten() {
            let shown = match value {
                Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
                other => text(other),
            };
            values.insert(format!("{section}.{leaf}"), format!("`{shown}`"));
        }
    }
    values
}

#[test]
fn configuration() {
    let name = "docs/configuration.md";
    let old = read(name);
    let defaults = built_in("configs/default.yaml");
    let profiles: Vec<_> = PROFILES.iter().map(|p| built_in(&format!("configs/profiles/{p}.yaml"))).collect();
    // Option and meaning are written by hand, the rest follows from the program.
    let said: BTreeMap<_, _> = old
        .lines()
        .filter_map(cells)
        .filter(|c| c.len() == 5)
        .map(|c| (c[0].trim_matches('`'), (c[1], c[4])))
        .collect();
    let mut want = String::new();
    for line in old.lines() {
        if !line.starts_with("| `") {
            want += line;
            want.push('\n');
        }
        if line == "|---|---|---|---|---|" {
            for key in KEYS {
                let (option, meaning) = said.get(key.name).copied().unwrap_or_default();
                assert!(!meaning.is_empty(), "{name} doesn't say what {} means", key.name);
                let option = if option.is_empty() { String::new() } else { format!("{option} ") };
                let row = (key.name, key.expects(), &defaults[key.name]);
                want += &format!("| `{}` | {option}| {} | {} | {meaning} |\n", row.0, row.1, row.2);
            }
        }
        if line == "|---|---|---|---|" {
            for key in KEYS.iter().filter(|k| profiles.iter().any(|p| p.contains_key(k.name))) {
                let values: Vec<_> = profiles.iter().map(|p| p.get(key.name).map_or("", String::as_str)).collect();
                want += &format!("| `{}` | {} |\n", key.name, values.join(" | "));
            }
        }
    }
    current(name, &want);
    for key in KEYS {
        for option in said[key.name].0.split(", ").filter(|o| !o.is_empty()) {
            sets(option.trim_matches('`'), key);
        }
    }
}

/// Checks that the option sets just that setting.
#[track_caller]
fn sets(option: &str, key: &Key) {
    let mut words = vec!["vrseg".to_owned(), "--show-config".to_owned(), option.to_owned()];
    match (key.kind, key.unset) {
        (Kind::Bool, _) => {}
        (Kind::Integer(_, high), _) => words.push(high.to_string()),
        (Kind::Number(_, high), _) => words.push(high.to_string()),
        (Kind::Word(all), _) => words.push(all[0].to_owned()),
        (_, Some(word)) => words.push(word.to_owned()),
        (Kind::Text | Kind::List, None) => words.push("x".to_owned()),
        (Kind::Form(..), None) => {
            let candidates = ["auto", "#102030", "all"];
            words.extend(candidates.into_iter().find(|c| key.parse(c).is_ok()).map(str::to_owned));
        }
    }
    let cli = Cli::try_parse_from(&words).unwrap_or_else(|e| panic!("{words:?}: {e}"));
    let set: Vec<_> = cli.job.overrides().into_iter().map(|(key, option, _)| (key, option)).collect();
    // An alias is told under its first name.
    let told = if option == "--dilate" { "--grow" } else { option };
    assert_eq!(set, [(key.name, told)]);
}

#[test]
fn manual_page() {
    let page = String::from_utf8(ok(["man"]).stdout).expect("UTF-8");
    current("docs/vrseg.1", &page);
}

#[test]
fn exit_codes_are_told_alike_in_the_readme_and_by_help() {
    let help = String::from_utf8(ok(["--help"]).stdout).expect("UTF-8");
    let (_, list) = help.split_once("Exit codes:\n").expect("a list of exit codes");
    let from_help: Vec<_> = list
        .lines()
        .filter_map(|l| l.trim().split_once(' '))
        .map(|(code, meaning)| (code.to_owned(), meaning.trim().to_owned()))
        .collect();
    let from_readme: Vec<_> = read("README.md")
        .lines()
        .filter_map(cells)
        .filter(|c| c.len() == 2 && c[0].parse::<u8>().is_ok())
        .map(|c| (c[0].to_owned(), c[1].to_owned()))
        .collect();
    assert_eq!(from_readme, from_help);
    assert_eq!(from_help.len(), 5);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = listing(&root().join("docs")).into_iter().map(|n| format!("docs/{n}"));
    for name in documents.filter(|n| n.ends_with(".md")).chain(["README.md".to_owned()]) {
        let folder = root().join(Path::new(&name).parent().expect("a folder"));
        for target in read(&name).split("](").skip(1).filter_map(|t| t.split([')', '#']).next()) {
            let inside = !target.is_empty() && !target.contains("://");
            assert!(!inside || folder.join(target).exists(), "{name}: {target} doesn't exist");
        }
    }
}
