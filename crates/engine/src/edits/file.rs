//! The edits file: YAML read with errors that name the line, checked, and written so that people can edit it.

use super::{Action, Edits, PersonEdit, RegionEdit, SettingsEdit, StrokeEdit, VERSION};
use crate::time::Seconds;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use vrseg_hardware::nearest::nearest;

/// Bytes of an edits file at most: 300 people in an hour need less than one million.
const MAX_BYTES: u64 = 64 << 20;
/// Corners of a polygon and points of a stroke at most.
const MAX_POINTS: usize = 10_000;
/// Entries of a section at most.
const MAX_ENTRIES: usize = 10_000;
/// All names that the file knows, for what was misspelled.
const NAMES: [&str; 26] = [
    "version",
    "people",
    "regions",
    "settings",
    "strokes",
    "person",
    "show",
    "hide",
    "path",
    "action",
    "from",
    "to",
    "rect",
    "polygon",
    "sphere_rect",
    "sphere_polygon",
    "eye",
    "threshold",
    "grow",
    "feather",
    "refine",
    "stabilize",
    "at",
    "frames",
    "width",
    "points",
];

/// What is wrong with an edits file.
#[derive(Debug, thiserror::Error)]
pub enum EditsError {
    /// It can't be read.
    #[error("{}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// Its content is wrong.
    #[error("{}{}: {what}", path.display(), line.map(|n| format!(":{n}")).unwrap_or_default())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
        /// What is wrong, and what is expected.
        what: String,
    },
}

/// Reads an edits file.
///
/// # Errors
/// It can't be read, is no YAML, or says something that makes no sense.
pub fn read(path: &Path) -> Result<Edits, EditsError> {
    let failed = |reason| EditsError::Read { path: path.to_owned(), reason };
    let mut text = Vec::new();
    std::fs::File::open(path).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut text)).map_err(failed)?;
    let wrong = |line, what: &str| EditsError::Wrong { path: path.to_owned(), line, what: what.to_owned() };
    if text.len() as u64 > MAX_BYTES {
        return Err(wrong(None, "larger than 64 MiB; this is no edits file"));
    }
    let text = String::from_utf8(text).map_err(|_| wrong(None, "not text in UTF-8; an edits file is YAML"))?;
    read_text(&text).map_err(|(line, what)| EditsError::Wrong { path: path.to_owned(), line, what })
}

/// Reads the text of an edits file. An error has its line, where that is known, and a text for users.
///
/// # Errors
/// As [`read`].
pub fn read_text(text: &str) -> Result<Edits, (Option<usize>, String)> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Edits::default());
    }
    let edits: Edits = serde_yaml::from_str(text).map_err(|e| {
        let full = e.to_string();
        let what = full.split_once(" at line ").map_or(full.as_str(), |(what, _)| what);
        (e.location().map(|l| l.line()), with_suggestion(what))
    })?;
    edits.check().map_err(|(section, index, what)| match section {
        "" => (line_of(text, "version", None), what),
        _ => (line_of(text, section, Some(index)), format!("{section}[{index}]: {what}")),
    })?;
    Ok(edits)
}

/// Adds the name that was probably meant by an unknown one.
fn with_suggestion(what: &str) -> String {
    let plain = [
        ("struct Edits", "the sections people, regions, settings, strokes"),
        ("a tuple of size 2", "[FROM, TO]"),
        ("an array of length", "a list of this many numbers:"),
        ("struct RegionEdit", "a region: action, from, to and a shape"),
        ("struct PersonEdit", "a person: person, show, hide, path"),
        ("struct SettingsEdit", "settings: from, to, threshold, grow, feather, refine, stabilize"),
        ("struct StrokeEdit", "a stroke: action, at, frames, width, points"),
        ("expected i32", "expected a whole number"),
        ("expected u32", "expected a whole number from 0"),
        ("expected f32", "expected a number"),
        ("expected f64", "expected a number"),
        ("a boolean", "true or false"),
    ];
    let what = &plain.iter().fold(what.to_owned(), |text, (rust, word)| text.replace(rust, word));
    let unknown = what.split_once("unknown field `").and_then(|(_, rest)| rest.split_once('`'));
    match unknown.and_then(|(name, _)| nearest(name, NAMES)) {
        Some(name) => format!("{what} (did you mean {name}?)"),
        None => what.to_owned(),
    }
}

