#!/usr/bin/env python3
"""The metrics of `vrseg eval`, written down plainly: the reference for tests/job/eval.rs.

Usage: eval_reference.py PRED TRUTH WIDTH HEIGHT

PRED and TRUTH are frames of WIDTH x HEIGHT bytes, 0 to 255, one after the other. Prints a JSON
object. Needs NumPy only, and is meant to be compared with the definitions by reading it: nothing
here is quick, nothing is shared with the program.
"""

import json
import sys
from collections import deque

import numpy as np


def iou(pred, truth):
    p, t = pred >= 0.5, truth >= 0.5
    union = np.logical_or(p, t).sum()
    return 1.0 if union == 0 else float(np.logical_and(p, t).sum() / union)


def boundary(mask):
    """Martin's seg2bmap at the mask's own size, as DAVIS has it."""
    east, south, southeast = (np.zeros_like(mask) for _ in range(3))
    east[:, :-1] = mask[:, 1:]
    south[:-1, :] = mask[1:, :]
    southeast[:-1, :-1] = mask[1:, 1:]
    b = (mask ^ east) | (mask ^ south) | (mask ^ southeast)
    b[-1, :] = mask[-1, :] ^ east[-1, :]
    b[:, -1] = mask[:, -1] ^ south[:, -1]
    b[-1, -1] = False
    return b


def dilated(mask, radius):
    """Dilation with a disc."""
    height, width = mask.shape
    out = np.zeros_like(mask)
    for y, x in zip(*np.nonzero(mask)):
        top, left = max(y - radius, 0), max(x - radius, 0)
        yy, xx = np.mgrid[top : min(y + radius + 1, height), left : min(x + radius + 1, width)]
        near = (yy - y) ** 2 + (xx - x) ** 2 <= radius**2
        out[yy[near], xx[near]] = True
    return out


def boundary_f(pred, truth):
    radius = max(1, int(np.ceil(0.008 * np.linalg.norm(pred.shape))))
    p, t = boundary(pred >= 0.5), boundary(truth >= 0.5)
    if not p.any() or not t.any():
        return 1.0 if p.any() == t.any() else 0.0
    precision = (p & dilated(t, radius)).sum() / p.sum()
    recall = (t & dilated(p, radius)).sum() / t.sum()
    return 0.0 if precision + recall == 0 else float(2 * precision * recall / (precision + recall))


def gradient_magnitude(alpha, sigma=1.4, epsilon=1e-2):
    span = alpha.max() - alpha.min()
    alpha = (alpha - alpha.min()) / span if span > 0 else np.zeros_like(alpha)
    half = int(np.ceil(sigma * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * sigma * epsilon))))
    at = np.arange(-half, half + 1)
    gauss = np.exp(-(at**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    kernel = np.outer(gauss, -at * gauss / sigma**2)
    kernel /= np.sqrt((kernel**2).sum())
    padded = np.pad(alpha, half, mode="edge")
    height, width = alpha.shape
    x, y = np.zeros_like(alpha), np.zeros_like(alpha)
    for i in range(2 * half + 1):
        for j in range(2 * half + 1):
            part = padded[i : i + height, j : j + width]
            x += kernel[i, j] * part
            y += kernel[j, i] * part
    return np.sqrt(x**2 + y**2)


def grad(pred, truth):
    return float(((gradient_magnitude(pred) - gradient_magnitude(truth)) ** 2).sum() / 1000)


def largest_region(mask):
    """The largest 4-connected region; of several, the one that comes first in reading order."""
    height, width = mask.shape
    seen = np.zeros_like(mask)
    best = []
    for start in zip(*np.nonzero(mask)):
        if seen[start]:
            continue
        region, queue = [], deque([start])
        seen[start] = True
        while queue:
            y, x = queue.popleft()
            region.append((y, x))
            for n in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= n[0] < height and 0 <= n[1] < width and mask[n] and not seen[n]:
                    seen[n] = True
                    queue.append(n)
        if len(region) > len(best):
            best = region
    out = np.zeros_like(mask)
    for place in best:
        out[place] = True
    return out


def conn(pred, truth, step=0.1):
    steps = np.arange(0, 1 + step, step)
    # A hair lower, since 3 * 0.1 is more than 0.3 in binary.
    reached = steps - 1e-9
    connected = -np.ones_like(truth)
    for i in range(1, len(steps)):
        omega = largest_region((pred >= reached[i]) & (truth >= reached[i]))
        connected[(connected == -1) & ~omega] = steps[i - 1]
    connected[connected == -1] = 1
    pred_rest, truth_rest = pred - connected, truth - connected
    pred_phi = 1 - pred_rest * (pred_rest >= 0.15)
    truth_phi = 1 - truth_rest * (truth_rest >= 0.15)
    return float(np.abs(pred_phi - truth_phi).sum() / 1000)


def flicker(frames):
    seconds = [np.abs(frames[i - 1] - 2 * frames[i] + frames[i + 1]).mean() for i in range(1, len(frames) - 1)]
    return float(np.mean(seconds) * 1e3) if seconds else None


def main():
    pred_path, truth_path, width, height = sys.argv[1:5]
    shape = (-1, int(height), int(width))
    pred = np.fromfile(pred_path, np.uint8).reshape(shape) / 255.0
    truth = np.fromfile(truth_path, np.uint8).reshape(shape) / 255.0
    assert pred.shape == truth.shape
    pairs = list(zip(pred, truth))
    changes = np.diff(pred, axis=0) - np.diff(truth, axis=0)
    scores = {
        "iou": np.mean([iou(p, t) for p, t in pairs]),
        "boundary_f": np.mean([boundary_f(p, t) for p, t in pairs]),
        "mad": np.abs(pred - truth).mean() * 1e3,
        "mse": ((pred - truth) ** 2).mean() * 1e3,
        "grad": np.mean([grad(p, t) for p, t in pairs]),
        "conn": np.mean([conn(p, t) for p, t in pairs]),
        "dtssd": np.mean(np.sqrt((changes**2).mean(axis=(1, 2)))) * 1e2 if len(pred) > 1 else None,
        "flicker": flicker(pred),
        "truth_flicker": flicker(truth),
    }
    print(json.dumps({k: None if v is None else float(v) for k, v in scores.items()}))


if __name__ == "__main__":
    main()
