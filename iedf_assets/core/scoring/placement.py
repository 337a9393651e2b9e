"""Whether an object is where, and as large as, a recipe says: evidence of moves and scalings."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Floats, Pixels
from iedf_assets.core.pictures.masks import Box, grown, grown_box
from iedf_assets.core.scoring.pair_views import (
    ENOUGH_PIXELS,
    PairView,
    averaged,
    cosine,
    long_side,
    smooth,
    stretched_oklab,
)

Place = tuple[float, float, float]
"""Where an object ends up: factor, x and y of new = factor * old + (x, y), pixels."""
# To which the long side of the mask's box is reduced, pixels.
STRUCTURE_SIDE = 192
_SIGNS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
# Structure is compared between these two scales, shares of the picture's long side; the coarser one is at
# most this share of the object, too.
_FINE, _COARSE, _COARSE_OF_OBJECT = 0.003, 0.06, 0.6
# What counts as another place or size: so far beside, of the long side, or so many times as large.
_BESIDE, _OTHER_FACTOR = 0.04, 1.12
# A mask so near to the border, a share of the picture's side, may be of an object that the border cuts off.
_NEAR_BORDER = 0.02
# How far around its new place an object's soft rim and its shadow count as there, a share of the long side.
_RIM = 0.008
# The least that the likeness of another place leaves to be gained by the right one.
_LEAST_GAIN = 0.1


def move_evidence(recipe: Mapping[str, Any], pair: PairView) -> float | None:
    """How much more the object is at the stated place than where it was, short of it and beyond."""
    shift = _shift(recipe, pair)
    length = math.hypot(*shift) if shift else 0.0
    if shift is None or not length:
        return None
    beside = _BESIDE * max(pair.size) / length
    return _found([(1.0, shift[0] * part, shift[1] * part) for part in (1, 0, 1 - beside, 1 + beside)], pair)


def vacated_evidence(pair: PairView, there: Pixels) -> float | None:
    """How little the place that an object left looks like the object, where it does not stand in it now.

    Args:
        there: uint8 (H, W), nonzero where it ends up.

    Returns:
        1 less their likeness, 0 to 1; None where too little is left free.
    """
    near = grown(there, max(1, round(_RIM * max(pair.size))))
    left = np.where(near > 0, np.uint8(0), pair.mask)
    alike = likenesses([(1.0, 0.0, 0.0)], PairView(pair.source, pair.result, left)) if left.any() else None
    return None if alike is None else 1.0 - max(alike[0], 0.0)


def _shift(recipe: Mapping[str, Any], pair: PairView) -> tuple[float, float] | None:
    if "dx" in recipe or "dy" in recipe:
        return recipe.get("dx", 0), recipe.get("dy", 0)
    if recipe.get("direction") not in _SIGNS or "percent" not in recipe:
        return None
    across, down = _SIGNS[recipe["direction"]]
    width, height = pair.size
    return across * round(recipe["percent"] * width / 100), down * round(recipe["percent"] * height / 100)


def scale_evidence(recipe: Mapping[str, Any], pair: PairView) -> float | None:
    """How much more the object has the stated size than its old one, a smaller and a larger one."""
    stated = recipe.get("factor", 0)
    if stated <= 0:
        return None
    factors = stated, 1.0, stated * _OTHER_FACTOR, stated / _OTHER_FACTOR

    def found(x: float, y: float) -> float | None:
        return _found([(factor, x * (1 - factor), y * (1 - factor)) for factor in factors], pair)

    evidence = [found(*anchor) for anchor in _anchors(recipe, pair)]
    return max((value for value in evidence if value is not None), default=None)


def _anchors(recipe: Mapping[str, Any], pair: PairView) -> list[tuple[float, float]]:
    """The points about which the object may be scaled, as recipes are drawn when it is not stated.

    A mask does not always reach the border that cuts its object off.
    """
    if "anchor_x" in recipe and "anchor_y" in recipe:
        return [(recipe["anchor_x"], recipe["anchor_y"])]
    rows, columns = grown_box(pair.mask, 0)
    width, height = pair.size
    middle = (columns.start + columns.stop - 1) / 2
    across = [middle, *_borders(columns, width)]
    down = [rows.stop - 1.0, *_borders(rows, height)]
    return list(itertools.product(across, down))


def _borders(span: slice, length: int) -> list[float]:
    """The ends of a row or column of pixels that a span nearly reaches."""
    near = _NEAR_BORDER * length
    return [0.0] * (span.start <= near) + [length - 1.0] * (span.stop >= length - near)


def _found(places: Sequence[Place], pair: PairView) -> float | None:
    """How much more the object is at the first place than at any of the others."""
    alike = likenesses(places, pair)
    if alike is None:
        return None
    found, other = max(alike[0], 0.0), max(0.0, *alike[1:])
    return found * (found - other) / max(1 - other, _LEAST_GAIN)


def likenesses(places: Sequence[Place], pair: PairView) -> list[float] | None:
    """The correlation of the source's object with what the result shows at each place, -1 to 1.

    Of all OKLab channels together, without their local means: shading that runs across both is no likeness.
    """
    box = _box_of(places, pair)
    scale = min(STRUCTURE_SIDE / long_side(grown_box(pair.mask, 0)), 1.0)
    one, other, inside = pair.reduced(box, scale)
    eroded = np.asarray(cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)
    window = grown_box(eroded, 0)
    weight = inside[window].astype(np.float32)
    if np.count_nonzero(weight) < ENOUGH_PIXELS:
        return None
    fine = max(_FINE * max(pair.size) * scale, 0.7)
    span = min(_COARSE * max(pair.size) * scale, _COARSE_OF_OBJECT * math.sqrt(np.count_nonzero(weight)))
    wanted = _detail(smooth(stretched_oklab(one), fine)[window], weight, span)
    pictures = {
        factor: smooth(stretched_oklab(other), fine * factor) for factor in {place[0] for place in places}
    }

    def likeness(place: Place) -> float:
        factor = place[0]
        shifts = [
            # Pixel u of a reduced axis has its centre at start + (u + 0.5) / ratio - 0.5 of the whole one.
            factor * within.start + (factor * (start + 0.5 / ratio - 0.5) + by - start + 0.5) * ratio - 0.5
            for by, start, within, ratio in (
                (place[1], box[1].start, window[1], inside.shape[1] / (box[1].stop - box[1].start)),
                (place[2], box[0].start, window[0], inside.shape[0] / (box[0].stop - box[0].start)),
            )
        ]
        there = cv2.warpAffine(
            pictures[factor],
            np.array([[factor, 0, shifts[0]], [0, factor, shifts[1]]]),
            weight.shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return cosine(wanted, _detail(np.asarray(there, np.float32), weight, span))

    return [likeness(place) for place in places]


def _box_of(places: Sequence[Place], pair: PairView) -> Box:
    """The part of the picture that holds the mask and all of the places."""
    rows, columns = grown_box(pair.mask, 0)

    def around(span: slice, axis: int, length: int) -> slice:
        starts = [place[0] * span.start + place[axis] for place in places]
        stops = [place[0] * span.stop + place[axis] for place in places]
        first, last = math.floor(min(span.start, *starts)), math.ceil(max(span.stop, *stops))
        return slice(max(first, 0), min(last, length))

    return around(rows, 2, pair.size[1]), around(columns, 1, pair.size[0])


def _detail(picture: Floats, weight: Floats, side: float) -> Floats:
    """What differs from the mean of the weighted pixels in a square of that side, 0 where the weight is 0."""
    means = averaged(picture * weight[..., None], side) / np.maximum(averaged(weight, side), 1e-4)[..., None]
    return np.asarray((picture - means) * weight[..., None], np.float32)
