#!/usr/bin/env bash
# Makes docs/images/before-after.jpg: one frame of the sample clip, its green screen and its matte.
#
# usage: tools/readme_picture.sh [VRSEG]
#
# VRSEG is the program (default: the one on PATH). The clip comes from `./setup.sh`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=${1:-vrseg}
data=${VRSEG_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/vrseg}
sample=$data/samples/sample_180_LR.mp4
frame=60             # of the clip
view=500:330:185:305 # width, height, x and y of the left eye's part that is shown
quality=3            # of ffmpeg's JPEG: 2 is the best, 31 the worst

work=$(mktemp -d "${TMPDIR:-/tmp}/vrseg-picture.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$program" -q "$sample" -o "green=$work/green.mkv" -o "matte:codec=ffv1=$work/matte.mkv" --profile fast \
    --frames $((frame + 1))
mkdir -p docs/images
# JPEG has the matrix of BT.601 and the full range.
part="select=eq(n\\,$frame),crop=$view,scale=out_color_matrix=bt601:out_range=pc,format=yuvj444p"
ffmpeg -v error -y -i "$sample" -i "$work/green.mkv" -i "$work/matte.mkv" -filter_complex "
    [0:v]${part}[source];
    [1:v]${part}[green];
    [2:v]${part}[matte];
    [source][green][matte]hstack=3,format=yuvj420p
    " -frames:v 1 -q:v "$quality" -map_metadata -1 docs/images/before-after.jpg
