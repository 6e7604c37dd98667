//! `vrseg interactive`: commands by hand, with history and completion. What takes long runs as a
//! program of its own, so that Ctrl-C ends it and not the session.

use crate::cli::exit::Exit;
use crate::ui::{Console, format};
use anyhow::Context as _;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Context, Editor, Helper, Highlighter, Hinter, Validator};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use vrseg_engine::settings::schema::{self, PROFILES, SETTINGS};
use vrseg_engine::telemetry::state_dir;

/// Commands: name, arguments, meaning.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("process", "IN OUT [OPTION...]", "do the job with the session's settings"),
    ("profile", "[NAME]", "choose a profile, or tell which is chosen"),
    ("set", "KEY VALUE", "change a setting for this session; `set` lists what was changed"),
    ("unset", "KEY", "take a change back"),
    ("config", "", "every setting, and what set it"),
    ("hardware", "", "this machine, and what really works on it"),
    ("models", "", "the models and their licenses"),
    ("bench", "[quick | OPTION...]", "measure how fast this machine is"),
    ("stats", "", "figures of the last job"),
    ("help", "", "this list"),
    ("clear", "", "clear the screen"),
    ("exit", "", "leave; Ctrl-D does too"),
];

#[derive(Debug, Default)]
struct Session {
    profile: Option<String>,
    settings: BTreeMap<&'static str, String>,
    stats: Option<serde_json::Value>,
}

/// What a line of input asks for.
#[derive(Debug, PartialEq, Eq)]
enum Action {
    Print(String),
    /// Run this program with those words.
    Run(Vec<String>),
    Process(Vec<String>),
    Clear,
    Exit,
}

/// Reads commands until the end.
pub(crate) fn run(console: &Console) -> anyhow::Result<Exit> {
    // While a job runs, Ctrl-C is for it; while a line is edited, the editor gets it as a key.
    let ignored = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, ignored).context("can't listen to signals")?;
    let mut editor: Editor<SessionCompleter, DefaultHistory> = Editor::new().context("the terminal can't be read")?;
    editor.set_helper(Some(SessionCompleter { files: FilenameCompleter::new() }));
    let history = state_dir().map(|dir| dir.join("history"));
    if let Some(path) = &history {
        // There may be none yet.
        let _ = editor.load_history(path);
    }
    console.line(&format!("vrseg {}: `help` lists the commands", env!("CARGO_PKG_VERSION")));
    let mut session = Session::default();
    loop {
        match editor.readline("vrseg> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let _ = editor.add_history_entry(line.trim());
                match session.interpret(&line) {
                    Err(why) => console.error(&why),
                    Ok(Action::Print(text)) => console.line(text.trim_end()),
                    Ok(Action::Run(words)) => drop(session.command(&words).status().context("vrseg can't be started")?),
                    Ok(Action::Process(words)) => session.process(&words)?,
                    Ok(Action::Clear) => editor.clear_screen().context("the terminal can't be cleared")?,
                    Ok(Action::Exit) => break,
                }
            }
            // Ctrl-C takes a line back.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(e).context("the terminal can't be read"),
        }
    }
    if let Some(path) = history {
        // A history that can't be written is not worth a message.
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(&path);
    }
    Ok(Exit::Done)
}

impl Session {
    fn interpret(&mut self, line: &str) -> Result<Action, String> {
        let words = split(line)?;
        let (name, rest) = words.split_first().map_or(("", &[][..]), |(n, r)| (n.as_str(), r));
        let no_more_words =
            |action| if rest.is_empty() { Ok(action) } else { Err(format!("{name} takes no more words")) };
        match name {
            "exit" | "quit" => no_more_words(Action::Exit),
            "clear" => no_more_words(Action::Clear),
            "help" => no_more_words(Action::Print(help())),
            "hardware" => no_more_words(Action::Run(vec!["hardware".into()])),
            "models" => no_more_words(Action::Run(vec!["models".into()])),
            "bench" => {
                let options = rest.iter().map(|w| if w == "quick" { "--quick".to_owned() } else { w.clone() });
                let words: Vec<_> = std::iter::once("bench".to_owned()).chain(options).collect();
                Ok(Action::Run(self.with_profile(&words)))
            }
            "config" => no_more_words(Action::Run(self.with_profile(&["--show-config".to_owned()]))),
            "stats" => no_more_words(Action::Print(self.stats.as_ref().map_or("no job has run yet".to_owned(), stats))),
            "profile" => self.choose_profile(rest),
            "set" => self.set(rest),
            "unset" => match rest {
                [key] => {
                    let key = find(key)?;
                    let was = self.settings.remove(key.name);
                    was.map(|_| Action::Print(format!("{} is as before", key.name)))
                        .ok_or(format!("{} was not set", key.name))
                }
                _ => Err("unset takes a setting's name".to_owned()),
            },
            "process" => match rest {
                [input, output, more @ ..] => {
                    let job = [&[input.clone(), "-o".into(), output.clone()], more].concat();
                    Ok(Action::Process(self.with_profile(&job)))
                }
                _ => Err("process takes an input and an output: process in.mp4 out.mp4".to_owned()),
            },
            _ => {
                let near = schema::nearest(name, COMMANDS.iter().map(|c| c.0));
                Err(format!(
                    "{name} is no command; {}",
                    near.map_or("`help` lists them".to_owned(), |n| format!("did you mean {n}?"))
                ))
            }
        }
    }

