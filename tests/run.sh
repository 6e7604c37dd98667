#!/usr/bin/env bash
# Checks a change; see the usage below. One build profile throughout, so that nothing is compiled twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/rust_path.sh
source tools/rust_path.sh
use_rust "$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)" ||
    { echo "tests/run.sh: no Rust that is new enough; ./setup.sh --dev installs one" >&2; exit 1; }
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin # cargo-deny
export CARGO_TERM_PROGRESS_WHEN=never
# What makes the next build faster costs the first one time.
[[ -d target/debug/incremental ]] || export CARGO_INCREMENTAL=0

usage() {
    cat <<'TEXT'
usage: tests/run.sh [--quick]

Runs the checks that must pass before a change is merged: format, lints, licenses, documentation and all
tests, about 25 minutes on two cores. `./setup.sh --dev` installs what it needs.

  --quick   format, lints, unit tests and a few whole-program tests: under three minutes once built
  --help    this text
TEXT
}

quick=no
while [[ $# -gt 0 ]]; do
    case $1 in
        --quick) quick=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
    shift
done

started=$SECONDS
step() { printf '\n== [%4d s] %s\n' "$((SECONDS - started))" "$*"; }

# Whole-program tests of --quick: the main job, what it preserves, stereo, refusals, exit codes, Ctrl-C and
# resuming, caching, events, probing, help.
quick_tests=(
    outputs::green_mode_shows_the_person_on_the_key_color
    outputs::stereo_eyes_are_segmented_separately
    preserved::streams_chapters_and_metadata_are_copied
    errors::inputs_without_video_are_refused
    errors::existing_files_are_not_overwritten_without_y
    docs::readme_and_help_list_the_same_exit_codes
    docs::links_between_documents_resolve
    resume::ctrl_c_leaves_a_playable_file_and_the_same_command_resumes
    cache::cache_command_shows_verifies_and_clears
    events_and_logs::quiet_prints_nothing_and_messages_go_to_stderr
    formats::probe_prints_text_and_json
)

step "rustfmt"
cargo fmt --check

step "shellcheck"
shellcheck -x setup.sh .ci/run tests/*.sh tools/*.sh packaging/*.sh

# Debian's own Rust packages have no clippy; a machine with rustup has it.
if cargo clippy --version >/dev/null 2>&1; then
    step "clippy"
    cargo clippy --locked --all-targets -- -D warnings
else
    step "clippy: not installed, skipped"
fi

if [[ $quick = yes ]]; then
    step "unit tests"
    cargo test --locked --workspace --lib --quiet

    step "structure, words and command line"
    cargo test --locked --test architecture --test words --test cli --quiet

    step "some whole-program tests"
    # A renamed test must not go missing here unnoticed.
    known=$(cargo test --locked --test job --quiet -- --list)
    for name in "${quick_tests[@]}"; do
        if ! grep -qx "$name: test" <<<"$known"; then
            echo "tests/run.sh: there is no test $name" >&2
            exit 1
        fi
    done
    cargo test --locked --test job --quiet -- --exact "${quick_tests[@]}"

    step "all passed; tests/run.sh without --quick runs the rest"
    exit 0
fi

step "licenses, sources and duplicates of the dependencies"
cargo deny --locked check --hide-inclusion-graph licenses bans sources

step "documentation of the crates"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

step "tests"
cargo test --locked

step "all passed"
