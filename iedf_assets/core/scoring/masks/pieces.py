"""Pieces of an object that its mask lacks, and strays in what fills its place.

Pieces are skis, a scrap of a label, a head before a plain sky.

What touches the mask from outside, stands out from the background around it, and ends there, neither at the
frame nor far away, most likely belongs to the object: it stays behind when that goes. Where the background
is a texture nothing stands out, and other measures have to tell. Strays are the same in a fill: a shard of
another thing, a rest of the object.
"""

import math

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.pictures.colour_difference import lengths
from iedf_assets.core.scoring.pair_views import (
    Around,
    grown_by,
    reduced_lab,
    reduced_mask,
    reduced_size,
    smooth,
)

# The root of the picture's area is reduced to this many pixels, which all lengths below are of.
SIZE = 600
# What so near to the mask differs from the background may be its soft rim.
RIM = 2
# A background is what lies around, by a Gaussian of this share of the root of the object's area, within
# bounds, looked at as small as that allows; and so many times, each time without what stands out from it.
AROUND, BOUNDS, LOOKS = 0.25, (6.0, 60.0), 3
# By so many of the background's deviations, and so many ΔE, a piece stands out; what deviates by more counts
# as so much; and what deviates by less is background.
DEVIATIONS, VISIBLE, MOST, QUIET = 3.0, 10.0, 30.0, (2.0, 2.0)
# A piece begins so near to the mask and ends at least so far, pixels, and at most so far, a share of the root
# of the object's area; it has so many pixels at least, and that share of the object's at most.
BEGINS, ENDS, FARTHEST, LEAST, LARGEST = 3, 4, 0.6, 12, 0.35
# How far beyond the mask its place is filled, and how far from the moved object nothing is looked at, pixels;
# fewer tell nothing. A stray stands out by so many ΔE; that share of it lies in the fill, and it takes no
# more than the last of the object's area.
HOLE, APART, FEWEST, STRAYING, MOSTLY, STRAY = 4, 6, 50, 8.0, 0.7, 0.3


def left_pieces(source: Pixels, mask: Pixels, others: Pixels | None = None) -> float | None:
    """The area of all pieces that a mask lacks over that of the mask; None for a mask of nothing or of all.

    Args:
        source: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero on the object.
        others: uint8 (H, W), nonzero on other objects, which are no pieces; None for none known.
    """
    size = reduced_size(mask.shape, SIZE)
    inside = reduced_mask(mask, size)
    area = int(np.count_nonzero(inside))
    if not area or inside.all():
        return None
    taken = np.zeros_like(inside)
    if others is not None:
        taken = grown_by(reduced_mask(others, size), RIM)
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    free = (distance > RIM) & ~taken
    away, deviation = _standing_out(smooth(reduced_lab(source, size), 0.8), free, math.sqrt(area))
    distinct = (away > np.maximum(DEVIATIONS * deviation, VISIBLE)) & ~inside & ~taken
    count, labels, stats, _ = cv2.connectedComponentsWithStats(distinct.astype(np.uint8), connectivity=8)
    found = [
        int(stats[n, cv2.CC_STAT_AREA])
        for n in range(1, count)
        if _is_piece(stats[n], distance[labels == n], area, size)
    ]
    return sum(found) / area


def strays(result: Pixels, mask: Pixels, result_mask: Pixels | None) -> float | None:
    """The share of what is filled that stands out from the background around it and lies in it alone.

    None where nothing is filled, or all is.

    Args:
        result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero on the object.
        result_mask: uint8 (H, W), nonzero where it ends up; None when it is gone.
    """
    size = reduced_size(mask.shape, SIZE)
    inside = reduced_mask(mask, size)
    place = grown_by(inside, HOLE)
    taken = np.zeros_like(inside) if result_mask is None else grown_by(reduced_mask(result_mask, size), APART)
    filled = place & ~taken
    if np.count_nonzero(filled) < FEWEST or (place | taken).all():
        return None
    lab, area = smooth(reduced_lab(result, size), 0.8), int(np.count_nonzero(inside))
    away, own = _standing_out(lab, ~taken, math.sqrt(area))
    _, around = _standing_out(lab, ~taken & ~place, math.sqrt(area))
    distinct = (away > np.maximum(DEVIATIONS * np.minimum(own, around), STRAYING)) & ~taken
    count, labels, stats, _ = cv2.connectedComponentsWithStats(distinct.astype(np.uint8), connectivity=8)
    pixels = stats[:, cv2.CC_STAT_AREA]
    within = np.bincount(labels.ravel(), weights=filled.ravel(), minlength=count) > MOSTLY * pixels
    is_stray = within & (pixels >= LEAST) & (pixels < STRAY * area)
    return float(pixels[1:][is_stray[1:]].sum() / np.count_nonzero(filled))


def _is_piece(stats: np.ndarray, distance: np.ndarray, area: int, size: tuple[int, int]) -> bool:
    """Whether what stands out is a part of the object, by its box, area and distances from the mask."""
    x, y, width, height, pixels = (int(value) for value in stats)
    at_frame = x == 0 or y == 0 or x + width == size[0] or y + height == size[1]
    ends = ENDS < float(distance.max()) < FARTHEST * math.sqrt(area)
    return not at_frame and ends and float(distance.min()) <= BEGINS and LEAST <= pixels < LARGEST * area


def _standing_out(lab: Floats, free: Bools, root: float) -> tuple[Floats, Floats]:
    """How far each pixel is from its background, and how much that deviates there, ΔE; both (h, w)."""
    sigma = float(np.clip(AROUND * root, *BOUNDS))
    every = free.astype(np.float32)
    weight, around = every, Around(every, sigma)
    for _ in range(LOOKS):
        away = lengths(lab - Around(weight, sigma).mean(lab))
        deviation = around.mean(np.minimum(away, np.float32(MOST)))
        weight = np.where(away < QUIET[0] * deviation + QUIET[1], every, np.float32(0))
    return away, deviation
