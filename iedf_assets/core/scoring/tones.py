"""Whether a change is like that of an asked tone, light or defocus: evidence of relighting and toning."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.scoring.pair_views import NOISE, PairView, cosine, smooth, stretched_oklab

_Edits = Callable[[Pixels, Bools], list[Pixels]]
"""From a picture and what the mask shows of it to what an edit may make of it."""
# How many times the lead of another kind is taken off.
_LEAD = 2.0
# Every code in each of three channels, to make tables of; how far codes shift where light gains a stop.
_CODES = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
_CODES_PER_STOP = 24


def tone_evidence(kinds: Sequence[str], recipe: Mapping[str, Any], pair: PairView) -> float | None:
    """How like the change is to what the asked kind of edit does to such a picture.

    The cosine between them, of all pixels and OKLab channels. When another kind's is greater, twice the
    lead is taken off. A change of the size of noise counts less.
    """
    if recipe.get("kind") not in kinds:
        return None
    one, other, inside = pair.toned()
    places = np.flatnonzero(inside)

    def shown(picture: Pixels) -> Floats:
        return stretched_oklab(picture).reshape(-1, 3).take(places, axis=0)

    before = shown(one)
    change = shown(other) - before
    likenesses = {
        kind: max(cosine(shown(edited) - before, change) for edited in _EDITS[kind](one, inside))
        for kind in kinds
    }
    asked = likenesses.pop(recipe["kind"])
    size = math.sqrt(cv2.norm(change, cv2.NORM_L2SQR) / max(len(change), 1))
    return (asked - _LEAD * max(0.0, max(likenesses.values()) - asked)) * size / (size + NOISE)


def _lit(rgb: Pixels, gain: Floats) -> Pixels:
    """Linear light times gain, which broadcasts to (h, w, 3); above 1 it bends towards white."""
    light = np.take(colour_names.LINEAR, rgb)
    return colour_names.encoded(light * gain / (1 + light * np.maximum(gain - 1, 0)))


def _balanced(red: float, green: float, blue: float) -> _Edits:
    """Linear light of the channels times gains, or codes shifted by as many stops."""
    gains = np.array([red, green, blue], np.float32)
    shifted = np.clip(np.rint(_CODES + _CODES_PER_STOP * np.log2(gains)), 0, 255).astype(np.uint8)
    tables = _lit(_CODES, gains), shifted
    return lambda rgb, _inside: [np.asarray(cv2.LUT(rgb, table), np.uint8) for table in tables]


def _exposed(gain: float, exponent: float) -> _Edits:
    """Linear light times a gain, or codes to a power."""
    powers = np.rint(255 * (_CODES / 255) ** exponent).astype(np.uint8)
    tables = _lit(_CODES, np.array([gain], np.float32)), powers
    return lambda rgb, _inside: [np.asarray(cv2.LUT(rgb, table), np.uint8) for table in tables]


def _greyed(rgb: Pixels, _inside: Bools) -> list[Pixels]:
    return [np.asarray(cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)]


def _contrasted(rgb: Pixels, inside: Bools) -> list[Pixels]:
    level = float(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[inside].mean())
    return [np.asarray(cv2.convertScaleAbs(np.maximum(level + 1.4 * (rgb - level), 0)), np.uint8)]


def _defocused(rgb: Pixels, inside: Bools) -> list[Pixels]:
    weight = inside.astype(np.float32)
    return [
        np.clip(
            smooth(rgb * weight[..., None], sigma) / np.maximum(smooth(weight, sigma), 1e-3)[..., None],
            0,
            255,
        ).astype(np.uint8)
        for sigma in (0.8, 2.5)
    ]


def _lit_from(x: int, y: int) -> _Edits:
    """Light from a side, -1 or 1 on one of the axes: with a dark side opposite, and without."""

    def edits(rgb: Pixels, _inside: Bools) -> list[Pixels]:
        height, width = rgb.shape[:2]
        across, down = (np.sin(np.linspace(-0.5, 0.5, n) * math.pi) for n in (width, height))
        stops = (x * across[None, :] + y * down[:, None]).astype(np.float32)[..., None]
        return [_lit(rgb, 2**stops), _lit(rgb, 2 ** np.maximum(stops, 0))]

    return edits


# What an edit of each kind may look like, by one hand or another.
_EDITS: dict[str, _Edits] = {
    "warm": _balanced(1.35, 1.0, 0.6),
    "cool": _balanced(0.65, 1.0, 1.45),
    "brighten": _exposed(1.6, 0.7),
    "darken": _exposed(0.5, 1.5),
    "desaturate": _greyed,
    "contrast": _contrasted,
    "defocus": _defocused,
    "relight_left": _lit_from(-1, 0),
    "relight_right": _lit_from(1, 0),
    "relight_above": _lit_from(0, -1),
}
