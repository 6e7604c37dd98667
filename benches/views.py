#!/usr/bin/env python3
"""How well people are found by the angle at which they stand, for each model and `--view`.

    tools/vr_test_set.py SET
    benches/views.py SET                                selfie, rvm and blazepose, every view
    benches/views.py SET --runs rvm:fisheye,selfie:fisheye:768 --json views.json

All pictures of the set go through the whole program as one clip, without calming over time. Networks
that remember see each for four frames, and the last matte is compared with the truth: they forget at
a cut and settle over the first frames. Figures are intersection over union at half opacity, each eye by itself, over the whole eye:
what was wrongly found elsewhere counts too. `nobody` is the share of an eye that is called a person
where nobody is, in per cent. `CPU` is milliseconds of user and system time of the whole program for
each frame (both eyes) of a 3840x1920 clip, decoding and encoding included: what 20 more frames take.

A run is MODEL:VIEW[:INPUT_SIZE]. Prints Markdown. Needs numpy, ffmpeg and `cargo build --release`.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
RUNS = [f"{m}:{v}" for m in ("selfie", "rvm", "blazepose") for v in ("eye", "fisheye", "rectilinear")]
FRAMES = 4
RATE = 30
# Networks that remember.
RECURRENT = ["rvm"]


def ffmpeg(*args, given=b""):
    """Runs ffmpeg, which is `given` something to read, and returns what it wrote to its standard output."""
    command = ["ffmpeg", "-v", "error", "-y", *(str(a) for a in args)]
    return subprocess.run(command, check=True, capture_output=True, input=given).stdout


def gray_frames(path, size):
    """Frames of a picture or video as u8 [n, height, width]."""
    raw = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "gray", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0])


def eyes(frame, layout):
    """The parts of a frame."""
    height, width = frame.shape
    if layout == "mono":
        return [frame]
    return [frame[:, :width // 2], frame[:, width // 2:]] if layout == "sbs" else \
        [frame[:height // 2], frame[height // 2:]]


def iou(found, truth):
    """Intersection over union at half opacity."""
    found, truth = found >= 128, truth >= 128
    union = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / union if union else 1.0


def mattes(args, told, run, work):
    """The matte of each picture."""
    model = run.split(":")[0]
    frames = FRAMES if model in RECURRENT else 1
    clip, matte = work / f"{frames}.mkv", work / "matte.mkv"
    if not clip.exists():
        pictures = b"".join((args.set / entry["frame"]).read_bytes() * frames for entry in told["pictures"])
        ffmpeg("-f", "image2pipe", "-framerate", RATE, "-c:v", "png", "-i", "-", "-pix_fmt", "yuv420p",
               "-c:v", "ffv1", clip, given=pictures)
    vrseg(args, told, run, clip, matte, "--stabilize", 0)
    found = gray_frames(matte, frame_size(told))
    assert len(found) == frames * len(told["pictures"]), "a matte for every frame"
    return found[frames - 1::frames]


def vrseg(args, told, run, source, out, *more):
    """Runs the program; returns its last event."""
    model, view, *size = run.split(":")
    projection = told["projection"]
    command = [args.vrseg, source, "-o", f"matte={out}", "-y", "--json", "--codec", "ffv1", "--model", model,
               "--view", view, "--layout", told["layout"], "--projection", projection, "--device", args.device,
               *(["--fov", told["fov"]] if projection == "fisheye" else []),
               *(["--input-size", size[0]] if size else []), *more]
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"views.py: {' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def frame_size(told):
    """Width and height of a frame."""
    width, height = told["eye"]
    return {"mono": (width, height), "sbs": (2 * width, height), "tb": (width, 2 * height)}[told["layout"]]


def measure(args, told, run, work):
    """Figures of a run: {(sweep, angle): [IoU ...]}, share of false persons."""
    found, nobody = {}, []
    for entry, last in zip(told["pictures"], mattes(args, told, run, work)):
        truth = gray_frames(args.set / entry["matte"], frame_size(told))[0]
        if not entry["people"]:
            nobody += [100 * np.mean(eye >= 128) for eye in eyes(last, told["layout"])]
            continue
        figures = [iou(*pair) for pair in zip(eyes(last, told["layout"]), eyes(truth, told["layout"]))]
        found.setdefault((entry["sweep"], entry["angle"]), []).append((entry["size"], entry["name"], figures))
    return found, nobody


def timed(args, told, run, source, work):
    """CPU milliseconds for a frame."""
    def cpu(frames):
        def spent():
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime
        before = spent()
        vrseg(args, told, run, source, work / "timed.mkv", "--frames", frames)
        return spent() - before
    return 1000 * (cpu(24) - cpu(4)) / 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path, help="folder that tools/vr_test_set.py made")
    parser.add_argument("--runs", default=",".join(RUNS), help="MODEL:VIEW[:INPUT_SIZE], separated by commas")
    parser.add_argument("--angles", help="only people at these angles, separated by commas")
    parser.add_argument("--vrseg", default=REPOSITORY / "target/release/vrseg", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--no-times", action="store_true", help="leave out the times")
    args = parser.parse_args()
    if not args.vrseg.is_file():
        sys.exit(f"views.py: {args.vrseg} is missing; run `cargo build --release` or name it with --vrseg")
    told = json.loads((args.set / "set.json").read_text(encoding="utf-8"))
    if args.angles:
        angles = [int(a) for a in args.angles.split(",")]
        told["pictures"] = [e for e in told["pictures"] if not e["people"] or e["angle"] in angles]
    columns = sorted({(e["sweep"], e["angle"]) for e in told["pictures"] if e["people"]},
                     key=lambda c: (["longitude", "down", "up", "corner"].index(c[0]), c[1]))
    everything = {}
    with tempfile.TemporaryDirectory(prefix="vrseg-views-") as work:
        work = Path(work)
        clip = work / "large.mkv"
        if not args.no_times:
            ffmpeg("-loop", 1, "-framerate", RATE, "-i", args.set / told["pictures"][-1]["frame"], "-frames:v", 24,
                   "-vf", "scale=3840:1920", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", clip)
        names = [f"{sweep} {angle}" for sweep, angle in columns]
        print("| model, view | mean | near | far | " + " | ".join(names) + " | nobody, % | CPU, ms |")
        print("|---|" + "---|" * (len(names) + 5), flush=True)
        for run in args.runs.split(","):
            found, nobody = measure(args, told, run, work)
            rows = [r for c in columns for r in found[c]]
            mean = lambda some: np.mean([np.mean(figures) for _, _, figures in some]) if some else float("nan")
            cpu = None if args.no_times else timed(args, told, run, clip, work)
            everything[run] = {
                "mean": mean(rows), "nobody_percent": float(np.mean(nobody or [0])), "cpu_ms": cpu,
                "pictures": {name: figures for _, name, figures in rows},
            }
            cells = [f"{mean(rows):.3f}", *(f"{mean([r for r in rows if r[0] == s]):.2f}" for s in ("near", "far")),
                     *(f"{mean(found[c]):.2f}" for c in columns), f"{np.mean(nobody or [0]):.1f}",
                     "" if cpu is None else f"{cpu:.0f}"]
            print(f"| {run.replace(':', ', ')} | " + " | ".join(cells) + " |", flush=True)
    if args.json:
        args.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
