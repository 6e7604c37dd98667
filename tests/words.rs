//! Help, messages and documents use the words that readers search for. [`WORDS`] has those to avoid, each with the
//! better one; a test fails where one of them stands in a document, in the help of a command or in a string of the code.

use clap::CommandFactory;
use std::fs;
use std::path::{Path, PathBuf};
use vrseg::cli::args::Cli;

/// Words and phrases to avoid, in lower case, and what to say instead.
const WORDS: &[(&[&str], &str)] = &[
    (&["mend", "mends", "mended", "mending"], "fix"),
    (&["kept matte", "kept mattes", "mattes are kept", "mattes are not kept", "what is kept"], "cached, cache"),
    (&["found out", "finds out", "find out"], "detected, auto-detected"),
    (&["the network", "the networks", "networks", "network's"], "model"),
    (
        &["a look of", "one look", "looks of", "looked at", "look through", "looks through", "look whether"],
        "detect, check",
    ),
    (&["closer look"], "person crops"),
    (&["calm", "calms", "calmed", "calmer"], "stabilize, temporal smoothing"),
    (&["eyes together"], "stereo consistency; of both eyes"),
    (&["carry along", "carries along", "carried along", "carry mattes"], "propagate"),
    (&["so many", "so much"], "N, a number of, this duration"),
    (&["whom", "who is there", "who was there"], "people, person"),
    (&["what is said", "is said", "are said", "said to be", "talk"], "output, logging"),
    (&["eye lies", "eyes lie", "views lie"], "layout, projection"),
    (&["go on", "goes on", "going on", "gone on", "went on"], "continue, resume"),
    (&["given up", "give up", "gives up", "gave up", "gone"], "removed, stopped, failed"),
    (&["left out", "leave out", "leaves out", "leaving out"], "skipped, omitted, removed"),
    (&["before green"], "on a green background"),
    (&["room on the disk"], "disk space"),
    (&["gently"], "after the current frames"),
    (&["card", "cards"], "GPU"),
    (&["hand over", "hands over", "handed over", "handed on", "hands on"], "pass"),
    (&["tell", "tells", "telling", "told"], "print, show, report, explain"),
    (&["wish", "wishes", "wished"], "request, target"),
    (&["decline", "declines", "declined"], "skip"),
    (&["present file", "present input", "present frame"], "current"),
    (&["under way"], "in flight, running"),
    (&["holds it up", "hold it up", "holds the job up", "held up", "holds up"], "bottleneck, limit"),
    (&["a defect"], "internal error"),
    (&["anew"], "again"),
];

/// Parameters are "accepted": `takes` stands for durations only, before one of these or a number.
const TAKES: &[&str] = &["about", "long", "longer", "several", "seconds", "up", "some"];

