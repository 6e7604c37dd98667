#!/usr/bin/env python3
"""How many machines a job on a cluster is worth: arithmetic on measured times, not a measurement.

    benches/cluster.py                        an hour of 4K, with the times of docs/resume.md
    benches/cluster.py --hours 8 --segment-seconds 5 --network-share 200
    benches/cluster.py --measure CLIP --segment-seconds 20    what a cut job costs here, in CPU seconds

Every worker takes the next task as soon as it is free, as Slurm's arrays do. A task starts (scheduler,
process, network: --start seconds), warms up (15 frames), and makes its segments, each of which reads its
part of the source and writes its part of the output; all workers share the storage's bandwidth. Before
the first task the job is planned (the source is read once, its packets are not decoded) and
submitted, behind the last its parts are joined (read and written once more). Machines differ in speed
by --spread. Prints Markdown.

--measure does the real thing without a scheduler: CLIP in one go, then planned, every task (--each segments) in
a process of its own, and joined. CPU seconds are user + system time as the kernel counts them, which
hardly depend on what else a machine does.
"""

import argparse
import heapq
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM_UP_FRAMES = 15


def tasks(segments, workers, least):
    """Segments of each task: a share of a quarter of what is left, as crates/cluster/src/tasks.rs divides them."""
    left, sizes = segments, []
    while left > 0:
        size = min(left, max(least, left // (4 * workers)))
        sizes.append(size)
        left -= size
    return sizes


def run(args, workers):
    """Seconds of the whole job, of its phases, and the workers' seconds together."""
    frames = args.hours * 3600 * args.fps
    seconds = args.hours * 3600
    segments = max(1, round(seconds / args.segment_seconds))
    per_segment = frames / segments
    # Gigabits to megabytes.
    storage = args.network_share / 8 * 1000
    source, result = args.source_mbit / 8 * seconds, args.result_mbit / 8 * seconds
    plan = source / min(storage, args.plan_rate)
    submit = args.submit
    merge = args.merge_start + 2 * result / min(storage, args.merge_rate)

    # Speeds of machines, spread evenly around 1, however many there are.
    speeds = [1 + args.spread * (2 * (i + 0.5) / workers - 1) for i in range(workers)]
    free = [(0.0, i) for i in range(workers)]
    heapq.heapify(free)
    worked = 0.0
    # What all workers together draw from the storage, if none waited for it.
    mb_per_frame = (source + result) / frames
    sizes = tasks(segments, workers, args.least)
    drawn = min(workers, len(sizes)) * args.worker_fps * mb_per_frame
    slower = max(1.0, drawn / storage)
    for dispatched, size in enumerate(sizes):
        at, i = heapq.heappop(free)
        # The scheduler starts tasks one after the other.
        at = max(at, dispatched * args.dispatch)
        took = args.start + (size * per_segment + WARM_UP_FRAMES) / args.worker_fps / speeds[i] * slower
        worked += took
        heapq.heappush(free, (at + took, i))
    work = max(at for at, _ in free)
    return plan + submit + work + merge, plan + submit, work, merge, worked, slower


def spent(command):
    """Runs a command; returns its CPU seconds and its seconds."""
    start = time.monotonic()
    child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"cluster.py: exit code {child.returncode}: {' '.join(map(str, command))}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start


def measure(args):
    """A job in one go against the same job cut into tasks, each a process."""
    vrseg = [args.vrseg]
    options = ["--no-cache", "--log-file", "off", "-q", *args.options.split()]
    with tempfile.TemporaryDirectory(dir=args.work) as work:
        whole = spent([*vrseg, args.measure, "-o", f"{work}/whole.mp4", "--segment-seconds", "off", *options])
        out, job = f"{work}/cut.mp4", Path(f"{work}/cut.mp4.vrseg")
        parts = [("plan", spent([*vrseg, "plan", args.measure, "-o", out, "--segment-seconds", args.segment_seconds, *options]))]
        segments = len(json.loads((job / "plan.json").read_text())["segments"])
        for first in range(0, segments, args.each):
            task = f"{first}-{min(first + args.each, segments) - 1}"
            parts.append((f"segments {task}", spent([*vrseg, "work", job, "--index", task, "-q"])))
        parts.append(("merge", spent([*vrseg, "merge", job, "--remove", "-q"])))
    print("| step | CPU s | s |\n|---|---|---|")
    for name, (cpu, seconds) in [("in one go", whole), *parts]:
        print(f"| {name} | {cpu:.2f} | {seconds:.2f} |")
    cut = sum(cpu for _, (cpu, _) in parts)
    print(f"\n{segments} segments of about {args.segment_seconds} s: {cut:.1f} CPU seconds, {cut / whole[0]:.3f} times as many as in one go")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--hours", type=float, default=1.0, help="length of the video")
    add("--fps", type=float, default=60.0, help="its frame rate")
    add("--source-mbit", type=float, default=80.0, help="its bit rate, Mbit/s")
    add("--result-mbit", type=float, default=60.0, help="the output's")
    add("--segment-seconds", type=float, default=15.0)
    add("--worker-fps", type=float, default=20.0, help="frames a second of one machine")
    add("--spread", type=float, default=0.3, help="how far machines are faster and slower than that")
    add("--start", type=float, default=1.2, help="seconds until a task's first frame")
    add("--dispatch", type=float, default=0.02, help="seconds between two tasks that the scheduler starts")
    add("--submit", type=float, default=0.1, help="seconds of sbatch")
    add("--plan-rate", type=float, default=900.0, help="MB/s at which a source is planned")
    add("--merge-rate", type=float, default=300.0, help="MB/s at which segments are joined")
    add("--merge-start", type=float, default=0.3)
    add("--network-share", type=float, default=10.0, help="the shared storage's bandwidth, Gbit/s")
    add("--least", type=int, default=2, help="least segments of a task")
    add("--workers", default="1,10,100,1000")
    add("--measure", type=Path, metavar="CLIP", help="run it for real, cut and in one go")
    add("--each", type=int, default=4, help="segments of a task that is measured")
    add("--vrseg", type=Path, default=Path(__file__).resolve().parent.parent / "target/release/vrseg")
    add("--options", default="--profile fast", help="of the job")
    add("--work", help="folder for what is made")
    args = parser.parse_args()
    if args.measure:
        measure(args)
        return
    alone = run(args, 1)[0]
    print("| workers | whole job | plan and submit | work | merge | times as fast | of ideal | storage |")
    print("|---|---|---|---|---|---|---|---|")
    for workers in (int(n) for n in args.workers.split(",")):
        whole, plan, work, merge, _, slower = run(args, workers)
        share = "free" if slower == 1.0 else f"{slower:.1f} times too slow"
        print(f"| {workers} | {clock(whole)} | {clock(plan)} | {clock(work)} | {clock(merge)} | {alone / whole:.1f} | "
              f"{100 * alone / whole / workers:.0f} % | {share} |")


def clock(seconds):
    """12.3 s, 5m12s or 3h05m."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)}m{int(seconds % 60):02}s"
    return f"{int(seconds // 3600)}h{int(seconds % 3600 // 60):02}m"


if __name__ == "__main__":
    main()
