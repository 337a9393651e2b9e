"""Which colour an object has: the word for it, if most of it bears one, and the colour of most of its body.

Everything is counted over all pixels of its mask, so the same mask always gets the same words.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import AnyFloats, Bools, Doubles, Floats, Pixels
from iedf_assets.core.pictures import colour_names

# The share of an object's pixels that must bear a word. Colours that skin has tell little, and need more.
ENOUGH, ENOUGH_OF_SKIN = 0.5, 0.8
# From this share on, what could be skin may be skin.
SOME_SKIN = 0.3
# Colours that people do not keep apart: of each family the words, and what each of them is said of. A family
# that half of the pixels bear is called by its commonest word; black and white by so much of it that is so,
# since both are seen in light and in shade.
FAMILIES: tuple[dict[str, tuple[str, ...]], ...] = (
    {"black": ("black",), "dark_grey": ("dark_grey",)},
    {"white": ("white",), "light_grey": ("light_grey",)},
    {"red": ("dark_red", "red")},
    {"brown": ("dark_brown", "brown"), "orange": ("orange",), "beige": ("beige",)},
    {"yellow": ("yellow", "light_yellow"), "olive": ("olive",)},
    {"green": ("dark_green", "green", "light_green")},
    {"teal": ("dark_teal", "teal", "light_teal")},
    {"blue": ("dark_blue", "blue", "light_blue")},
    {"purple": ("dark_purple", "purple", "light_purple")},
    {"pink": ("pink",), "magenta": ("magenta",)},
)
_PURE, _OF_ALL = ("black", "white"), 0.35
_SKIN_WORDS = ("brown", "orange", "beige", "dark_brown")
# OKLCh chroma from which what is named brown may be orange in little light; wood, fur and leather have less.
_VIVID_BROWN = 0.12
# Distances in chromaticity, chroma over lightness, up to which a pixel has a colour, and from which it has
# another; in units of the colour's own, or of `_PLAIN` where that is fainter.
_SAME, _OTHER, _PLAIN = 0.3, 0.6, 0.16
# Another hue tells a material better than another saturation, which highlights change as well.
_HUE_WEIGHT = 1.6
# Chromaticity is ruled by noise below this lightness.
_DARK = 0.2
# A grey one is told by its lightness too: how far below and above it is still the same, and no longer.
_BELOW, _ABOVE = (0.30, 0.45), (0.20, 0.35)
# Below this chroma a colour is told as a grey one, from the second on by chromaticity alone.
_GREYISH = (0.03, 0.06)
# Skin in OKLCh: lightness, chroma, hue in degrees. Wood, sand and fur lie there as well.
_SKIN = ((0.35, 0.93), (0.025, 0.12), (25.0, 82.0))
# From this OKLCh chroma on a colour is no skin's, nor are its shades.
_VIVID = 0.08
_BITS = 5
_BINS = 1 << _BITS
_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Body:
    """The colour of most of an object.

    Attributes:
        colour: RGB 0-255, the median of the pixels that have it.
        share: of the object's pixels that have it, 0 to 1.
        skin: the share of the object's pixels whose colour could be skin, 0 to 1; shades of a vivid body's
            own colour do not count.
        lightness: OKLab lightness that a quarter, a half and three quarters of its pixels stay below.
    """

    colour: tuple[int, int, int]
    share: float
    skin: float
    lightness: tuple[float, float, float]


def word_of(rgb: Pixels, mask: Pixels) -> str | None:
    """The colour's key that at least half of an object's pixels bear; None when none is so common.

    One name that so many bear goes before the words of families.

    Args:
        rgb: uint8 (H, W, 3).
        mask: uint8 (H, W), not 0 somewhere.
    """
    shares = name_shares(rgb, mask)
    key = max(shares, key=lambda name: shares[name])
    borne = {key: shares[key]}
    if shares[key] < ENOUGH:
        borne = dict(_called(family, shares) for family in FAMILIES)
    word = max(borne, key=lambda name: borne[name])
    if word == "brown" and _is_orange_in_the_dark(rgb, mask):
        return None
    doubtful = word in _SKIN_WORDS and skin_share(rgb, mask) >= SOME_SKIN
    family_share = sum(shares[name] for name in _SKIN_WORDS) if doubtful else borne[word]
    return word if family_share >= (ENOUGH_OF_SKIN if doubtful else ENOUGH) else None


def _is_orange_in_the_dark(rgb: Pixels, mask: Pixels) -> bool:
    """Whether what is called brown is as vivid as an orange in little light, which nobody calls brown."""
    counts, lab = _histogram(rgb, mask), _bin_lab()
    brown = np.where(_names() == list(colour_names.COLOURS).index("brown"), counts, 0)
    return bool(brown @ (np.hypot(lab[:, 1], lab[:, 2]) >= _VIVID_BROWN) > brown.sum() / 2)


def _called(family: Mapping[str, tuple[str, ...]], shares: Mapping[str, float]) -> tuple[str, float]:
    """The word for a family of colours, and the share of the pixels that it is said of."""
    words = {word: sum(shares[name] for name in names) for word, names in family.items()}
    whole = sum(words.values())
    pure = (word for word in words if word in _PURE and words[word] >= _OF_ALL * whole)
    return next(pure, max(words, key=lambda word: words[word])), whole


def skin_share(rgb: Pixels, mask: Pixels) -> float:
    """The share of an object's pixels whose colour could be skin, 0 to 1."""
    counts = _histogram(rgb, mask)
    return float(counts @ _is_skin(_bin_lab()) / max(counts.sum(), 1))


