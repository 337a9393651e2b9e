"""Paints what runs along an edge on behind a hole: a strip to either side of it, copied along the edge.

After J. Sun et al., "Image Completion with Structure Propagation" (SIGGRAPH 2005), along found lines.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.filling.lines import End, Line, Points

# A strip reaches so far to either side of its edge, as a share of the hole's longer side, at least so many
# pixels, and no further than the two ends' profiles are so near to each other, levels.
WIDTH, LEAST_WIDTH, APART = 0.03, 6, 24.0
# So near to its edge it always reaches, as a share of that width, and pixels: shades change along an edge.
CORE, LEAST_CORE = 0.6, 5
# What is copied looks like its beginning, which is so many pixels long: its error is at most so many times,
# and so many levels above, that of the beginning.
BEGINNING, LIKE, LIKE_LEVELS = 12, 1.5, 4.0
# The share of the strip in which one end's texture gives way to the other's.
CHANGE = 0.2


def paint_strips(picture: Pixels, hole: Bools, lines: list[Line]) -> tuple[Pixels, Bools]:
    """The picture, uint8 (h, w, 3), with strips along the lines behind the hole, and what is left of that."""
    width = max(LEAST_WIDTH, round(WIDTH * max(cv2.boundingRect(hole.astype(np.uint8))[2:])))
    places = np.flatnonzero(hole)
    total = np.zeros((len(places), 3), np.float32)
    weights = np.zeros((len(places), 1), np.float32)
    for line in lines:
        flat, colours, weight = _strip(picture, hole, line, width)
        which = np.searchsorted(places, flat)
        total[which] += colours * weight
        weights[which] += weight
    painted = weights[:, 0] > 0
    result, left = picture.copy(), hole.copy()
    where = np.unravel_index(places[painted], hole.shape)
    result[where] = np.clip(np.rint(total[painted] / weights[painted]), 0, 255)
    left[where] = False
    return result, left


def _strip(picture: Pixels, hole: Bools, line: Line, width: int) -> tuple[NDArray[np.intp], Floats, Floats]:
    """What a line shows in the hole: flat places (n,), colours (n, 3) and their weights (n, 1)."""
    chord = line.other.place - line.one.place
    gap = float(np.linalg.norm(chord))
    chord /= gap
    normal = np.array([-chord[1], chord[0]])
    one, other = (
        _run(picture, hole, end, sign, width, gap) for end, sign in ((line.one, 1), (line.other, -1))
    )
    rows, columns = _around(line, hole, width)
    offset = np.stack([columns, rows], -1) - line.one.place
    along, across = offset @ chord, offset @ normal
    across -= _bend(line, chord, normal, along / gap, gap)
    low, high = _common(one, other)
    kept = (along >= -1) & (along <= gap + 1) & (across >= low) & (across <= high)
    along, across = np.clip(along[kept], 0, gap), across[kept]
    part = (along / gap)[:, None]
    share = np.clip((part - 0.5) / CHANGE + 0.5, 0, 1)
    texture = one.texture(along, across) * (1 - share) + other.texture(gap - along, across) * share
    # Two textures mixed are fainter than either.
    texture /= np.sqrt(share**2 + (1 - share) ** 2)
    colours = one.at(across) * (1 - part) + other.at(across) * part + texture
    weight = np.square(1.02 - np.abs(across) / width)[:, None]
    flat = rows[kept] * hole.shape[1] + columns[kept]
    return flat, np.asarray(colours, np.float32), np.asarray(weight, np.float32)


def _around(line: Line, hole: Bools, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the hole's pixels in the box around a line and its strip."""
    corners = np.array([line.one.place, line.other.place])
    first = np.maximum(np.floor(corners.min(0) - 2 * width), 0).astype(int)
    last = np.maximum(np.ceil(corners.max(0) + 2 * width + 1), 0).astype(int)
    rows, columns = np.nonzero(hole[first[1] : last[1], first[0] : last[0]])
    return rows + first[1], columns + first[0]


