//! `vrseg people`: who is in a video, as a list, an edits file and a contact sheet.

use crate::cli::args::PeopleArgs;
use crate::cli::exit::{Exit, UsageError};
use crate::cli::interrupt::Stop;
use crate::cli::job::{inputs, source};
use crate::cli::quote;
use crate::ui::picture::{self, Image};
use crate::ui::sheet::{self, Moment};
use crate::ui::{Console, ProgressUi, Style, format, whole_file};
use anyhow::Context;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use vrseg_engine::edits::{Edits, PersonEdit};
use vrseg_engine::run::{FoundPerson, PeopleScan, ScanViewer, announce, scan_people};
use vrseg_engine::{Observer, Plan};
use vrseg_image::matte::SmallYuv;
use vrseg_image::plane::Matrix;

/// People in a row of the sheet.
const COLUMNS: usize = 6;

/// Lists people.
///
/// # Errors
/// A file that exists already; what ends a job.
pub(crate) fn run(
    args: &PeopleArgs,
    stop: &Stop,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    inputs::check_file(&args.file)?;
    check_output(args.output.as_deref(), &["yaml", "yml"], args)?;
    check_output(args.sheet.as_deref(), &["png"], args)?;
    let job = source::without_outputs(&args.file, &args.source.model)?;
    let plan = Plan::of_source(&job)?;
    let ui = ProgressUi::new(console.clone(), if args.quiet || args.json { Style::Quiet } else { Style::Human });
    announce(&job, &plan, &ui as &dyn Observer);
    let spherical = plan.lens().is_some();
    let (found, pictures) = (Mutex::new(PeopleScan::default()), Pictures::default());
    let cancel = stop.next_job();
    let result = scan_people(&job, plan, &found, &pictures, &cancel, &ui);
    ui.end();
    if let Err(error) = result {
        return stop.excuse(error.into());
    }
    if cancel.is_requested() {
        // A part of the people would look like all of them.
        return Ok(Exit::Interrupted);
    }
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if args.json {
        print(&(serde_json::to_string_pretty(&to_json(&args.file, &found, spherical))? + "\n"))?;
    } else if !args.quiet {
        print(&to_text(&found, spherical))?;
    }
    if let Some(path) = &args.output {
        let text = edits_text(&args.file, path, &found, spherical);
        whole_file::write(path, args.overwrite, text.as_bytes()).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.sheet {
        let sheet = sheet_of(&args.file, &found, &pictures);
        let png = sheet.png().context("the sheet can't be written as PNG")?;
        whole_file::write(path, args.overwrite, &png).with_context(|| path.display().to_string())?;
    }
    Ok(Exit::Done)
}

/// The pictures of people.
#[derive(Default)]
struct Pictures(Mutex<BTreeMap<u32, Image>>);

impl ScanViewer for Pictures {
    fn frame(&self, _: f64, _: &SmallYuv, _: Matrix) {}

    fn person(&self, number: u32, picture: &SmallYuv, matrix: Matrix) {
        let image = picture::from_small(picture, matrix);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number, image);
    }
}

fn check_output(path: Option<&Path>, extensions: &[&str], args: &PeopleArgs) -> Result<(), UsageError> {
    let Some(path) = path else { return Ok(()) };
    let shown = path.display();
    if !path.extension().is_some_and(|e| extensions.iter().any(|known| e.eq_ignore_ascii_case(known))) {
        return Err(UsageError(format!("{shown}: expected a name that ends in .{}", extensions[0])));
    }
    if !args.overwrite && path.exists() {
        return Err(UsageError(format!("{shown}: exists; -y replaces it")));
    }
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(UsageError(format!("{shown}: the folder {} doesn't exist", parent.display())));
    }
    Ok(())
}

/// The facts of a person in words.
fn about(person: &FoundPerson, spherical: bool) -> String {
    let span = format!("{} to {}", format::moment(person.from), format::moment(person.to));
    format!("{span}, {:.0} % of the view's height, {}", 100.0 * person.size, format::place(person.place, spherical))
}

fn to_text(found: &PeopleScan, spherical: bool) -> String {
    if found.people.is_empty() {
        return format!("nobody was found in {}\n", format::count(found.frames, "frame"));
    }
    let mut text = format!("{:>6}  {:>9}  {:>9}  {:>6}  {}\n", "person", "from", "to", "height", "where");
    for p in &found.people {
        let (from, to) = (format::moment(p.from), format::moment(p.to));
        let height = format!("{:.0} %", 100.0 * p.size);
        let _ =
            writeln!(text, "{:>6}  {from:>9}  {to:>9}  {height:>6}  {}", p.number, format::place(p.place, spherical));
    }
    text
}

fn to_json(file: &Path, found: &PeopleScan, spherical: bool) -> serde_json::Value {
    let unit = if spherical { "degrees" } else { "share" };
    let people: Vec<_> = found
        .people
        .iter()
        .map(|p| {
            let [_, x, y, w, h] = p.place;
            json!({
                "person": p.number, "from": p.from, "to": p.to, "size": p.size,
                "x": x, "y": y, "width": w, "height": h, "path": p.path,
            })
        })
        .collect();
    json!({ "file": file, "frames": found.frames, "cuts": found.cuts, "unit": unit, "people": people })
}

fn edits_text(file: &Path, path: &Path, found: &PeopleScan, spherical: bool) -> String {
    let (file, path) = (quote::quoted(file.as_os_str()), quote::quoted(path.as_os_str()));
    let title = format!(
        "People in {file}. To hide one: show: false, or for a time: hide: [[0:05, 0:12]].\n\
         Apply: vrseg {file} -o OUT.mp4 --edits {path}\n\
         docs/review.md explains regions, settings and strokes."
    );
    let known = |p: &PersonEdit| found.people.iter().find(|f| f.number == p.person);
    let edits = Edits { people: found.people.iter().map(PersonEdit::from).collect(), ..Edits::default() };
    edits.to_text(&title, |p| known(p).map(|f| about(f, spherical)))
}

/// All people, their pictures in rows.
fn sheet_of(file: &Path, found: &PeopleScan, pictures: &Pictures) -> Image {
    let pictures = pictures.0.lock().unwrap_or_else(PoisonError::into_inner);
    let side = pictures.values().map(|p| p.width).max().unwrap_or(160);
    let blank = Image { width: side, height: side, data: vec![40; side * side * 3] };
    let columns = found.people.len().clamp(1, COLUMNS);
    let rows = found.people.chunks(columns).map(|people| {
        let picture = |p: Option<&FoundPerson>| {
            let mut cell = p.and_then(|p| pictures.get(&p.number)).unwrap_or(&blank).clone();
            if let Some(p) = p {
                sheet::label(&mut cell, &format!("{} {}", p.number, format::moment(p.from)), (0, 0));
            }
            cell
        };
        Moment { label: String::new(), cells: (0..columns).map(|i| picture(people.get(i))).collect() }
    });
    let people = match found.people.len() {
        1 => "1 person".to_owned(),
        n => format!("{n} people"),
    };
    let titles = [file.display().to_string(), people];
    sheet::draw(&titles, &vec![""; columns], &rows.collect::<Vec<_>>())
}
