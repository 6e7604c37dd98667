#!/usr/bin/env python3
"""Makes a small stereo set with ground truth: the set of docs/quality.md.

Usage: stereo_set.py PHOTOS FOLDER [--frames N] [--size PIXELS]

PHOTOS is the folder material/voc of the data folder (JPEGImages and SegmentationClassPNG, as
`./setup.sh --dev` fetches them). For each scene FOLDER gets NAME.mkv, the clip, and
NAME_truth.mkv, its matte: side by side, two square eyes, lossless. People are cut out of the
photos by their masks and put over a background whose disparity grows from the horizon to the
ground; each scene has a disparity of its own for the person. The eyes differ by what a camera
pair differs by: noise of each sensor, and a little exposure. Needs NumPy and ffmpeg.
"""

import argparse
import subprocess
from pathlib import Path

import numpy as np

PERSON = (192, 128, 128)
BLANK = (224, 224, 192)


def load(path):
    """An image as floats 0..1, height x width x 3."""
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", path]
    width, height = map(int, subprocess.check_output(probe, text=True).strip().split(","))
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = np.frombuffer(subprocess.check_output(command), np.uint8)
    return raw.reshape(height, width, 3).astype(np.float32) / 255


def save(path, frames, pixels):
    """Frames of bytes as a lossless video."""
    height, width = frames[0].shape[:2]
    out = "yuv444p" if pixels == "rgb24" else "gray"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", pixels, "-r", "25"]
    command += ["-s", f"{width}x{height}", "-i", "-", "-c:v", "ffv1", "-pix_fmt", out, path]
    subprocess.run(command, input=b"".join(f.tobytes() for f in frames), check=True)


def sample(image, x, y):
    """Bilinear samples; outside the image its edge."""
    height, width = image.shape[:2]
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    top = image[y0, x0] * (1 - fx) + image[y0, x0 + 1] * fx
    return top * (1 - fy) + (image[y0 + 1, x0] * (1 - fx) + image[y0 + 1, x0 + 1] * fx) * fy


def cut_out(photos, name):
    """Color and opacity of the people of a photo, cropped to them."""
    picture = load(photos / "JPEGImages" / f"{name}.jpg")
    labels = (load(photos / "SegmentationClassPNG" / f"{name}.png") * 255).round().astype(int)
    person = (labels == PERSON).all(-1)
    # The outline that VOC leaves open belongs half to the person: soften the mask over it.
    outline = (labels == BLANK).all(-1)
    alpha = person.astype(np.float32)
    for _ in range(3):
        padded = np.pad(alpha, 1, mode="edge")
        mean = sum(padded[i : i + alpha.shape[0], j : j + alpha.shape[1]] for i in range(3) for j in range(3)) / 9
        alpha = np.where(outline, mean, person)
    rows, columns = np.nonzero(person.any(1))[0], np.nonzero(person.any(0))[0]
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return np.concatenate([picture, alpha[..., None]], -1)[box]


def eye(scene, side, time, size, rng):
    """One eye of a frame: color and truth. `side` is -0.5 for the left eye, 0.5 for the right."""
    yy, xx = np.mgrid[:size, :size].astype(np.float32)
    background, person = scene["background"], scene["person"]
    # Far at the horizon, four pixels of 512 at the ground.
    ground = np.clip(yy / size - 0.5, 0, 1) * 8 * size / 512
    scale = background.shape[0] / size / 1.1
    u = (xx - size / 2 + side * ground + scene["pan"] * time) * scale + background.shape[1] / 2
    color = sample(background, u, yy * scale + background.shape[0] * 0.045)
    height = scene["height"] * size
    scale = person.shape[0] / height
    # What is near lies further right in the left eye, further left in the right one.
    x = scene["x"] * size + scene["walk"] * time - side * scene["disparity"] * size / 512
    u = (xx - x) * scale + person.shape[1] / 2
    v = (yy - scene["y"] * size) * scale + person.shape[0] / 2
    inside = (u >= 0) & (u <= person.shape[1] - 1) & (v >= 0) & (v <= person.shape[0] - 1)
    layer = sample(person, u, v) * inside[..., None]
    alpha = layer[..., 3]
    color = color * (1 - alpha[..., None]) + layer[..., :3] * alpha[..., None]
    color = color * (1 + side * 0.03) + rng.normal(0, 0.012, color.shape)
    return (np.clip(color, 0, 1) * 255).round().astype(np.uint8), (alpha * 255).round().astype(np.uint8)


def scenes(photos):
    """Every person on every background at several disparities, sizes and places."""
    people = {n: cut_out(photos, n) for n in ("2011_000003", "2011_000006")}
    # Each person alone, where a photo has several: by columns without anybody.
    singles = []
    for name, cut in people.items():
        empty = ~(cut[..., 3] > 0.5).any(0)
        edges = [0, *(np.nonzero(np.diff(empty.astype(int)))[0] + 1), cut.shape[1]]
        parts = [cut[:, a:b] for a, b in zip(edges, edges[1:]) if b - a > 30 and not empty[a:b].all()]
        for i, part in enumerate(parts):
            rows = np.nonzero((part[..., 3] > 0.5).any(1))[0]
            singles.append((f"{name}_{i}", part[rows[0] : rows[-1] + 1]))
    bus = load(photos / "JPEGImages" / "2011_000025.jpg")
    rng = np.random.default_rng(1)
    grain = rng.random((24, 24, 3)).astype(np.float32)
    yy, xx = np.mgrid[:480, :640].astype(np.float32)
    blobs = 0.25 + 0.5 * sample(grain, xx / 28, yy / 22)
    backgrounds = {"bus": bus, "mirrored": bus[:, ::-1].copy(), "blobs": blobs}
    all_people = list(people.items()) + [s for s in singles if s[0].split("_")[-1] != "0" or len(singles) > 2]
    for i, (who, person) in enumerate(all_people):
        for j, (where, background) in enumerate(backgrounds.items()):
            for k, disparity in enumerate((3.0, 8.5, 17.25)):
                height = (0.45, 0.65, 0.85)[(i + j + k) % 3]
                height = min(height, 0.9 * person.shape[0] / person.shape[1])
                scene = {
                    "person": person,
                    "background": background,
                    "disparity": disparity,
                    "height": height,
                    "x": (0.5, 0.35, 0.6)[(i + k) % 3],
                    "y": 1 - height / 2 - 0.03,
                    "walk": (0.0, 2.0, -1.0)[(i + j) % 3],
                    "pan": (0.0, 0.0, 1.5)[(j + k) % 3],
                }
                yield f"{who}_{where}_{disparity:g}", scene


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, scene in scenes(options.photos):
        rng = np.random.default_rng(sum(name.encode()))
        pictures, truths = [], []
        for time in range(options.frames):
            left = eye(scene, -0.5, time, options.size, rng)
            right = eye(scene, 0.5, time, options.size, rng)
            pictures.append(np.concatenate([left[0], right[0]], 1))
            truths.append(np.concatenate([left[1], right[1]], 1))
        save(options.folder / f"{name}.mkv", pictures, "rgb24")
        save(options.folder / f"{name}_truth.mkv", truths, "gray")
        print(name)


if __name__ == "__main__":
    main()
