"""Paints what runs along an edge on behind a hole: a strip to either side of it, copied along the edge."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.filling.completion import Bools, Floats
from iedf_assets.core.filling.lines import End, Line
from iedf_assets.core.pictures.codecs import Pixels

# A strip reaches so far to either side of its edge, as a share of the hole's longer side, at least so many pixels.
WIDTH, LEAST_WIDTH = 0.03, 6
# What is copied is as long as it looks like its beginning, at least so many pixels.
SHORTEST_RUN, LIKE = 12, 1.5
# How far the two ends' profiles may be apart where a strip still belongs to the edge, levels.
APART = 24.0
# The share of the strip in which one end's texture gives way to the other's.
CHANGE = 0.2


def paint_strips(picture: Pixels, hole: Bools, lines: list[Line]) -> tuple[Pixels, Bools]:
    """`picture`, uint8 (h, w, 3), with strips along the lines behind `hole`, and the hole that is left."""
    side = max(cv2.boundingRect(hole.astype(np.uint8))[2:])
    width = max(LEAST_WIDTH, round(WIDTH * side))
    total = np.zeros((*hole.shape, 3), np.float32)
    weights = np.zeros(hole.shape, np.float32)
    for line in lines:
        _add(picture, hole, line, width, total, weights)
    painted = (weights > 0) & hole
    result = picture.copy()
    result[painted] = np.clip(np.rint(total[painted] / weights[painted, None]), 0, 255)
    return result, hole & ~painted


def _add(picture: Pixels, hole: Bools, line: Line, width: int, total: Floats, weights: Floats) -> None:
    """Add a line's strip, times its weight, and the weights."""
    chord = line.other.place - line.one.place
    gap = float(np.linalg.norm(chord))
    chord /= gap
    normal = np.array([-chord[1], chord[0]])
    corners = np.array([line.one.place, line.other.place])
    first = np.maximum(np.floor(corners.min(0) - width - 2), 0).astype(int)
    last = np.minimum(np.ceil(corners.max(0) + width + 3), hole.shape[::-1]).astype(int)
    rows, columns = np.nonzero(hole[first[1] : last[1], first[0] : last[0]])
    rows, columns = rows + first[1], columns + first[0]
    offset = np.stack([columns, rows], -1) - line.one.place
    along, across = offset @ chord, offset @ normal
    across -= _bend(line, chord, normal, along / gap, gap)
    near = (along >= -1) & (along <= gap + 1) & (np.abs(across) <= width)
    rows, columns, along, across = rows[near], columns[near], np.clip(along[near], 0, gap), across[near]
    one = _Run(picture, hole, line.one, 1.0, width, gap)
    other = _Run(picture, hole, line.other, -1.0, width, gap)
    low, high = _common(one, other)
    kept = (across >= low) & (across <= high)
    rows, columns, along, across = rows[kept], columns[kept], along[kept], across[kept]
    part = along / gap
    share = np.clip((part - 0.5) / CHANGE + 0.5, 0, 1)[:, None]
    texture = one.texture(along, across) * (1 - share) + other.texture(gap - along, across) * share
    texture /= np.sqrt(share**2 + (1 - share) ** 2)
    profile = one.at(across) * (1 - part[:, None]) + other.at(across) * part[:, None]
    weight = (1.02 - np.abs(across) / width) ** 2
    total[rows, columns] += (profile + texture) * weight[:, None]
    weights[rows, columns] += weight


def _bend(line: Line, chord: NDArray, normal: NDArray, part: NDArray, gap: float) -> NDArray:
    """How far the edge lies beside its chord: a cubic with the ends' directions."""
    first = (line.one.ahead @ normal) / max(line.one.ahead @ chord, 0.5)
    last = (line.other.ahead @ normal) / min(line.other.ahead @ chord, -0.5)
    part = np.clip(part, 0, 1)
    return gap * (first * part * (1 - part) ** 2 - last * part**2 * (1 - part))


def _common(one: "_Run", other: "_Run") -> tuple[float, float]:
    """From where to where across the edge both ends look alike."""
    alike = np.abs(one.profile - other.profile).mean(1) <= APART
    middle = len(alike) // 2
    low, high = middle, middle
    while low > 0 and alike[low - 1]:
        low -= 1
    while high < len(alike) - 1 and alike[high + 1]:
        high += 1
    return low - middle, high - middle


class _Run:
    """What is seen of an edge at one end: its mean profile, and how the picture differs from it along the edge."""

    def __init__(self, picture: Pixels, hole: Bools, end: End, sign: float, width: int, gap: float) -> None:
        self.width = width
        normal = sign * np.array([-end.ahead[1], end.ahead[0]])
        steps = np.arange(1, max(SHORTEST_RUN, math.ceil(gap)) + 1)
        across = np.arange(-width, width + 1)
        points = end.place - steps[:, None, None] * end.ahead + across[:, None] * normal
        x, y = points[..., 0].astype(np.float32), points[..., 1].astype(np.float32)
        colours = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        unknown = cv2.remap(hole.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=1)
        clear = (unknown == 0)[..., None]
        start = slice(0, SHORTEST_RUN)
        self.profile = _filled((colours[start] * clear[start]).sum(0), clear[start].sum(0))
        difference = (colours - self.profile) * clear
        error = np.sqrt(np.square(difference).sum((1, 2)) / np.maximum(3 * clear.sum((1, 2)), 1))
        like = (error <= LIKE * error[start].mean() + 4) & (clear.mean((1, 2)) > 0.5)
        like[start] = True
        length = len(like) if like.all() else int(like.argmin())
        own = difference[:length]
        # The texture's own mean goes: the profile has it.
        self.residue = np.ascontiguousarray((own - own.mean(0)) * clear[:length], np.float32)

    def at(self, across: NDArray) -> Floats:
        """The profile at distances from the edge."""
        places = np.clip(across + self.width, 0, 2 * self.width)
        low = np.minimum(places.astype(int), 2 * self.width - 1)
        part = (places - low)[:, None]
        return self.profile[low] * (1 - part) + self.profile[low + 1] * part

    def texture(self, along: NDArray, across: NDArray) -> Floats:
        """What differs from the profile, to and fro along what is seen."""
        length = len(self.residue)
        turned = np.mod(along, 2 * length)
        place = np.minimum(turned, 2 * length - turned)
        rows = np.clip(np.rint(place).astype(int), 0, length - 1)
        columns = np.clip(np.rint(across).astype(int) + self.width, 0, 2 * self.width)
        return self.residue[rows, columns]


def _filled(total: Floats, count: NDArray) -> Floats:
    """Means along an edge, those that there are none of from the nearest."""
    known = np.flatnonzero(count[:, 0] > 0)
    if not len(known):
        return np.zeros_like(total)
    means = total / np.maximum(count, 1)
    nearest = np.abs(np.arange(len(total))[:, None] - known).argmin(1)
    return np.asarray(means[known[nearest]], np.float32)
