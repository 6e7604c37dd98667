#!/usr/bin/env python3
"""How far vrseg is from its floor, measured in one run on one machine.

The floor of a job is what nobody can save: decoding the source, encoding the result, and running
the model on the same number of pictures. Each is measured alone:

* decode:  ffmpeg -i SOURCE -f null -
* encode:  ffmpeg encodes the very frames that vrseg wrote (as raw video), with vrseg's settings
* inference: `cargo bench --bench inference`, ONNX Runtime alone on pictures of the same size

CPU seconds are user + system time of the whole process, as the kernel counts them. They hardly
depend on what else the machine does, which wall-clock seconds on a shared machine do. Memory is
the process's peak resident set.

    benches/floor.py                     1080p (one view, then side by side), 4K and 8K side by side, profile fast
    benches/floor.py --sizes 4k --frames 120 --profile balanced
    benches/floor.py --memory            peak memory against the ffmpeg program's
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES = {"1080p-mono": (1920, 1080), "1080p": (1920, 1080), "4k": (3840, 1920), "8k": (7680, 3840)}
REPOSITORY = Path(__file__).resolve().parent.parent


def measure(command, **options):
    """Runs a command; returns (CPU seconds, wall seconds, peak MiB) and stops where it fails."""
    import time

    start = time.monotonic()
    child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"floor.py: exit code {child.returncode}: {' '.join(map(str, command))}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def photo():
    """A photo of people that `setup.sh --dev` installs."""
    data = os.environ.get("VRSEG_DATA_DIR") or os.path.join(
        os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "vrseg"
    )
    folders = [
        Path(data) / "material/voc",
        Path("/usr/share/doc/labelme-examples/examples/semantic_segmentation/data_dataset_voc"),
    ]
    for folder in folders:
        path = folder / "JPEGImages/2011_000003.jpg"
        if path.is_file():
            return path
    sys.exit("floor.py: no test photos; run ./setup.sh --dev")


def make_clip(path, width, height, frames, stereo):
    """A pan over people with light sensor noise, so that the codecs have something to do."""
    eye = width // 2 if stereo else width
    pan = f"scale={eye}*5/4:{height}*5/4,crop={eye}:{height}:x='(iw-ow)*n/{frames}':y='(ih-oh)/2'"
    stack = ",split[a][b];[a][b]hstack" if stereo else ""
    run = [
        "ffmpeg", "-v", "error", "-y", "-loop", "1", "-framerate", "60", "-i", photo(),
        "-filter_complex", f"[0]{pan}{stack},noise=alls=6:allf=t,format=yuv420p",
        "-frames:v", frames, "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", path,
    ]
    measure(run)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(SIZES), help=f"comma separated: {', '.join(SIZES)}")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--profile", default="fast")
    parser.add_argument("--preset", default="ultrafast")
    parser.add_argument("--crf", default="20")
    parser.add_argument("--repeat", type=int, default=1, help="rounds of all four; the one with the middle ratio is printed")
    parser.add_argument("--vrseg", default=REPOSITORY / "target/release/vrseg", type=Path)
    parser.add_argument("--inference", type=Path, help="an inference bench that is built already")
    parser.add_argument("--memory", action="store_true", help="only vrseg against ffmpeg's decode and encode")
    parser.add_argument("--keep", action="store_true", help="keep the clips")
    args = parser.parse_args()
    if not args.vrseg.is_file():
        sys.exit(f"floor.py: {args.vrseg} is missing; run `cargo build --release` or name it with --vrseg")
    work = Path(tempfile.mkdtemp(prefix="vrseg-floor-"))
    try:
        for size in args.sizes.split(","):
            one_size(size, work, args)
    finally:
        if args.keep:
            print(f"clips are in {work}")
        else:
            shutil.rmtree(work)


def one_size(size, work, args):
    width, height = SIZES[size]
    stereo = size != "1080p-mono"
    source = work / f"{size}{'_180_LR' if stereo else ''}.mp4"
    if not source.is_file():
        make_clip(source, width, height, args.frames, stereo)

    x264 = ["-c:v", "libx264", "-preset", args.preset, "-crf", args.crf]
    out, raw, events = work / "out.mp4", work / "out.yuv", work / "events.json"
    ours = [
        args.vrseg, source, "-y", "--profile", args.profile, "--codec", "h264", "--encoder", "libx264",
        "--preset", args.preset, "--crf", args.crf, "--json", "-o", out,
    ]
    decode = ["ffmpeg", "-v", "error", "-i", source, "-f", "null", "-"]
    encode = [
        "ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}",
        "-r", "60", "-i", raw, *x264, work / "floor.mp4",
    ]
    copy = ["ffmpeg", "-v", "error", "-y", "-i", source, *x264, work / "copy.mp4"]

    def job():
        # Mattes that a run before kept would take work away from the model.
        with tempfile.TemporaryDirectory(dir=work) as cache, open(events, "w", encoding="utf-8") as file:
            cpu, wall, memory = measure(ours, stdout=file, env={**os.environ, "XDG_CACHE_HOME": cache})
        lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
        start, done = (next(e for e in lines if e["type"] == kind) for kind in ("start", "done"))
        return cpu, wall, memory, start, done

    _, _, memory, start, done = job()
    both = measure(copy)
    frames = done["frames"]
    print(f"\n{size}: {width}x{height}, {frames} frames, {start['model']}, {start['device']}")
    print(f"  peak memory: vrseg {memory:.0f} MiB, ffmpeg decode + encode {both[2]:.0f} MiB, "
          f"ratio {memory / both[2]:.2f}")
    if args.memory:
        return
    measure(["ffmpeg", "-v", "error", "-y", "-i", out, "-f", "rawvideo", raw])
    command = [args.inference] if args.inference else ["cargo", "bench", "-q", "--bench", "inference", "--"]
    views, eye = ("2", width // 2) if stereo else ("1", width)
    command += ["--profile", args.profile, "--runs", frames, "--views", views, "--shape", f"{eye}x{height}"]

    def inference():
        text = subprocess.run([str(c) for c in command], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE).stdout
        return json.loads(text.splitlines()[-1])["cpu_seconds"]

    # The parts of a round follow each other within seconds, so that what else the machine does meets all of them.
    rounds = []
    for _ in range(args.repeat):
        cpu, wall, _, _, done = job()
        parts = (measure(decode)[0], measure(encode)[0], inference())
        rounds.append((cpu / sum(parts), cpu, wall, parts, done))
    raw.unlink()
    rounds.sort(key=lambda r: r[0])
    ratio, cpu, wall, parts, done = rounds[len(rounds) // 2]
    names = zip(("decode", "encode", "inference"), parts, strict=True)
    print("  CPU ms/frame: " + " + ".join(f"{name} {1000 * part / frames:.1f}" for name, part in names)
          + f" = floor {1000 * sum(parts) / frames:.1f}")
    print(f"  vrseg: {1000 * cpu / frames:.1f} CPU ms/frame, {frames / wall:.1f} fps, "
          f"{cpu / wall:.2f} of {os.cpu_count()} cores busy")
    print("  stages: " + ", ".join(f"{s['stage']} {s['busy']:.1f}s busy {s['waiting']:.1f}s waiting"
                                  for s in done["stages"]))
    print(f"  ratio to the floor: {ratio:.3f}, the middle of {len(rounds)} round(s) "
          f"from {rounds[0][0]:.3f} to {rounds[-1][0]:.3f}")


if __name__ == "__main__":
    main()
