"""Loose ends: narrow things that reach the mask's outline from outside and do not go on where it was.

A leg, a cable or a claw that the mask lacks hangs in the air once its object is gone; so does a bar behind it
that the fill breaks off. Along lines parallel to the outline such a thing is a stretch that differs from what
lies on either side of it, in two lines at different distances, by more than the texture there does:

- where the outline lies open in the result, it has to go on inside, perhaps aslant;
- where the moved object covers it, nobody sees whether it would. It may belong to the object.

Both pictures are looked at reduced to about what an eye sees of them on a page.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Doubles, Floats, Pixels
from iedf_assets.core.pictures.masks import grown
from iedf_assets.core.scoring.pair_views import reduced_lab, reduced_mask, reduced_size, smooth

# The root of the picture's area is reduced to this many pixels, which all lengths below are of.
SIZE = 900
# Two lines outside and one inside, each the mean of what is seen so far from the outline.
NEAR, FARTHER, WITHIN = (2, 3, 4), (6, 7, 8), (-3, -4, -5)
# How wide the things are that are looked for, and how far aslant they may go on.
WIDTHS, ASLANT = (3, 6, 12), 8
# A thing differs by more than twice what three quarters of the outline do, and by so many ΔE more; it goes on
# as what differs from it by no more than the last.
QUIET, TEXTURES, FAINT, ALIKE = 75, 2.0, 4.0, 4.0
# What ends so near to the moved object is covered by it; the softened edge of an edit is as wide.
COVER = 5
# A shorter outline, pixels, has no narrow things.
SHORT = 24


@dataclass(frozen=True)
class LooseEnds:
    """What does not go on.

    Attributes:
        loose: by how much and over how much of the outline, ΔE*ab times shares of the picture's side.
        hidden: the most that something differs that ends where the moved object begins, ΔE*ab.
    """

    loose: float
    hidden: float


@dataclass(frozen=True)
class _Outline:
    """One contour of a mask.

    Attributes:
        points: pixels x, y in order, float32 (N, 2).
        normals: towards the outside, unit length, float32 (N, 2).
        inner: whether a point lies off the picture's border, bool (N).
    """

    points: Floats
    normals: Floats
    inner: Bools


@dataclass(frozen=True)
class _Ends:
    """What reaches an outline, at each of its points.

    Attributes:
        excess: by how much it differs from what lies on either side, ΔE.
        gap: by how much from what lies inside, ΔE.
        covered: whether the moved object covers it.
        seen, shown: whether outside, or inside, there is something to look at.
    """

    excess: Doubles
    gap: Doubles
    covered: Bools
    seen: Bools
    shown: Bools


def find_loose_ends(
    source: Pixels, result: Pixels, mask: Pixels, result_mask: Pixels | None = None
) -> LooseEnds | None:
    """What an edit that takes an object away leaves hanging; None where no outline can be looked at.

    Args:
        source, result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero on the object.
        result_mask: uint8 (H, W), nonzero where it ends up; None when it is gone.
    """
    size = reduced_size(mask.shape, SIZE)
    inside = reduced_mask(mask, size).astype(np.uint8)
    before, after = (_lab(picture, size) for picture in (source, result))
    covered = np.zeros_like(inside)
    if result_mask is not None:
        covered = grown(reduced_mask(result_mask, size).astype(np.uint8), COVER)
    away = _signed_distance(inside)
    ends = [_ends(line, before, after, away, covered) for line in _outlines(inside, away)]
    told = np.concatenate([end.excess[end.seen] for end in ends]) if ends else np.zeros(0)
    if not len(told):
        return None
    quiet = TEXTURES * float(np.percentile(told, QUIET)) + FAINT
    loose, hidden = 0.0, 0.0
    for end in ends:
        strong = np.where(end.seen, np.clip(end.excess - quiet, 0, None), 0)
        broken = np.minimum(strong, np.clip(end.gap - ALIKE, 0, None))
        loose += float(broken[~end.covered & end.shown].sum())
        hidden = max(hidden, float(strong[end.covered].max(initial=0)))
    # What has grown covers its own parts, too.
    larger = result_mask is not None and np.count_nonzero(result_mask) > np.count_nonzero(mask)
    return LooseEnds(loose / math.sqrt(inside.size), 0.0 if larger else hidden)


def _lab(picture: Pixels, size: tuple[int, int]) -> Floats:
    return smooth(reduced_lab(picture, size), 0.8)


def _signed_distance(inside: Pixels) -> Floats:
    """Pixels from the outline, negative inside; the picture's border is no outline."""
    framed = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    return np.where(inside > 0, 0.5 - depth, distance - 0.5).astype(np.float32)


