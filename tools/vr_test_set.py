#!/usr/bin/env python3
"""Makes stereo VR pictures of people whose mattes are known to the pixel.

    tools/vr_test_set.py OUT                           the set that docs/ quotes figures from
    tools/vr_test_set.py OUT --projection fisheye:190 --layout tb --eye 512 --limit 4

People are cut out of VOC's photos by VOC's masks (`setup.sh --dev` fetches them) and set onto the
sphere around the camera: the photo is a plane that touches the sphere at the person's middle
(gnomonic placement), as a camera that looks that way would have seen it. Behind them is a room
whose walls and floor are the parts of the photos that show nobody. Every pixel of the picture is
the mean of --samples x --samples rays, picture and matte alike, so the matte is exact whatever the
projection. Nothing is random: the same call makes the same files.

The two eyes are the same sphere, turned about the vertical axis by `disparity` degrees for the
person and less for the room. In an equirectangular picture that is a horizontal shift: what is at
column x of the right eye is at x + disparity_pixels of the left one, for a whole number of pixels.

OUT holds

    set.json            what follows, one entry for each picture in "pictures"
    frames/NAME.png     the picture, 8-bit RGB, both eyes
    mattes/NAME.png     its matte, 8-bit gray, 255 person

Needs numpy and the ffmpeg program.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# VOC's palette: the class "person".
PERSON = (192, 128, 128)

# Where people are put: (sweep, angle, longitude, latitude) in degrees, right and up are positive.
# Sides alternate, so that neither is favored. "down" is where a viewer sees who sits before them.
PLACES = [
    ("longitude", 0, 0, 0),
    ("longitude", 20, 20, 0),
    ("longitude", 40, -40, 0),
    ("longitude", 60, 60, 0),
    ("longitude", 80, -80, 0),
    ("down", 20, 0, -20),
    ("down", 40, 0, -40),
    ("down", 60, 0, -60),
    ("down", 80, 0, -80),
    ("up", 20, 0, 20),
    ("up", 40, 0, 40),
    ("up", 60, 0, 60),
    ("up", 80, 0, 80),
    ("corner", 20, -20, -20),
    ("corner", 40, 40, -40),
    ("corner", 60, -60, -60),
]
# Angular heights of a person: at arm's length, and at the other end of a table.
HEIGHTS = {"near": 50.0, "far": 25.0}


@dataclass
class Person:
    """A cut-out: `box` (left, top, right, bottom) of a photo, with nobody else in it."""

    name: str
    photo: str
    box: tuple


PEOPLE = [Person("man", "2011_000003", (185, 100, 320, 332)), Person("women", "2011_000006", (88, 104, 376, 334))]

# The room: half width, half depth, height of the ceiling above and depth of the floor below the
# camera, in metres.
ROOM = (2.6, 3.2, 1.4, 1.3)
# Parts of photos (left, top, right, bottom) that show nobody.
PAPER = {
    "planks": ("2011_000003", (0, 0, 184, 200)),
    "hearth": ("2011_000003", (20, 228, 184, 335)),
    "panels": ("2011_000006", (0, 0, 88, 200)),
    "beam": ("2011_000006", (180, 0, 395, 80)),
    "armchair": ("2011_000006", (385, 235, 500, 375)),
    "bus": ("2011_000025", (90, 20, 500, 375)),
    "street": ("2011_000025", (0, 0, 500, 375)),
    "asphalt": ("2011_000025", (0, 335, 90, 375)),
}
# What the front, back, left and right wall, the floor and the ceiling of each room are papered
# with, and by how many degrees the room is turned.
ROOMS = [
    (("planks", "street", "panels", "bus", "hearth", "beam"), 0.0),
    (("panels", "planks", "armchair", "street", "asphalt", "beam"), 75.0),
    (("bus", "panels", "street", "planks", "armchair", "asphalt"), 160.0),
    (("street", "armchair", "planks", "panels", "planks", "asphalt"), 250.0),
]
PIXELS_PER_METRE = 170.0

# Degrees between the eyes: a person at 2 m and a wall at 4.5 m, for eyes 64 mm apart.
DISPARITY = (1.8, 0.8)


def photo_folder():
    """Where `setup.sh --dev` puts the photos."""
    data = os.environ.get("VRSEG_DATA_DIR") or os.path.join(
        os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "vrseg"
    )
    for folder in [
        Path(data) / "material/voc",
        Path("/usr/share/doc/labelme-examples/examples/semantic_segmentation/data_dataset_voc"),
    ]:
        if (folder / "JPEGImages/2011_000003.jpg").is_file():
            return folder
    sys.exit("vr_test_set.py: no test photos; run ./setup.sh --dev")


def read_rgb(path):
    """A picture as f32 [height, width, 3], 0..255."""
    size = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height",
         "-of", "csv=p=0", path], check=True, capture_output=True, text=True).stdout
    width, height = (int(n) for n in size.split(",")[:2])
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(height, width, 3).astype(np.float32)


def write_png(path, pixels):
    """Writes u8 [height, width] (gray) or [height, width, 3]."""
    kind = "gray" if pixels.ndim == 2 else "rgb24"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", kind, "-s",
               f"{pixels.shape[1]}x{pixels.shape[0]}", "-i", "-", "-pix_fmt", kind, path]
    subprocess.run([str(c) for c in command], check=True, input=pixels.tobytes())


def bilinear(image, x, y):
    """Samples of `image` [height, width, channels] at pixel centers (0, 0) .. (w - 1, h - 1)."""
    height, width = image.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    x0, y0 = np.minimum(x.astype(np.int32), width - 2), np.minimum(y.astype(np.int32), height - 2)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    top = image[y0, x0] * (1 - fx) + image[y0, x0 + 1] * fx
    bottom = image[y0 + 1, x0] * (1 - fx) + image[y0 + 1, x0 + 1] * fx
    return top * (1 - fy) + bottom * fy


def rays(projection, fov, width, height):
    """Unit directions [height, width, 3] of pixel centers: x right, y down, z forward; and which of
    them a lens sees."""
    u = ((2 * np.arange(width) + 1) / width - 1).astype(np.float32)[None, :]
    v = ((2 * np.arange(height) + 1) / height - 1).astype(np.float32)[:, None]
    if projection == "fisheye":
        radius = np.hypot(u, v)
        theta = radius * np.radians(fov) / 2
        across = np.sin(theta) / np.maximum(radius, 1e-9)
        d = np.stack([u * across, v * across, np.cos(theta)], axis=-1)
        return d, radius <= 1
    lon = u * (np.pi if projection == "equirect" else np.pi / 2)
    lat = v * np.pi / 2
    d = np.stack([np.cos(lat) * np.sin(lon), np.sin(lat) + 0 * lon, np.cos(lat) * np.cos(lon)], axis=-1)
    return d, np.ones((height, width), bool)


def turned(d, degrees):
    """Directions as seen by somebody who has turned to the right by `degrees`."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.stack([d[..., 0] * c - d[..., 2] * s, d[..., 1], d[..., 0] * s + d[..., 2] * c], axis=-1)


