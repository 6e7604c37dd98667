#!/usr/bin/env python3
"""How good the mattes are, for each profile, on clips whose mattes are known.

    tools/quality_set.py SET
    benches/quality.py SET                                 every profile and installed model, the reporting half
    benches/quality.py SET --half choose --run fast --run "soft=--profile fast --stabilize 0.9"
    benches/quality.py SET --worst WORST                   and contact sheets of the worst ten

Every clip goes through the whole program, and `vrseg eval` compares its matte with the truth; the
figures are the means over all clips with people, each eye by itself (docs/quality.md defines
them). `nobody` is the share of the frame, in per cent, that is called a person in clips where nobody
is, and the clip that has most of it. `seam` is a 360 degree clip in which somebody crosses the left and right
border, `lost` one that is too dark for the detector in its middle. `--old` measures only the first 19 clips of a
half, as most tables of docs/quality.md do. `CPU` is milliseconds of user and system time of the whole program for
each frame, decoding and encoding included, and `fps` frames per second on the clock: what ten more frames of a clip
take, for a flat and for a side-by-side clip. On a machine that does other things besides only the first means
something.

A run is a profile, a model, or NAME=FLAGS. Mattes are kept nowhere, so that each run pays for its own. Prints
Markdown. Needs numpy, ffmpeg and a build.
"""

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
PROFILES = ["fast", "balanced", "quality"]
METRICS = ["iou", "boundary_f", "mad", "grad", "conn", "dtssd", "flicker"]
GROUPS = {"flat": lambda c: c["lens"] == "flat", "VR": lambda c: c["lens"] != "flat",
          "far": lambda c: c["name"] in ("far", "vr-far", "five"),
          "edge": lambda c: c["name"] in ("vr-edge", "vr-down", "fe-edge"),
          "seam": lambda c: c["name"] == "360-seam", "lost": lambda c: c["name"] == "lost"}
# Clips that --old leaves out.
NEW = ("fe-nobody", "360-nobody", "360-seam", "lost", "edge-enter", "vr-enter", "vr-cross")


def flags_of(run):
    """Name and flags of a run."""
    name, equals, flags = run.partition("=")
    if equals:
        return name, shlex.split(flags)
    return name, ["--profile" if name in PROFILES else "--model", name]


def models(vrseg):
    """Names of the installed models that make mattes."""
    listed = json.loads(call([vrseg, "models", "--json"]))
    return [m["name"] for m in listed if m["state"] != "missing" and m["kind"] != "detector"]


def call(command):
    """Runs a program and returns what it printed."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          env={**os.environ, "VRSEG_PROCESSING_CACHE": "off"})
    if done.returncode:
        sys.exit(f"quality.py: {' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def layout_of(clip):
    """Stereo layout of a clip."""
    return "mono" if clip["lens"] in ("flat", "equirect") else "sbs"


def matte_of(args, clip, flags, out, *more):
    """Makes a clip's matte."""
    source = args.set / clip["half"] / f"{clip['name']}.mkv"
    lens = ["--layout", layout_of(clip), "--projection", clip["lens"]]
    call([args.vrseg, "-q", source, "-o", f"matte={out}", "-y", "--codec", "ffv1", "--device", args.device, *lens, *flags, *more])


def measure(args, clip, flags, out):
    """The scores of a clip."""
    if not (args.keep and out.is_file()):
        matte_of(args, clip, flags, out)
    truth = args.set / clip["half"] / f"{clip['name']}_truth.mkv"
    command = [args.vrseg, "eval", "--pred", out, "--truth", truth, "--layout", layout_of(clip), "--json"]
    scores = json.loads(call(command))["scores"]
    if not clip["people"]:
        scores["nobody"] = 100 * float(np.mean(gray(out, clip["size"]) >= 128))
    return scores


