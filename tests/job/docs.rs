//! Settings, exit codes, options and messages in the documents match the program.
//!
//! `VRSEG_UPDATE_DOCS=1 cargo test --test job docs` rewrites the generated parts.

use crate::harness::*;
use clap::{CommandFactory, Parser};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use vrseg::cli::args::Cli;
use vrseg_engine::settings;
use vrseg_engine::settings::schema::{PROFILES, SETTINGS, Sets, Setting};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Compares a document with its expected text, or rewrites it with VRSEG_UPDATE_DOCS.
#[track_caller]
fn assert_current(name: &str, want: &str) {
    if std::env::var_os("VRSEG_UPDATE_DOCS").is_some() {
        fs::write(root().join(name), want).expect("the document can be written");
    }
    let have = read(name);
    let line = have.lines().zip(want.lines()).find(|(a, b)| a != b);
    assert!(have == want, "{name} is out of date: VRSEG_UPDATE_DOCS=1 updates it; first difference: {line:#?}");
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
fn schema_of_manifests_matches_the_reader() {
    assert_current("configs/manifest.schema.json", &vrseg_infer::manifest::schema());
}

#[test]
fn file_of_defaults_matches_declarations() {
    assert_current("configs/default.yaml", &settings::defaults());
}

#[test]
fn tables_of_settings_match_declarations() {
    let name = "docs/configuration.md";
    let profiles: Vec<_> = PROFILES.iter().map(|p| built_in(&format!("configs/profiles/{p}.yaml"))).collect();
    let mut want = String::new();
    for line in read(name).lines().filter(|line| !line.starts_with("| `")) {
        want += line;
        want.push('\n');
        if line == "|---|---|---|---|---|" {
            for setting in SETTINGS {
                want += &row(setting);
            }
        }
        if line == "|---|---|---|---|" {
            for setting in SETTINGS.iter().filter(|s| profiles.iter().any(|p| p.contains_key(s.name))) {
                let values: Vec<_> = profiles.iter().map(|p| p.get(setting.name).map_or("", String::as_str)).collect();
                want += &format!("| `{}` | {} |\n", setting.name, values.join(" | "));
            }
        }
    }
    assert_current(name, &want);
}

/// A setting in the table of all settings.
fn row(setting: &Setting) -> String {
    let options = setting.options.iter().flat_map(|o| std::iter::once(o.name).chain(o.alias));
    let options: Vec<_> = options.map(|name| format!("`{name}`")).collect();
    let options = if options.is_empty() { String::new() } else { options.join(", ") + " " };
    let (takes, default, meaning) = (setting.expects(), setting.default, setting.meaning());
    format!("| `{}` | {options}| {takes} | `{default}` | {meaning} |\n", setting.name)
}

#[test]
fn every_declared_option_sets_its_setting() {
    for setting in SETTINGS {
        for option in setting.options {
            for name in std::iter::once(option.name).chain(option.alias) {
                let value = (!matches!(option.sets, Sets::Fixed(_))).then_some(setting.default);
                let words = ["vrseg", "--show-config", name].into_iter().chain(value);
                let cli = Cli::try_parse_from(words).unwrap_or_else(|e| panic!("{name}: {e}"));
                let set: Vec<_> = cli.job.overrides().into_iter().map(|(name, option, _)| (name, option)).collect();
                // An alias is told under its first name.
                assert_eq!(set, [(setting.name, option.name)]);
            }
        }
    }
}

#[test]
fn manual_page_is_up_to_date() {
    let page = String::from_utf8(ok(["man"]).stdout).expect("UTF-8");
    assert_current("docs/vrseg.1", &page);
}

#[test]
fn readme_and_help_list_the_same_exit_codes() {
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
    assert_eq!(from_help.len(), 6);
}

/// The documents that people read: those of docs/ and of the top folder.
fn documents() -> impl Iterator<Item = String> {
    let docs = listing(&root().join("docs")).into_iter().map(|n| format!("docs/{n}"));
    docs.filter(|n| n.ends_with(".md")).chain(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned))
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(document: &str) -> Vec<String> {
    let heading = |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase());
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let anchor = |text: String| text.chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-");
    read(document).lines().filter_map(heading).map(anchor).collect()
}

