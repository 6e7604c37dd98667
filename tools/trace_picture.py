#!/usr/bin/env python3
"""Draws a part of a timeline that `vrseg --trace` wrote as an SVG picture: a row for every thread, its
work in color, its waiting gray."""

import argparse
import json

COLORS = {"decode": "#0f766e", "prepare": "#7c3aed", "infer": "#d97706", "matte": "#2563eb", "compose": "#db2777",
          "encode": "#65a30d", "wait": "#e3e6eb"}
LEFT, WIDTH, ROW, BAR = 96, 1180, 34, 22


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", help="the file that --trace wrote")
    parser.add_argument("svg", help="the picture")
    parser.add_argument("--frames", default="10-30", help="first and last frame, by the encoder (10-30)")
    args = parser.parse_args()
    first, last = (int(n) for n in args.frames.split("-"))
    with open(args.trace, encoding="utf-8") as file:
        events = json.load(file)
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    spans = [e for e in events if e["ph"] == "X"]
    ends = {e["args"]["frame"]: e["ts"] + e["dur"] for e in spans if e["name"] == "encode" and "args" in e}
    start, end = ends[first], ends[min(last, max(ends))]
    scale = WIDTH / (end - start)
    rows = {tid: i for i, tid in enumerate(sorted(names, key=lambda t: (list(COLORS).index(names[t]), t)))}
    height = ROW * len(rows) + 46
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 40} {height}" '
           'font-family="system-ui, sans-serif" font-size="13">',
           f'<rect width="100%" height="{height}" fill="#ffffff"/>']
    for tid, row in rows.items():
        out.append(f'<text x="12" y="{row * ROW + 27}" fill="#1b1f27">{names[tid]}</text>')
    for e in sorted(spans, key=lambda e: e["name"] != "wait"):
        left, right = max(e["ts"], start), min(e["ts"] + e["dur"], end)
        if right <= left:
            continue
        x, w, y = LEFT + (left - start) * scale, (right - left) * scale, rows[e["tid"]] * ROW + 12
        out.append(f'<rect x="{x:.2f}" y="{y}" width="{max(w - 0.4, 0.2):.2f}" height="{BAR}" fill="{COLORS[e["name"]]}"/>')
        frame = e.get("args", {}).get("frame")
        if frame is not None and e["name"] != "wait" and w > 22:
            out.append(f'<text x="{x + w / 2:.2f}" y="{y + 15}" fill="#fff" font-size="11" text-anchor="middle">{frame}</text>')
    for i in range(6):
        x, ms = LEFT + WIDTH * i / 5, (end - start) / 1e3 * i / 5
        out.append(f'<text x="{x:.0f}" y="{height - 10}" fill="#667085" text-anchor="middle">{ms:.0f} ms</text>')
    out.append("</svg>")
    with open(args.svg, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
