"""Where a moved object ended up, or how large it is now, by its pixels: for texts that say so in words."""

from collections.abc import Iterator

import numpy as np

from iedf_assets.core.edits.recipes import FACTOR_STEP, Recipe, in_pixels
from iedf_assets.core.pictures.masks import grown_box
from iedf_assets.core.profile.bank import bank
from iedf_assets.core.scoring.pair_views import PairView
from iedf_assets.core.scoring.placement import likenesses

# The moves and the sizes that are looked through where words set no narrower limits: percent of a side of the
# picture, and of the object.
MOVES, SIZES = range(1, 91), (20.0, 300.0)


def located(stated: Recipe, level: str | None, pair: PairView) -> Recipe:
    """What a text states of a move or a scaling, with the amount at which the result looks most like it.

    Args:
        stated: its `subtype`, and the `direction` where the text has one.
        level: the words for how much, such as `shift/little`; None looks through all.
        pair: at full size.

    Returns:
        The same with `direction` and `percent`, or with `factor`; as it was where nothing can be told.
    """
    candidates = list(_candidates(stated, level))
    rows, columns = grown_box(pair.mask, 0)
    size = {"width": columns.stop - columns.start, "height": rows.stop - rows.start}
    box = {"x": columns.start, "y": rows.start, **size}
    found = likenesses([_place(in_pixels(each, box, *pair.size)) for each in candidates], pair)
    return stated if found is None else candidates[int(np.argmax(found))]


def _candidates(stated: Recipe, level: str | None) -> Iterator[Recipe]:
    if stated["subtype"] == "scale":
        least, most = _limits(level, SIZES)
        steps = range(round(SIZES[0] / 100 / FACTOR_STEP), round(SIZES[1] / 100 / FACTOR_STEP) + 1)
        for factor in (round(step * FACTOR_STEP, 2) for step in steps):
            if least <= round(factor * 100) < most and factor != 1:
                yield {**stated, "factor": factor}
        return
    least, most = _limits(level, (MOVES.start, MOVES.stop))
    for direction in [stated["direction"]] if "direction" in stated else ["left", "right"]:
        for percent in MOVES:
            if least <= percent < most:
                yield {**stated, "direction": direction, "percent": percent}


def _limits(level: str | None, whole: tuple[float, float]) -> tuple[float, float]:
    """From where and up to where a level's words are used."""
    name, _, wanted = (level or "").partition("/")
    least = whole[0]
    for step, words in bank().levels[name].items() if name else ():
        most = whole[1] if words.below is None else words.below
        if step == wanted:
            return least, most
        least = most
    return whole


def _place(recipe: Recipe) -> tuple[float, float, float]:
    """Factor, x and y of new = factor * old + (x, y)."""
    factor = recipe.get("factor", 1.0)
    return (
        factor,
        recipe.get("dx", recipe.get("anchor_x", 0.0) * (1 - factor)),
        recipe.get("dy", recipe.get("anchor_y", 0.0) * (1 - factor)),
    )
