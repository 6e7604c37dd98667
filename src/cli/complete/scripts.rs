//! The completion scripts: clap's, and what asks the program itself.

use crate::cli::args;
use clap_complete::Shell;

/// Bash: the program answers; clap's function is for where it can't be started.
const BASH: &str = r#"
# What the program itself offers: models, devices, modes, job folders, files.
_vrseg() {
    local program="${1:-vrseg}" found
    if [[ -n "${COMP_LINE-}" ]] &&
        found=$("$program" completions bash --line "${COMP_LINE:0:COMP_POINT}" 2>/dev/null); then
        COMPREPLY=()
        [[ -n "$found" ]] && mapfile -t COMPREPLY <<<"$found"
        if [[ "$found" == *=* && "$found" != *$'\n'* && "$found" == *= ]]; then
            compopt -o nospace 2>/dev/null
        elif [[ "$found" != -* ]]; then
            compopt -o filenames 2>/dev/null
            [[ "$found" == */ ]] && compopt -o nospace 2>/dev/null
        fi
        return 0
    fi
    _vrseg_static "$@"
}

complete -F _vrseg vrseg
"#;

/// Zsh: values are requested.
const ZSH: &str = r#"
_vrseg_values() {
    local -a found
    found=("${(@f)$(command vrseg completions zsh --line "$LBUFFER" 2>/dev/null)}")
    if [[ -n "${found[*]}" ]]; then
        compadd -S '' -M 'l:|=* r:|=*' -- "${found[@]}"
    else
        _files
    fi
}
"#;

/// Fish: what the program offers stands beside clap's list of options.
const FISH: &str = r#"
function __vrseg_values
    set -l line (commandline -cp | string collect)
    string match -qr -- ' -[^ =]*$' "$line"; and return
    command vrseg completions fish --line "$line" 2>/dev/null
end
complete -c vrseg -f -a '(__vrseg_values)'
"#;

/// The script for a shell.
pub(in crate::cli) fn script(shell: Shell) -> Vec<u8> {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "vrseg", &mut bytes);
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return error.into_bytes(),
    };
    match shell {
        Shell::Bash => {
            let named = text.replacen("_vrseg() {", "_vrseg_static() {", 1);
            // Its own registration would win.
            let end = named.rfind("\nif [[").unwrap_or(named.len());
            format!("{}{BASH}", &named[..end])
        }
        Shell::Zsh => {
            let (begin, rest) = text.split_once("\n_vrseg() {").unwrap_or((&text, ""));
            let rest = rest.replace(":_default'", ":_vrseg_values'").replace(":_files'", ":_vrseg_values'");
            format!("{begin}\n{ZSH}\n_vrseg() {{{rest}")
        }
        Shell::Fish => text + FISH,
        _ => text,
    }
    .into_bytes()
}