def name_shares(rgb: Pixels, mask: Pixels | None = None) -> dict[str, float]:
    """The share of the pixels that each colour's key names, 0 to 1."""
    counts = _histogram(rgb, mask)
    sums = np.bincount(_names(), weights=counts, minlength=len(colour_names.COLOURS)) / max(counts.sum(), 1)
    return dict(zip(colour_names.COLOURS, sums.tolist(), strict=True))


def bears(key: str, word: str) -> bool:
    """Whether what is named `key` is of the colour `word`: dark blue is blue, and brown is not orange."""
    return key == word or any(key in family.get(word, ()) for family in FAMILIES)


def body_of(rgb: Pixels, mask: Pixels) -> Body:
    """The colour that most pixels of an object have, in light or in shade.

    Args:
        rgb: uint8 (H, W, 3).
        mask: uint8 (H, W), not 0 somewhere.
    """
    counts = _histogram(rgb, mask)
    known = np.flatnonzero(counts)
    weights, lab = counts[known] / counts.sum(), _bin_lab()[known]
    names = _names()[known]
    # Each name's own middle is a candidate; the one that most pixels have is the body's.
    heaviest = np.argsort(-np.bincount(names, weights=weights, minlength=len(colour_names.COLOURS)))[:8]
    candidates = [
        _median(lab[names == name], weights[names == name]) for name in heaviest if (names == name).any()
    ]
    middle = max(candidates, key=lambda candidate: float(weights @ _likeness(lab, candidate)))
    middle = _median(lab, weights * (_likeness(lab, middle) > 0.5))
    having = weights * (_likeness(lab, middle) > 0.5)
    doubtful = weights - having if math.hypot(middle[1], middle[2]) >= _VIVID else weights
    red, green, blue = colour_names.from_oklab(middle.astype(np.float32).reshape(1, 1, 3))[0, 0].tolist()
    dark, half, light = (round(_quantile(lab[:, 0], having, part), 4) for part in _QUARTILES)
    return Body(
        colour=(red, green, blue),
        share=round(float(having.sum()), 4),
        skin=round(float(doubtful @ _is_skin(lab)), 4),
        lightness=(dark, half, light),
    )


def likeness(lab: Floats, colour: Sequence[float]) -> Floats:
    """How far each pixel has a colour, in light or in shade: float32 (H, W), 0-1.

    Compared by chromaticity, chroma over lightness, which shading leaves as it is; a grey by its lightness
    too. Purer shades of the same hue count as the same; skin, badges and highlights of an orange suit do not.

    Args:
        lab: OKLab, float32 (H, W, 3).
        colour: RGB 0-255.
    """
    pixel = np.clip(np.rint(colour), 0, 255).astype(np.uint8).reshape(1, 1, 3)
    found = _likeness(lab.reshape(-1, 3), colour_names.to_oklab(pixel)[0, 0])
    return np.asarray(found.reshape(lab.shape[:2]), np.float32)


