//! What a line of a session means, and what the session keeps.

use crate::cli::io::create_file;
use crate::cli::quote::split;
use crate::ui::format;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use vrseg_engine::settings::schema::{self, PROFILES, SETTINGS};
use vrseg_engine::settings::{Loader, check};
use vrseg_hardware::nearest::nearest;

/// Commands: name, arguments, meaning.
pub(super) const COMMANDS: &[(&str, &str, &str)] = &[
    ("process", "IN OUT [OPTION...]", "run a job with the session's settings; IN -o OUT works, too"),
    ("probe", "FILE...", "show a video's format, codec, color and streams"),
    ("preview", "FILE SHEET.png [OPTION...]", "make a contact sheet"),
    ("profile", "[NAME]", "set or show the profile"),
    ("set", "KEY VALUE", "change a setting for this session; `set` lists changes"),
    ("unset", "KEY", "undo a change"),
    ("config", "", "every setting and its source"),
    ("save", "[FILE.yaml]", "write profile and settings to a file, for -c [default: session.yaml]"),
    ("hardware", "", "this machine, and the devices and encoders that work"),
    ("doctor", "[FILE]", "check the installation and suggest fixes"),
    ("models", "", "the models and their licenses"),
    ("bench", "[quick | OPTION...]", "measure how fast this machine is"),
    ("stats", "", "figures of the last job"),
    ("help", "", "this list; ? does too"),
    ("clear", "", "clear the screen"),
    ("exit", "", "leave; q and Ctrl-D do too"),
];

#[derive(Debug, Default)]
pub(super) struct Session {
    profile: Option<String>,
    settings: BTreeMap<&'static str, String>,
    stats: Option<serde_json::Value>,
}

/// What a line of input asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Print(String),
    /// Run this program with those words.
    Run(Vec<String>),
    Process(Vec<String>),
    Clear,
    Exit,
}

impl Session {
    pub(super) fn interpret(&mut self, line: &str) -> Result<Action, String> {
        let words = split(line)?;
        // A line from elsewhere: `vrseg in.mp4 -o out.mp4`.
        let pasted = words.first().is_some_and(|word| word == "vrseg") && words.len() > 1;
        let words = if pasted { words[1..].to_vec() } else { words };
        let known = words.first().is_some_and(|word| COMMANDS.iter().any(|c| c.0 == word));
        let outputs = words.iter().any(|word| word == "-o" || word == "--output" || word.starts_with("--output="));
        if (pasted || !known) && outputs && words[0].as_str() != "preview" {
            return Ok(Action::Process(self.with_profile(&words)));
        }
        if pasted {
            return Ok(Action::Run(words));
        }
        let (name, rest) = words.split_first().map_or(("", &[][..]), |(n, r)| (n.as_str(), r));
        let no_more_words =
            |action| if rest.is_empty() { Ok(action) } else { Err(format!("{name} accepts no more words")) };
        match name {
            "exit" | "quit" | "q" | ":q" => no_more_words(Action::Exit),
            "clear" => no_more_words(Action::Clear),
            "help" | "?" | "h" => no_more_words(Action::Print(help())),
            "hardware" => no_more_words(Action::Run(vec!["hardware".into()])),
            "models" => no_more_words(Action::Run(vec!["models".into()])),
            "probe" | "doctor" => Ok(Action::Run(words.clone())),
            "preview" => match rest {
                [file, sheet, more @ ..] if !outputs => {
                    let line = [&["preview".to_owned(), file.clone(), "-o".into(), sheet.clone()], more].concat();
                    Ok(Action::Run(self.with_profile(&line)))
                }
                _ => Ok(Action::Run(self.with_profile(&words))),
            },
            "save" => self.save(rest),
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
                _ => Err("unset needs a setting's name".to_owned()),
            },
            "process" if outputs => Ok(Action::Process(self.with_profile(rest))),
            "process" => match rest {
                [input, output, more @ ..] => {
                    let job = [&[input.clone(), "-o".into(), output.clone()], more].concat();
                    Ok(Action::Process(self.with_profile(&job)))
                }
                _ => Err("process needs an input and an output: process in.mp4 out.mp4".to_owned()),
            },
            _ => {
                let near = nearest(name, COMMANDS.iter().map(|c| c.0));
                Err(format!(
                    "{name} is not a command; {}",
                    near.map_or("`help` lists them".to_owned(), |n| format!("did you mean {n}?"))
                ))
            }
        }
    }

    fn choose_profile(&mut self, rest: &[String]) -> Result<Action, String> {
        match rest {
            [] => Ok(Action::Print(
                self.profile.clone().unwrap_or_else(|| "from the configuration [default: balanced]".into()),
            )),
            [word] if schema::profile(word).is_some() => {
                self.profile = schema::profile(word).map(str::to_owned);
                Ok(Action::Print(format!("profile {}", self.profile.as_deref().unwrap_or_default())))
            }
            [name, ..] => {
                let near = nearest(name, PROFILES.iter().copied());
                let near = near.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
                Err(format!("{name} is not a profile; profiles: {}{near}", PROFILES.join(", ")))
            }
        }
    }

    fn set(&mut self, rest: &[String]) -> Result<Action, String> {
        match rest {
            [] if self.settings.is_empty() => Ok(Action::Print("nothing was changed".to_owned())),
            [] => Ok(Action::Print(self.settings.iter().map(|(k, v)| format!("{k} {v}\n")).collect())),
            [pair] if pair.contains('=') => {
                let (key, value) = pair.split_once('=').unwrap_or_default();
                self.set(&[key.to_owned(), value.to_owned()])
            }
            [key, sign, value @ ..] if sign == "=" && !value.is_empty() => {
                self.set(&[std::slice::from_ref(key), value].concat())
            }
            [key, value @ ..] if !value.is_empty() => {
                let (key, value) = (find(key)?, value.join(" "));
                key.parse(&value).map_err(|e| format!("{}: {e}", key.name))?;
                let before = self.settings.insert(key.name, value.clone());
                if let Err(why) = self.check() {
                    match before {
                        Some(before) => drop(self.settings.insert(key.name, before)),
                        None => drop(self.settings.remove(key.name)),
                    }
                    return Err(why);
                }
                Ok(Action::Print(format!("{} is {value}", key.name)))
            }
            [key, ..] => Err(format!("{} accepts {}", key, find(key)?.expects())),
        }
    }

    /// Checks the session's settings together, as a job would.
    fn check(&self) -> Result<(), String> {
        let mut loader = Loader::from_environment();
        loader.profile.clone_from(&self.profile);
        loader.env.extend(self.settings.iter().map(|(key, value)| (schema::variable(key).into(), value.into())));
        let result = loader.load().and_then(|(settings, sources)| check(&settings, &sources));
        result.map_err(|error| {
            let named = |text: String, key: &&str| text.replace(&format!("{}: ", schema::variable(key)), "");
            self.settings.keys().fold(error.to_string(), named)
        })
    }

    /// Writes profile and settings to a file that `-c` reads.
    fn save(&self, rest: &[String]) -> Result<Action, String> {
        let path = match rest {
            [] => PathBuf::from("session.yaml"),
            [path] => PathBuf::from(path),
            _ => return Err("save needs one file".to_owned()),
        };
        let mut text = String::new();
        if let Some(profile) = &self.profile {
            text += &format!("profile: {profile}\n");
        }
        let mut section = "";
        for (name, value) in &self.settings {
            let Some(setting) = schema::find(name) else { continue };
            if setting.section() != section {
                section = setting.section();
                text += &format!("{section}:\n");
            }
            let value = setting.parse(value).unwrap_or_default();
            text += &format!("  {}: {}\n", setting.leaf(), setting.yaml(&value));
        }
        let shown = path.display();
        let mut file = create_file(&path, false).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => format!("{shown}: exists; name another file"),
            _ => format!("{shown}: {e}"),
        })?;
        file.write_all(text.as_bytes()).map_err(|e| format!("{shown}: {e}"))?;
        Ok(Action::Print(format!("{shown} is written; -c {shown} uses it")))
    }

    /// Arguments for the program, with the session's profile.
    fn with_profile(&self, words: &[String]) -> Vec<String> {
        let profile = self.profile.iter().flat_map(|p| ["--profile".to_owned(), p.clone()]);
        words.iter().cloned().chain(profile).collect()
    }

    /// This program with the session's settings.
    pub(super) fn command(&self, words: &[String]) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("vrseg"));
        let mut command = Command::new(program);
        command.args(words);
        for (key, value) in &self.settings {
            command.env(schema::variable(key), value);
        }
        command
    }

    /// Runs a job; returns whether it succeeded.
    pub(super) fn process(&mut self, words: &[String]) -> anyhow::Result<bool> {
        let folder = tempfile::Builder::new().prefix("vrseg-session-").tempdir()?;
        let log = folder.path().join("figures.ndjson");
        let mut command = self.command(words);
        // Who has a log of their own has no figures for `stats`.
        if !words.iter().any(|w| w.starts_with("--performance-log")) {
            command.arg("--performance-log").arg(&log);
        }
        let done = command.status().context("vrseg can't be started")?.success();
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let last = text.lines().last().and_then(|l| serde_json::from_str(l).ok());
        self.stats = last.or(self.stats.take());
        Ok(done)
    }
}

