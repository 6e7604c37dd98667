#!/usr/bin/env bash
# Makes docs/images/before-after.jpg: one frame of the sample clip, half as it is, half keyed.
#
# usage: tools/readme_picture.sh [VRSEG]
#
# VRSEG is the program (default: the one on PATH). The clip comes from `./setup.sh`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=${1:-vrseg}
data=${VRSEG_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/vrseg}
sample=$data/samples/sample_180_LR.mp4
second=3.5             # of the clip
view=420:400:250:365    # width, height, x and y of the left eye's part that is shown
width=1200             # pixels of the picture
quality=4              # of ffmpeg's JPEG: 2 is the best, 31 the worst

work=$(mktemp -d "${TMPDIR:-/tmp}/vrseg-picture.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$program" -q "$sample" -o "$work/keyed.mp4" --profile balanced \
    --to "$(awk -v s="$second" 'BEGIN { print s + 0.1 }')"
mkdir -p docs/images
# JPEG has the matrix of BT.601 and the full range.
half="crop=$view,scale=$((width / 2)):-2:flags=lanczos:out_color_matrix=bt601:out_range=pc"
ffmpeg -v error -y -ss "$second" -i "$sample" -ss "$second" -i "$work/keyed.mp4" -filter_complex "
    [0:v]${half}[before];
    [1:v]${half}[after];
    [before][after]hstack,format=yuvj420p
    " -frames:v 1 -q:v "$quality" -map_metadata -1 docs/images/before-after.jpg
