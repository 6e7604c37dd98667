//! `vrseg interactive`: commands by hand, with history and completion. What takes long runs as a
//! program of its own, so that Ctrl-C ends it and not the session.

mod session;

use crate::cli::exit::Exit;
use crate::ui::Console;
use anyhow::Context as _;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Context, Editor, Helper, Highlighter, Hinter, Validator};
use session::{Action, COMMANDS, Session};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use vrseg_engine::settings::schema::{self, PROFILES, SETTINGS};
use vrseg_engine::telemetry::state_dir;

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
    let mut failed = false;
    loop {
        match editor.readline("vrseg> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let _ = editor.add_history_entry(line.trim());
                match session.interpret(&line) {
                    Err(why) => {
                        console.error(&why);
                        failed = true;
                    }
                    Ok(Action::Print(text)) => console.line(text.trim_end()),
                    Ok(Action::Run(words)) => {
                        failed |= !session.command(&words).status().context("vrseg can't be started")?.success();
                    }
                    Ok(Action::Process(words)) => failed |= !session.process(&words)?,
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
    // Somebody at the keyboard has seen it; a script has to be told.
    Ok(if failed && !io::stdin().is_terminal() { Exit::Failed } else { Exit::Done })
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
            ["process" | "probe" | "preview" | "doctor" | "save", ..] => return self.files.complete(line, at, context),
            _ => Vec::new(),
        };
        let fit = all.into_iter().filter(|w| w.starts_with(&before[start..]));
        Ok((start, fit.map(|w| Pair { display: w.to_owned(), replacement: format!("{w} ") }).collect()))
    }
}