def mirrored(t, size):
    """A coordinate folded into 0..size - 1, back and forth."""
    span = max(size - 1, 1)
    t = np.mod(t, 2 * span)
    return np.where(t > span, 2 * span - t, t)


class Scene:
    """The room, the cut-outs and the photos they are made of."""

    def __init__(self, folder):
        names = {p.photo for p in PEOPLE} | {photo for photo, _ in PAPER.values()}
        photos = {n: read_rgb(folder / f"JPEGImages/{n}.jpg") for n in sorted(names)}
        self.paper = {name: photos[photo][t:b, l:r] for name, (photo, (l, t, r, b)) in PAPER.items()}
        self.people = {}
        for person in PEOPLE:
            mask = read_rgb(folder / f"SegmentationClassPNG/{person.photo}.png")
            mask = np.all(mask == np.array(PERSON, np.float32), axis=-1)
            left, top, right, bottom = person.box
            mask = mask[top:bottom, left:right]
            # An empty border, so that the cut-out ends inside its box.
            mask = np.pad(mask, 2).astype(np.float32)
            color = np.pad(photos[person.photo][top:bottom, left:right], ((2, 2), (2, 2), (0, 0)), mode="edge")
            self.people[person.name] = np.concatenate([color, 255 * mask[..., None]], axis=-1)

    def room(self, number, d):
        """Color [..., 3] of a room in directions `d`."""
        papers, turn = ROOMS[number]
        d = turned(d, turn)
        half_x, half_z, up, down = ROOM
        with np.errstate(divide="ignore", invalid="ignore"):
            to_x = half_x / np.abs(d[..., 0])
            to_z = half_z / np.abs(d[..., 2])
            to_y = np.where(d[..., 1] > 0, down, up) / np.abs(d[..., 1])
        near = np.minimum(np.minimum(to_x, to_y), to_z)
        point = d * near[..., None]
        color = np.zeros(d.shape, np.float32)
        wall_x, wall_z = (near == to_x), (near == to_z)
        flat = ~wall_x & ~wall_z
        sides = [
            (wall_z & (d[..., 2] > 0), 0, 1), (wall_z & (d[..., 2] <= 0), 0, 1),
            (wall_x & ~wall_z & (d[..., 0] <= 0), 2, 1), (wall_x & ~wall_z & (d[..., 0] > 0), 2, 1),
            (flat & (d[..., 1] > 0), 0, 2), (flat & (d[..., 1] <= 0), 0, 2),
        ]
        for paper, (where, across, along) in zip(papers, sides):
            image = self.paper[paper]
            x = mirrored((point[where][:, across] + 7.0) * PIXELS_PER_METRE, image.shape[1])
            y = mirrored((point[where][:, along] + up) * PIXELS_PER_METRE, image.shape[0])
            color[where] = bilinear(image, x, y)
        return color

    def person(self, name, d, lon, lat, height):
        """Color and coverage [..., 4], 0..255, of a person `height` degrees high at (lon, lat), in
        directions `d`; and where they are other than nothing."""
        image = self.people[name]
        rows, columns = image.shape[:2]
        focal = (rows - 4) / 2 / np.tan(np.radians(height) / 2)
        lon, lat = np.radians(lon), np.radians(lat)
        center = (np.cos(lat) * np.sin(lon), -np.sin(lat), np.cos(lat) * np.cos(lon))
        right = (np.cos(lon), 0.0, -np.sin(lon))
        below = (np.sin(lat) * np.sin(lon), np.cos(lat), np.sin(lat) * np.cos(lon))
        dot = lambda a: d[..., 0] * a[0] + d[..., 1] * a[1] + d[..., 2] * a[2]
        ahead = dot(center)
        seen = ahead > 0.2
        depth = np.where(seen, ahead, 1)
        x = focal * dot(right) / depth + (columns - 1) / 2
        y = focal * dot(below) / depth + (rows - 1) / 2
        seen &= (x > 0) & (x < columns - 1) & (y > 0) & (y < rows - 1)
        out = np.zeros(d.shape[:-1] + (4,), np.float32)
        out[seen] = bilinear(image, x[seen], y[seen])
        return out


