//! `vrseg models`.

use super::backend::{Backend, ModelInfo, WeightState};
use super::exit::Exit;
use crate::ui::Console;
use std::fmt::Write as _;

/// Lists models. Fails where a checksum is wrong, so that `--check` can be used in a script.
///
/// # Errors
/// When the model isn't known.
pub fn list(
    backend: &impl Backend,
    args: &super::args::ModelsArgs,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let models = backend.models(args.name.as_deref(), args.check)?;
    if args.json {
        print(&(serde_json::to_string_pretty(&models)? + "\n"))?;
    } else if args.name.is_some() {
        models.iter().try_for_each(|m| print(&details(m)))?;
    } else {
        print(&table(&models))?;
    }
    let damaged: Vec<_> = models.iter().filter(|m| m.state == WeightState::Damaged).map(|m| m.name.as_str()).collect();
    if damaged.is_empty() {
        return Ok(Exit::Done);
    }
    console.error(&format!("wrong checksum: {}; setup.sh fetches the weights again", damaged.join(", ")));
    Ok(Exit::Failed)
}

fn state(state: WeightState) -> &'static str {
    match state {
        WeightState::BuiltIn => "built in",
        WeightState::Present => "present",
        WeightState::Verified => "checked",
        WeightState::Damaged => "damaged",
        WeightState::Missing => "missing",
    }
}

fn table(models: &[ModelInfo]) -> String {
    let name = models.iter().map(|m| m.name.len()).max().unwrap_or(0).max(4);
    let license = models.iter().map(|m| m.license.len()).max().unwrap_or(0).max(7);
    let mut text = format!("{:name$}  {:9}  {:10}  {:license$}  about\n", "name", "weights", "kind", "license");
    for m in models {
        let _ = writeln!(
            text,
            "{:name$}  {:9}  {:10}  {:license$}  {}",
            m.name,
            state(m.state),
            m.kind,
            m.license,
            m.about
        );
    }
    if models.iter().any(|m| m.state == WeightState::Missing) {
        text += "\nmissing weights: ./setup.sh --models NAME fetches some, ./setup.sh --all-models all\n";
    }
    text
}

fn details(m: &ModelInfo) -> String {
    let path = m.path.as_ref().map_or_else(|| "-".to_owned(), |p| p.display().to_string());
    let mend = match m.state {
        WeightState::Missing => format!(": ./setup.sh --models {} fetches them", m.name),
        WeightState::Present => format!(": `vrseg models --check {}` compares their checksum", m.name),
        _ => String::new(),
    };
    format!(
        "name     {}\nkind     {}\nabout    {}\nweights  {}{mend}\npath     {path}\nlicense  {}: {}\n",
        m.name,
        m.kind,
        m.about,
        state(m.state),
        m.license,
        m.license_note
    )
}