def could_be_skin(lab: Floats) -> Bools:
    """Where OKLab, float32 (H, W, 3), could be skin's: bool (H, W)."""
    return np.asarray(_is_skin(lab.reshape(-1, 3)).reshape(lab.shape[:2]), np.bool_)


def looks_like_skin(rgb: Sequence[float]) -> bool:
    """Whether a colour, RGB 0-255, could be skin; wood, sand and fur often could."""
    pixel = np.clip(np.rint(rgb), 0, 255).astype(np.uint8).reshape(1, 1, 3)
    return bool(_is_skin(colour_names.to_oklab(pixel)[0])[0])


def _likeness(lab: Floats, middle: NDArray[Any]) -> Floats:
    """Of OKLab pixels (N, 3) to an OKLab colour: float32 (N,), 0-1."""
    lightness, chroma = float(middle[0]), math.hypot(middle[1], middle[2])
    saturation = chroma / max(lightness, _DARK)
    x, y = (lab[:, axis] / np.maximum(lab[:, 0], _DARK) for axis in (1, 2))
    shrink = np.minimum(saturation / np.maximum(np.hypot(x, y), 1e-4), 1)
    cosine, sine = (float(middle[axis]) / max(chroma, 1e-6) for axis in (1, 2))
    along = shrink * (x * cosine + y * sine) - saturation
    across = shrink * (y * cosine - x * sine) * _HUE_WEIGHT
    if chroma < _GREYISH[0]:
        # A purer shade of a grey is another colour.
        along, across = x, y
    distance = np.hypot(along, across) / max(saturation, _PLAIN)
    found = _smooth((_OTHER - distance) / (_OTHER - _SAME))
    greyish = min(max((_GREYISH[1] - chroma) / (_GREYISH[1] - _GREYISH[0]), 0.0), 1.0)
    off = lab[:, 0] - lightness
    near = _smooth(
        np.minimum((_BELOW[1] + off) / (_BELOW[1] - _BELOW[0]), (_ABOVE[1] - off) / (_ABOVE[1] - _ABOVE[0]))
    )
    return np.asarray(found * (1 - greyish + greyish * near), np.float32)


def _smooth(values: AnyFloats) -> Floats:
    step = np.clip(values, 0, 1)
    return np.asarray(step * step * (3 - 2 * step), np.float32)


def _is_skin(lab: Floats) -> Bools:
    """Of OKLab pixels (N, 3)."""
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    values = (lab[:, 0], chroma, hue)
    within = [(least <= value) & (value <= most) for value, (least, most) in zip(values, _SKIN, strict=True)]
    return np.asarray(within[0] & within[1] & within[2], np.bool_)


def _histogram(rgb: Pixels, mask: Pixels | None) -> Doubles:
    """How many pixels lie in each of the bins of 8 x 8 x 8 codes: float64 (32768,)."""
    bins = [_BINS] * 3
    counts = cv2.calcHist([np.ascontiguousarray(rgb)], [0, 1, 2], mask, bins, [0, 256] * 3)
    return np.asarray(counts, np.float64).ravel()


@cache
def _bin_lab() -> Floats:
    """OKLab of the middle of each bin: float32 (32768, 3)."""
    middles = (np.arange(_BINS) * (256 // _BINS) + 128 // _BINS).astype(np.uint8)
    grid = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1).reshape(1, -1, 3)
    lab: Floats = colour_names.to_oklab(grid)[0]
    return lab


@cache
def _names() -> NDArray[np.intp]:
    """The number of the colour that names each bin, in the order of `COLOURS`: (32768,)."""
    numbers = {key: number for number, key in enumerate(colour_names.COLOURS)}
    return np.array([
        numbers[colour_names.name_of_lch(light, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360).key]
        for light, a, b in _bin_lab().tolist()
    ])  # fmt: skip


def _median(lab: Floats, weights: Doubles) -> Doubles:
    return np.array([_quantile(lab[:, axis], weights, 0.5) for axis in range(3)])


def _quantile(values: Floats, weights: Doubles, part: float) -> float:
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(sums, part * sums[-1])), len(order) - 1)])
