"""Shades of an object's colour that are of another hue: in reflected light, or where petals are thin.

A colour in light and in shade is told by its chromaticity (`body_colour.likeness`). What shines with the
light of the sky, or of what is behind it, is not; but no edge parts it from the rest.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.body_colour import could_be_skin, looks_like_skin
from iedf_assets.core.scoring.pair_views import reduced_size

# The root of the area at which shades are looked for, pixels.
SIDE = 560
# How far their hue may be from the colour's, degrees; their least chroma, in OKLCh and as a share of its own.
HUES, FAINT, FAINTER = 38.0, 0.03, 0.4
# From this step to the next pixel on there is an edge, OKLab after a blur of one pixel.
STEP = 0.035


def with_shades(lab: Floats, alpha: Pixels, colour: Sequence[float], share: Floats) -> Floats:
    """How far each pixel has a colour, its shades of other hues included: float32 (H, W), 0 to 1.

    Of about its hue, and hanging together with what has it without an edge in between. Skin is no shade of
    what is none itself.

    Args:
        lab: OKLab, float32 (H, W, 3).
        alpha: of the object, uint8 (H, W).
        colour: RGB 0-255.
        share: how far each pixel has the colour itself, 0 to 1.
    """
    height, width = share.shape
    size = reduced_size(share.shape, SIDE)
    small = np.asarray(cv2.resize(lab, size, interpolation=cv2.INTER_AREA), np.float32)
    core = np.asarray(cv2.resize(share, size, interpolation=cv2.INTER_AREA) > 0.5)
    inside = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= 128)
    possible = _of_like_hue(small, colour) & inside
    # Opened, so that a gap in an edge is no way.
    even = _morphed(possible & ~_edges(small), cv2.MORPH_OPEN, 3)
    _, labels = cv2.connectedComponents((even | core).astype(np.uint8))
    reached = np.isin(labels, np.unique(labels[core])) & (labels > 0)
    # Faint lines are edges; what they part is one all the same.
    found = (_morphed(reached, cv2.MORPH_CLOSE, 5) & possible) | core
    soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), 1.0)
    whole = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.maximum(share, np.asarray(whole, np.float32))


def _morphed(mask: Bools, how: int, side: int) -> Bools:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), how, np.ones((side, side), np.uint8)) > 0)


def _of_like_hue(lab: Floats, colour: Sequence[float]) -> Bools:
    _, usual, hue = colour_names.lch_of(colour)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hues = np.asarray(np.degrees(np.arctan2(lab[..., 2], lab[..., 1])), np.float32)
    alike = (colour_names.hue_distance(hues, hue) <= HUES) & (chroma >= max(FAINT, FAINTER * usual))
    return np.asarray(alike if looks_like_skin(colour) else alike & ~could_be_skin(lab), np.bool_)


def _edges(lab: Floats) -> Bools:
    soft = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.0), np.float32)
    step = np.zeros(soft.shape[:2], np.float32)
    step[1:] = np.linalg.norm(soft[1:] - soft[:-1], axis=2)
    step[:, 1:] = np.maximum(step[:, 1:], np.linalg.norm(soft[:, 1:] - soft[:, :-1], axis=2))
    return np.asarray(cv2.dilate(step, np.ones((3, 3), np.uint8)) >= STEP, np.bool_)
