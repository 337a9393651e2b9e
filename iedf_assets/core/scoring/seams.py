"""Seams: where an edit ends in a visible step instead of fading into its surroundings.

Source and result are averaged along lines that run parallel to the mask's edge, piece by piece of the edge.
Texture averages out; a step from one line to the next does not. An object's own outline fades from line to
line, and so does a feathered edit; a seam is a step that comes after a lesser one. Two things show such
steps: an object that was cut off has one in the result that the source lacks, and a patch in another shade
has one in the change (result less source) that the result shows too.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.pictures.codecs import Pixels
from iedf_assets.core.pictures.colour_difference import to_lab
from iedf_assets.core.pictures.masks import grown_box

# The line nearest to the mask that is looked at, pixels.
FIRST_LINE = 1
# Pixels of a line's piece: fewer are not averaged, and pieces are chosen to have about four times as many.
ENOUGH_PIXELS = 32
MAX_PIECES = 16
# A seam runs along a good part of the edge: the step that this percentage of the pieces stay below. A cut is
# straight and short; a patch has its shade all around.
CUT_SHARE, SHADE_SHARE = 85, 70
# A step is from one line to the next but one: JPEG softens the hardest edge over two or three pixels.
STEP = 2

Lines = NDArray[np.float64]


def seam(source: Pixels, result: Pixels, edited: Pixels, reach: int) -> float | None:
    """By how much a step exceeds the least step nearer to the mask.

    Args:
        source, result: uint8 (H, W, 3).
        edited: uint8 (H, W), nonzero where the content was changed: mask and result mask.
        reach: how far from the mask to look, pixels.

    Returns:
        0 or more, in units of ΔE*ab (Euclidean in L*a*b*); None when the mask has no outside to look at.
    """
    box = grown_box(edited, reach + 2)
    mask = np.ascontiguousarray(edited[box])
    if not mask.any() or mask.all():
        return None
    distance = np.floor(cv2.distanceTransform(255 - np.where(mask, 255, 0).astype(np.uint8), cv2.DIST_L2, 3))
    lines = reach + 2 - FIRST_LINE
    rows, columns = np.nonzero((distance >= FIRST_LINE) & (distance < reach + 2))
    if len(rows) < ENOUGH_PIXELS:
        return None
    lab = [to_lab(np.ascontiguousarray(picture[box])[rows, columns]) for picture in (source, result)]
    pieces = int(np.clip(len(rows) // (lines * 4 * ENOUGH_PIXELS), 1, MAX_PIECES))
    angle = np.arctan2(rows - mask.shape[0] / 2, columns - mask.shape[1] / 2) / (2 * math.pi) + 0.5
    piece = np.minimum((angle * pieces).astype(np.intp), pieces - 1)
    cell = piece * lines + distance[rows, columns].astype(np.intp) - FIRST_LINE
    counts = np.bincount(cell, minlength=pieces * lines).reshape(pieces, lines)
    before, after = (_means(values, cell, counts) for values in lab)
    enough = np.minimum(counts[:, STEP:], counts[:, :-STEP]) >= ENOUGH_PIXELS
    if not enough.any():
        return None
    there, here, change = (_steps(means) for means in (before, after, after - before))
    cut = here - np.maximum(_nearer(here), there)
    shade = np.minimum(change - _nearer(change), here)
    return max(_along(cut, enough, CUT_SHARE), _along(shade, enough, SHADE_SHARE), 0.0)


def _means(values: NDArray[np.float64], cell: NDArray[np.intp], counts: NDArray[np.intp]) -> Lines:
    """The mean L*a*b* of each line of each piece: (pieces, lines, 3)."""
    sums = [np.bincount(cell, weights=part, minlength=counts.size) for part in values.T]
    return np.stack(sums, -1).reshape(*counts.shape, 3) / np.maximum(counts, 1)[..., None]


def _steps(means: Lines) -> Lines:
    """Distances of each line's mean to that of the next but one: (pieces, lines - 2)."""
    return np.asarray(np.linalg.norm(means[:, STEP:] - means[:, :-STEP], axis=2))


def _nearer(steps: Lines) -> Lines:
    """The least step nearer to the mask than each."""
    least = np.minimum.accumulate(steps, axis=1)
    return np.concatenate([least[:, :1], least[:, :-1]], axis=1)


def _along(excess: Lines, enough: NDArray[np.bool_], share: float) -> float:
    """The worst step that a share of the pieces stay below."""
    worst = np.where(enough, excess, -np.inf).max(axis=1)[enough.any(axis=1)]
    return float(np.percentile(worst, share))
