# shellcheck shell=bash
# Sourced by setup.sh and tests/run.sh: finds a Rust toolchain that works and is new enough.

version_at_least() { # version_at_least FOUND NEEDED
    [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) = "$2" ]]
}

# The version of the rustc in a folder, if it and the cargo beside it work: a shim of rustup without a
# toolchain does not.
rust_version_in() { # rust_version_in FOLDER
    [[ -x $1/rustc && -x $1/cargo ]] || return 1
    PATH=$1:$PATH "$1/cargo" --version >/dev/null 2>&1 || return 1
    "$1/rustc" --version 2>/dev/null | awk '{ print $2 }'
}

# shellcheck disable=SC2034 # read by those who source this
# Puts the first toolchain that is new enough at the beginning of PATH. `rust_found` is its version, or,
# where there is none, `rust_seen` says what was passed over.
use_rust() { # use_rust NEEDED
    local needed=$1 folder version folders=()
    rust_found=
    rust_seen=
    IFS=: read -r -a folders <<<"$PATH"
    folders+=("${CARGO_HOME:-$HOME/.cargo}/bin" /usr/bin /usr/local/bin "${RUSTUP_HOME:-$HOME/.rustup}"/toolchains/*/bin)
    for folder in "${folders[@]}"; do
        [[ -e $folder/rustc ]] || continue
        version=$(rust_version_in "$folder") || version=
        if [[ -n $version ]] && version_at_least "$version" "$needed"; then
            PATH=$folder:$PATH
            hash -r
            rust_found=$version
            return 0
        fi
        [[ " $rust_seen" = *" $folder/rustc "* ]] || rust_seen+="$folder/rustc (${version:-does not run}) "
    done
    return 1
}
