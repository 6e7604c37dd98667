#!/usr/bin/env bash
# Makes crates/bench/src/person.mp4, from which `vrseg bench` makes its clips: one second of a still picture
# with a person, 60 frames, and a soft sound.
#
# usage: tools/bench_material.sh ASTRONAUT.png [OUT.mp4]
#
# The picture is NASA's portrait of Eileen Collins, in the public domain:
# `pip download --no-deps scikit-image==0.26.0` brings it as skimage/data/astronaut.png. It stands on
# the ground of a picture that is wide enough for a turn of the camera; the rest is its own border,
# smeared and blurred.
set -euo pipefail
if [[ $# -lt 1 || $# -gt 2 ]]; then
    echo "usage: $0 ASTRONAUT.png [OUT.mp4]" >&2
    exit 2
fi
out=${2:-$(dirname "${BASH_SOURCE[0]}")/../crates/bench/src/person.mp4}
width=832 height=720 photo=512
x=$(((width - photo) / 2)) y=$((height - photo))

ffmpeg -v error -y -i "$1" -f lavfi -i "anoisesrc=color=pink:sample_rate=48000:amplitude=0.05:seed=1:duration=1" \
    -filter_complex "
        [0:v]format=gbrp,split=3[photo][wide][shape];
        [wide]pad=$width:$height:$x:$y,fillborders=$x:$x:$y:0:mode=smear,gblur=sigma=30[surroundings];
        [shape]format=gray,geq=lum='255*clip(min(min(X,W-1-X),Y)/24,0,1)'[edge];
        [photo][edge]alphamerge[soft];
        [surroundings][soft]overlay=$x:$y:format=rgb,
            scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,setsar=1,
            loop=60:1,fps=60,trim=end_frame=60,setpts=N/60/TB[video]
    " -map '[video]' -map 1:a -c:v libx264 -preset veryslow -crf 20 -c:a aac -b:a 24k -ac 1 \
    -color_primaries bt709 -color_trc bt709 -colorspace bt709 -fflags +bitexact -flags:v +bitexact \
    -map_metadata -1 -f mp4 "$out"