/// Where a word is right: part of a file's path, the word or phrase, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("src/cli/habits/commands.rs", "networks", "a word that users type for `models`, not one of ours"),
    ("crates/engine/src/spec.rs", "wishes", "a field of jobs' folders, which earlier builds may have written"),
    ("crates/image/src/matte/people/track.rs", "gone", "a field of job folders, which earlier builds may have written"),
    ("src/ui/serve/page.html", "card", "a field of the status, which the performance log has, too"),
    ("setup.sh", "the network", "the internet, in a message about apt-get"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder whose names end in `end`, sorted.
fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A text, and where it stands.
type Text = (String, String);

/// Lower case, with single spaces.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether what stands before or after a phrase ends it.
fn apart(neighbor: Option<char>) -> bool {
    !neighbor.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// The places of a phrase in a plain text.
fn places<'a>(text: &'a str, phrase: &'a str) -> impl Iterator<Item = usize> + 'a {
    let whole =
        move |at: usize| apart(text[..at].chars().next_back()) && apart(text[at + phrase.len()..].chars().next());
    text.match_indices(phrase).map(|(at, _)| at).filter(move |at| whole(*at))
}

/// What to avoid in a text: the phrase, what to say instead, and the words around it.
fn avoided(place: &str, text: &str) -> Vec<String> {
    let text = plain(text);
    let mut found = Vec::new();
    let mut add = |phrase: &str, better: &str, at: usize| {
        if !ALLOWED.iter().any(|(file, word, _)| place.contains(file) && phrase.contains(word)) {
            let before: String = text[..at].chars().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect();
            let after: String = text[at..].chars().take(phrase.len() + 30).collect();
            found.push(format!("{place}: \"{phrase}\" (say: {better}) in: ...{before}{after}..."));
        }
    };
    for (phrases, better) in WORDS {
        for phrase in *phrases {
            places(&text, phrase).for_each(|at| add(phrase, better, at));
        }
    }
    for at in places(&text, "takes") {
        let next = text[at + 5..].split_whitespace().next().unwrap_or_default();
        let next = next.trim_end_matches(|c: char| !c.is_alphanumeric());
        if !next.starts_with(|c: char| c.is_ascii_digit()) && !TAKES.contains(&next) {
            add("takes", "accepts, needs, uses", at);
        }
    }
    found
}

/// The paragraphs of a document, without code and the targets of links.
fn paragraphs(path: &Path) -> Vec<Text> {
    let name = path.strip_prefix(root()).expect("a path below the root").display().to_string();
    let mut found = Vec::new();
    let (mut inside, mut paragraph, mut first) = (false, String::new(), 1);
    for (n, line) in read(path).lines().chain([""]).enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside && !line.trim().is_empty() && !line.starts_with("    ") {
            if paragraph.is_empty() {
                first = n + 1;
            }
            paragraph.push_str(line);
            paragraph.push('\n');
        } else if !paragraph.is_empty() {
            // Every second part stands between backquotes.
            let prose: String = paragraph.split('`').step_by(2).collect::<Vec<_>>().join("`");
            let parts = prose.split("](").enumerate();
            let prose: String =
                parts.map(|(i, p)| if i == 0 { p } else { p.split_once(')').map_or("", |(_, p)| p) }).collect();
            found.push((format!("{name}:{first}"), prose));
            paragraph.clear();
        }
    }
    found
}

/// The help of a command and of those below it.
fn helps(command: &mut clap::Command, name: &str, found: &mut Vec<Text>) {
    found.push((format!("vrseg{name} --help"), command.render_long_help().to_string()));
    for below in command.get_subcommands_mut() {
        let name = format!("{name} {}", below.get_name());
        helps(below, &name, found);
    }
}

/// The string literals of Rust code before its tests, each with its line.
fn literals(code: &str) -> Vec<(usize, String)> {
    let code: Vec<char> = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().chars().collect();
    let at = |i: usize| code.get(i).copied().unwrap_or('\0');
    let (mut i, mut line, mut found) = (0, 1, Vec::new());
    while i < code.len() {
        match at(i) {
            '\n' => line += 1,
            '/' if at(i + 1) == '/' => {
                while i + 1 < code.len() && at(i + 1) != '\n' {
                    i += 1;
                }
            }
            // A character, and no lifetime.
            '\'' if at(i + 1) == '\\' => i = (i + 3..code.len()).find(|k| at(*k) == '\'').unwrap_or(code.len()),
            '\'' if at(i + 2) == '\'' => i += 2,
            'r' if at(i + 1) == '#' && at(i + 2) == '"' => {
                let start = i + 3;
                let end = (start..code.len()).find(|k| at(*k) == '"' && at(k + 1) == '#').unwrap_or(code.len());
                let text: String = code[start..end].iter().collect();
                line += text.matches('\n').count();
                found.push((line, text));
                i = end + 1;
            }
            '"' => {
                let (start, mut text) = (line, String::new());
                i += 1;
                while i < code.len() && at(i) != '"' {
                    match (at(i), at(i + 1)) {
                        // The text continues in the next line.
                        ('\\', '\n') => {
                            line += 1;
                            i += 1;
                        }
                        ('\\', _) => {
                            text.push(' ');
                            i += 1;
                        }
                        (c, _) => {
                            line += usize::from(c == '\n');
                            text.push(c);
                        }
                    }
                    i += 1;
                }
                found.push((start, text));
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// Texts of the code: of src/ and of the crates, without their tests.
fn messages() -> Vec<Text> {
    let mut all = files("src", ".rs");
    all.extend(files("crates", ".rs"));
    let name = |path: &Path| path.strip_prefix(root()).expect("a path below the root").display().to_string();
    let tests = |name: &str| name.contains("/tests/") || name.ends_with("tests.rs") || name.contains("/benches/");
    let mut found = Vec::new();
    for path in all.iter().filter(|p| !tests(&name(p))) {
        let texts = literals(&read(path)).into_iter().map(|(line, text)| (format!("{}:{line}", name(path)), text));
        found.extend(texts);
    }
    found
}

#[track_caller]
fn assert_plain(texts: &[Text], at_least: usize) {
    assert!(texts.len() >= at_least, "only {} texts: is everything read?", texts.len());
    let found: Vec<_> = texts.iter().flat_map(|(place, text)| avoided(place, text)).collect();
    assert!(found.is_empty(), "{} words to avoid:\n{}", found.len(), found.join("\n"));
}

#[test]
fn documents_use_plain_words() {
    let mut pages = files("docs", ".md");
    pages.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tools/README.md"].map(|name| root().join(name)));
    assert_plain(&pages.iter().flat_map(|p| paragraphs(p)).collect::<Vec<_>>(), 300);
}

#[test]
fn help_uses_plain_words() {
    let mut found = Vec::new();
    let mut command = Cli::command();
    command.build();
    helps(&mut command, "", &mut found);
    assert_plain(&found, 25);
}

#[test]
fn messages_use_plain_words() {
    assert_plain(&messages(), 3000);
}

#[test]
fn web_page_configurations_and_setup_use_plain_words() {
    let mut all = files("src", ".html");
    all.extend(files("configs", ".yaml"));
    all.push(root().join("setup.sh"));
    assert_plain(&all.iter().map(|p| (p.display().to_string(), read(p))).collect::<Vec<_>>(), 13);
}

#[test]
fn words_are_found_in_texts_and_nowhere_else() {
    let hits = |text: &str| avoided("x", text).len();
    assert_eq!(hits("Go\n  on: whom the matte shows, for so many frames"), 3);
    assert_eq!(hits("it takes 5 s, takes longer, is a postcard, dis-card, tell_tale"), 0);
    assert_eq!(hits("takes a name"), 1);
    let code = "let a = 'x'; // \"whom\"\nlet b = \"so \\\n    many\"; let c = '\"'; let d = r#\"calm \"x\"\"#;\n#[cfg(test)]\nmod tests { \"gone\" }";
    let found: Vec<_> = literals(code).into_iter().map(|(line, text)| (line, plain(&text))).collect();
    assert_eq!(found, [(2, "so many".to_owned()), (3, "calm \"x\"".to_owned())]);
}