def _outlines(inside: Pixels, away: Floats) -> list[_Outline]:
    smooth = cv2.GaussianBlur(away, (0, 0), 2)
    slopes = [cv2.Sobel(smooth, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1))]
    steep = np.maximum(np.hypot(*slopes), 1e-6)
    height, width = inside.shape
    found = []
    contours, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        columns, rows = contour[:, 0].T
        if len(columns) < SHORT:
            continue
        normals = np.stack([(slope / steep)[rows, columns] for slope in slopes], 1)
        inner = (columns > 1) & (columns < width - 2) & (rows > 1) & (rows < height - 2)
        found.append(_Outline(contour[:, 0].astype(np.float32), normals, inner))
    return found


def _ends(outline: _Outline, before: Floats, after: Floats, away: Floats, covered: Pixels) -> _Ends:
    (near, seen), (farther, seen_too) = (_line(outline, before, away, where) for where in (NEAR, FARTHER))
    within, shown = _line(outline, after, away, WITHIN)
    excess, gap = np.zeros(len(near)), np.zeros(len(near))
    for width in WIDTHS:
        if len(near) < 8 * width:
            continue
        found = np.minimum(_beyond_sides(near, width), _beyond_sides(farther, width))
        gap = np.where(found > excess, _gap(near, within, width), gap)
        excess = np.maximum(excess, found)
    columns, rows = outline.points.astype(np.intp).T
    return _Ends(excess, gap, covered[rows, columns] > 0, seen & seen_too, shown)


def _line(
    outline: _Outline, picture: Floats, away: Floats, distances: tuple[int, ...]
) -> tuple[Doubles, Bools]:
    """The mean colour at some distances from each point, (N, 3), and whether it is seen at all of them.

    In a bay the way from the outline leads on to its other side; nothing is seen there.
    """
    height, width = away.shape
    colours, seen = [], outline.inner.copy()
    for distance in distances:
        x, y = (outline.points + outline.normals * distance).T[:, None]
        colours.append(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0])
        there = cv2.remap(away, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        seen &= np.abs(there - distance) < max(1.5, 0.35 * abs(distance))
        seen &= (x[0] >= 0) & (x[0] <= width - 1) & (y[0] >= 0) & (y[0] <= height - 1)
    return np.mean(colours, axis=0, dtype=np.float64), seen


def _beyond_sides(line: Doubles, width: int) -> Doubles:
    """By how much each stretch of a line differs from both of those beside it, ΔE."""
    own, sides = _along(line, width), _along(line, 2 * width)
    away = [np.linalg.norm(own - np.roll(sides, shift, 0), axis=1) for shift in (2 * width, -2 * width)]
    return np.asarray(np.minimum(*away))


def _gap(near: Doubles, within: Doubles, width: int) -> Doubles:
    """How much each stretch differs from what comes nearest to it inside, ΔE."""
    own, inside = _along(near, width), _along(within, width)
    shifts = range(-ASLANT - width, ASLANT + width + 1, 2)
    return np.asarray(
        np.min([np.linalg.norm(np.roll(inside, shift, 0) - own, axis=1) for shift in shifts], axis=0)
    )


def _along(line: Doubles, width: int) -> Doubles:
    """The mean of each so many points of a closed line, (N, 3)."""
    before = width // 2
    closed = np.concatenate([line[len(line) - before :], line, line[: width - 1 - before]])
    sums = np.cumsum(np.concatenate([np.zeros((1, 3)), closed]), axis=0)
    return np.asarray((sums[width:] - sums[:-width]) / width)
