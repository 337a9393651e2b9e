"""Detail inside an edit: how sharp it is beside what surrounds it, and whether it kept the structure."""

import cv2
import numpy as np

from iedf_assets.core.arrays import Floats, Pixels
from iedf_assets.core.pictures.colour_difference import steepness
from iedf_assets.core.pictures.masks import Box, grown, grown_box
from iedf_assets.core.scoring.pair_views import reduced_lab

# Fewer pixels than this tell nothing.
ENOUGH_PIXELS = 400
# The surroundings: a ring as wide as this share of the edit's box, and not right beside it.
RING, GAP = 0.3, 4
# The finest detail that a grid of pixels can hold, by J. Immerkær, "Fast Noise Variance Estimation" (1996):
# the difference of two Laplacians, which neither slopes nor edges of one direction move.
_FINEST = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
# Its mean over windows of this side is taken; the quietest quarter of them tells of grain alone.
WINDOW, QUIET = 9, 25
_FLAT = 0.05
REACH = 3
# Levels from black and from white where grain is cut off.
CLIPPED = 6
BAND_PIXELS = 300_000
# Structure is compared at no larger a size than this, the long side in pixels.
STRUCTURE_SIDE = 512
# An edge is new that is so many times as steep as all that the source has within so many pixels, and by so
# much steeper, ΔE across two pixels.
STEEPER, BESIDE, VISIBLE = 1.5, 2, 4.0


def sharpness(
    source: Pixels, result: Pixels, edited: Pixels, reference: Pixels, factor: float = 1.0
) -> float | None:
    """How sharp an edit is beside the source elsewhere; 1 is alike.

    Every photo has grain, as fine as its pixels, and has it everywhere. What was enlarged has lost it.

    Args:
        source, result: uint8 (H, W, 3).
        edited: uint8 (H, W), nonzero where the result is looked at.
        reference: uint8 (H, W), nonzero where the source is: the same object at its old place, or what lies
            around the edit.
        factor: by how much the recipe enlarges the object: grain is a second difference, and of what is
            drawn f times as large, second differences are 1/f² as large.

    Returns:
        0 or more; None when there is too little of either to tell.
    """
    inside, outside = _grain_within(result, edited), _grain_within(source, reference)
    return None if inside is None or outside is None else inside / outside * max(factor, 1.0) ** 2


def scaled_sharpness(
    source: Pixels, result: Pixels, mask: Pixels, there: Pixels, factor: float
) -> float | None:
    """How sharp an enlarged object is beside its source enlarged alike; 1 is alike, None for too little.

    Args:
        source, result: uint8 (H, W, 3).
        mask, there: uint8 (H, W), nonzero on the object as it was and as it ends up.
        factor: above 1.
    """
    box = grown_box(mask, 0)
    if box[0].start == box[0].stop:
        return None
    size = tuple(round((part.stop - part.start) * factor) for part in box[::-1])
    enlarged = cv2.resize(
        np.ascontiguousarray(source[box]), (size[0], size[1]), interpolation=cv2.INTER_CUBIC
    )
    shown = cv2.resize(np.ascontiguousarray(mask[box]), (size[0], size[1]), interpolation=cv2.INTER_NEAREST)
    expected = _grain_within(np.asarray(enlarged, np.uint8), np.asarray(shown, np.uint8))
    found = _grain_within(result, there)
    return None if expected is None or found is None else found / expected


def surroundings(edited: Pixels, allowed: Pixels) -> Pixels:
    """What lies around an edit, outside its allowed region: uint8 (H, W), 0 or 255."""
    rows, columns = grown_box(edited, 0)
    reach = GAP + round(RING * max(rows.stop - rows.start, columns.stop - columns.start))
    around = np.zeros_like(edited)
    around[grown_box(edited, reach)] = 255
    touched = grown(allowed | edited, GAP)
    return np.where(touched > 0, np.uint8(0), around)