#[test]
fn links_between_documents_resolve() {
    for name in documents() {
        let folder = Path::new(&name).parent().expect("a folder");
        for link in read(&name).split("](").skip(1).filter_map(|t| t.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (target, anchor) = link.split_once('#').map_or((link, None), |(t, a)| (t, Some(a)));
            let file = if target.is_empty() { PathBuf::from(&name) } else { folder.join(target) };
            assert!(root().join(&file).exists(), "{name}: {target} doesn't exist");
            if let Some(anchor) = anchor {
                let has = anchors(&file.display().to_string()).iter().any(|a| a == anchor);
                assert!(has, "{name}: {link}: no such heading");
            }
        }
    }
}

#[test]
fn overview_lists_every_document() {
    let overview = read("docs/README.md");
    let pages: Vec<_> = documents().filter(|n| n.starts_with("docs/") && n != "docs/README.md").collect();
    assert!(pages.len() <= 14, "{} pages beside the overview: merge two", pages.len());
    for page in pages {
        let name = page.trim_start_matches("docs/");
        assert!(overview.contains(&format!("]({name})")), "docs/README.md doesn't list {name}");
    }
}

/// An option of a command: its heading in the help, its names, and its row in a table.
struct Row {
    heading: Option<String>,
    names: String,
    row: String,
}

fn rows(command: &clap::Command) -> Vec<Row> {
    let shown = command.get_arguments().filter(|a| !a.is_hide_set() && a.get_id() != "help");
    let row = |arg: &clap::Arg| {
        let values: Vec<_> = arg.get_value_names().into_iter().flatten().map(|v| v.to_string()).collect();
        let values = if arg.get_action().takes_values() { values.join(" ") } else { String::new() };
        let names = [arg.get_short().map(|s| format!("-{s}")), arg.get_long().map(|l| format!("--{l}"))];
        let names: Vec<_> = names.into_iter().flatten().collect();
        let full = format!("{} {values}", names.join(", ")).trim().replace('|', "\\|");
        let choice = arg.get_possible_values();
        let choice: Vec<_> = choice.iter().filter(|v| !v.is_hide_set()).map(|v| v.get_name()).collect();
        let takes = arg.get_action().takes_values() && !choice.is_empty();
        let choice = if takes { format!(" ({})", choice.join(", ")) } else { String::new() };
        let meaning = format!("{}{choice}", sentence(arg.get_help())).replace('|', "\\|");
        let names = names.last().cloned().unwrap_or(values);
        Row { heading: arg.get_help_heading().map(str::to_owned), names, row: format!("| `{full}` | {meaning} |\n") }
    };
    shown.map(row).collect()
}

/// The options of a command in tables, under the headings of its help. Options that it shares with the main job are
/// named below the tables.
fn options(command: &clap::Command, title: &str, main: &[Row]) -> String {
    let mut text = format!("\n### {title}\n\n{}\n", sentence(command.get_about()));
    let (shared, own): (Vec<_>, Vec<_>) = rows(command).into_iter().partition(|r| main.iter().any(|m| m.row == r.row));
    let mut headings: Vec<&Option<String>> = Vec::new();
    for row in &own {
        if !headings.contains(&&row.heading) {
            headings.push(&row.heading);
        }
    }
    for heading in headings {
        if let Some(heading) = heading {
            text += &format!("\n**{heading}**\n");
        }
        text += "\n| option | meaning |\n|---|---|\n";
        text.extend(own.iter().filter(|r| r.heading == *heading).map(|r| r.row.as_str()));
    }
    if !shared.is_empty() {
        let names: Vec<_> = shared.iter().map(|r| format!("`{}`", r.names)).collect();
        text += &format!("\nAs in the main job: {}.\n", names.join(", "));
    }
    text
}

fn sentence(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().replace('\n', " ")
}