def gray(path, size):
    """Frames of a video, u8 [n, height, width]."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run([str(c) for c in command], check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0])


def timed(args, clip, flags, out):
    """CPU milliseconds and frames per second of a clip."""
    def spent(frames):
        usage, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        matte_of(args, clip, flags, out, "--frames", frames)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime, time.monotonic() - start
    few, all_ = spent(2), spent(clip["frames"])
    more = clip["frames"] - 2
    return 1000 * (all_[0] - few[0]) / more, more / max(all_[1] - few[1], 1e-3)


def mean(scores, metric, where=lambda _: True):
    """Mean of a metric over the clips with people that `where` takes."""
    values = [s[metric] for c, s in scores if c["people"] and where(c) and s.get(metric) is not None]
    return float(np.mean(values)) if values else float("nan")


def sheet(args, name, scores, folder):
    """The worst ten: the middle frame, its matte as it was found and as it is, as one PNG each run."""
    worst = sorted(((s["iou"], c) for c, s in scores), key=lambda pair: pair[0])[:10]
    tiles = []
    for _, clip in worst:
        width, height = clip["size"]
        source = args.set / clip["half"] / clip["name"]
        found = args.work / name / f"{clip['name']}.mkv"
        command = ["ffmpeg", "-v", "error", "-y"]
        for path in (f"{source}.mkv", found, f"{source}_truth.mkv"):
            command += ["-i", path]
        parts = "".join(f"[{i}]select=eq(n\\,7),scale=-2:180,format=rgb24[p{i}];" for i in range(3))
        command += ["-filter_complex", parts + "[p0][p1][p2]hstack=3,pad=1200:180", "-frames:v", "1", "-f", "rawvideo", "-"]
        tiles.append(subprocess.run([str(c) for c in command], check=True, capture_output=True).stdout)
    picture = b"".join(tiles)
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"1200x{180 * len(tiles)}", "-i", "-",
               folder / f"{name}.png"]
    subprocess.run([str(c) for c in command], input=picture, check=True)
    print(f"{name}, from the worst: " + ", ".join(f"{c['name']} {iou:.2f}" for iou, c in worst), file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path, help="folder that tools/quality_set.py made")
    parser.add_argument("--half", choices=["choose", "report"], default="report")
    parser.add_argument("--run", action="append", help="a profile, a model, or NAME=FLAGS; may be given several times")
    parser.add_argument("--clips", help="only these, separated by commas")
    parser.add_argument("--old", action="store_true", help="only the first 19 clips of a half")
    parser.add_argument("--work", type=Path, help="folder for the mattes (SET/mattes/HALF)")
    parser.add_argument("--keep", action="store_true", help="measure mattes that are there already")
    parser.add_argument("--worst", type=Path, help="folder for contact sheets of the worst ten")
    parser.add_argument("--no-times", action="store_true", help="leave out the times")
    parser.add_argument("--vrseg", default=REPOSITORY / "target/release/vrseg", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write all figures there")
    args = parser.parse_args()
    if not args.vrseg.is_file():
        sys.exit(f"quality.py: {args.vrseg} is missing; run `cargo build --release` or name it with --vrseg")
    clips = [c for c in json.loads((args.set / "set.json").read_text(encoding="utf-8"))["clips"] if c["half"] == args.half]
    if args.clips:
        clips = [c for c in clips if c["name"] in args.clips.split(",")]
    if args.old:
        clips = [c for c in clips if c["name"] not in NEW]
    groups = {name: where for name, where in GROUPS.items() if any(c["people"] and where(c) for c in clips)}
    args.work = args.work or args.set / "mattes" / args.half
    everything = {}
    print("| run | IoU | boundary F | MAD | Grad | Conn | dtSSD | flicker | " + " | ".join(f"IoU {g}" for g in groups)
          + " | nobody, % | CPU ms flat | VR | fps flat | VR |")
    print("|---|" + "---|" * (len(METRICS) + len(groups) + 5), flush=True)
    for run in args.run or PROFILES + models(args.vrseg):
        name, flags = flags_of(run)
        folder = args.work / name
        folder.mkdir(parents=True, exist_ok=True)
        scores = [(clip, measure(args, clip, flags, folder / f"{clip['name']}.mkv")) for clip in clips]
        times = []
        for lens in () if args.no_times else ("flat", "hequirect"):
            times.append(timed(args, next(c for c in clips if c["lens"] == lens and c["people"]), flags, folder / "timed.mkv"))
        digits = {"iou": 3, "boundary_f": 3, "dtssd": 2, "grad": 2, "conn": 2}
        cells = [f"{mean(scores, m):.{digits.get(m, 1)}f}" for m in METRICS]
        cells += [f"{mean(scores, 'iou', where):.3f}" for where in groups.values()]
        empty = [(s["nobody"], c["name"]) for c, s in scores if "nobody" in s]
        worst = "{1} {0:.1f}".format(*max(empty)) if empty else ""
        cells.append(f"{np.mean([share for share, _ in empty]):.2f} ({worst})" if empty else "")
        cells += [f"{t[0]:.0f}" for t in times] + [f"{t[1]:.1f}" for t in times] if times else [""] * 4
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        everything[name] = {"flags": flags, "clips": {c["name"]: s for c, s in scores}, "cpu_ms_and_fps": times}
        if args.worst:
            args.worst.mkdir(parents=True, exist_ok=True)
            sheet(args, name, scores, args.worst)
    if args.json:
        args.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
