"""Seams: where an edit ends in a visible step instead of fading into its surroundings.

Source and result are averaged along lines that run parallel to the mask's edge, piece by piece of the edge.
Texture averages out; a step from one line to the next does not. An object's own outline fades from line to
line, and so does a feathered edit; a seam is a step that comes after a lesser one. Two things show such
steps: an object that was cut off has one in the result that the source lacks, and a patch in another shade
has one in the change (result less source) that the result shows too.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Bools, Doubles, Pixels
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
# Where the photo's own texture is looked at: so many boxes of the edit away, across and down. At least this
# share of the edge has to lie in the picture and off the edit, at so many of the places.
ASIDE = (
    (-1, 0), (1, 0), (0, -1), (0, 1), (-0.6, -0.6), (0.6, -0.6), (-0.6, 0.6), (0.6, 0.6), (-0.4, 0), (0.4, 0),
)  # fmt: skip
SHOWN, ENOUGH_PLACES = 0.4, 2
# Of the places the quieter ones count, and however rough they are, no more than this, ΔE: other things' edges
# are no texture.
QUIET_PLACES, MOST_TEXTURE = 25, 2.5

Lines = Doubles


@dataclass(frozen=True)
class _Edge:
    """The pixels along a mask's edge, by pieces and lines.

    Attributes:
        rows, columns: of each pixel in the picture.
        cell: the number of each pixel's line of its piece.
        pieces, lines: how many there are.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    cell: NDArray[np.intp]
    pieces: int
    lines: int

    def means(self, picture: Pixels, down: int, across: int, seen: Bools) -> tuple[Lines, Lines]:
        """The mean L*a*b* of each line so far aside, (pieces, lines, 3), and how many pixels it has."""
        lab = to_lab(picture[self.rows[seen] + down, self.columns[seen] + across])
        counts = np.bincount(self.cell[seen], minlength=self.pieces * self.lines)
        shaped = counts.reshape(self.pieces, self.lines)
        return _means(lab, self.cell[seen], shaped), shaped.astype(np.float64)


def seam(source: Pixels, result: Pixels, edited: Pixels, reach: int) -> float | None:
    """By how much a step exceeds the least step nearer to the mask.

    Args:
        source, result: uint8 (H, W, 3).
        edited: uint8 (H, W), nonzero where the content was changed: mask and result mask.
        reach: how far from the mask to look, pixels.

    Returns:
        0 or more, in units of ΔE*ab (Euclidean in L*a*b*); None when the mask has no outside to look at.
    """
    edge = _edge(edited, reach)
    if edge is None:
        return None
    everywhere = np.ones(len(edge.cell), np.bool_)
    before, counts = edge.means(source, 0, 0, everywhere)
    after, _ = edge.means(result, 0, 0, everywhere)
    enough = _enough(counts)
    if not enough.any():
        return None
    there, here, change = (_steps(means) for means in (before, after, after - before))
    cut = here - np.maximum(_nearer(here), there)
    shade = np.minimum(change - _nearer(change), here)
    return max(_along(cut, enough, CUT_SHARE), _along(shade, enough, SHADE_SHARE), 0.0)


def texture_step(source: Pixels, edited: Pixels, reach: int) -> float | None:
    """The step that the source's own texture has along the same lines laid elsewhere, where it is quieter.

    Args:
        source, edited, reach: as of `seam`.

    Returns:
        0 to `MOST_TEXTURE`, ΔE*ab; None when there is no room for the lines elsewhere.
    """
    edge = _edge(edited, reach)
    if edge is None:
        return None
    height, width = edited.shape
    _, _, across, down = cv2.boundingRect(edited)
    # What was edited is an object, with an outline of its own.
    taken = cv2.dilate(edited, np.ones((5, 5), np.uint8))
    found = []
    for right, below in ASIDE:
        aside = round(below * (down + reach)), round(right * (across + reach))
        rows, columns = edge.rows + aside[0], edge.columns + aside[1]
        seen = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        seen[seen] = taken[rows[seen], columns[seen]] == 0
        if np.count_nonzero(seen) < SHOWN * len(seen):
            continue
        means, counts = edge.means(source, *aside, seen)
        enough = _enough(counts)
        if enough.any():
            steps = _steps(means)
            found.append(_along(steps - _nearer(steps), enough, CUT_SHARE))
    if len(found) < ENOUGH_PLACES:
        return None
    return float(np.clip(np.percentile(found, QUIET_PLACES), 0, MOST_TEXTURE))


def _edge(edited: Pixels, reach: int) -> _Edge | None:
    """The lines around a mask; None when it has no outside to look at."""
    box = grown_box(edited, reach + 2)
    mask = np.ascontiguousarray(edited[box])
    if not mask.any() or mask.all():
        return None
    distance = np.floor(cv2.distanceTransform(255 - np.where(mask, 255, 0).astype(np.uint8), cv2.DIST_L2, 3))
    lines = reach + 2 - FIRST_LINE
    rows, columns = np.nonzero((distance >= FIRST_LINE) & (distance < reach + 2))
    if len(rows) < ENOUGH_PIXELS:
        return None
    pieces = int(np.clip(len(rows) // (lines * 4 * ENOUGH_PIXELS), 1, MAX_PIECES))
    angle = np.arctan2(rows - mask.shape[0] / 2, columns - mask.shape[1] / 2) / (2 * math.pi) + 0.5
    piece = np.minimum((angle * pieces).astype(np.intp), pieces - 1)
    cell = piece * lines + distance[rows, columns].astype(np.intp) - FIRST_LINE
    return _Edge(rows + box[0].start, columns + box[1].start, cell, pieces, lines)


def _enough(counts: Lines) -> Bools:
    """Which steps are of lines with enough pixels."""
    return np.asarray(np.minimum(counts[:, STEP:], counts[:, :-STEP]) >= ENOUGH_PIXELS)


def _means(values: Doubles, cell: NDArray[np.intp], counts: NDArray[np.intp]) -> Lines:
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


def _along(excess: Lines, enough: Bools, share: float) -> float:
    """The worst step that a share of the pieces stay below."""
    worst = np.where(enough, excess, -np.inf).max(axis=1)[enough.any(axis=1)]
    return float(np.percentile(worst, share))
