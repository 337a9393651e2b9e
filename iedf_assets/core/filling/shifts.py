"""From single matches to a few large pieces, each of which is one part of the picture moved into the hole.

The statistics of matches after K. He, J. Sun, "Statistics of Patch Offsets for Image Completion" (ECCV 2012);
the pieces are found by cost-volume filtering and mean-field rounds of a Potts model instead of graph cuts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Doubles, Floats, Labels, Pixels
from iedf_assets.core.filling.completion import PATCH, REACH, Completion, Integers
from iedf_assets.core.pictures.masks import grown_box

MAX_SHIFTS = 48
# Votes that fall this near to each other are one shift, pixels.
SHIFT_BLUR = 1.0
IMPOSSIBLE = np.float32(1e9)
# A squared difference per channel beyond this is simply wrong.
WORST = 60.0**2
# What the rim's real pixels count beside the guessed ones.
RIM_WEIGHT = 3.0
# The Potts model: strength, neighbourhood, rounds.
COHERENCE, COHERENCE_BLUR, COHERENCE_ROUNDS = 6.0, 3.0, 8
# Parts smaller than a patch are merged with others, in this many rounds, at this cost.
MERGES, UNWANTED = 3, 6.0
# Fitting: points compared per piece, and the difference beyond which a point says nothing more.
POINTS, FIT_WORST = 500, 90.0
STEPS = np.array([(0, 0), (-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)])


@dataclass(frozen=True)
class Pieces:
    """What fills the hole.

    Attributes:
        index: which piece fills each pixel, int32 (h, w); -1 outside the hole.
        shifts: each piece's source minus its place, rows and columns, float (n, 2), in pixels of `index`.
    """

    index: Labels
    shifts: Doubles


def find_pieces(found: Completion, unknown: Bools, hole: Bools) -> Pieces:
    """Cover the hole, bool (h, w), part of what is unknown, with few pieces that look like its completion."""
    # Pieces are moved and their seams softened later, by less than this.
    usable = cv2.dilate(unknown.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8)) == 0
    shifts = _candidates(found.matches, hole, usable)
    labels = _label(found.values, hole, usable, shifts)
    index = np.full(hole.shape, -1, np.int32)
    chosen: list[Integers] = []
    for label in np.unique(labels[hole]):
        count, parts = cv2.connectedComponents(((labels == label) & hole).astype(np.uint8), connectivity=4)
        for part in range(1, count):
            index[parts == part] = len(chosen)
            chosen.append(shifts[label])
    return Pieces(index, np.array(chosen, np.float64))


def _candidates(matches: Integers, hole: Bools, usable: Bools) -> Integers:
    """The most frequent shifts, and as many more as it takes for every pixel of the hole: int (n, 2)."""
    height, width = hole.shape
    places = np.argwhere(hole)
    offsets = matches[hole] - places
    votes = np.zeros((2 * height + 1, 2 * width + 1), np.float32)
    np.add.at(votes, (offsets[:, 0] + height, offsets[:, 1] + width), 1)
    votes = cv2.GaussianBlur(votes, (0, 0), SHIFT_BLUR)
    peaks = np.argwhere((votes == cv2.dilate(votes, np.ones((3, 3), np.uint8))) & (votes > 0.3))
    order = np.argsort(-votes[tuple(peaks.T)], kind="stable")[:MAX_SHIFTS]
    shifts = [tuple(shift) for shift in peaks[order] - (height, width)]
    uncovered = np.ones(len(places), bool)
    for shift in shifts:
        uncovered &= ~_is_usable(places + shift, usable)
    while uncovered.any():
        values, counts = np.unique(offsets[uncovered], axis=0, return_counts=True)
        shifts.append(tuple(values[counts.argmax()]))
        uncovered &= ~_is_usable(places + shifts[-1], usable)
    return np.array(shifts, np.intp)


def _is_usable(points: Integers, usable: Bools) -> Bools:
    height, width = usable.shape
    inside = ((points >= 0) & (points < (height, width))).all(-1)
    clipped = np.clip(points, 0, (height - 1, width - 1))
    return np.asarray(inside & usable[clipped[..., 0], clipped[..., 1]])


def _label(values: Floats, hole: Bools, usable: Bools, shifts: Integers) -> Integers:
    """Which shift each pixel of the hole has, int (h, w): one that fits completion and neighbours."""
    box = grown_box(hole.astype(np.uint8), REACH)
    places = np.indices(hole[box].shape).transpose(1, 2, 0) + np.array([box[0].start, box[1].start])
    costs = np.stack([_cost(values, hole, usable, places, shift) for shift in shifts])
    inside = hole[box]
    scale = float(np.median(costs.min(0)[inside])) + 4.0
    costs /= scale
    labels = _agreed(costs, inside)
    for _ in range(MERGES):
        scattered = _scattered(labels, inside)
        if not scattered.any():
            break
        rows, columns = np.nonzero(scattered)
        costs[labels[rows, columns], rows, columns] += UNWANTED
        labels = _agreed(costs, inside)
    full = np.zeros(hole.shape, np.intp)
    full[box] = labels
    return full


def _agreed(costs: Floats, inside: Bools) -> Integers:
    """The label of each pixel, int (h, w): of low cost, float32 (n, h, w), and shared with its neighbours."""
    labels = costs.argmin(0)
    for _ in range(COHERENCE_ROUNDS):
        energies = np.empty_like(costs)
        for label, cost in enumerate(costs):
            same = ((labels == label) & inside).astype(np.float32)
            agreement = cv2.GaussianBlur(same, (0, 0), COHERENCE_BLUR, borderType=cv2.BORDER_REPLICATE)
            energies[label] = cost - COHERENCE * agreement
        labels = energies.argmin(0)
    return np.asarray(labels)


def _scattered(labels: Integers, inside: Bools) -> Bools:
    """The pixels whose part of their label is smaller than a patch."""
    scattered = np.zeros(labels.shape, bool)
    for label in np.unique(labels[inside]):
        same = ((labels == label) & inside).astype(np.uint8)
        _, parts, stats, _ = cv2.connectedComponentsWithStats(same, connectivity=4)
        scattered |= (stats[:, cv2.CC_STAT_AREA] < PATCH * PATCH)[parts] & (same > 0)
    return scattered


def _cost(values: Floats, hole: Bools, usable: Bools, places: Integers, shift: Integers) -> Floats:
    """How unlike the completion is what `shift` brings: mean squared difference around each place."""
    sources = places + shift
    valid = _is_usable(sources, usable)
    limit = np.array(hole.shape) - 1
    rows, columns = np.clip(sources, 0, limit).transpose(2, 0, 1)
    target = values[places[..., 0], places[..., 1]]
    difference = np.minimum(np.square(values[rows, columns] - target).mean(-1), WORST)
    inside = hole[places[..., 0], places[..., 1]]
    weight = (valid * np.where(inside, 1, RIM_WEIGHT)).astype(np.float32)
    size = (PATCH, PATCH)
    total = cv2.blur(difference * weight, size, borderType=cv2.BORDER_CONSTANT)
    weights = cv2.blur(weight, size, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(np.where(inside & ~valid, IMPOSSIBLE, total / np.maximum(weights, 1e-6)), np.float32)


def fit(
    pieces: Pieces, pictures: Sequence[Pixels], holes: Sequence[Bools], rng: np.random.Generator
) -> Pieces:
    """Move each piece so that it continues what it borders on.

    Args:
        pieces: at the smallest size.
        pictures: uint8 (h, w, 3), from about the pieces' size up to the full one.
        holes: theirs, bool (h, w).
        rng: draws the points at which neighbours are compared.

    Returns:
        The same pieces; their shifts fit the largest picture but are still told in pixels of `index`.
    """
    shifts = pieces.shifts.copy()
    borders = [_border(pieces.index, piece) for piece in range(len(shifts))]
    extents = [np.argwhere(pieces.index == piece) for piece in range(len(shifts))]
    for picture, hole in zip(pictures, holes, strict=True):
        scale = np.array(hole.shape) / pieces.index.shape
        for piece, border in enumerate(borders):
            if len(border):
                places = border[rng.integers(0, len(border), POINTS)] + rng.random((POINTS, 2))
                owners = pieces.index[tuple(places.astype(np.intp).T)]
                moved = np.where(owners[:, None] >= 0, np.rint(shifts[owners] * scale), 0)
                wanted = _look(places * scale + moved, picture, hole)
                first = np.floor(extents[piece].min(0) * scale)
                last = np.ceil((extents[piece].max(0) + 1) * scale)
                # What a piece shows must lie in the picture.
                tried = np.clip(np.rint(shifts[piece] * scale) + STEPS, -first, np.array(hole.shape) - last)
                shifts[piece] = _best_of(tried, places * scale, wanted, picture, hole) / scale
    return Pieces(pieces.index, shifts)


def _border(index: Labels, piece: int) -> Integers:
    """The pixels around a piece, int (n, 2)."""
    own = (index == piece).astype(np.uint8)
    return np.argwhere(cv2.dilate(own, np.ones((3, 3), np.uint8)) > own)


def _best_of(
    tried: Doubles,
    places: Doubles,
    wanted: tuple[Floats, Bools],
    picture: Pixels,
    hole: Bools,
) -> Doubles:
    """Of the shifts tried, (n, 2), the one that brings to `places` what is most like what is wanted there."""
    there, known = wanted
    own, valid = _look(places[:, None] + tried, picture, hole)
    both = valid & known[:, None]
    difference = np.minimum(np.abs(own - there[:, None]).mean(-1), FIT_WORST)
    counts = both.sum(0)
    costs = np.where(counts >= POINTS // 8, (difference * both).sum(0) / np.maximum(counts, 1), FIT_WORST)
    return np.asarray(tried[costs.argmin()])


def _look(points: Doubles, picture: Pixels, hole: Bools) -> tuple[Floats, Bools]:
    """The picture at `points`, float32 (..., 3), and where it is known."""
    whole = points.astype(np.intp)
    clipped = np.clip(whole, 0, np.array(hole.shape) - 1)
    rows, columns = clipped[..., 0], clipped[..., 1]
    inside = (whole == clipped).all(-1)
    return picture[rows, columns].astype(np.float32), np.asarray(inside & ~hole[rows, columns])
