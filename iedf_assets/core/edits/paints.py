"""Which colours a thing of one colour can be given, so that most of it is called by the new one's name."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.body_colour import bears

# OKLab lightness of what is painted; how far a body's is changed for it, and how far within a name it comes.
_DARKEST, _LIGHTEST = 0.42, 0.88
_LIFT, _INSET = 0.24, 0.06
# Hue and chroma of the colours that a subject is given; sRGB may allow less chroma at its lightness.
_PAINTS = (
    (27, 0.19), (58, 0.16), (100, 0.16), (145, 0.16), (195, 0.12), (258, 0.17), (303, 0.17), (345, 0.17),
)  # fmt: skip
# What is called so looks like mustard, rust or salmon beyond these: OKLab lightness at least and at most, and
# OKLCh chroma at least.
_FRESH = {"yellow": (0.76, 1.0, 0.11), "orange": (0.7, 1.0, 0.12), "red": (0.0, 0.58, 0.16)}
# Names that nobody asks for, or that a mere change of hue does not earn.
_NOT_ASKED_FOR = ("olive", "beige", "brown")
# A fainter result would hardly be called by its colour's name.
_MIN_CHROMA = 0.08
# Exponents of the lightness beyond which fur, cloth and ice look as if flatly painted over.
_MILD = (0.75, 1.35)
# A pale subject gets a quieter colour than a vivid one: chroma at most this much, and this share of its own.
_QUIET, _VIVIDNESS = 0.12, 0.4


def paints_for(
    colour: Sequence[float], lightness: Sequence[float], min_hue_distance: float, *, mild: bool = False
) -> list[dict[str, Any]]:
    """The colours that a body can be given, as parameters of a recolouring.

    Args:
        colour: of the body, RGB 0-255.
        lightness: OKLab, that a quarter, a half and three quarters of its pixels stay below.
        min_hue_distance: between the new colour and the old, degrees.
        mild: only those that change its lightness little, so that its shading stays as it is.

    Returns:
        `colour`, `hue`, `chroma` and `gamma` of each.
    """
    _, chroma, hue = colour_names.lch_of(colour)
    old = colour_names.name_of(colour).key
    levels = [min(max(level, 0.05), 0.99) for level in lightness]
    is_grey = chroma < colour_names.ACHROMATIC
    paints = []
    for new_hue, wanted in _PAINTS:
        if is_grey or colour_names.hue_distance(hue, new_hue) >= min_hue_distance:
            new_chroma = round(min(wanted, _QUIET + _VIVIDNESS * chroma), 3)
            shades = [shade for shade in _shades(new_hue, new_chroma) if not bears(old, shade.key)]
            paints += [_painted(shade, new_chroma, levels) for shade in shades]
    least, greatest = _MILD if mild else (0.0, math.inf)
    return [paint for paint in paints if paint and least <= paint["gamma"] <= greatest]


@dataclass(frozen=True)
class _Shade:
    """What of a hue is called by one name: OKLab lightness from `darkest` to `lightest`."""

    key: str
    hue: int
    darkest: float
    lightest: float


@cache
def _shades(hue: int, chroma: float) -> list[_Shade]:
    """The names that a hue has at a chroma, as far as sRGB shows it well enough, from dark to light."""
    shades: dict[str, _Shade] = {}
    for level in np.arange(_DARKEST, _LIGHTEST + 0.005, 0.01).tolist():
        shown = _shown(hue, level, chroma)
        key = colour_names.name_of_lch(level, shown, hue).key
        if shown >= _MIN_CHROMA and key not in _NOT_ASKED_FOR:
            shades[key] = replace(shades.get(key, _Shade(key, hue, level, level)), lightest=level)
    return list(shades.values())


def _shown(hue: int, lightness: float, chroma: float) -> float:
    """A chroma, or the greatest that sRGB has there."""
    return min(chroma, float(colour_names.greatest_chroma(hue, np.array([lightness], np.float32))[0]))


def _painted(shade: _Shade, chroma: float, lightness: Sequence[float]) -> dict[str, Any] | None:
    """The recipe that brings most of a body to a shade; None when it is too far from it.

    Args:
        lightness: that a quarter, a half and three quarters of the body's pixels stay below.
    """
    middle = lightness[1]
    darkest, lightest, least = _FRESH.get(shade.key, (0.0, 1.0, 0.0))
    chroma = max(chroma, least)
    inset = min(_INSET, (shade.lightest - shade.darkest) / 2)
    target = min(
        max(middle, shade.darkest + inset, darkest), max(min(shade.lightest - inset, lightest), darkest)
    )
    gamma = 1.0 if target == middle else round(math.log(target) / math.log(middle), 3)
    levels = [level**gamma for level in lightness]
    names = [
        colour_names.name_of_lch(level, _shown(shade.hue, level, chroma), shade.hue).key for level in levels
    ]
    if abs(target - middle) > _LIFT or not all(bears(name, shade.key) for name in names):
        return None
    shown = round(_shown(shade.hue, target, chroma), 3)
    return {"colour": shade.key, "hue": shade.hue, "chroma": shown, "gamma": gamma}
