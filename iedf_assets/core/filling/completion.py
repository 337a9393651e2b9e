"""Completes a small picture's hole from patches of the rest: where does each part of the hole find its like?

Coarse-to-fine patch-based completion after Y. Wexler, E. Shechtman, M. Irani, "Space-Time Completion of
Video" (TPAMI 2007), with a search that is exact instead of PatchMatch's random one: at these sizes one matrix
product finds every nearest patch.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Bools, Floats

Integers = NDArray[np.intp]

PATCH = 7
REACH = PATCH // 2
# Rounds of search and vote: at the smallest size, where the composition is found, and above.
FIRST_ROUNDS, ROUNDS = 8, 2
# How much the way to a match counts beside its looks, levels per pixel: much in the first guess, which has
# little else to go by, little once patches lie among their like.
FIRST_LOCALITY, LOCALITY = 1.0, 0.1
# Each patch is told by the lowest frequencies of its discrete cosine transform, those with u + v below this.
FREQUENCIES = 4
# Patches that reach the rim know more than those deep in the hole: certainty falls by this per pixel.
CERTAINTY_FALL = 1.25
# Halved coefficients keep every sum below 2**24: float32 is then exact, whatever the order and the machine.
PRECISION = 0.5
QUERIES = 256
TRUST = 4
# Patches whose squared differences are nearer than this are equally good to begin with.
DOUBT = 200.0


@dataclass(frozen=True)
class Completion:
    """A completed picture.

    Attributes:
        values: float32 (h, w, channels).
        matches: row and column of the patch most like the one around each pixel, int (h, w, 2).
    """

    values: Floats
    matches: Integers


def complete(picture: Floats, hole: Bools, rng: np.random.Generator) -> Completion | None:
    """Complete `picture`, float32 (h, w, channels), in `hole`, bool (h, w); the hole may hold anything.

    None if no patch lies clear of the hole. `rng` decides between patches that begin nearly alike.
    """
    sizes = _pyramid(picture, hole)
    found: Completion | None = None
    for values, unknown in reversed(sizes):
        clear = clear_centres(unknown)
        if found is not None:
            found = _refine(_enlarged(found, values, unknown, clear), unknown, clear, ROUNDS)
        elif clear.any():
            found = _refine(_first_guess(values, unknown, clear, rng), unknown, clear, FIRST_ROUNDS)
    return found


def clear_centres(hole: Bools) -> Bools:
    """Centres of the patches that lie within the picture and clear of the hole, bool (h, w)."""
    window = np.ones((PATCH, PATCH), np.uint8)
    outside = cv2.copyMakeBorder(hole.astype(np.uint8), *(REACH,) * 4, cv2.BORDER_CONSTANT, value=1)
    touched = cv2.dilate(outside, window, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(touched[REACH:-REACH, REACH:-REACH] == 0)


def spread(values: Floats, hole: Bools) -> Floats:
    """`values`, float32 (h, w, channels), with the hole filled smoothly from around it (push and pull)."""
    known = (~hole).astype(np.float32)[..., None]
    if not hole.any() or min(hole.shape) < 2:
        mean = (values * known).sum((0, 1)) / max(1.0, known.sum())
        return np.asarray(values * known + mean * (1 - known), np.float32)
    small = ((hole.shape[1] + 1) // 2, (hole.shape[0] + 1) // 2)
    weight = cv2.resize(known[..., 0], small, interpolation=cv2.INTER_AREA)[..., None]
    means = cv2.resize(values * known, small, interpolation=cv2.INTER_AREA).reshape(*weight.shape[:2], -1)
    coarse = spread(np.asarray(means / np.maximum(weight, 1e-6), np.float32), weight[..., 0] < 1e-6)
    fine = cv2.resize(coarse, hole.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(values.shape)
    return values * known + fine * (1 - known)


def _pyramid(picture: Floats, hole: Bools) -> list[tuple[Floats, Bools]]:
    """The picture and smaller ones, down to where the hole is about as wide as a patch."""
    sizes = [(picture, hole)]
    while min(hole.shape) >= 12 * PATCH and _depth(hole).max() > REACH + 1:
        size = ((hole.shape[1] + 1) // 2, (hole.shape[0] + 1) // 2)
        known = (~hole).astype(np.float32)
        share = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
        means = cv2.resize(picture * known[..., None], size, interpolation=cv2.INTER_AREA)
        picture = np.asarray(means / np.maximum(share, 1e-6)[..., None], np.float32)
        hole = share < 0.999
        sizes.append((picture, hole))
    return sizes


def _depth(hole: Bools) -> Floats:
    """How far from what is known, pixels; beyond the picture nothing is known."""
    return np.asarray(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3), np.float32)


def _first_guess(picture: Floats, hole: Bools, clear: Bools, rng: np.random.Generator) -> Floats:
    """Peel the hole from its rim inwards: each pixel comes from the patch most like what is known around it.

    Smooth guesses end as smears; this one has texture from the start.
    """
    values = np.rint(picture * PRECISION)
    values[hole] = 0
    near = _whereabouts(hole.shape, FIRST_LOCALITY)
    sources, _ = _windows(values, ~hole, np.argwhere(clear))
    distance = np.square(near[clear]).sum(1) + np.rint(rng.random(len(sources)) * DOUBT)
    wanted = np.vstack([-2 * sources.T, np.square(sources).T, -2 * near[clear].T, distance]).astype(
        np.float32
    )
    centres = picture[clear]
    guess, unknown = picture.copy(), hole.copy()
    while unknown.any():
        layer = unknown & cv2.dilate((~unknown).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        seen, known = _windows(values, ~unknown, np.argwhere(layer))
        scores = _product(np.hstack([seen, known, near[layer], np.ones((len(seen), 1), np.float32)]), wanted)
        guess[layer] = centres[scores.argmin(1)]
        values[layer] = np.rint(guess[layer] * PRECISION)
        unknown &= ~layer
    return guess


def _windows(values: Floats, known: Bools, places: Integers) -> tuple[Floats, Floats]:
    """The patches around `places`, 0 where not known, and where they are known: float32 (n, features)."""
    edge = (REACH, REACH)
    values = np.pad(values, (edge, edge, (0, 0)))
    weight = np.pad(known, (edge, edge))[..., None].repeat(values.shape[2], 2).astype(np.float32)
    flat = [
        np.lib.stride_tricks.sliding_window_view(part, (PATCH, PATCH), (0, 1))[tuple(places.T)].reshape(
            len(places), -1
        )
        for part in (values * weight, weight)
    ]
    return flat[0], flat[1]


def _enlarged(found: Completion, picture: Floats, hole: Bools, clear: Bools) -> Floats:
    """The next size's first guess: the smaller one's matches, voting with this size's sharper pixels."""
    height, width = hole.shape
    rows, columns = np.indices(hole.shape)
    small = found.matches[rows // 2, columns // 2]
    limit = (height - 1 - REACH, width - 1 - REACH)
    matches = np.clip(small * 2 + np.stack([rows % 2, columns % 2], -1), REACH, limit)
    weight = clear[matches[..., 0], matches[..., 1]].astype(np.float32)
    fallback = cv2.resize(found.values, (width, height), interpolation=cv2.INTER_LINEAR)
    return _vote(np.where(hole[..., None], fallback, picture), hole, matches, weight)


def _refine(guess: Floats, hole: Bools, clear: Bools, rounds: int) -> Completion:
    """Search and vote in turn; the last search belongs to the last vote."""
    certainty = CERTAINTY_FALL ** -_depth(hole)
    sought = cv2.dilate(hole.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8)).astype(bool)
    sources = np.argwhere(clear)
    values = guess
    for _ in range(rounds):
        nearest, distance = _search(values, sought, clear)
        matches = np.indices(hole.shape).transpose(1, 2, 0).copy()
        matches[sought] = sources[nearest]
        weight = np.zeros(hole.shape, np.float32)
        typical = max(float(np.median(distance)), 1.0)
        weight[sought] = (distance / typical + 0.05) ** -TRUST * certainty[sought]
        values = _vote(values, hole, matches, weight)
    return Completion(values, matches)


