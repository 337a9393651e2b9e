"""Whether what fills the place of an object belongs there, and whether something of it is left around.

Scenes lie in layers: sky, trees, a road. What stands in a fill at some height should look like something
that the photo has at about that height; trees on the road, or a piece of sky in the grass, look like nothing
there.

Hair and whiskers end far outside any mask. Before a blurred background they are the only fine things, and
hang in the air when their owner has gone.
"""

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.scoring.pair_views import (
    grown_by,
    reduced_lab,
    reduced_mask,
    reduced_size,
    smooth,
)

# The root of the picture's area is reduced to this many pixels, which all lengths below are of.
SIZE = 300
# How far a look reaches, and how much the unevenness of lightness counts beside colour, ΔE per ΔE.
SIGMA, UNEVENNESS = 3.0, 1.5
# So near to the object or its new place nothing is looked at, and every so manieth pixel.
AWAY, STEP = 4, 2
# How far up and down what is alike may lie, a share of the height, and how many pixels there have to be.
REACH, ENOUGH = 0.05, 40
# What is no further from what is there, ΔE, is like it.
ALIKE = 5.0

# For what is left around: the root of the area; what is fine, so many pixels; how far out it may be left, and
# where what it is compared with lies, pixels from the mask; and how far from the object's new place.
LARGE, FINE = 900, 2.5
LEFT, COMPARED, APART = (2.0, 22.0), (34.0, 70.0), 14.0
# Nearly the most of what is there counts, in percent; levels of lightness that are nothing; enough pixels.
MOST, NOTHING, TELLING = 97, 1.0, 200


def misplaced_fill(source: Pixels, result: Pixels, mask: Pixels, result_mask: Pixels | None) -> float | None:
    """By how much a fill differs from all that the photo has at the same height, beyond what is alike.

    The mean over what is filled, ΔE*ab of blurred colours with the unevenness of lightness as a fourth
    coordinate; None where nothing is filled, or the object takes the whole width.

    Args:
        source, result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero on the object.
        result_mask: uint8 (H, W), nonzero where it ends up; None when it is gone.
    """
    size = reduced_size(mask.shape, SIZE)
    inside = reduced_mask(mask, size)
    known = ~grown_by(inside, AWAY)
    filled = inside if result_mask is None else inside & ~grown_by(reduced_mask(result_mask, size), AWAY)
    looks, there = _looks(result, size), _looks(source, size)
    reach = max(STEP, round(REACH * size[1]))
    found = []
    for row in range(0, size[1], STEP):
        columns = np.flatnonzero(filled[row])[::STEP]
        near = slice(max(0, row - reach), row + reach + 1, STEP)
        alike = there[near][known[near]]
        if len(columns) and len(alike) >= ENOUGH:
            found.append(_nearest(looks[row, columns], alike))
    if not found:
        return None
    return float(np.clip(np.concatenate(found) - ALIKE, 0, None).mean())


def fringe(result: Pixels, mask: Pixels, result_mask: Pixels | None) -> float | None:
    """How much finer what lies around the place of an object is than what lies further away.

    The ratio of high-passed lightness, at nearly its most in both; None where too little is seen of either.

    Args:
        result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero where the object was.
        result_mask: uint8 (H, W), nonzero where it ends up; None when it is gone.
    """
    size = reduced_size(mask.shape, LARGE)
    small = cv2.resize(result, size, interpolation=cv2.INTER_AREA)
    light = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB)[..., 0], np.float32)
    fine = np.abs(light - smooth(light, FINE))
    away = _distance(reduced_mask(mask, size))
    free = (
        np.ones_like(fine, np.bool_)
        if result_mask is None
        else _distance(reduced_mask(result_mask, size)) > APART
    )
    most = []
    for nearest, furthest in (LEFT, COMPARED):
        seen = fine[(away > nearest) & (away <= furthest) & free]
        if len(seen) < TELLING:
            return None
        most.append(float(np.percentile(seen, MOST)))
    return most[0] / (most[1] + NOTHING)


def _distance(mask: Bools) -> Floats:
    """Of each pixel from a mask, pixels; endless where there is no mask."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def _looks(picture: Pixels, size: tuple[int, int]) -> Floats:
    """Colour and unevenness of each pixel, float32 (h, w, 4)."""
    lab = reduced_lab(picture, size)
    light = np.ascontiguousarray(lab[..., 0])
    spread = np.sqrt(np.clip(smooth(light * light, SIGMA) - smooth(light, SIGMA) ** 2, 0, None))
    return np.dstack([smooth(lab, SIGMA), UNEVENNESS * spread])


def _nearest(looks: Floats, alike: Floats) -> Floats:
    """The distance of each, (N, 4), to the nearest of others, (M, 4); float32 (N)."""
    squares = (looks**2).sum(1)[:, None] + (alike**2).sum(1)[None] - 2 * looks @ alike.T
    return np.asarray(np.sqrt(np.clip(squares.min(1), 0, None)), np.float32)
