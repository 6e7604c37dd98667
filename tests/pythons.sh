#!/usr/bin/env bash
# Makes the models of the profiles with several Pythons, to check that their checksums are the same.
#
# usage: tests/pythons.sh PYTHON...   such as python3.9 ~/.pyenv/versions/3.13.0/bin/python
#
# Each Python installs into a folder of its own; downloads of models are shared. The runtimes, which do
# not depend on the Python, are installed with the first one only. Needs a network and 2 GB.
set -euo pipefail

[[ $# -gt 0 ]] || { sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/pythons.XXXXXX")
trap 'rm -rf "$work"' EXIT
# As in the binary: only what the installer needs.
mkdir "$work/tools"
cp "$root"/tools/*.py "$root"/tools/*.txt "$work/tools/"

names=(selfie nanodet movenet multiclass rvm u2netp)
runtimes=(onnxruntime)
for python in "$@"; do
    version=$("$python" -c 'import platform; print(platform.python_version())')
    start=$SECONDS
    "$python" -B "$work/tools/install.py" "${names[@]}" "${runtimes[@]}" \
        --data "$work/data" --cache "$work/cache" >"$work/log" 2>&1 ||
        { cat "$work/log" >&2; echo "Python $version: failed" >&2; exit 1; }
    missing=$("$python" -B "$work/tools/install.py" --missing "${names[@]}" "${runtimes[@]}" \
        --data "$work/data")
    [[ -z $missing ]] || { echo "Python $version: not made: $missing" >&2; exit 1; }
    echo "Python $version: ${names[*]} ${runtimes[*]}, checksums as expected, $((SECONDS - start)) s"
    runtimes=()
    rm -rf "$work/data" "$work/cache/venv"
done
