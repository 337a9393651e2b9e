"""Detail inside an edit: how sharp it is beside what surrounds it, and whether it kept the structure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.codecs import Pixels
from iedf_assets.core.masks import Box, grown_box

# Fewer pixels than this tell nothing.
ENOUGH_PIXELS = 400
# The surroundings: a ring as wide as this share of the edit's box, and not right beside it.
RING, GAP = 0.3, 4
# Blurs whose differences are the finest two bands of detail, and how far they reach.
FINE, COARSE, REACH = 0.7, 1.4, 3
_FLAT = 0.05
# Structure is compared at no larger a size than this, the long side in pixels.
STRUCTURE_SIDE = 512


def sharpness(source: Pixels, result: Pixels, edited: Pixels, allowed: Pixels) -> float | None:
    """How sharp the result is where it was edited, beside the source around it; 1 is alike.

    Sharpness is the finest band of detail over the next coarser one (mean absolute differences of Gaussian
    blurs of the luminance), which says little of what is shown and much of whether it was enlarged: a picture
    enlarged twice has no finest band.

    Args:
        source, result: uint8 (H, W, 3).
        edited: uint8 (H, W), nonzero where the content was changed.
        allowed: uint8 (H, W), nonzero where the result may differ; the surroundings lie outside.

    Returns:
        0 or more; None when there is too little of either to tell.
    """
    rows, columns = grown_box(edited, 0)
    reach = GAP + round(RING * max(rows.stop - rows.start, columns.stop - columns.start))
    box = grown_box(edited, reach)
    square = np.ones((2 * GAP + 1,) * 2, np.uint8)
    within = cv2.erode(edited[box], square, borderValue=255) > 0
    around = cv2.dilate(allowed[box] | edited[box], square) == 0
    inside = _finest_share(_luminance(result, box), np.asarray(within))
    outside = _finest_share(_luminance(source, box), np.asarray(around))
    return None if inside is None or outside is None else inside / outside


def structure(source: Pixels, result: Pixels, edited: Pixels) -> float | None:
    """How alike the structure of source and result is where it was edited: -1 to 1, 1 for the same.

    The correlation of the luminances' gradients, which other light or another colour leaves as they were.
    None when there is too little of it.
    """
    box = grown_box(edited, REACH)
    rows, columns = (part.stop - part.start for part in box)
    factor = min(1.0, STRUCTURE_SIDE / max(rows, columns, 1))
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    inside = cv2.resize(edited[box], size, interpolation=cv2.INTER_NEAREST) if rows else edited[box]
    within = cv2.erode(inside, np.ones((2 * REACH + 1,) * 2, np.uint8), borderValue=255) > 0
    if np.count_nonzero(within) < ENOUGH_PIXELS:
        return None
    both = np.concatenate([within, within], axis=1)
    one, other = (_gradients(_luminance(picture, box), size) * both for picture in (source, result))
    length = cv2.norm(one) * cv2.norm(other)
    return float(one.ravel().astype(np.float64) @ other.ravel()) / length if length else 1.0


def _luminance(picture: Pixels, box: Box) -> NDArray[np.float32]:
    return cv2.cvtColor(np.ascontiguousarray(picture[box]), cv2.COLOR_RGB2GRAY).astype(np.float32)


def _finest_share(luminance: NDArray[np.float32], where: NDArray[np.bool_]) -> float | None:
    if np.count_nonzero(where) < ENOUGH_PIXELS:
        return None
    fine, coarse = (cv2.GaussianBlur(luminance, (0, 0), sigma) for sigma in (FINE, COARSE))
    bands = (np.abs(luminance - fine)[where].mean(), np.abs(fine - coarse)[where].mean())
    return float((bands[0] + _FLAT) / (bands[1] + _FLAT))


def _gradients(luminance: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """At that width and height, across and down side by side; smoothed a little, for noise has gradients."""
    smooth = cv2.GaussianBlur(cv2.resize(luminance, size, interpolation=cv2.INTER_AREA), (0, 0), 1.0)
    gradients = [cv2.Sobel(smooth, cv2.CV_32F, across, 1 - across) for across in (1, 0)]
    return np.concatenate(gradients, axis=1, dtype=np.float32)
