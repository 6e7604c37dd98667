#!/usr/bin/env bash
# Everything that has to be right before a change is merged; `./setup.sh --dev` gets what it needs.
# One build profile throughout, so that nothing is compiled twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export CARGO_TERM_PROGRESS_WHEN=never

started=$SECONDS
step() { printf '\n== [%4d s] %s\n' "$((SECONDS - started))" "$*"; }

step "rustfmt"
cargo fmt --check

step "shellcheck"
shellcheck setup.sh .ci/run tests/*.sh tools/*.sh

# Debian's own Rust packages have no clippy; a machine with rustup has it.
if cargo clippy --version >/dev/null 2>&1; then
    step "clippy"
    cargo clippy --locked --all-targets -- -D warnings
else
    step "clippy: not installed here, left out"
fi

step "licenses, sources and duplicates of the dependencies"
cargo deny --locked check --hide-inclusion-graph licenses bans sources

step "tests"
cargo test --locked

step "all passed"