/// The line (from 1) on which an item of a section begins, or the section, where its items have no lines of their own.
fn line_of(text: &str, section: &str, index: Option<usize>) -> Option<usize> {
    let lines: Vec<_> = text.lines().collect();
    let begins = |line: &str| line.strip_prefix(section).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let start = lines.iter().position(|line| begins(line))?;
    let (mut seen, mut indent) = (0, None);
    for (i, line) in lines.iter().enumerate().skip(start + 1) {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if depth == 0 && !text.is_empty() && !text.starts_with(['#', '-']) {
            break;
        }
        if (text.starts_with("- ") || text == "-") && *indent.get_or_insert(depth) == depth {
            if Some(seen) == index {
                return Some(i + 1);
            }
            seen += 1;
        }
    }
    Some(start + 1)
}

/// What is wrong: the section, the number of its entry, and the text.
type Fault = (&'static str, usize, String);

impl Edits {
    /// Finds what makes no sense.
    ///
    /// # Errors
    /// The first fault: the section, the number of its entry, and what is wrong.
    pub fn check(&self) -> Result<(), Fault> {
        if let Some(version) = self.version.filter(|v| *v != VERSION) {
            let what = format!("version {version}: this vrseg reads version {VERSION}; a newer vrseg wrote the file");
            return Err(("", 0, what));
        }
        check_all("people", &self.people, PersonEdit::check)?;
        for (i, person) in self.people.iter().enumerate() {
            if self.people[..i].iter().any(|other| other.person == person.person) {
                return Err(("people", i, format!("person {}: is listed twice", person.person)));
            }
        }
        check_all("regions", &self.regions, RegionEdit::check)?;
        check_all("settings", &self.settings, SettingsEdit::check)?;
        check_all("strokes", &self.strokes, StrokeEdit::check)
    }
}

fn check_all<T>(section: &'static str, all: &[T], check: impl Fn(&T) -> Result<(), String>) -> Result<(), Fault> {
    if all.len() > MAX_ENTRIES {
        return Err((section, MAX_ENTRIES, format!("too many entries; at most {MAX_ENTRIES}")));
    }
    all.iter().enumerate().try_for_each(|(i, one)| check(one).map_err(|what| (section, i, what)))
}

fn check_span(from: Option<Seconds>, to: Option<Seconds>) -> Result<(), String> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(format!("from {} is not before to {}", from.0, to.0)),
        _ => Ok(()),
    }
}

fn check_corners(name: &str, corners: &[[f64; 2]], (x, y): (f64, f64)) -> Result<(), String> {
    if !(3..=MAX_POINTS).contains(&corners.len()) {
        return Err(format!("{name}: has {} corners; expected 3 to {MAX_POINTS}", corners.len()));
    }
    check_points(name, corners, (x, y))
}

/// Shares of a view may lie a little outside, degrees within a turn.
fn check_points(name: &str, points: &[[f64; 2]], (x, y): (f64, f64)) -> Result<(), String> {
    let least = |most: f64| if most > 10.0 { -most } else { -1.0 };
    let fits = |[a, b]: &[f64; 2]| (least(x)..=x).contains(a) && (least(y)..=y).contains(b);
    match points.iter().find(|p| !fits(p)) {
        None => Ok(()),
        Some([a, b]) => Err(format!("{name}: [{a}, {b}] lies too far outside of the view")),
    }
}

