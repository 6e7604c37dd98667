#!/usr/bin/env bash
# Makes a short VR180 side-by-side clip of real people out of two photos, with the ffmpeg program.
#
# usage: make_sample.sh PHOTO PHOTO OUT.mp4
#
# Each photo is placed in the middle of a half equirectangular picture; the rest is the photo's own
# border, smeared and blurred. A turn of the camera is a horizontal shift in this projection, and so
# is the difference between the eyes. Light noise stands for a camera's sensor; the sound is a soft
# tone over pink noise. There is one cut, between the photos.
set -euo pipefail

if [[ $# -ne 3 ]]; then
    echo "usage: $0 PHOTO PHOTO OUT.mp4" >&2
    exit 2
fi
out=$3

eye=960          # pixels of one eye, each way: 180 degrees
photo_width=860  # pixels of an eye that a photo takes
feather=20       # pixels over which it melts into its surroundings
disparity=6      # pixels between the eyes
rate=30          # frames a second
frames=75        # for each photo; the camera turns by one pixel a frame
scale=2          # pictures are made this much larger, so that shifts are finer than a pixel

work=$(mktemp -d "${TMPDIR:-/tmp}/vrseg-sample.XXXXXX")
trap 'rm -rf "$work"' EXIT

big_photo=$((photo_width * scale))
big_eye=$((eye * scale))
big_width=$(((eye + frames + disparity) * scale))
length=$(awk -v n="$frames" -v r="$rate" 'BEGIN { print 2 * n / r }')

# surround PHOTO OUT.png: the photo in the middle of a picture that is an eye high and wide enough
# for the turn of the camera.
surround() {
    local height border_x border_y
    height=$(ffprobe -v error -select_streams v:0 -show_entries stream=width,height -of csv=p=0 \
        "$1" | awk -F, -v w="$big_photo" '{ print int(w * $2 / $1 / 2) * 2 }')
    border_x=$(((big_width - big_photo) / 2))
    border_y=$(((big_eye - height) / 2))
    ffmpeg -v error -y -i "$1" -filter_complex "
        [0:v]scale=$big_photo:$height:flags=lanczos,format=gbrp,split=3[photo][wide][shape];
        [wide]pad=$big_width:$big_eye:$border_x:$border_y,
            fillborders=$border_x:$border_x:$border_y:$border_y:mode=smear,
            gblur=sigma=60[surroundings];
        [shape]format=gray,
            geq=lum='255*clip(min(min(X,W-1-X),min(Y,H-1-Y))/$((feather * scale)),0,1)'[edge];
        [photo][edge]alphamerge[soft];
        [surroundings][soft]overlay=$border_x:$border_y:format=rgb,format=rgb24
        " -frames:v 1 "$2"
}

# eyes INPUT LEFT_X RIGHT_X: filters that make both eyes of one shot, seen from these positions.
eyes() {
    local view="crop=$big_eye:$big_eye" down="scale=$eye:$eye:flags=area"
    echo "[$1:v]scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,loop=$((frames - 1)):1,setpts=N/$rate/TB,split[left$1][right$1];"
    echo "[left$1]$view:x='$2':y=0,${down}[l$1];"
    echo "[right$1]$view:x='$3':y=0,${down}[r$1];"
    echo "[l$1][r$1]hstack,setsar=1[shot$1];"
}

surround "$1" "$work/first.png"
surround "$2" "$work/second.png"

shift=$((disparity * scale))
last=$(((frames - 1) * scale))
ffmpeg -v error -y -framerate "$rate" -i "$work/first.png" -framerate "$rate" -i "$work/second.png" \
    -filter_complex "
        $(eyes 0 "n*$scale" "n*$scale+$shift")
        $(eyes 1 "$last-n*$scale" "$last-n*$scale+$shift")
        [shot0][shot1]concat,noise=alls=4:allf=t,format=yuv420p[video];
        sine=frequency=220:sample_rate=48000:duration=$length,volume=0.25[tone];
        anoisesrc=color=pink:sample_rate=48000:amplitude=0.05:seed=1:duration=${length}[noise];
        [tone][noise]amix=inputs=2:normalize=0,aformat=channel_layouts=stereo[audio]
    " -map '[video]' -map '[audio]' \
    -c:v libx264 -preset medium -crf 20 -c:a aac -b:a 128k \
    -color_primaries bt709 -color_trc bt709 -colorspace bt709 \
    -metadata title='vrseg sample, VR180 side by side' -movflags +faststart \
    -f mp4 "$work/sample.mp4"
mkdir -p "$(dirname "$out")"
mv "$work/sample.mp4" "$out"
