#!/usr/bin/env python3
"""The same work by vrseg and by others, in one run on one machine.

Same clip, same weights, same encoder settings (libx264, --preset, --crf), one after the other:

* ffmpeg:    the ffmpeg program decodes and encodes, and nothing else: the floor
* vrseg:     a green screen
* python:    a straightforward pipeline of PyAV and onnxruntime: decode to RGB, resize, the network on each
             eye (RVM carries its state, as RVM's own inference.py does), enlarge the matte, blend in RGB, encode
* rembg:     the library `rembg`, picture by picture, on the same frames (with its own network, u2netp,
             whose weights vrseg's u2netp has too)
* backgroundremover: only whether it can be had: it fetches its weights from the network when first used

A peer that isn't installed is left out with a word. Medians of --repeat rounds; in each round all run in turn, so
that what else the machine does meets all of them. CPU is user + system seconds of the process. Starting up
(imports, loading networks) is taken out: the figures are what --frames more frames take after the first four.

    python3 -m venv peers && peers/bin/pip install av onnxruntime numpy pillow rembg
    peers/bin/python benches/peers.py                     RVM on two eyes of 1920x960, 40 frames
    peers/bin/python benches/peers.py --model selfie --size 3840x1920
    peers/bin/python benches/peers.py --model u2netp --frames 10
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("VRSEG_DATA_DIR") or Path(
    os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share", "vrseg"))
# File of the weights, and the network's input for each eye.
MODELS = {
    "rvm": ("rvm_mobilenetv3_m16.onnx", 512),
    "selfie": ("selfie_segmentation.onnx", 512),
    "u2netp": ("u2netp.onnx", 320),
}
GREEN = (0, 177, 64)
# Frames that are run beforehand, to find out what starting up takes.
START = 4


def measure(command, **options):
    """Runs a command; returns wall seconds, CPU seconds, peak MiB."""
    start = time.monotonic()
    child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"peers.py: exit code {child.returncode}: {' '.join(map(str, command))}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def make_clip(path, size, frames):
    """The sample clip of real people, at that size and length."""
    sample = DATA / "samples/sample_180_LR.mp4"
    if not sample.is_file():
        sys.exit(f"peers.py: {sample} is missing; run ./setup.sh")
    width, height = size.split("x")
    measure(["ffmpeg", "-v", "error", "-y", "-i", sample, "-frames:v", frames, "-an", "-vf",
             f"scale={width}:{height}:flags=lanczos,noise=alls=4:allf=t,format=yuv420p",
             "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", path])


# ---- The straightforward pipeline: what one writes on an afternoon. Runs as a process of its own.

def python_pipeline(args):
    import av
    import numpy as np
    import onnxruntime as ort
    from PIL import Image

    weights, side = MODELS[args.model]
    options = ort.SessionOptions()
    session = ort.InferenceSession(str(DATA / "models" / weights), options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    first_output = session.get_outputs()[0].name
    outputs = [o.name for o in session.get_outputs()]
    zero = np.zeros((1, 1, 1, 1), np.float32)
    states = [[zero] * 4, [zero] * 4]
    key = np.array(GREEN, np.float32)

    def matte(eye, index):
        """Opacity of an eye (RGB), as a picture of its size."""
        height, width = eye.shape[:2]
        scale = side / max(width, height)
        small = Image.fromarray(eye).resize((round(width * scale), round(height * scale)), Image.BILINEAR)
        x = np.asarray(small, np.float32)
        if args.model == "u2netp":
            x = (x / max(x.max(), 1) - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        else:
            x = x / 255
        x = np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32)
        if args.model == "rvm":
            feed = {"src": x, **{f"r{i + 1}i": s for i, s in enumerate(states[index])}}
            if "downsample_ratio" in names:
                feed["downsample_ratio"] = np.array([1], np.float32)
            out = dict(zip(outputs, session.run(None, feed)))
            states[index] = [out[f"r{i + 1}o"] for i in range(4)]
            alpha = out["pha"][0, 0]
        else:
            alpha = np.squeeze(session.run([first_output], {names[0]: x})[0])
            if args.model == "u2netp":
                alpha = (alpha - alpha.min()) / max(alpha.max() - alpha.min(), 1e-6)
        return np.asarray(Image.fromarray(alpha.astype(np.float32)).resize((width, height), Image.BILINEAR))

    with av.open(args.clip) as source, av.open(args.out, "w") as target:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        stream = None
        for frame in source.decode(video):
            rgb = frame.to_ndarray(format="rgb24")
            half = rgb.shape[1] // 2
            alpha = np.concatenate([matte(rgb[:, :half], 0), matte(rgb[:, half:], 1)], axis=1)[..., None]
            out = (rgb * alpha + key * (1 - alpha)).clip(0, 255).astype(np.uint8)
            if stream is None:
                stream = target.add_stream("libx264", rate=video.average_rate,
                                           options={"preset": args.preset, "crf": args.crf})
                stream.width, stream.height, stream.pix_fmt = rgb.shape[1], rgb.shape[0], "yuv420p"
            target.mux(stream.encode(av.VideoFrame.from_ndarray(out, format="rgb24")))
        target.mux(stream.encode(None))


def rembg_pipeline(args):
    """rembg's own function on each eye, between the same decoder and encoder."""
    os.environ["U2NET_HOME"] = args.rembg_home
    import av
    import numpy as np
    from PIL import Image
    from rembg import new_session, remove

    session = new_session("u2netp")
    with av.open(args.clip) as source, av.open(args.out, "w") as target:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        stream = None
        for frame in source.decode(video):
            rgb = frame.to_ndarray(format="rgb24")
            half = rgb.shape[1] // 2
            eyes = [remove(Image.fromarray(np.ascontiguousarray(eye)), session=session, bgcolor=(*GREEN, 255))
                    for eye in (rgb[:, :half], rgb[:, half:])]
            out = np.concatenate([np.asarray(eye.convert("RGB")) for eye in eyes], axis=1)
            if stream is None:
                stream = target.add_stream("libx264", rate=video.average_rate,
                                           options={"preset": args.preset, "crf": args.crf})
                stream.width, stream.height, stream.pix_fmt = rgb.shape[1], rgb.shape[0], "yuv420p"
            target.mux(stream.encode(av.VideoFrame.from_ndarray(out, format="rgb24")))
        target.mux(stream.encode(None))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="rvm")
    parser.add_argument("--size", default="1920x960", help="of a frame with both eyes")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--preset", default="veryfast")
    parser.add_argument("--crf", default="20")
    parser.add_argument("--vrseg", default=REPOSITORY / "target/release/vrseg", type=Path)
    parser.add_argument("--json", type=Path, help="write all figures there")
    for hidden in ("--worker", "--clip", "--out", "--rembg-home"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return {"python": python_pipeline, "rembg": rembg_pipeline}[args.worker](args)
    if not args.vrseg.is_file():
        sys.exit(f"peers.py: {args.vrseg} is missing; run `cargo build --release` or name it with --vrseg")
    if not (DATA / "models" / MODELS[args.model][0]).is_file():
        sys.exit(f"peers.py: the weights of {args.model} are missing; run ./setup.sh --all-models")
    with tempfile.TemporaryDirectory(prefix="vrseg-peers-") as work:
        compare(args, Path(work))


def compare(args, work):
    clip, start = work / "clip_180_LR.mp4", work / "start_180_LR.mp4"
    make_clip(clip, args.size, START + args.frames)
    make_clip(start, args.size, START)
    x264 = ["-c:v", "libx264", "-preset", args.preset, "-crf", args.crf]
    out = work / "out.mp4"
    worker = [sys.executable, __file__, "--clip", clip, "--out", out, "--model", args.model,
              "--preset", args.preset, "--crf", args.crf]
    runs = {
        "ffmpeg (no network)": ["ffmpeg", "-v", "error", "-y", "-i", clip, *x264, out],
        # Mattes of the rounds before would be found again.
        "vrseg": [args.vrseg, "-q", "-y", clip, "-o", f"green={out}", "--model", args.model, "--view", "eye", "--no-cache",
                  "--input-size", MODELS[args.model][1], "--device", "cpu", "--codec", "h264", "--encoder", "libx264",
                  "--preset", args.preset, "--crf", args.crf],
    }
    missing = [m for m in ("av", "onnxruntime", "numpy", "PIL") if importlib.util.find_spec(m) is None]
    if missing:
        print(f"python is left out: not installed: {', '.join(missing)}")
    else:
        runs["python (PyAV, onnxruntime)"] = [*worker, "--worker", "python"]
    if args.model == "u2netp" and not missing:
        if importlib.util.find_spec("rembg") is None:
            print("rembg is left out: not installed")
        else:
            # Where rembg looks for its weights: the same file, under the same name.
            shutil.copy(DATA / "models/u2netp.onnx", work / "u2netp.onnx")
            runs["rembg"] = [*worker, "--worker", "rembg", "--rembg-home", work]
    found = {name: [] for name in runs}
    for _ in range(args.repeat):
        for name, command in runs.items():
            env = {**os.environ, "MODEL_CHECKSUM_DISABLED": "1"}
            first = measure([start if word is clip else word for word in command], env=env, stdout=subprocess.DEVNULL)
            whole = measure(command, env=env, stdout=subprocess.DEVNULL)
            found[name].append((whole[0] - first[0], whole[1] - first[1], whole[2]))
    median = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()}
    print(f"\n{args.model}, {args.size}, {args.frames} frames, libx264 {args.preset} crf {args.crf}, "
          f"{os.cpu_count()} cores, medians of {args.repeat}\n")
    print("| | fps | CPU ms a frame | peak MiB | time, vrseg = 1 | CPU, vrseg = 1 |\n|---|---|---|---|---|---|")
    ours = median["vrseg"]
    for name, (wall, cpu, memory) in median.items():
        print(f"| {name} | {args.frames / wall:.2f} | {1000 * cpu / args.frames:.0f} | {memory:.0f} "
              f"| {wall / ours[0]:.2f} | {cpu / ours[1]:.2f} |")
    if args.json:
        args.json.write_text(json.dumps({"runs": found, "frames": args.frames}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