impl PersonEdit {
    fn check(&self) -> Result<(), String> {
        for (from, to) in &self.hide {
            check_span(Some(*from), Some(*to)).map_err(|e| format!("hide: {e}"))?;
        }
        if self.path.is_empty() && (!self.show || !self.hide.is_empty()) {
            return Err(format!(
                "person {}: has no path, so it can't be matched; `vrseg people VIDEO -o FILE` writes it",
                self.person
            ));
        }
        let fits = |p: &[f64; 5]| p.iter().all(|v| v.is_finite() && v.abs() <= 1e9) && p[3] > 0.0 && p[4] > 0.0;
        let ordered = self.path.windows(2).all(|pair| pair[0][0] < pair[1][0]);
        match self.path.iter().position(|p| !fits(p)) {
            Some(n) => {
                Err(format!("path[{n}]: expected [SECONDS, X, Y, WIDTH, HEIGHT] with a width and height above 0"))
            }
            None if !ordered => Err("path: the times must increase".to_owned()),
            None => Ok(()),
        }
    }
}

impl RegionEdit {
    fn check(&self) -> Result<(), String> {
        check_span(self.from, self.to)?;
        let shapes =
            [self.rect.is_some(), self.polygon.is_some(), self.sphere_rect.is_some(), self.sphere_polygon.is_some()];
        if shapes.into_iter().filter(|given| *given).count() != 1 {
            return Err("expected one shape: rect, polygon, sphere_rect or sphere_polygon".to_owned());
        }
        if let Some(rect) = self.rect {
            let [x, y, w, h] = rect;
            let inside = rect.iter().all(|v| (-0.001..=1.001).contains(v)) && x + w <= 1.001 && y + h <= 1.001;
            if !inside || w <= 0.0 || h <= 0.0 {
                return Err(format!(
                    "rect: {rect:?}: expected [LEFT, TOP, WIDTH, HEIGHT] as shares of the view, 0 to 1, such as \
                     [0, 0.5, 1, 0.5] for its lower half"
                ));
            }
        }
        if let Some(rect) = self.sphere_rect {
            let [yaw, pitch, w, h] = rect;
            let place = (-360.0..=360.0).contains(&yaw) && (-90.0..=90.0).contains(&pitch);
            let size = w > 0.0 && w <= 360.0 && h > 0.0 && h <= 180.0;
            if !(place && size) {
                return Err(format!(
                    "sphere_rect: {rect:?}: expected [RIGHT, UP, WIDTH, HEIGHT] in degrees, such as [20, -10, 30, 15]"
                ));
            }
        }
        if let Some(corners) = &self.polygon {
            check_corners("polygon", corners, (2.0, 2.0))?;
        }
        self.sphere_polygon.iter().try_for_each(|c| check_corners("sphere_polygon", c, (360.0, 90.0)))
    }
}

impl SettingsEdit {
    fn check(&self) -> Result<(), String> {
        check_span(self.from, self.to)?;
        let Self { from: _, to: _, threshold, grow, feather, refine, stabilize } = self;
        if threshold.is_none() && grow.is_none() && feather.is_none() && refine.is_none() && stabilize.is_none() {
            return Err("expected threshold, grow, feather, refine or stabilize".to_owned());
        }
        for (name, value) in [("threshold", threshold), ("stabilize", stabilize)] {
            if let Some(v) = value.filter(|v| !(0.0..=1.0).contains(v)) {
                return Err(format!("{name}: {v}: expected a number from 0 to 1"));
            }
        }
        if let Some(px) = self.feather.filter(|px| !(0.0..=200.0).contains(px)) {
            return Err(format!("feather: {px}: expected a number from 0 to 200"));
        }
        match self.grow.filter(|px| !(-200..=200).contains(px)) {
            Some(px) => Err(format!("grow: {px}: expected a whole number from -200 to 200")),
            None => Ok(()),
        }
    }
}

