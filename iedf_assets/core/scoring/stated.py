"""How far a result is from what its recipe states, made again from the published source.

Where the encoder that made the pair is at hand, the stated picture is encoded with the result's own quality
and must decode to the same pixels. Where another one wrote the result, only means of its 8x8 blocks can be
compared: over 22 photos, all kinds, 12 and 35 %, and quality 95 at 4:4:4 they differ by up to 2.4 levels,
since what JPEG adds around edges is clipped in black and white.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.inverses import MOST_PERCENT, percent_back, perhaps_undone, undone
from iedf_assets.core.edits.stated import applied, is_complete, table_of
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg, is_reference_encoder
from iedf_assets.core.profile.bank import bank, level_name
from iedf_assets.core.scoring.scores import CHANGED_INSIDE, OUTSIDE_SCORES, Scores

BLOCK = 8
# Levels that means of blocks may differ by.
BLOCK_LIMIT = 2.5
# The error of a pair that is not what it states at all, levels.
WHOLLY = 255.0
# Rows of which one is looked at to find an amount.
_SPARSE = 16


def measure_stated(
    source: Pixels,
    result: Pixels,
    recipe: Mapping[str, Any] | None,
    quality: int | None,
    *,
    either_way: bool = False,
) -> Scores:
    """The scores of a pair of the tier `stated`: see `stated_error`, and `scores.measure` for the others.

    Args:
        source, result: uint8 (H, W, 3), of one size.
        either_way: whether only a text tells of the recipe, so that nobody knows whether it undoes another.
    """
    error = stated_error(source, result, recipe, quality)
    if either_way and error:
        error = min(error, _error_of_inverse(source, result, recipe or {}, quality))
    difference = cv2.absdiff(source, result).max(axis=2)
    return {
        "changed_share_inside": float((difference > CHANGED_INSIDE).mean()),
        "outside_share": 0.0,
        **dict.fromkeys(OUTSIDE_SCORES),
        "stated_error": error,
    }


def stated_error(
    source: Pixels, result: Pixels, recipe: Mapping[str, Any] | None, quality: int | None
) -> float | None:
    """The largest difference of a result from what its recipe states, levels of 255.

    Args:
        source, result: uint8 (H, W, 3), as their files decode.
        recipe: `subtype`, `kind`, and `percent` or, of a plain text, a `level`: then it is the percentage of
            that level that comes nearest. One that `undoes` another is told by the other: its source is what
            that makes of its result.
        quality: that the result was encoded with; None for another encoder's file.

    Returns:
        Of pixels; by another encoder of means of 8x8 blocks, less what they may differ by. None when the
        recipe states no function.
    """
    if source.shape != result.shape:
        return None
    if recipe and "undoes" in recipe:
        before = undone(recipe)
        # What it says must be what gets back from that.
        same = percent_back(**before) == recipe["percent"]
        return stated_error(result, source, before, quality) if same else WHOLLY
    complete = _completed(recipe or {}, source, result)
    if complete is None:
        return None
    wanted = applied(complete, source)
    if quality is not None and is_reference_encoder():
        return float(cv2.absdiff(decode_jpeg(encode_jpeg(wanted, quality)), result).max())
    return max(_block_difference(wanted, result) - BLOCK_LIMIT, 0.0)


def _error_of_inverse(
    source: Pixels, result: Pixels, recipe: Mapping[str, Any], quality: int | None
) -> float:
    """The error of a pair as the inverse of whichever edit its recipe gets back from; infinite for none."""
    percents = [recipe["percent"]] if "percent" in recipe else list(_percents(recipe))
    nearest = _nearest(perhaps_undone(recipe, percents), result, source)
    return math.inf if nearest is None else stated_error(result, source, nearest, quality) or 0.0


def _completed(recipe: Mapping[str, Any], source: Pixels, result: Pixels) -> Mapping[str, Any] | None:
    """The recipe with its percentage, found by the result where the text says only about how much."""
    if is_complete(recipe):
        return recipe
    return _nearest(({**recipe, "percent": percent} for percent in _percents(recipe)), source, result)


def _nearest(
    guesses: Iterable[Mapping[str, Any]], source: Pixels, result: Pixels
) -> Mapping[str, Any] | None:
    """The recipe that comes nearest to a result; None where none of them says all."""
    tried = [guess for guess in guesses if is_complete(guess)]
    sparse = source[::_SPARSE], result[::_SPARSE]

    def distance(candidate: Mapping[str, Any]) -> float:
        return cv2.norm(cv2.LUT(sparse[0], table_of(candidate, source)), sparse[1], cv2.NORM_L1)

    return min(tried, key=distance, default=None)


def _percents(recipe: Mapping[str, Any]) -> Iterable[int]:
    """The whole percentages of the level that a recipe names."""
    name, _, step = str(recipe.get("level", "")).partition("/")
    if not step or name != level_name(str(recipe.get("subtype", ""))):
        return ()
    return (percent for percent in range(1, MOST_PERCENT + 1) if bank().level_of(name, percent) == step)


def _block_difference(one: Pixels, other: Pixels) -> float:
    """The largest difference of the means of 8x8 blocks, those that the border cuts left out."""
    height, width = (max(length // BLOCK, 1) for length in one.shape[:2])
    part = np.s_[: height * BLOCK, : width * BLOCK]
    difference = one[part].astype(np.float32) - other[part]
    means = cv2.resize(difference, (width, height), interpolation=cv2.INTER_AREA)
    return float(np.abs(means).max())
