#!/usr/bin/env bash
# Measures seams between segments: the mattes of a job whose workers started mid-video, compared with a
# single run. Prints MAD and dtSSD over the first ten frames of each segment, and over all.
#
#   [SEGMENT_SECONDS=2] tools/seams.sh CLIP [OPTIONS OF vrseg...]
set -euo pipefail
clip=$(realpath "$1")
shift
vrseg=${VRSEG:-vrseg}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
lossless=(--codec ffv1 --segment-seconds "${SEGMENT_SECONDS:-2}")
"$vrseg" "$clip" -q -o matte=whole.mkv "$@" "${lossless[@]}"
"$vrseg" plan "$clip" -o matte=cut.mkv "$@" "${lossless[@]}"
segments=$(grep -c '"warm_up"' cut.mkv.vrseg/plan.json)
# From the last segment to the first, so that no worker has the state before its segment.
for ((n = segments - 1; n >= 0; n--)); do
    "$vrseg" work cut.mkv.vrseg --index "$n" -q
done
"$vrseg" merge cut.mkv.vrseg -q
echo "all frames:"
"$vrseg" eval --pred cut.mkv --truth whole.mkv
for index in $(grep -o '"index": [0-9]*' cut.mkv.vrseg/plan.json | grep -o '[0-9]*' | tail -n +2); do
    for name in cut whole; do
        ffmpeg -v error -y -i $name.mkv -vf "select=between(n\\,$index\\,$((index + 9)))" \
            -fps_mode passthrough -c:v ffv1 "$name-$index.mkv"
    done
    echo "ten frames from frame $index:"
    "$vrseg" eval --pred "cut-$index.mkv" --truth "whole-$index.mkv"
done
