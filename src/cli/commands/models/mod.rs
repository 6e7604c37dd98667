//! `vrseg models`: which there are, and those that users add.

mod add;
mod install;
mod list;
mod parts;
mod remove;
mod test;

use crate::cli::args::{ModelsArgs, ModelsCommand};
use crate::cli::exit::Exit;
use crate::ui::Console;
use std::path::Path;
use vrseg_hardware::Machine;
use vrseg_infer::DeviceChoice;
use vrseg_infer::provider::SessionOptions;
use vrseg_infer::registry;

/// Lists models, or does what the sub-command asks.
///
/// # Errors
/// Models that aren't known, and files that can't be read or written.
pub(crate) fn run(
    args: &ModelsArgs,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    match &args.command {
        None => list::list(args, console, print),
        Some(ModelsCommand::Add(args)) => add::run(args, console, print),
        Some(ModelsCommand::Test(args)) => test::run(args, console, print),
        Some(ModelsCommand::Install { names }) => install::run(names),
        Some(ModelsCommand::Remove { names }) => remove::run(names, print),
    }
}

/// What brings the right weights of a model, as a clause.
pub(super) fn fix(name: &str) -> String {
    match registry::is_built_in(name) {
        true => format!("`vrseg models install {name}` downloads them"),
        false => format!("`vrseg models remove {name}`, then add it again"),
    }
}

/// The device that a job would take by itself.
fn session(ort_library: Option<&Path>) -> SessionOptions {
    let threads = Machine::detect().cpu.usable.max(1);
    let ort_library = ort_library.map(Path::to_owned);
    SessionOptions { device: DeviceChoice::Auto, ort_library, ..SessionOptions::cpu(threads) }
}
