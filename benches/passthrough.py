#!/usr/bin/env python3
"""What passthrough costs beside a green screen, and beside ffmpeg's own filters, in one run.

* green, passthrough: whole jobs of vrseg in turns, with the same codec settings; the ratio of their CPU seconds
* ffmpeg: both eyes through v360, the matte scaled into discs by six overlays, as converters of this kind do it;
  beside vrseg with mattes that are in its cache, since ffmpeg gets its mattes ready made, too

CPU seconds are user + system time of the whole process. Needs the clips' photo (`setup.sh --dev`).

    benches/passthrough.py                       4K and 8K side by side, profile fast
    benches/passthrough.py --sizes 4k --repeat 5
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from floor import REPOSITORY, SIZES, make_clip, measure


def filters(side):
    """The graph that packs a VR180 source [0] and its matte [1], eyes of `side` x `side`, with the mask [2] of a disc."""
    fisheye = "v360=input=hequirect:output=fisheye:h_fov=180:v_fov=180"
    size = f"w={side}:h={side}"
    eye = lambda n: f"crop={side}:{side}:{n * side}:0,{fisheye}:{size}"
    return (
        f"[0]split[s0][s1];[s0]{eye(0)}[a0];[s1]{eye(1)}[a1];[a0][a1]hstack[v];"
        f"[1]format=gray,split[m0][m1];[m0]{eye(0)}[b0];[m1]{eye(1)}[b1];[b0][b1]hstack,"
        f"scale=iw*0.4:-2:flags=area,format=gray[alpha];[2][alpha]scale2ref[mask][alpha];"
        "[alpha]format=yuv420p[color];[color][mask]alphamerge,split=2[m1][m2];"
        "[m1]crop=iw/2:ih:0:0,split=2[l1][l2];[m2]crop=iw/2:ih:iw/2:0,split=4[r1][r2][r3][r4];"
        "[v][l1]overlay=W*0.5-w*0.5:-0.5*h[a];[a][l2]overlay=W*0.5-w*0.5:H-0.5*h[b];"
        "[b][r1]overlay=0-w*0.5:-0.5*h[c];[c][r2]overlay=0-w*0.5:H-0.5*h[d];"
        "[d][r3]overlay=W-w*0.5:-0.5*h[e];[e][r4]overlay=W-w*0.5:H-0.5*h[out]"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="4k,8k", help=f"comma separated: {', '.join(SIZES)}")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--profile", default="fast")
    parser.add_argument("--preset", default="ultrafast")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; the medians are printed")
    parser.add_argument("--vrseg", default=REPOSITORY / "target/release/vrseg", type=Path)
    args = parser.parse_args()
    if not args.vrseg.is_file():
        sys.exit(f"passthrough.py: {args.vrseg} is missing; run `cargo build --release` or name it with --vrseg")
    with tempfile.TemporaryDirectory(prefix="vrseg-passthrough-") as work:
        for size in args.sizes.split(","):
            one_size(size, Path(work), args)


def one_size(size, work, args):
    width, height = SIZES[size]
    source = work / f"{size}_180_LR.mp4"
    make_clip(source, width, height, args.frames, True)
    x264 = ["-c:v", "libx264", "-preset", args.preset, "-crf", "20"]

    def vrseg(output, cache):
        command = [
            args.vrseg, source, "-y", "-q", "--profile", args.profile, "--codec", "h264", "--encoder", "libx264",
            "--preset", args.preset, "--crf", "20", "-o", output, *cache,
        ]
        return measure(command, env={**os.environ, "XDG_CACHE_HOME": str(work / "cache")})[0]

    green, packed = f"green={work / 'green.mp4'}", f"passthrough={work / 'packed_LR_180_FISHEYE_F180_alpha.mp4'}"
    mattes, mask, theirs = work / "matte.mp4", work / "mask.png", work / "theirs.mp4"
    vrseg(f"matte={mattes}", ["--cache", "on"])
    side = height
    disc = f"color=white:s={width}x{side},format=gray,geq=lum='255*lte(hypot(mod(X\\,{side})+0.5-{side // 2}\\,Y+0.5-{side // 2})\\,{side // 2})'"
    measure(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", disc, "-frames:v", "1", mask])
    graph = [
        "ffmpeg", "-v", "error", "-y", "-i", source, "-i", mattes, "-loop", "1", "-i", mask, "-filter_complex",
        filters(side), "-map", "[out]", "-frames:v", args.frames, "-pix_fmt", "yuv420p", *x264, theirs,
    ]
    rounds = []
    for _ in range(args.repeat):
        rounds.append((
            vrseg(green, ["--no-cache"]), vrseg(packed, ["--no-cache"]),
            vrseg(packed, ["--cache", "on"]), measure(graph)[0],
        ))
    ms = [1000 * statistics.median(column) / args.frames for column in zip(*rounds, strict=True)]
    ratios = [p / g for g, p, _, _ in rounds]
    against = [f / c for _, _, c, f in rounds]
    print(f"{size}: CPU ms a frame: green {ms[0]:.0f}, passthrough {ms[1]:.0f}, with cached mattes {ms[2]:.0f}, "
          f"ffmpeg's filters {ms[3]:.0f}")
    print(f"  passthrough / green: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); "
          f"ffmpeg's filters / vrseg with cached mattes: {statistics.median(against):.2f} "
          f"({min(against):.2f} to {max(against):.2f})")


if __name__ == "__main__":
    main()