def reduced(image, samples):
    """Means of samples x samples blocks."""
    height, width = image.shape[0] // samples, image.shape[1] // samples
    return image.reshape(height, samples, width, samples, -1).mean(axis=(1, 3))


class Eyes:
    """Renders pictures of one geometry; keeps the rooms that it has rendered."""

    def __init__(self, scene, args):
        self.scene, self.args = scene, args
        self.fov = 180.0
        self.projection = args.projection
        if self.projection.startswith("fisheye"):
            self.projection, _, fov = args.projection.partition(":")
            self.fov = float(fov or 180)
        if self.projection not in ("hequirect", "equirect", "fisheye"):
            sys.exit(f"vr_test_set.py: --projection {args.projection}: hequirect, equirect or fisheye[:FOV]")
        self.height = args.eye
        self.width = 2 * args.eye if self.projection == "equirect" else args.eye
        # Whole pixels, where a turn of the camera is a shift.
        degrees = 360.0 if self.projection == "equirect" else self.fov
        self.pixel = degrees / self.width
        self.disparity = [max(1, round(d / self.pixel)) if args.layout != "mono" else 0 for d in DISPARITY]
        s = args.samples
        self.directions, self.inside = rays(self.projection, self.fov, self.width * s, self.height * s)
        self.inside = reduced(self.inside[..., None].astype(np.float32), s)
        self.rooms = {}

    def eye(self, entry, side):
        """Color u8 [h, w, 3] and matte u8 [h, w] of the left (-1), right (1) or only (0) eye."""
        s = self.args.samples
        # What is near lies further right for the left eye: that eye looks from further left.
        near, far = (side * n * self.pixel / 2 for n in self.disparity)
        key = (entry["room"], side)
        if key not in self.rooms:
            self.rooms[key] = reduced(self.scene.room(entry["room"], turned(self.directions, far)), s)
        color, matte = self.rooms[key], np.zeros((self.height, self.width, 1), np.float32)
        for person in entry["people"]:
            sample = self.scene.person(person["name"], turned(self.directions, near), person["longitude"],
                                       person["latitude"], person["height"])
            cover = sample[..., 3:] / 255
            cover, front = reduced(cover, s), reduced(sample[..., :3] * cover, s)
            color = color * (1 - cover) + front
            matte = np.maximum(matte, cover)
        to_u8 = lambda a: np.clip(a * self.inside + 0.5, 0, 255).astype(np.uint8)
        return to_u8(color), to_u8(255 * matte)[..., 0]

    def picture(self, entry):
        """Both eyes, laid out."""
        if self.args.layout == "mono":
            return self.eye(entry, 0)
        axis = 1 if self.args.layout == "sbs" else 0
        both = [self.eye(entry, -1), self.eye(entry, 1)]
        return [np.concatenate(parts, axis=axis) for parts in zip(*both)]