impl StrokeEdit {
    fn check(&self) -> Result<(), String> {
        if !matches!(self.action, Action::Keep | Action::Remove) {
            return Err("action: a stroke can keep or remove".to_owned());
        }
        if !(self.width > 0.0 && self.width <= 1.0) {
            return Err(format!("width: {}: expected a share of the view's height above 0, at most 1", self.width));
        }
        if !(1..=100_000).contains(&self.frames) {
            return Err(format!("frames: {}: expected 1 to 100000", self.frames));
        }
        if !(1..=MAX_POINTS).contains(&self.points.len()) {
            return Err(format!("points: has {}; expected 1 to {MAX_POINTS}", self.points.len()));
        }
        check_points("points", &self.points, (2.0, 2.0))
    }
}

/// The text of an edits file. `about` says what to write as a comment above each person.
pub(super) fn text(edits: &Edits, title: &str, about: impl Fn(&PersonEdit) -> Option<String>) -> String {
    let mut out = title.lines().fold(String::new(), |out, line| format!("{out}# {line}\n"));
    let _ = writeln!(out, "version: {VERSION}");
    let mut section = |name: &str, items: Vec<(Option<String>, Value)>| {
        if items.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n{name}:");
        for (comment, item) in items {
            if let Some(comment) = comment {
                let _ = writeln!(out, "  # {comment}");
            }
            for (i, (key, value)) in ordered(item).iter().enumerate() {
                let _ = writeln!(out, "  {} {key}: {}", if i == 0 { "-" } else { " " }, flow(value));
            }
        }
    };
    let people = edits.people.iter().map(|p| {
        let mut item = value(p);
        // Shown, so that it is clear what to change.
        if let Some(fields) = item.as_object_mut() {
            fields.insert("show".to_owned(), Value::Bool(p.show));
        }
        (about(p), item)
    });
    section("people", people.collect());
    section("regions", edits.regions.iter().map(|r| (None, value(r))).collect());
    section("settings", edits.settings.iter().map(|s| (None, value(s))).collect());
    section("strokes", edits.strokes.iter().map(|s| (None, value(s))).collect());
    out
}

fn value(item: &impl Serialize) -> Value {
    // Numbers, words and lists of them can't fail.
    serde_json::to_value(item).unwrap_or_default()
}

