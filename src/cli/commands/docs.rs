//! What the program prints about itself: shell completions and the manual page.

use crate::cli::args::{Cli, ENDING, EXAMPLES};
use clap::CommandFactory;
use std::io::{self, Write};

pub(crate) fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vrseg", &mut script);
    script
}

/// The manual page in roff.
///
/// # Errors
/// None in practice: it is written to memory.
pub(crate) fn man() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(Cli::command());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    verbatim(&mut page, "EXAMPLES", EXAMPLES.trim_start_matches("Examples:\n"))?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    verbatim(&mut page, "SETTINGS AND EXIT CODES", ENDING)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// A section that keeps its lines.
fn verbatim(page: &mut Vec<u8>, title: &str, text: &str) -> io::Result<()> {
    writeln!(page, ".SH {title}\n.nf")?;
    for line in text.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // A full stop or an apostrophe in front would be a roff request.
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        writeln!(page, "{guard}{line}")?;
    }
    writeln!(page, ".fi")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_and_completions_have_every_option() {
        let page = String::from_utf8(man().expect("a page")).expect("UTF-8");
        let script = String::from_utf8(completions(clap_complete::Shell::Bash)).expect("UTF-8");
        for arg in Cli::command().get_arguments().filter_map(|a| a.get_long()) {
            assert!(page.contains(&format!("\\-\\-{}", arg.replace('-', "\\-"))), "{arg} in the manual");
            assert!(script.contains(&format!("--{arg}")), "{arg} in the completions");
        }
        assert!(page.contains("scene_180_LR.mp4 \\-o out.mp4"));
    }
}