    fn choose_profile(&mut self, rest: &[String]) -> Result<Action, String> {
        match rest {
            [] => Ok(Action::Print(
                self.profile.clone().unwrap_or_else(|| "the configuration's; balanced by default".into()),
            )),
            [name] if PROFILES.contains(&name.as_str()) => {
                self.profile = Some(name.clone());
                Ok(Action::Print(format!("profile {name}")))
            }
            [name, ..] => {
                let near = schema::nearest(name, PROFILES.iter().copied());
                let near = near.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
                Err(format!("{name} is no profile: there are {}{near}", PROFILES.join(", ")))
            }
        }
    }

    fn set(&mut self, rest: &[String]) -> Result<Action, String> {
        match rest {
            [] if self.settings.is_empty() => Ok(Action::Print("nothing was changed".to_owned())),
            [] => Ok(Action::Print(self.settings.iter().map(|(k, v)| format!("{k} {v}\n")).collect())),
            [key, value @ ..] if !value.is_empty() => {
                let (key, value) = (find(key)?, value.join(" "));
                key.parse(&value).map_err(|e| format!("{}: {e}", key.name))?;
                self.settings.insert(key.name, value.clone());
                Ok(Action::Print(format!("{} is {value}", key.name)))
            }
            [key, ..] => Err(format!("{} takes {}", key, find(key)?.expects())),
        }
    }

    /// Arguments for the program, with the session's profile.
    fn with_profile(&self, words: &[String]) -> Vec<String> {
        let profile = self.profile.iter().flat_map(|p| ["--profile".to_owned(), p.clone()]);
        words.iter().cloned().chain(profile).collect()
    }

    /// This program with the session's settings.
    fn command(&self, words: &[String]) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("vrseg"));
        let mut command = Command::new(program);
        command.args(words);
        for (key, value) in &self.settings {
            command.env(schema::variable(key), value);
        }
        command
    }

    fn process(&mut self, words: &[String]) -> anyhow::Result<()> {
        let folder = tempfile::Builder::new().prefix("vrseg-session-").tempdir()?;
        let log = folder.path().join("figures.ndjson");
        let mut command = self.command(words);
        // Who has a log of their own has no figures for `stats`.
        if !words.iter().any(|w| w.starts_with("--performance-log")) {
            command.arg("--performance-log").arg(&log);
        }
        command.status().context("vrseg can't be started")?;
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let last = text.lines().last().and_then(|l| serde_json::from_str(l).ok());
        self.stats = last.or(self.stats.take());
        Ok(())
    }
}

/// The setting of that name.
fn find(name: &str) -> Result<&'static schema::Setting, String> {
    schema::find(name).ok_or_else(|| {
        let near = schema::nearest(name, SETTINGS.iter().map(|k| k.name));
        format!(
            "{name} is no setting; {}",
            near.map_or("`config` lists them".to_owned(), |n| format!("did you mean {n}?"))
        )
    })
}

fn help() -> String {
    let usage = |(name, args, _): &(&str, &str, &str)| format!("{name} {args}");
    let width = COMMANDS.iter().map(|c| usage(c).len()).max().unwrap_or(0);
    COMMANDS.iter().map(|c| format!("  {:width$}  {}\n", usage(c), c.2)).collect()
}