/// The fields in the order of [`NAMES`].
fn ordered(item: Value) -> Vec<(String, Value)> {
    let Value::Object(fields) = item else { return Vec::new() };
    let place = |key: &str| NAMES.iter().position(|name| *name == key).unwrap_or(NAMES.len());
    let mut fields: Vec<_> = fields.into_iter().collect();
    fields.sort_by_key(|(key, _)| place(key));
    fields
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        // The file's only words need no quotes.
        Value::String(word) => word.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FULL: &str = "version: 1
people:
  - person: 1
    show: false
    path: [[0, 10, -5, 20, 60], [0.5, 11, -5, 20, 60]]
  - person: 2
    hide: [[0:05, 0:12], [1:00:00, 1:00:01.5]]
    path: [[0, 10, -5, 20, 60]]
regions:
  - {action: remove, from: 1.5, to: 0:09, rect: [0, 0.5, 1, 0.5]}
  - action: keep
    polygon: [[0.1, 0.1], [0.5, 0.1], [0.3, 0.6]]
    eye: left
  - action: only
    sphere_rect: [170, 0, 40, 90]
settings:
  - {from: 3, to: 4, threshold: 0.5, grow: -2, feather: 1.5, refine: false, stabilize: 0.8}
strokes:
  - {action: remove, at: 0:02.04, width: 0.03, points: [[0.4, 0.4], [0.45, 0.42]]}
";

    #[test]
    fn every_kind_of_edit_is_read_and_written() {
        let edits = read_text(FULL).unwrap();
        assert_eq!((edits.people.len(), edits.regions.len(), edits.settings.len(), edits.strokes.len()), (2, 3, 1, 1));
        assert_eq!(edits.people[1].hide[1], (Seconds(3600.0), Seconds(3601.5)));
        assert_eq!((edits.regions[0].to, edits.strokes[0].frames), (Some(Seconds(9.0)), 25));
        let written = edits.to_text("two\nlines", |p| Some(format!("number {}", p.person)));
        assert!(
            written
                .starts_with("# two\n# lines\nversion: 1\n\npeople:\n  # number 1\n  - person: 1\n    show: false\n")
        );
        assert!(written.contains("    path: [[0.0, 10.0, -5.0, 20.0, 60.0], [0.5, "), "{written}");
        assert_eq!(read_text(&written).unwrap(), edits);
        assert_eq!(read_text("# nothing\n\n").unwrap(), Edits::default());
    }

    #[test]
    fn faults_name_their_line_and_what_is_expected() {
        for (text, line, part) in [
            ("regions:\n  - action: remove\n    rect: [0, 0, 1]\n", 3, "invalid length 3"),
            (
                "regions:\n  - action: erase\n    rect: [0, 0, 1, 1]\n",
                2,
                "unknown variant `erase`, expected one of `remove`",
            ),
            ("region:\n  - action: keep\n", 1, "did you mean regions?"),
            ("regions:\n\n  - action: keep\n    rct: [0, 0, 1, 1]\n", 4, "did you mean rect?"),
            ("regions:\n  - action: keep\n    from: soon\n", 3, "soon: expected a time"),
            (
                "people: []\nregions:\n  # the mirror\n  - action: keep\n    rect: [0, 0, 1, 1]\n  - action: keep\n",
                6,
                "regions[1]: expected one shape",
            ),
            (
                "regions: [{action: keep, rect: [0, 0, 2, 1]}]\n",
                1,
                "regions[0]: rect: [0.0, 0.0, 2.0, 1.0]: expected [LEFT",
            ),
            ("regions:\n- action: keep\n  from: 5\n  to: 2\n  rect: [0, 0, 1, 1]\n", 2, "from 5 is not before to 2"),
            ("regions:\n- action: keep\n  polygon: [[0, 0], [1, 1]]\n", 2, "2 corners"),
            ("settings:\n- from: 1\n", 2, "expected threshold, grow"),
            ("settings:\n- grow: 300\n", 2, "grow: 300"),
            ("strokes:\n- {action: only, at: 1, width: 0.1, points: [[0, 0]]}\n", 2, "can keep or remove"),
            ("strokes:\n- {action: keep, at: 1, width: 0, points: [[0, 0]]}\n", 2, "width: 0"),
            ("people:\n- {person: 4, show: false}\n", 2, "person 4: has no path"),
            ("people:\n- {person: 4}\n- {person: 4}\n", 3, "listed twice"),
            ("version: 2\n", 1, "a newer vrseg wrote"),
            ("regions: [\n", 2, ""),
        ] {
            let (found, what) = read_text(text).unwrap_err();
            assert_eq!((found, what.contains(part)), (Some(line), true), "{text}{what}");
        }
        let path = Path::new("/nowhere/e.yaml");
        assert!(read(path).unwrap_err().to_string().starts_with("/nowhere/e.yaml: "));
    }

    proptest! {
        /// Damaged files are refused or read, and never crash or hang.
        #[test]
        fn damaged_files_are_read_without_harm(
            changes in proptest::collection::vec((any::<usize>(), any::<char>()), 1..8), cut in any::<usize>(),
        ) {
            let mut text: Vec<char> = FULL.chars().collect();
            for (at, with) in changes {
                let n = text.len();
                text[at % n] = with;
            }
            text.truncate(if cut % 3 == 0 { cut % (text.len() + 1) } else { text.len() });
            if let Ok(edits) = read_text(&text.into_iter().collect::<String>()) {
                let written = edits.to_text("", |_| None);
                prop_assert_eq!(read_text(&written), Ok(Edits { version: Some(VERSION), ..edits }));
            }
        }
    }
}
