"""What a mask left behind of its object, and what it swallowed of the background, told by colours alone.

- Along its outline an object differs from what lies behind it. Where a mask cuts through the object, or
  through the background, there is no step of colour.
- A hole that shows the background, as a wheel's does, is rightly one; one in the object's colours is not.
- What lies outside, is connected to such a stretch of the outline and has colours of the inside rather than
  of the surroundings is a remainder: boots, an arm. The same inside out is background that was swallowed.

An object in the colours of its background shows none of these.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.pictures.masks import grown_box
from iedf_assets.core.scoring.pair_views import averaged, reduced_lab, reduced_mask

# The root of the object's area is reduced to this many pixels; all shares below are of it.
SIZE = 96
# Surroundings are looked at so far away, and what is nearer than the least may be the object's own rim.
LEAST, FAR = 0.1, 0.7
# Widths of the lines compared on either side of the outline and of the stretch that they are averaged over,
# with the least of them in pixels. A step of so many ΔE is one; below the second there may be a cut.
LINE, ALONG = (0.03, 3.0), (0.06, 5.0)
SEEN, FAINT = 5.0, 8.0
# In a picture whose colours deviate by less than this, ΔE, steps count as more, up to so many times.
CONTRAST, MOST_RAISED = 16.0, 3.0
# Likelihoods are compared as logarithms: this much is a colour of the one rather than of the other.
LIKELY = 0.5
# Colours are counted in bins of L*, a*, b*, with an empty one at either end; what is rarer than this is rare.
BINS, RANGES = (18, 22, 22), ((-6.25, 106.25), (-66.0, 66.0), (-66.0, 66.0))
RARE = 2e-4


@dataclass(frozen=True)
class Remainders:
    """What a mask left and took; shares of the mask but for the first.

    Attributes:
        outline_unseen: share of the outline without a step of colour, 0 to 1.
        remainder: largest part outside that looks like the object.
        swallowed: largest part inside that looks like the surroundings, 0 to 1.
        filled_holes: holes that look like the object, over mask and all holes, 0 to 1.
    """

    outline_unseen: float
    remainder: float
    swallowed: float
    filled_holes: float


def find_remainders(source: Pixels, mask: Pixels, others: Pixels | None = None) -> Remainders | None:
    """What a mask left behind and what it swallowed; None when it has no outside to look at.

    Args:
        source: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero on the object.
        others: uint8 (H, W), nonzero on other objects, which are no remainders; None for none known.
    """
    root = math.sqrt(np.count_nonzero(mask))
    if not root:
        return None
    box = grown_box(mask, math.ceil(FAR * root) + 2)
    factor = min(1.0, SIZE / root)
    rows, columns = (max(1, round((part.stop - part.start) * factor)) for part in box)
    lab = reduced_lab(np.ascontiguousarray(source[box]), (columns, rows))
    inside = reduced_mask(mask[box], (columns, rows))
    taken = np.zeros_like(inside) if others is None else reduced_mask(others[box], (columns, rows))
    area = float(np.count_nonzero(inside))
    depth, distance = (_distance(which) for which in (inside, ~inside))
    outside = ~inside & ~taken & (distance <= FAR * math.sqrt(area))
    surroundings = outside & (distance > LEAST * math.sqrt(area))
    if not area or not surroundings.any():
        return None
    rim, step = _outline(lab, depth, np.where(taken, np.float32(1e6), distance), math.sqrt(area))
    step *= float(np.clip(CONTRAST / max(float(np.sqrt(lab.var(axis=(0, 1)).sum())), 1e-3), 1, MOST_RAISED))
    likely = _likelihood(lab, depth > 1.5, surroundings)
    cuts = cv2.dilate((rim & (step < FAINT)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    left = _touching(outside & (likely > LIKELY), cuts & (distance <= 2.5) & ~inside)
    took = _touching(inside & (likely < -LIKELY), cuts & inside)
    unseen = float(np.mean(step[rim] < SEEN)) if rim.any() else 0.0
    holes = _holes(inside)
    alike = float(np.count_nonzero(holes & (likely > 0)))
    return Remainders(unseen, left / area, took / area, alike / (area + float(np.count_nonzero(holes))))


def _holes(inside: Bools) -> Bools:
    """What a mask encloses, bool (h, w)."""
    free = cv2.copyMakeBorder((~inside).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(free, None, (0, 0), 0)
    return np.asarray(free[1:-1, 1:-1] > 0)


def _distance(which: Bools) -> Floats:
    """Of each pixel of a region to where it ends; the picture's border is no end."""
    return np.asarray(cv2.distanceTransform(which.astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def _outline(lab: Floats, depth: Floats, distance: Floats, root: float) -> tuple[Bools, Floats]:
    """Where the outline is looked at, and the step of colour across it there, ΔE*ab."""
    width, along = (max(share * root, least) for share, least in (LINE, ALONG))
    lines = [((far > 0.8) & (far <= 0.8 + width)).astype(np.float32) for far in (depth, distance)]
    weights = [averaged(line, along) for line in lines]
    means = [
        averaged(lab * line[..., None], along) / np.maximum(weight, 1e-3)[..., None]
        for line, weight in zip(lines, weights, strict=True)
    ]
    rim = (depth > 0) & (depth < 1.6) & (np.minimum(*weights) > 1e-3)
    return np.asarray(rim), np.asarray(np.linalg.norm(means[0] - means[1], axis=2), np.float32)


def _likelihood(lab: Floats, inside: Bools, surroundings: Bools) -> Floats:
    """How much likelier each pixel's colour is inside than in the surroundings, a logarithm."""
    smooth = cv2.GaussianBlur(lab, (0, 0), 1.0)
    places = np.zeros(lab.shape[:2], np.intp)
    for channel, (bins, (least, most)) in enumerate(zip(BINS, RANGES, strict=True)):
        place = (smooth[..., channel] - least) / (most - least) * bins
        places = places * bins + np.clip(place.astype(np.intp), 1, bins - 2)
    one, other = (_counted(places[where]).ravel()[places] for where in (inside, surroundings))
    ratio = np.log((one + RARE) / (other + RARE)).astype(np.float32)
    return np.asarray(cv2.blur(ratio, (3, 3)), np.float32)


def _counted(places: np.ndarray) -> Floats:
    """The share of pixels in each bin, smoothed a little along each axis."""
    shares = np.bincount(places, minlength=math.prod(BINS)).reshape(BINS) / max(len(places), 1)
    for axis in range(3):
        shares = (np.roll(shares, 1, axis) + 2 * shares + np.roll(shares, -1, axis)) / 4
    return shares.astype(np.float32)


def _touching(which: Bools, near: Bools) -> int:
    """Pixels of the largest connected part, crumbs and threads left out, that touches a region."""
    cross = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    opened = cv2.morphologyEx(which.astype(np.uint8), cv2.MORPH_OPEN, cross)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    touches = np.zeros(count, np.bool_)
    touches[labels[near]] = True
    touches[0] = False
    return int(stats[touches, cv2.CC_STAT_AREA].max(initial=0))
