"""Gaps in an object that the network half sees: between legs, between a sign and its pole.

There the network is not sure, and the photo shows the colour of an even background, with edges to the object
around. Either alone says little: much of an object is of its background's colour somewhere.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.pictures.colour_difference import lengths, steepness
from iedf_assets.core.pictures.objects import Found, within
from iedf_assets.core.scoring.pair_views import Around

# From so far beyond the object on there is background; how far around it is looked at, and how much of it has
# to be there; shares of the short side, and of what is around.
BEYOND, AROUND, ENOUGH = 0.006, 0.08, 0.02
# What an even background varies by at most, in Lab; and up to how many of those, and how much more, is like
# it.
EVEN, DEVIATIONS, VISIBLE = 5.0, 2.0, 2.0
# The network's mean answer in a gap is less than this.
SURE = 0.85
# A gap's share of the object.
LEAST, MOST = 0.001, 0.12
# From this step over two pixels on there is an edge; on how much of a gap's rim; and how far from the
# background's colour the object beside it is. In Lab.
STEP, EDGED, UNLIKE = 6.0, 0.5, 12.0
# Outliers of what is taken for background, left out when it is looked at again, in deviations.
OUTLIERS = 2.5


def gaps(lab: Floats, found: Found, mask: Bools) -> Bools:
    """What of an object's mask is background, bool (h, w).

    Args:
        lab: L*a*b* of the photo as it was looked at, float32 (h, w, 3).
        found: the object.
        mask: of it, bool (h, w).
    """
    none = np.zeros_like(mask)
    away, deviation = _from_background(lab, ~within(mask, BEYOND * min(mask.shape)))
    like = mask & (away < DEVIATIONS * deviation + VISIBLE) & (deviation < EVEN)
    opened = cv2.morphologyEx(like.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    edges = steepness(lab) > STEP
    for part in _parts(np.asarray(opened, np.uint8), int(np.count_nonzero(mask))):
        beside = (cv2.dilate(part.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & mask & ~part
        rim = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        unlike = beside.any() and float(np.median(away[beside])) > UNLIKE
        if unlike and edges[rim].mean() >= EDGED and found.probability[part].mean() < SURE:
            none |= part
    return none


def _from_background(lab: Floats, beyond: Bools) -> tuple[Floats, Floats]:
    """How far each pixel is from the background's colour around it, and what that varies by: (h, w) each.

    Endless where there is too little of it.
    """
    sigma = AROUND * min(beyond.shape)
    weight = beyond.astype(np.float32)
    for _ in range(2):
        around = Around(weight, sigma)
        away = lengths(lab - around.mean(lab))
        deviation = np.sqrt(np.maximum(around.mean(away**2), 0))
        weight = np.where(beyond & (away < OUTLIERS * deviation + 1), np.float32(1), np.float32(0))
    seen = Around(np.ones_like(weight), sigma).mean(weight)
    return np.where(seen > ENOUGH, away, np.float32(np.inf)), np.asarray(deviation, np.float32)


def _parts(opened: Pixels, area: int) -> Iterator[Bools]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    for n in range(1, count):
        if LEAST * area <= stats[n, cv2.CC_STAT_AREA] <= MOST * area:
            yield np.asarray(labels == n)
