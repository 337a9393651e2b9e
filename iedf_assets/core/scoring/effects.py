"""Whether the pixels of a pair do what its recipe says.

Each subtype has evidence of its own:

| subtype | evidence |
|---|---|
| move, scale | the object is found where the recipe leads, and less well where it was and beside that place |
| the same, drawn by a model | that, and what it left free does not look like it any more |
| delete | the object's outline, the step of the colours across it, was there and is gone |
| recolor | what changed is of the asked colour, and was not before; most of it is called by its name |
| identity, background | the change is like that of such an edit, and less like that of another kind |

All of it is measured on crops of a reduced size. The recipe need not be complete: what an instruction states
is enough.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.recipes import BACKGROUND_KINDS, IDENTITY_KINDS
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.body_colour import bears, name_shares
from iedf_assets.core.pictures.masks import grown_box
from iedf_assets.core.profile.subtypes import is_by_model
from iedf_assets.core.scoring.pair_views import (
    ENOUGH_PIXELS,
    NOISE,
    TONE_SIDE,
    PairView,
    averaged,
    long_side,
    stretched_oklab,
)
from iedf_assets.core.scoring.placement import move_evidence, scale_evidence, vacated_evidence
from iedf_assets.core.scoring.tones import tone_evidence

# Widths of the lines compared on either side of an outline, and how far along it they are averaged; shares of
# the object's size, and the least of them in pixels.
_LINE, _ALONG = (0.03, 3.0), (0.12, 6.0)
# An outline that has lost half of the sum of both its steps, two thirds of the first, is gone.
_GONE = 0.5
# A pixel has changed when a channel differs by more than this.
_CHANGED = 8
# More than this is most.
_MOST = 0.5


def effect(
    recipe: Mapping[str, Any],
    source: Pixels,
    result: Pixels,
    mask: Pixels,
    result_mask: Pixels | None = None,
) -> float | None:
    """How clearly the result does what the recipe says.

    Args:
        recipe: its `subtype`, and what is known of the rest: of a move `dx` and `dy`, or `direction` and
            `percent`; of a scaling `factor`, and perhaps `anchor_x` and `anchor_y`; of a recolouring
            `colour`; of the others `kind`.
        source, result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero where the source's content changes.
        result_mask: uint8 (H, W), nonzero where a moved or scaled object ends up.

    Returns:
        -1 to 1: 1 fully, 0 not at all, negative the opposite. None when nothing can be told: the subtype or
        its kind is unknown, what it takes is not stated, or the mask is too small.
    """
    measure = _MEASURES.get(recipe.get("subtype", ""))
    view = PairView(source, result, mask)
    evidence = measure(recipe, view) if measure and mask.any() else None
    if evidence is not None and result_mask is not None and is_by_model(recipe):
        gone = vacated_evidence(view, result_mask)
        evidence = evidence if gone is None else min(evidence, gone)
    return None if evidence is None else float(np.clip(evidence, -1, 1))


def delete_evidence(_recipe: Mapping[str, Any], pair: PairView) -> float | None:
    """How much of the object's outline is lost: of the colours' step from a line inside to one outside.

    Each line is averaged along the outline, so that texture alone makes no step.
    """
    scale = min(TONE_SIDE / long_side(grown_box(pair.mask, 0)), 1.0)
    size = math.sqrt(np.count_nonzero(pair.mask)) * scale
    width, along = (max(share * size, least) for share, least in (_LINE, _ALONG))
    one, other, inside = pair.reduced(grown_box(pair.mask, math.ceil((width + 2) / scale)), scale)
    codes = inside.astype(np.uint8)
    depth, distance = (cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (codes, 1 - codes))
    # The rim itself holds mixed colours.
    lines = [((far > 1) & (far <= 1 + width)).astype(np.float32) for far in (depth, distance)]
    weights = [averaged(line, along) for line in lines]
    rim = (depth > 0) & (depth < 2) & (np.minimum(*weights) > 1e-3)
    if np.count_nonzero(rim) < ENOUGH_PIXELS:
        return None

    def step(picture: Pixels) -> float:
        colour = stretched_oklab(picture)
        inner, outer = (
            averaged(colour * line[..., None], along)[rim] / weight[rim][:, None]
            for line, weight in zip(lines, weights, strict=True)
        )
        return float(np.linalg.norm(inner - outer, axis=1).mean())

    before, after = step(one), step(other)
    return (before - after) / (before + after + NOISE) / _GONE


def recolor_evidence(recipe: Mapping[str, Any], pair: PairView) -> float | None:
    """The share of the pixels that changed that are of the asked colour, less what it was before.

    Nothing, unless most of them, or their median, are called by its very name.
    """
    asked = recipe.get("colour")
    if asked not in colour_names.COLOURS:
        return None
    one, other, inside = pair.toned()
    changed = inside & (cv2.absdiff(one, other).max(axis=2) > _CHANGED)
    if not changed.any():
        return 0.0
    pixels = [np.ascontiguousarray(picture[changed][None]) for picture in (one, other)]
    before, after = (name_shares(part) for part in pixels)
    evidence = sum(after[name] - before[name] for name in after if bears(name, asked))
    middle = colour_names.name_of(np.median(pixels[1][0], axis=0).tolist())
    return evidence if middle.key == asked or after[asked] > _MOST else min(evidence, 0.0)


_MEASURES: dict[str, Callable[[Mapping[str, Any], PairView], float | None]] = {
    "move": move_evidence,
    "scale": scale_evidence,
    "delete": delete_evidence,
    "recolor": recolor_evidence,
    "identity": partial(tone_evidence, IDENTITY_KINDS),
    "background": partial(tone_evidence, BACKGROUND_KINDS),
}
