#!/usr/bin/env bash
# Installs what tests/run.sh uses beyond the build itself: cargo-deny, rustfmt and clippy.
set -euo pipefail

deny_version=0.20.2

note() { printf '   %s\n' "$*"; }

# Debian's Rust has its formatter in a package of its own.
if ! cargo fmt --version >/dev/null 2>&1 && dpkg -s rustc-web >/dev/null 2>&1; then
    sudo=()
    if [[ $(id -u) -ne 0 ]]; then sudo=(sudo); fi
    note "apt-get install rustfmt-web"
    "${sudo[@]}" apt-get install -qq -y --no-install-recommends rustfmt-web >/dev/null
fi

PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
if cargo deny --version >/dev/null 2>&1; then
    note "$(cargo deny --version) is there already"
else
    note "cargo install cargo-deny $deny_version (about four minutes)"
    cargo install --quiet --locked "cargo-deny@$deny_version"
fi