def kept_sharpness(source: Pixels, result: Pixels, edited: Pixels) -> float | None:
    """How sharp the result is beside the source where both show the same thing; 1 is alike.

    Less light or contrast weakens the grain as it weakens everything else, so grain is taken as a share of
    the gradients; light from one side adds gradients of its own, so it is taken as it is, too, and the better
    of the two counts: what is soft has less by both. Where values are clipped there is none. Arguments and
    result are those of `sharpness`.
    """
    rows, columns = grown_box(edited, REACH)
    # Grain is the same everywhere, so a band across a large edit tells as much as all of it.
    spare = max(0, (rows.stop - rows.start - BAND_PIXELS // max(columns.stop - columns.start, 1)) // 2)
    box = slice(rows.start + spare, rows.stop - spare), columns
    square = np.ones((2 * REACH + 1,) * 2, np.uint8)
    within = np.asarray(cv2.erode(edited[box], square, borderValue=255), np.uint8)
    luminances = [_luminance(picture, box) for picture in (source, result)]
    for luminance in luminances:
        within[(luminance < CLIPPED) | (luminance > 255 - CLIPPED)] = 0
    grains, shares = [], []
    for luminance in luminances:
        grain = _grain(luminance, within)
        if grain is None:
            return None
        smooth = cv2.GaussianBlur(luminance, (0, 0), 2.0)
        slope = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
        grains.append(grain)
        shares.append(grain / (cv2.mean(slope, within)[0] + _FLAT))
    return max(shares[1] / shares[0], min(grains[1] / grains[0], 1.0))


def structure(source: Pixels, result: Pixels, edited: Pixels) -> float | None:
    """How alike the structure of source and result is where it was edited: -1 to 1, 1 for the same.

    The correlation of the luminances' gradients, which other light or another colour leaves as they were.
    None when there is too little of it.
    """
    box = grown_box(edited, REACH)
    size = _compared_size(box)
    inside = cv2.resize(edited[box], size, interpolation=cv2.INTER_NEAREST) if edited.any() else edited[box]
    within = cv2.erode(inside, np.ones((2 * REACH + 1,) * 2, np.uint8), borderValue=255) > 0
    if np.count_nonzero(within) < ENOUGH_PIXELS:
        return None
    both = np.concatenate([within, within], axis=1)
    one, other = (_gradients(_luminance(picture, box), size) * both for picture in (source, result))
    length = cv2.norm(one) * cv2.norm(other)
    return float(one.ravel().astype(np.float64) @ other.ravel()) / length if length else 1.0


def new_edges(source: Pixels, result: Pixels, edited: Pixels) -> float | None:
    """The share of an edit in which the result has an edge where the source has none, 0 to 1.

    Another colour or other light leaves what is even even; what is done to a part of it, without regard to
    what it shows, draws edges: patches. None when there is too little of it to tell.
    """
    if not edited.any():
        return None
    box = grown_box(edited, REACH)
    size = _compared_size(box)
    inside = cv2.resize(edited[box], size, interpolation=cv2.INTER_AREA)
    shown = np.where(inside > 127, np.uint8(1), np.uint8(0))
    # The edit's own outline may be an edge, whatever it was.
    within = cv2.erode(shown, np.ones((2 * REACH + 1,) * 2, np.uint8), borderValue=1) > 0
    if np.count_nonzero(within) < ENOUGH_PIXELS:
        return None
    before, after = (_steepness(np.ascontiguousarray(picture[box]), size) for picture in (source, result))
    before = np.asarray(cv2.dilate(before, np.ones((2 * BESIDE + 1,) * 2, np.uint8)), np.float32)
    return float((after > STEEPER * before + VISIBLE)[within].mean())


def _steepness(picture: Pixels, size: tuple[int, int]) -> Floats:
    """How far colours differ on both sides of each pixel, across or down, in L*a*b*; smoothed a little."""
    return steepness(reduced_lab(picture, size))


def _compared_size(box: Box) -> tuple[int, int]:
    """Width and height at which the structure in a box is compared."""
    rows, columns = (part.stop - part.start for part in box)
    factor = min(1.0, STRUCTURE_SIDE / max(rows, columns, 1))
    return max(1, round(columns * factor)), max(1, round(rows * factor))


def _luminance(picture: Pixels, box: Box) -> Floats:
    return cv2.cvtColor(np.ascontiguousarray(picture[box]), cv2.COLOR_RGB2GRAY).astype(np.float32)


def _grain_within(picture: Pixels, where: Pixels) -> float | None:
    box = grown_box(where, GAP)
    square = np.ones((2 * GAP + 1,) * 2, np.uint8)
    within = cv2.erode(np.ascontiguousarray(where[box]), square, borderValue=255) if where.any() else where
    return _grain(_luminance(picture, box), np.asarray(within, np.uint8)) if where.any() else None


def _grain(luminance: Floats, where: Pixels) -> float | None:
    """The finest detail of a region's quietest quarter, in levels of 255; None when there is too little."""
    square = np.ones((WINDOW, WINDOW), np.uint8)
    centres = cv2.erode(where, square, borderValue=0) > 0
    if np.count_nonzero(centres) < ENOUGH_PIXELS:
        return None
    finest = cv2.blur(np.abs(cv2.filter2D(luminance, -1, _FINEST)), (WINDOW, WINDOW))
    return float(np.percentile(finest[centres], QUIET)) + _FLAT


def _gradients(luminance: Floats, size: tuple[int, int]) -> Floats:
    """At that width and height, across and down side by side; smoothed a little, for noise has gradients."""
    smooth = cv2.GaussianBlur(cv2.resize(luminance, size, interpolation=cv2.INTER_AREA), (0, 0), 1.0)
    gradients = [cv2.Sobel(smooth, cv2.CV_32F, across, 1 - across) for across in (1, 0)]
    return np.concatenate(gradients, axis=1, dtype=np.float32)