#[test]
fn usage_guide_lists_every_option() {
    let name = "docs/usage_guide.md";
    let (first, last) = ("<!-- options -->\n", "<!-- end of options -->\n");
    let old = read(name);
    let (before, _) = old.split_once(first).expect("where the options begin");
    let mut root = Cli::command();
    root.build();
    let main = rows(&root);
    let mut tables = options(&root, "The main job", &[]);
    let mut below: Vec<_> = root.get_subcommands().map(|c| (c, c.get_name().to_owned())).collect();
    while !below.is_empty() {
        let (command, name) = below.remove(0);
        if command.is_hide_set() {
            continue;
        }
        let deeper: Vec<_> = command.get_subcommands().map(|c| (c, format!("{name} {}", c.get_name()))).collect();
        if deeper.is_empty() {
            tables += &options(command, &format!("`vrseg {name}`"), &main);
        }
        below.splice(0..0, deeper);
    }
    assert_current(name, &format!("{before}{first}{tables}\n{last}"));
}

/// Commands of a document's `console` blocks, each with the lines that are shown below it.
fn sessions(document: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in read(document).lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            found.push((command.to_owned(), Vec::new()));
        } else if inside {
            found.last_mut().expect("a command comes first").1.push(line.to_owned());
        }
    }
    found
}

/// Whether a line is as it is shown, where `...` stands for anything.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let mut parts = shown.split("...");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        open = part.is_empty();
    }
    rest.is_empty() || open
}

#[test]
fn troubleshooting_shows_the_messages_of_the_program() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    for name in ["input.mp4", "scene_180_LR.mp4", "tour_EAC360.mp4", "done.mp4"] {
        clip(&at(name), "320x160", 10, H264);
    }
    ffmpeg("-f lavfi -i sine=d=1 -c:a aac {}", &[&at("sound.mp4")]);
    fs::write(at("page.mp4"), "<html>not found</html>").unwrap();
    fs::write(at("empty.mp4"), "").unwrap();
    let whole = fs::read(at("input.mp4")).unwrap();
    fs::write(at("cut.mp4"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at("mine.yaml"), "matte:\n  fether: 2\n").unwrap();
    fs::write(at("both.yaml"), "output:\n  crf: 20\n  bitrate: 20M\n").unwrap();
    let all = sessions("docs/troubleshooting.md");
    assert!(all.len() >= 15, "{} symptoms", all.len());
    let bin = at("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vrseg"), bin.join("vrseg")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut wrong = String::new();
    let table: Vec<(i32, Vec<String>)> = read("docs/troubleshooting.md")
        .lines()
        .filter_map(cells)
        .filter_map(|c| Some((c[0].parse().ok()?, c[1].split('`').skip(1).step_by(2).map(str::to_owned).collect())))
        .collect();
    assert!(table.len() > 20);
    for (command, shown) in all {
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &format!("{command} 2>&1")]).current_dir(dir.path()).env("PATH", &path);
        // As on a fresh installation without downloads.
        bash.env("VRSEG_DATA_DIR", at("nothing")).env("XDG_CONFIG_HOME", "/nonexistent");
        bash.env("XDG_STATE_HOME", "/dev/null").env("XDG_CACHE_HOME", "/proc/nonexistent").env("NO_COLOR", "1");
        let out = bash.output().expect("bash");
        let printed = String::from_utf8_lossy(&out.stdout);
        if !out.status.success() {
            let has = |phrase: &str| phrase.split("...").all(|part| printed.contains(part.trim()));
            let listed: Vec<_> = table.iter().filter(|(_, phrases)| phrases.iter().any(|p| has(p))).collect();
            if listed.is_empty() || listed.iter().any(|(code, _)| Some(*code) != out.status.code()) {
                wrong += &format!("{command}\n  {}, but the table has {listed:?}\n", out.status);
            }
        }
        assert!(!shown.is_empty(), "{command}: nothing is shown");
        for line in shown {
            if !printed.lines().any(|l| is_as_shown(l, &line)) {
                wrong += &format!("{command}\n  shown: {line}\n  said: {}\n", printed.trim_end());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
