"""The shadow that an object casts on the ground around it: it goes where the object goes."""

from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.pictures.colour_difference import quick_lab

# What lies so near the object is looked at, as a share of the square root of its area.
REACH = 0.6
RIM_WIDTH = 0.12
# A shadow's area as a share of the object's. What is larger is another dark thing, what is smaller no matter.
SMALLEST, LARGEST = 0.01, 0.6


@dataclass(frozen=True)
class Look:
    """What a shadow looks like.

    Attributes:
        core, rim: lightness of its core and of its soft rim, as shares of the lit ground's.
        hugs: half of it is no farther than this from its object, as a share of the root of its area.
        aside: on one side at least it ends within this share of what is looked at: what goes on to both is
            another dark thing.
    """

    core: float
    rim: float
    hugs: float
    aside: float | None = None


# By its darkness alone, wherever it is; and where its place and its colour speak for it.
DARK, GROUNDED = Look(0.45, 0.75, 0.15), Look(0.6, 0.85, 0.4, 0.8)
# Where an object stands: so much of its height, from below.
FOOT = 0.2
# A shadow darkens all three colours alike: by how much their shares of light differ, relative to the mean.
TINTED = 0.4
# The ground has to be light enough to show a shadow, L* 0 to 100.
LIT = 20.0


def with_shadow(rgb: Pixels, mask: Pixels) -> Pixels:
    """The object's mask together with the dark shadow that touches it, if there is one.

    Args:
        rgb: uint8 (H, W, 3), at a reduced size.
        mask: uint8 (H, W), 255 on the object.
    """
    return _joined(mask, _shadow(rgb, mask, _around(mask), np.ones(mask.shape, np.bool_), DARK))


def ground_shadow(rgb: Pixels, mask: Pixels, others: Bools) -> Bools:
    """The shadow on the ground at an object's foot, bool (H, W): the ground's own colour, darkened.

    There is none where the foot is not seen.

    Args:
        rgb: uint8 (H, W, 3), at a reduced size.
        mask: uint8 (H, W), 255 on the object.
        others: where other objects are, bool (H, W).
    """
    _, top, _, height = cv2.boundingRect(mask)
    nothing = np.zeros(mask.shape, np.bool_)
    if not height or top + height == len(mask):
        return nothing
    around = _around(mask) & ~others
    around[: round(top + (1 - FOOT) * height)] = False
    if not around.any():
        return nothing
    return _shadow(rgb, mask, around, _darkened(rgb, around), GROUNDED)


def _around(mask: Pixels) -> Bools:
    distance = cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5)
    return np.asarray((distance > 0) & (distance <= REACH * _extent(mask)))


def _extent(mask: Pixels) -> float:
    return float(np.sqrt(np.count_nonzero(mask)))


def _shadow(rgb: Pixels, mask: Pixels, around: Bools, eligible: Bools, look: Look) -> Bools:
    """What of `around` is dark, hangs together with the object and hugs it, and its soft rim."""
    nothing = np.zeros(mask.shape, np.bool_)
    extent = _extent(mask)
    light = quick_lab(rgb)[..., 0]
    distance = cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5)
    if not around.any():
        return nothing
    ground = float(np.median(light[around]))
    if ground < LIT:
        return nothing
    dark = (around & eligible & (light < look.core * ground)).astype(np.uint8)
    core = np.asarray(cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(core)
    beside = np.unique(labels[(distance > 0) & (distance < 3)])
    kept = nothing.copy()
    for label in beside[beside > 0]:
        area = stats[label, cv2.CC_STAT_AREA]
        own = labels == label
        fits = SMALLEST <= area / extent**2 <= LARGEST and np.median(distance[own]) <= look.hugs * extent
        goes_on = look.aside and _is_on_both_sides(own & (distance > look.aside * REACH * extent), mask)
        if fits and not goes_on:
            kept |= own
    if not kept.any():
        return nothing
    width = 2 * max(1, round(RIM_WIDTH * extent)) + 1
    near = cv2.dilate(kept.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))) > 0
    return np.asarray(kept | (around & eligible & near & (light < look.rim * ground)))


def _is_on_both_sides(part: Bools, mask: Pixels) -> bool:
    left, _, width, _ = cv2.boundingRect(mask)
    return bool(part[:, :left].any() and part[:, left + width :].any())


def _joined(mask: Pixels, shadow: Bools) -> Pixels:
    if not shadow.any():
        return mask
    whole = np.where((mask > 0) | shadow, np.uint8(255), np.uint8(0))
    closed = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(closed, np.uint8)


def _darkened(rgb: Pixels, around: Bools) -> Bools:
    """Where the ground's colour is seen with less light: red, green and blue are lessened alike."""
    linear = np.power(rgb.astype(np.float32) / 255, 2.2)
    lit = around & (linear.sum(axis=2) >= np.median(linear[around].sum(axis=1)))
    ground = np.median(linear[lit], axis=0)
    shares: Floats = (linear / np.maximum(ground, 1e-3)).astype(np.float32)
    mean = shares.mean(axis=2)
    return np.asarray(np.ptp(shares, axis=2) <= TINTED * mean + 0.02)
