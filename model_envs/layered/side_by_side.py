"""Whether one mask shows several things beside each other, which the network does not tell apart.

Two things that stand side by side differ in colour, hang together by little, and each fills its own outline
better than both fill theirs together. A straight cut through the mask that leaves such sides is looked for.
One thing on another tells nothing, since a head on a collar or a sail on its boat looks the same: cuts whose
sides lie above each other are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Bools, Doubles, Pixels
from iedf_assets.core.pictures.colour_difference import quick_lab

# From here on a mask is taken for several things; of masks of one thing 5 % reach -0.16.
SEVERAL = -0.1
# The root of the mask's area is reduced to this many pixels.
SIZE = 64
# Cuts: their tilts from upright, degrees, and the shares of the mask on one side.
TILTS, SHARES = (-45, -30, -15, 0, 15, 30, 45), np.linspace(0.2, 0.8, 13)
# The middles of two things beside each other are so far apart sideways, of the way right and down.
SIDEWAYS = 0.4
# Bins of L*, a* and b*, their least value and their width.
BINS, LEAST, WIDTH = (8, 10, 10), (0, -60, -60), (12.5, 12, 12)


@dataclass(frozen=True)
class _Side:
    """What lies on one side of a cut: its area, its middle, its share of each colour, its hull's area."""

    area: int
    middle: Doubles
    colours: Doubles
    hull: float


def side_by_side(rgb: Pixels, mask: Bools) -> float:
    """How much a mask looks like several things beside each other, about -1 to 1; `SEVERAL` and more is much.

    It is, for the best cut, how little the colours of its sides overlap (0 to 1), less half the cut's length
    over the root of the smaller side's area, plus half of what the hull has that the sides' hulls have not.

    Args:
        rgb: uint8 (H, W, 3).
        mask: bool (H, W).
    """
    small, inside = _reduced(rgb, mask)
    rows, columns = np.nonzero(inside)
    if len(rows) < 4 / (1 - SHARES[-1]):
        return -1.0
    points, bins = np.stack([columns, rows], axis=1), _bins(small)[inside]
    hull, every = _hull_area(points), _counts(bins)
    best = -1.0
    for which, length in _cuts(points):
        counts = _counts(bins[which])
        one, other = _side(points[which], counts), _side(points[~which], every - counts)
        across, down = np.abs(one.middle - other.middle)
        if across >= SIDEWAYS * (across + down):
            alike = float(np.sqrt(one.colours * other.colours).sum())
            neck = length / np.sqrt(min(one.area, other.area))
            best = max(best, 1 - alike - neck / 2 + (hull - one.hull - other.hull) / hull / 2)
    return best


def _cuts(points: NDArray[np.intp]) -> Iterator[tuple[Bools, int]]:
    """Which points lie on one side of each cut, and the cut's length inside the mask, pixels."""
    for tilt in np.radians(TILTS):
        place = points @ np.array([np.cos(tilt), np.sin(tilt)])
        for at in np.quantile(place, SHARES):
            which = np.asarray(place < at)
            if which.any() and not which.all():
                yield which, int(np.count_nonzero(np.abs(place - at) <= 0.5))


def _reduced(rgb: Pixels, mask: Bools) -> tuple[Pixels, Bools]:
    """A mask's box, reduced."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    factor = min(1.0, SIZE / max(float(np.sqrt(np.count_nonzero(mask))), 1.0))
    size = max(2, round(width * factor)), max(2, round(height * factor))
    box = np.s_[y : y + max(height, 1), x : x + max(width, 1)]
    shown, inside = (np.ascontiguousarray(what) for what in (rgb[box], mask[box].astype(np.uint8) * 255))
    small, share = (cv2.resize(what, size, interpolation=cv2.INTER_AREA) for what in (shown, inside))
    return np.asarray(small, np.uint8), np.asarray(share > 127)


def _bins(rgb: Pixels) -> NDArray[np.intp]:
    lab = quick_lab(rgb)
    places = ((np.asarray(lab) - np.array(LEAST)) / np.array(WIDTH)).astype(np.intp)
    places = np.clip(places, 0, np.array(BINS) - 1)
    return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), BINS), np.intp)


def _counts(bins: NDArray[np.intp]) -> Doubles:
    """How many pixels have each colour, those beside it counted in part; exact, so that parts add up."""
    counts = np.bincount(bins, minlength=int(np.prod(BINS))).reshape(BINS).astype(np.float64)
    for axis in range(3):
        counts = (np.roll(counts, 1, axis) + 2 * counts + np.roll(counts, -1, axis)) / 4
    return counts


def _side(points: NDArray[np.intp], counts: Doubles) -> _Side:
    return _Side(len(points), points.mean(axis=0), counts / len(points), _hull_area(points))


def _hull_area(points: NDArray[np.intp]) -> float:
    return max(cv2.contourArea(cv2.convexHull(points.astype(np.int32))), 1.0)