/// The last line of a performance log, for people.
fn stats(now: &serde_json::Value) -> String {
    let number = |v: &serde_json::Value| v.as_f64().unwrap_or(0.0);
    let mut text = format!(
        "{} frames of {}, {} fps\n",
        now["frames"],
        now["input"].as_str().unwrap_or("the job"),
        format::fps(number(&now["fps"]))
    );
    for stage in now["stages"].as_array().into_iter().flatten() {
        text += &format!(
            "  {:9}{:8.2} s at work{:8.2} s waiting{:9.1} ms a frame, {:.1} ms at most\n",
            stage["stage"].as_str().unwrap_or_default(),
            number(&stage["busy"]),
            number(&stage["waiting"]),
            number(&stage["p50"]) * 1e3,
            number(&stage["max"]) * 1e3,
        );
    }
    let mattes = |from: &str| now["mattes"][from].as_u64().unwrap_or(0);
    let (cached, computed) = (mattes("memory") + mattes("disk"), mattes("computed"));
    if cached > 0 {
        text += &format!("  {cached} mattes from the cache, {computed} computed\n");
    }
    text
}

/// Words as a shell would split them: blanks part, quotes and backslashes keep together.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quotation mark is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

/// Completes commands, profiles, settings and their words, and files.
#[derive(Helper, Hinter, Highlighter, Validator)]
struct SessionCompleter {
    files: FilenameCompleter,
}

impl Completer for SessionCompleter {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..at];
        let start = before.rfind(char::is_whitespace).map_or(0, |i| i + 1);
        let earlier: Vec<_> = before[..start].split_whitespace().collect();
        let all: Vec<&str> = match earlier.as_slice() {
            [] => COMMANDS.iter().map(|c| c.0).collect(),
            ["profile"] => PROFILES.to_vec(),
            ["bench"] => vec!["quick"],
            ["set" | "unset"] => SETTINGS.iter().map(|k| k.name).collect(),
            ["set", key] => match schema::find(key).map(|k| (k.kind, k.unset)) {
                Some((schema::Kind::Word(words), unset)) => words.iter().copied().chain(unset).collect(),
                Some((schema::Kind::Bool, unset)) => ["true", "false"].into_iter().chain(unset).collect(),
                Some((_, unset)) => unset.into_iter().collect(),
                None => Vec::new(),
            },
            ["process", ..] => return self.files.complete(line, at, context),
            _ => Vec::new(),
        };
        let fit = all.into_iter().filter(|w| w.starts_with(&before[start..]));
        Ok((start, fit.map(|w| Pair { display: w.to_owned(), replacement: format!("{w} ") }).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(session: &mut Session, line: &str) -> String {
        match session.interpret(line) {
            Ok(Action::Print(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn session_settings_reach_the_commands() {
        let mut session = Session::default();
        printed(&mut session, "profile fast");
        printed(&mut session, "set matte.feather 2");
        let words = |w: &[&str]| w.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let action = session.interpret("process 'my clip.mp4' out.mp4 --mode matte").expect("a step");
        assert_eq!(
            action,
            Action::Process(words(&["my clip.mp4", "-o", "out.mp4", "--mode", "matte", "--profile", "fast"]))
        );
        let bench = session.interpret("bench quick").expect("a step");
        assert_eq!(bench, Action::Run(words(&["bench", "--quick", "--profile", "fast"])));
        let command = session.command(&[]);
        let set: Vec<_> = command.get_envs().filter_map(|(k, v)| Some((k.to_str()?, v?.to_str()?))).collect();
        assert_eq!(set, [("VRSEG_MATTE_FEATHER", "2")]);
        assert_eq!(printed(&mut session, "set"), "matte.feather 2\n");
        printed(&mut session, "unset matte.feather");
        assert_eq!(session.command(&[]).get_envs().count(), 0);
    }

    #[test]
    fn errors_suggest_the_nearest_word() {
        let mut session = Session::default();
        let mut wrong = |line: &str| session.interpret(line).expect_err("an error");
        assert_eq!(wrong("proces a b"), "proces is no command; did you mean process?");
        assert!(wrong("profile fats").ends_with("did you mean fast?"));
        assert!(wrong("set matte.fether 2").ends_with("did you mean matte.feather?"));
        assert!(wrong("set matte.feather thick").contains("expected a number from 0 to 200"));
        assert!(wrong("set matte.feather").contains("a number from 0 to 200"));
        assert!(wrong("process a").contains("an input and an output"));
        assert!(wrong("process 'a b").contains("not closed"));
    }

    #[test]
    fn lines_split_into_words_as_in_a_shell() {
        assert_eq!(
            split(r#" a "b c" d\ e 'f\g' "" "#),
            Ok(["a", "b c", "d e", r"f\g", ""].map(str::to_owned).to_vec())
        );
    }
}
