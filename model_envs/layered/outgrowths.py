"""Thin parts that lead away from an object where the network sees nothing: antennae, temples, wires.

A line is what differs from the picture on both of its sides. One that begins at the object, leads away from
it and ends is taken for a part of it; one that runs past it, to another object or to the frame is not, nor
is an edge between two grounds, a horizon for instance.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats
from iedf_assets.core.pictures.colour_difference import lengths
from iedf_assets.core.pictures.masks import Box
from iedf_assets.core.pictures.objects import Found, within

# The widest line, a share of the root of the object's area, and its bounds in pixels.
WIDEST, BOUNDS = 0.015, (7, 11)
# How far parts may lead, and how far at least, as shares of that root; and at least so many pixels.
FARTHEST, NEAREST, PIXELS = 0.6, 0.04, 6
# A line's pixels have so many times the contrast of what is around them, and so much of it in Lab: by
# themselves, and where the network holds them possible.
CLEAR, FAINT, POSSIBLE = (3.5, 8.0), (1.8, 4.0), 0.08
# A whole line is that much clearer than what is around it, and pixels of half its contrast cover no more than
# so many times as much there, as a wall's joints do; or it is less clear and that likely.
STANDS_OUT, RARE = 12.0, 4
VISIBLE, LIKELY = 2.5, 0.26
# How far a line leads away, of how far it extends; how much of its contrast its two sides may differ by.
AWAY, SIDES = 0.6, 0.7


@dataclass(frozen=True)
class _Ground:
    """What lines are looked for on: an object and what is around it.

    Attributes:
        mask, others: of the object and of those beside it, bool (h, w).
        root: of the object's area.
        possible: how likely the network holds it, float32 (h, w).
        lab: the picture, float32 (h, w, 3), a little smoothed.
        contrast: of a line at each pixel, float32 (h, w).
        clearness: the same over that of what is around it.
        elsewhere: the contrast of all that is in reach and neither an object nor the rim of one, (n,).
        width: of the widest line, pixels.
    """

    mask: Bools
    others: Bools
    root: float
    possible: Floats
    lab: Floats
    contrast: Floats
    clearness: Floats
    elsewhere: Floats
    width: int


def outgrowths(lab: Floats, mask: Bools, found: Found, others: Bools) -> Bools:
    """Thin parts that lead away from an object, bool (h, w).

    Args:
        lab: L*a*b* of the photo as it was looked at, float32 (h, w, 3).
        mask: what of it is the object for certain, bool (h, w).
        found: the object.
        others: where other objects are, bool (h, w).
    """
    kept = np.zeros_like(mask)
    ground = _ground(lab, mask, found.possible, others)
    distance = np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
    for box, line in _lines(ground):
        far = float(distance[box][line].max())
        if (
            _leads_away(ground, line, far)
            and not (within(line, 3) & others[box]).any()
            and _is_told(ground, box, line)
            and _stands_alone(ground, box, line)
        ):
            kept[box] |= line
    return kept


def _lines(ground: _Ground) -> Iterator[tuple[Box, Bools]]:
    """Lines that begin at the object and end before the frame: the box around each, and the line in it."""
    clear, faint = ((ground.contrast > least) & (ground.clearness > times) for times, least in (CLEAR, FAINT))
    lines = (clear | (faint & (ground.possible > POSSIBLE))) & ~ground.mask & ~ground.others
    lines &= within(ground.mask, FARTHEST * ground.root)
    _, labels = cv2.connectedComponents((lines | ground.mask).astype(np.uint8))
    lines &= np.isin(labels, np.unique(labels[ground.mask]))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lines.astype(np.uint8))
    height, width = lines.shape
    for n in range(1, count):
        x, y, w, h = (int(value) for value in stats[n, :4])
        if x and y and x + w < width and y + h < height:
            reach = 2 * ground.width
            box = np.s_[max(0, y - reach) : y + h + reach, max(0, x - reach) : x + w + reach]
            yield box, np.asarray(labels[box] == n)


def _leads_away(ground: _Ground, line: Bools, far: float) -> bool:
    """Whether a line is thin, and ends well away from the object, but within reach.

    Args:
        far: how far it leads, pixels.
    """
    _, _, width, height = cv2.boundingRect(line.astype(np.uint8))
    least = max(PIXELS, NEAREST * ground.root, AWAY * float(np.hypot(width, height)))
    thin = bool(np.count_nonzero(line) <= ground.width * far)
    return thin and least <= far < FARTHEST * ground.root - 2


def _is_told(ground: _Ground, box: Box, line: Bools) -> bool:
    """Whether a line stands out by itself, or is visible and the network holds it likely."""
    clearness = np.median(ground.clearness[box][line])
    alike = np.count_nonzero(ground.elsewhere > np.median(ground.contrast[box][line]) / 2)
    if clearness >= STANDS_OUT and alike <= RARE * np.count_nonzero(line):
        return True
    return bool(clearness >= VISIBLE and ground.possible[box][line].mean() >= LIKELY)


def _ground(lab: Floats, mask: Bools, possible: Floats, others: Bools) -> _Ground:
    root = float(np.sqrt(np.count_nonzero(mask)))
    width = int(np.clip(WIDEST * root, *BOUNDS)) | 1
    lab = np.asarray(cv2.GaussianBlur(lab, (0, 0), 0.7), np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    bright, dark = (cv2.morphologyEx(lab, how, kernel) for how in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT))
    contrast = lengths(np.maximum(bright, dark))
    beyond = (~within(mask, 0.6 * width) & ~others).astype(np.float32)
    around = _mean(contrast, beyond, width)
    # A line is not what it is compared with.
    around = _mean(contrast, beyond * (contrast < CLEAR[0] * around), width)
    clearness = np.asarray(contrast / np.maximum(around, 0.1), np.float32)
    elsewhere = np.asarray(contrast[(beyond > 0) & within(mask, FARTHEST * root)], np.float32)
    return _Ground(mask, others, root, possible, lab, contrast, clearness, elsewhere, width)


def _mean(values: Floats, weight: Floats, width: int) -> Floats:
    window = (8 * width + 1,) * 2
    total = np.maximum(cv2.blur(weight, window), 1e-3)
    return np.asarray(cv2.blur(values * weight, window) / total, np.float32)


def _stands_alone(ground: _Ground, box: Box, line: Bools) -> bool:
    """Whether the picture is alike on both sides of a line."""
    rows, columns = np.nonzero(line)
    middle = np.array([columns.mean(), rows.mean()])
    _, _, axes = np.linalg.svd(np.stack([columns, rows], axis=1) - middle, full_matrices=False)
    ring = within(line, 2 * ground.width) & ~within(line, 2) & ~within(ground.mask[box], 2)
    down, across = np.nonzero(ring)
    side = (np.stack([across, down], axis=1) - middle) @ axes[1] > 0
    if not side.any() or side.all():
        return False
    colours = ground.lab[box][ring]
    apart = np.linalg.norm(np.median(colours[side], axis=0) - np.median(colours[~side], axis=0))
    return bool(apart <= SIDES * float(np.median(ground.contrast[box][line])))