def _bend(line: Line, chord: Points, normal: Points, part: Points, gap: float) -> Points:
    """How far the edge lies beside its chord, pixels: a cubic with the ends' directions."""
    first = float(line.one.ahead @ normal) / max(float(line.one.ahead @ chord), 0.5)
    last = float(line.other.ahead @ normal) / min(float(line.other.ahead @ chord), -0.5)
    part = np.clip(part, 0, 1)
    return np.asarray(gap * (first * part * (1 - part) ** 2 - last * part**2 * (1 - part)))


class _Run:
    """What is seen of an edge at one end.

    Attributes:
        profile: mean colours across it, float32 (2 * width + 1, 3).
        residue: what differs from it, from the end away from the hole, float32 (n, 2 * width + 1, 3).
    """

    def __init__(self, profile: Floats, residue: Floats) -> None:
        self.profile, self.residue = profile, residue
        self.width = len(profile) // 2

    def at(self, across: Points) -> Floats:
        """The profile at distances from the edge."""
        places = np.clip(across + self.width, 0, 2 * self.width)
        low = np.minimum(places.astype(int), 2 * self.width - 1)
        part = (places - low)[:, None]
        return np.asarray(self.profile[low] * (1 - part) + self.profile[low + 1] * part, np.float32)

    def texture(self, along: Points, across: Points) -> Floats:
        """What differs from the profile, to and fro along what is seen."""
        length = len(self.residue)
        turned = np.mod(along, 2 * length)
        rows = np.clip(np.rint(np.minimum(turned, 2 * length - turned)).astype(int), 0, length - 1)
        columns = np.clip(np.rint(across).astype(int) + self.width, 0, 2 * self.width)
        return np.asarray(self.residue[rows, columns], np.float32)


def _run(picture: Pixels, hole: Bools, end: End, sign: int, width: int, gap: float) -> _Run:
    """What is seen at an end, at most as far as the hole is wide; `sign` -1 sees it from the other side."""
    normal = sign * np.array([-end.ahead[1], end.ahead[0]])
    steps = np.arange(1, max(BEGINNING, math.ceil(gap)) + 1)
    first = end.place - end.hidden * end.ahead
    points = first - steps[:, None, None] * end.ahead + np.arange(-width, width + 1)[:, None] * normal
    x, y = points[..., 0].astype(np.float32), points[..., 1].astype(np.float32)
    colours = np.asarray(
        cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
    known = cv2.remap((~hole).astype(np.uint8), x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
    clear = (known > 0)[..., None]
    profile = _means((colours[:BEGINNING] * clear[:BEGINNING]).sum(0), clear[:BEGINNING].sum(0))
    difference = (colours - profile) * clear
    error = np.sqrt(np.square(difference).sum((1, 2)) / np.maximum(3 * clear.sum((1, 2)), 1))
    like = (error <= LIKE * error[:BEGINNING].mean() + LIKE_LEVELS) & (clear.mean((1, 2)) > 0.5)
    like[:BEGINNING] = True
    length = len(like) if like.all() else int(like.argmin())
    # The texture's own mean goes: the profile has it.
    residue = (difference[:length] - difference[:length].mean(0)) * clear[:length]
    return _Run(profile, np.asarray(residue, np.float32))


def _means(total: Floats, count: NDArray[np.intp]) -> Floats:
    """Means across an edge, (n, 3); where nothing is known, the nearest."""
    known = np.flatnonzero(count[:, 0] > 0)
    if not len(known):
        return np.zeros_like(total)
    nearest = np.abs(np.arange(len(total))[:, None] - known).argmin(1)
    return np.asarray((total / np.maximum(count, 1))[known[nearest]], np.float32)


def _common(one: _Run, other: _Run) -> tuple[int, int]:
    """From where to where across the edge both ends look alike, pixels; right beside it they are taken to."""
    unlike = np.flatnonzero(np.abs(one.profile - other.profile).mean(1) > APART) - one.width
    unlike = unlike[np.abs(unlike) > max(LEAST_CORE, CORE * one.width)]
    low, high = unlike[unlike <= 0], unlike[unlike >= 0]
    return (
        int(low.max()) + 1 if len(low) else -one.width,
        int(high.min()) - 1 if len(high) else one.width,
    )