/// The setting of that name.
fn find(name: &str) -> Result<&'static schema::Setting, String> {
    schema::find(name).ok_or_else(|| {
        let near = nearest(name, SETTINGS.iter().map(|k| k.name));
        format!(
            "{name} is not a setting; {}",
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
    fn lines_of_a_shell_are_understood() {
        let mut session = Session::default();
        let mut action = |line: &str| session.interpret(line).expect("an action");
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(action("vrseg a.mp4 -o b.mp4"), Action::Process(words("a.mp4 -o b.mp4")));
        assert_eq!(action("process a.mp4 -o b.mp4"), Action::Process(words("a.mp4 -o b.mp4")));
        assert_eq!(action("vrseg hardware --json"), Action::Run(words("hardware --json")));
        assert_eq!(action("preview a.mp4 s.png"), Action::Run(words("preview a.mp4 -o s.png")));
        assert_eq!(action("set matte.feather=2"), Action::Print("matte.feather is 2".to_owned()));
        assert_eq!(action("set matte.feather = 3"), Action::Print("matte.feather is 3".to_owned()));
        assert_eq!(action("q"), Action::Exit);
        assert!(matches!(action("?"), Action::Print(_)));
    }

    #[test]
    fn errors_suggest_the_nearest_word() {
        let mut session = Session::default();
        let mut wrong = |line: &str| session.interpret(line).expect_err("an error");
        assert_eq!(wrong("proces a b"), "proces is not a command; did you mean process?");
        assert!(wrong("profile fats").ends_with("did you mean fast?"));
        assert!(wrong("set matte.fether 2").ends_with("did you mean matte.feather?"));
        assert!(wrong("set matte.feather thick").contains("expected a number from 0 to 200"));
        assert!(wrong("set matte.feather").contains("a number from 0 to 200"));
        assert!(wrong("process a").contains("an input and an output"));
        assert!(wrong("process 'a b").contains("missing closing quotation mark"));
        let unknown = wrong("set model.name nix");
        assert!(unknown.starts_with("model.name: no model is called \"nix\""), "{unknown}");
    }
}