def _search(values: Floats, sought: Bools, clear: Bools) -> tuple[Integers, Floats]:
    """For each patch sought the number, row by row, of its nearest clear one, and their squared distance."""
    described = _describe(values)
    sources, queries = described[clear], described[sought]
    norms = np.einsum("ij,ij->i", sources, sources)
    nearest = np.empty(len(queries), np.intp)
    least = np.empty(len(queries), np.float32)
    transposed = np.ascontiguousarray(sources.T) * np.float32(-2)
    for start in range(0, len(queries), QUERIES):
        part = slice(start, start + QUERIES)
        scores = _product(queries[part], transposed)
        scores += norms
        nearest[part] = scores.argmin(1)
        least[part] = scores[np.arange(len(scores)), nearest[part]]
    return nearest, least + np.einsum("ij,ij->i", queries, queries)


def _product(one: Floats, other: Floats) -> Floats:
    """The matrix product, by OpenCV: NumPy's has threads of its own that slow down a pool of workers."""
    return np.asarray(cv2.gemm(one, other, 1, np.empty((0, 0), np.float32), 0), np.float32)


def _describe(values: Floats) -> Floats:
    """What each patch looks like and where it lies: whole numbers, float32 (h, w, features)."""
    place = (np.arange(PATCH) + 0.5) * np.pi / PATCH
    waves = np.stack([np.cos(place * u) * np.sqrt((2 if u else 1) / PATCH) for u in range(FREQUENCIES)])
    features = [
        cv2.sepFilter2D(values, cv2.CV_32F, waves[u], waves[v], borderType=cv2.BORDER_REFLECT_101)
        for u in range(FREQUENCIES)
        for v in range(FREQUENCIES - u)
    ]
    described = np.rint(np.dstack(features) * PRECISION)
    return np.dstack([described, _whereabouts(values.shape, LOCALITY)]).astype(np.float32)


def _whereabouts(shape: tuple[int, ...], locality: float) -> Floats:
    """Where each patch lies, in the unit of its other features: float32 (h, w, 2)."""
    step = locality * PATCH * PRECISION
    return np.asarray(np.rint(np.indices(shape[:2], np.float32).transpose(1, 2, 0) * step), np.float32)


def _vote(values: Floats, hole: Bools, matches: Integers, weight: Floats) -> Floats:
    """Every pixel of the hole as the weighted mean of what the matches of the patches around it say."""
    rows, columns = np.nonzero(hole)
    height, width, channels = values.shape
    edge = ((REACH, REACH), (REACH, REACH))
    flat = np.pad(matches[..., 0] * width + matches[..., 1], edge)
    certain = np.pad(weight, edge)
    pixels = values.reshape(-1, channels)
    total = np.zeros((len(rows), channels), np.float32)
    weights = np.full(len(rows), 1e-12, np.float32)
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            centre = (rows - dy + REACH, columns - dx + REACH)
            share = certain[centre]
            # Where the weight is 0 the match may be anything; the clip keeps it a pixel.
            source = np.clip(flat[centre] + dy * width + dx, 0, height * width - 1)
            total += pixels[source] * share[:, None]
            weights += share
    voted = values.copy()
    known = weights > 1e-9
    voted[rows[known], columns[known]] = total[known] / weights[known, None]
    return voted
