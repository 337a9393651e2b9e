"""Where a moved object ended up, or how large it is now, by its pixels: for texts that say so in words."""

from collections.abc import Iterable, Iterator

import numpy as np

from iedf_assets.core.edits.phrases import level_of
from iedf_assets.core.edits.recipes import FACTOR_STEP, Recipe, in_pixels
from iedf_assets.core.pictures.masks import grown_box
from iedf_assets.core.scoring.pair_views import PairView
from iedf_assets.core.scoring.placement import likenesses

# The moves and the scalings that are looked through: percent of a side of the picture, and factors.
MOVES = range(1, 91)
FACTORS = [round(step * FACTOR_STEP, 2) for step in range(round(0.2 / FACTOR_STEP), round(3 / FACTOR_STEP))]


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
    """Every amount that the words are used for."""
    every: Iterable[Recipe]
    if stated["subtype"] == "scale":
        every = ({**stated, "factor": factor} for factor in FACTORS if factor != 1)
    else:
        directions = [stated["direction"]] if "direction" in stated else ["left", "right"]
        every = (
            {**stated, "direction": direction, "percent": percent}
            for direction in directions
            for percent in MOVES
        )
    return (each for each in every if level is None or level_of(each) == level)


def _place(recipe: Recipe) -> tuple[float, float, float]:
    """Factor, x and y of new = factor * old + (x, y)."""
    factor = recipe.get("factor", 1.0)
    return (
        factor,
        recipe.get("dx", recipe.get("anchor_x", 0.0) * (1 - factor)),
        recipe.get("dy", recipe.get("anchor_y", 0.0) * (1 - factor)),
    )