def entries(args):
    """What is in each picture. The first ones show nobody."""
    found = [{"name": f"nobody_{room}", "sweep": "nobody", "angle": 0, "size": "", "people": [], "room": room}
             for room in range(len(ROOMS))]
    for index, (sweep, angle, lon, lat) in enumerate(PLACES):
        for which, (size, height) in enumerate(HEIGHTS.items()):
            person = PEOPLE[(index + which) % len(PEOPLE)]
            side = 1 if which == 0 else -1
            found.append({
                "name": f"{sweep}_{angle:02}_{size}_{person.name}", "sweep": sweep, "angle": angle, "size": size,
                "people": [{"name": person.name, "longitude": side * lon, "latitude": lat, "height": height}],
                # Neither an angle nor a person always meets the same room.
                "room": (index + index // 4 + 2 * which) % len(ROOMS),
            })
    if args.only:
        found = [e for e in found if e["name"] in args.only.split(",")]
        if not found:
            sys.exit(f"vr_test_set.py: --only {args.only}: no such picture")
    return found[:args.limit]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--eye", type=int, default=1024, help="height of an eye in pixels (1024)")
    parser.add_argument("--layout", choices=["sbs", "tb", "mono"], default="sbs")
    parser.add_argument("--projection", default="hequirect", help="hequirect, equirect or fisheye[:FOV]")
    parser.add_argument("--samples", type=int, default=2, help="rays along each side of a pixel (2)")
    parser.add_argument("--limit", type=int, help="only so many pictures")
    parser.add_argument("--only", help="only these pictures, by name, separated by commas")
    args = parser.parse_args()
    eyes = Eyes(Scene(photo_folder()), args)
    for folder in ("frames", "mattes"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    pictures = entries(args)
    for entry in pictures:
        entry["frame"], entry["matte"] = (f"{folder}/{entry['name']}.png" for folder in ("frames", "mattes"))
        frame, matte = eyes.picture(entry)
        write_png(args.out / entry["frame"], frame)
        write_png(args.out / entry["matte"], matte)
    told = {
        "layout": args.layout, "projection": eyes.projection, "fov": eyes.fov,
        "eye": [eyes.width, eyes.height],
        "disparity_pixels": {"person": eyes.disparity[0], "room": eyes.disparity[1]},
        "disparity_degrees": {"person": eyes.disparity[0] * eyes.pixel, "room": eyes.disparity[1] * eyes.pixel},
        "pictures": pictures,
    }
    (args.out / "set.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"{len(pictures)} pictures in {args.out}")


if __name__ == "__main__":
    main()
