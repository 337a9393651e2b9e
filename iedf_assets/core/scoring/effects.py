"""Whether the pixels of a pair do what its recipe says.

Each subtype has evidence of its own:

| subtype | evidence |
|---|---|
| move, scale | the object is found where the recipe leads, and less well where it was and beside that place |
| delete | the object's outline, the step of the colours across it, was there and is gone |
| recolor | what changed has the hue of the asked colour, and had not before |
| identity, background | the change is like that of such an edit, and less like that of another kind |

All of it is measured on crops of a reduced size. The recipe need not be complete: what an instruction states
is enough.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.edits.recipes import BACKGROUND_KINDS, IDENTITY_KINDS
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.codecs import Pixels
from iedf_assets.core.pictures.masks import Box, grown_box

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
_Edits = Callable[[Pixels, Flags], list[Pixels]]
"""From a picture and what the mask shows of it to what an edit may make of it."""
Place = tuple[float, float, float]
"""Where an object ends up: factor, x and y of new = factor * old + (x, y), pixels."""

# Long sides in pixels to which the mask's box is reduced: for structure, and for tones, which need less.
STRUCTURE_SIDE, TONE_SIDE = 192, 128
# Fewer pixels than this tell nothing.
ENOUGH_PIXELS = 32
_SIGNS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
# Structure is compared between these two scales, shares of the picture's long side; the coarser one is at
# most this share of the object, too.
_FINE, _COARSE, _COARSE_OF_OBJECT = 0.003, 0.06, 0.6
# What counts as another place or size: so far beside, of the long side, or so many times as large.
_BESIDE, _OTHER_FACTOR = 0.04, 1.12
# A mask so near to the border, a share of the picture's side, may be of an object that the border cuts off.
_NEAR_BORDER = 0.02
# The least that the likeness of another place leaves to be gained by the right one.
_LEAST_GAIN = 0.1
# Widths of the lines compared on either side of an outline, and how far along it they are averaged; shares of
# the object's size, and the least of them in pixels.
_LINE, _ALONG = (0.03, 3.0), (0.12, 6.0)
# A weight for each channel of OKLab, in which colours differ by less than lightnesses.
_STRETCH = np.diag([1, 2, 2]).astype(np.float32)
# A step or a change of this size is noise, OKLab.
_NOISE = 0.01
# An outline that has lost half of the sum of both its steps, two thirds of the first, is gone.
_GONE = 0.5
# How many times the lead of another kind is taken off.
_LEAD = 2.0
# A pixel has changed when a channel differs by more than this.
_CHANGED = 8
# Hues up to so many degrees off are the asked one, and from the second on another; how grey a colour's hue
# may not count, OKLCh chroma.
_SAME_HUE, _OTHER_HUE, _GREY = 4, 14, 0.04
# Every code in each of three channels, to make tables of; how far codes shift where light gains a stop.
_CODES = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
_CODES_PER_STOP = 24
# Which colours are tried to find the hues that a name can have: OKLCh lightness and chroma.
_LIGHTNESSES, _CHROMAS = np.linspace(0.3, 0.95, 14).tolist(), (0.06, 0.12)


def effect(recipe: Mapping[str, Any], source: Pixels, result: Pixels, mask: Pixels) -> float | None:
    """How clearly the result does what the recipe says.

    Args:
        recipe: its `subtype`, and what is known of the rest: of a move `dx` and `dy`, or `direction` and
            `percent`; of a scaling `factor`, and perhaps `anchor_x` and `anchor_y`; of a recolouring `hue` or
            `colour`; of the others `kind`.
        source, result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero where the source's content changes.

    Returns:
        -1 to 1: 1 fully, 0 not at all, negative the opposite. None when nothing can be told: the subtype or
        its kind is unknown, what it takes is not stated, or the mask is too small.
    """
    measure = _MEASURES.get(recipe.get("subtype", ""))
    evidence = measure(recipe, _Pair(source, result, mask)) if measure and mask.any() else None
    return None if evidence is None else float(np.clip(evidence, -1, 1))


@dataclass(frozen=True)
class _Pair:
    source: Pixels
    result: Pixels
    mask: Pixels

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.mask.shape[1], self.mask.shape[0]

    def reduced(self, box: Box, scale: float) -> tuple[Pixels, Pixels, Flags]:
        """Source, result and what the mask shows, in a box and reduced; they are never enlarged."""
        _, shown = cv2.threshold(self.mask[box], 0, 255, cv2.THRESH_BINARY)
        parts = self.source[box], self.result[box], np.asarray(shown, np.uint8)
        one, other, inside = (_resized(part, scale) for part in parts)
        return one, other, inside > 127

    def toned(self) -> tuple[Pixels, Pixels, Flags]:
        """The mask's box, as far reduced as tones allow."""
        box = grown_box(self.mask, 0)
        return self.reduced(box, TONE_SIDE / _long_side(box))


def _move(recipe: Mapping[str, Any], pair: _Pair) -> float | None:
    """How much more the object is at the stated place than where it was, short of it and beyond."""
    shift = _shift(recipe, pair)
    length = math.hypot(*shift) if shift else 0.0
    if shift is None or not length:
        return None
    beside = _BESIDE * max(pair.size) / length
    return _found([(1.0, shift[0] * part, shift[1] * part) for part in (1, 0, 1 - beside, 1 + beside)], pair)


def _shift(recipe: Mapping[str, Any], pair: _Pair) -> tuple[float, float] | None:
    if "dx" in recipe or "dy" in recipe:
        return recipe.get("dx", 0), recipe.get("dy", 0)
    if recipe.get("direction") not in _SIGNS or "percent" not in recipe:
        return None
    across, down = _SIGNS[recipe["direction"]]
    width, height = pair.size
    return across * round(recipe["percent"] * width / 100), down * round(recipe["percent"] * height / 100)


def _scale(recipe: Mapping[str, Any], pair: _Pair) -> float | None:
    """How much more the object has the stated size than its old one, a smaller and a larger one."""
    stated = recipe.get("factor", 0)
    if stated <= 0:
        return None
    factors = stated, 1.0, stated * _OTHER_FACTOR, stated / _OTHER_FACTOR

    def found(x: float, y: float) -> float | None:
        return _found([(factor, x * (1 - factor), y * (1 - factor)) for factor in factors], pair)

    evidence = [found(*anchor) for anchor in _anchors(recipe, pair)]
    return max((value for value in evidence if value is not None), default=None)


def _anchors(recipe: Mapping[str, Any], pair: _Pair) -> list[tuple[float, float]]:
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


def _found(places: Sequence[Place], pair: _Pair) -> float | None:
    """How much more the object is at the first place than at any of the others."""
    likenesses = _likenesses(places, pair)
    if likenesses is None:
        return None
    found, other = max(likenesses[0], 0.0), max(0.0, *likenesses[1:])
    return found * (found - other) / max(1 - other, _LEAST_GAIN)


def _likenesses(places: Sequence[Place], pair: _Pair) -> list[float] | None:
    """The correlation of the source's object with what the result shows at each place, -1 to 1.

    Of all OKLab channels together, without their local means: shading that runs across both is no likeness.
    """
    box = _box_of(places, pair)
    scale = min(STRUCTURE_SIDE / _long_side(grown_box(pair.mask, 0)), 1.0)
    one, other, inside = pair.reduced(box, scale)
    eroded = np.asarray(cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)
    window = grown_box(eroded, 0)
    weight = inside[window].astype(np.float32)
    if np.count_nonzero(weight) < ENOUGH_PIXELS:
        return None
    fine = max(_FINE * max(pair.size) * scale, 0.7)
    span = min(_COARSE * max(pair.size) * scale, _COARSE_OF_OBJECT * math.sqrt(np.count_nonzero(weight)))
    wanted = _detail(_smooth(_colour(one), fine)[window], weight, span)
    pictures = {factor: _smooth(_colour(other), fine * factor) for factor in {place[0] for place in places}}

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
        return _cosine(wanted, _detail(np.asarray(there, np.float32), weight, span))

    return [likeness(place) for place in places]


def _box_of(places: Sequence[Place], pair: _Pair) -> Box:
    """The part of the picture that holds the mask and all of the places."""
    rows, columns = grown_box(pair.mask, 0)

    def around(span: slice, axis: int, length: int) -> slice:
        starts = [place[0] * span.start + place[axis] for place in places]
        stops = [place[0] * span.stop + place[axis] for place in places]
        first, last = math.floor(min(span.start, *starts)), math.ceil(max(span.stop, *stops))
        return slice(max(first, 0), min(last, length))

    return around(rows, 2, pair.size[1]), around(columns, 1, pair.size[0])


def _smooth(picture: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _averaged(picture: Floats, side: float) -> Floats:
    """The mean of each pixel's square of about that side."""
    return np.asarray(cv2.blur(picture, (2 * round(side / 2) + 1,) * 2), np.float32)


def _detail(picture: Floats, weight: Floats, side: float) -> Floats:
    """What differs from the mean of the weighted pixels in a square of that side, 0 where the weight is 0."""
    means = (
        _averaged(picture * weight[..., None], side) / np.maximum(_averaged(weight, side), 1e-4)[..., None]
    )
    return np.asarray((picture - means) * weight[..., None], np.float32)


def _colour(rgb: Pixels) -> Floats:
    """OKLab with hue and chroma stretched, so that all three count about alike: float32 (h, w, 3)."""
    return np.asarray(cv2.transform(colour_names.to_oklab(rgb), _STRETCH), np.float32)


def _cosine(one: Floats, other: Floats) -> float:
    """Of the angle between two fields, -1 to 1; 0 where one of them is 0 everywhere."""
    sizes = math.sqrt(cv2.norm(one, cv2.NORM_L2SQR) * cv2.norm(other, cv2.NORM_L2SQR))
    return float((one * other).sum()) / sizes if sizes else 0.0


def _delete(_recipe: Mapping[str, Any], pair: _Pair) -> float | None:
    """How much of the object's outline is lost: of the colours' step from a line inside to one outside.

    Each line is averaged along the outline, so that texture alone makes no step.
    """
    scale = min(TONE_SIDE / _long_side(grown_box(pair.mask, 0)), 1.0)
    size = math.sqrt(np.count_nonzero(pair.mask)) * scale
    width, along = (max(share * size, least) for share, least in (_LINE, _ALONG))
    one, other, inside = pair.reduced(grown_box(pair.mask, math.ceil((width + 2) / scale)), scale)
    codes = inside.astype(np.uint8)
    depth, distance = (cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (codes, 1 - codes))
    # The rim itself holds mixed colours.
    lines = [((far > 1) & (far <= 1 + width)).astype(np.float32) for far in (depth, distance)]
    weights = [_averaged(line, along) for line in lines]
    rim = (depth > 0) & (depth < 2) & (np.minimum(*weights) > 1e-3)
    if np.count_nonzero(rim) < ENOUGH_PIXELS:
        return None

    def step(picture: Pixels) -> float:
        colour = _colour(picture)
        inner, outer = (
            _averaged(colour * line[..., None], along)[rim] / weight[rim][:, None]
            for line, weight in zip(lines, weights, strict=True)
        )
        return float(np.linalg.norm(inner - outer, axis=1).mean())

    before, after = step(one), step(other)
    return (before - after) / (before + after + _NOISE) / _GONE


def _recolor(recipe: Mapping[str, Any], pair: _Pair) -> float | None:
    """The share of the asked hue among the pixels that changed, less what it was before."""
    hues = (round(recipe["hue"]) % 360,) if "hue" in recipe else _hues_of(recipe.get("colour", ""))
    if not hues:
        return None
    one, other, inside = pair.toned()
    changed = inside & (cv2.absdiff(one, other).max(axis=2) > _CHANGED)
    if not changed.any():
        return 0.0
    before, after = (_share_of(hues, np.ascontiguousarray(picture[changed])) for picture in (one, other))
    return after - before


@cache
def _hues_of(colour: str) -> tuple[int, ...]:
    """The hues, in whole degrees, that a colour of that name can have; none for black, white and greys."""
    tried = [(lightness, chroma) for lightness in _LIGHTNESSES for chroma in _CHROMAS]
    return tuple(
        hue
        for hue in range(360)
        if any(colour_names.name_of_lch(*shade, hue).key == colour for shade in tried)
    )


def _share_of(hues: tuple[int, ...], rgb: Pixels) -> float:
    """The share of some pixels, uint8 (N, 3), that have one of the hues; less where they are greyish."""
    lab = colour_names.to_oklab(rgb[None])[0]
    degrees = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])).astype(np.intp) % 360
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    off = np.abs((np.arange(360)[:, None] - np.array(hues) + 180) % 360 - 180).min(axis=1)
    likeness = np.clip((_OTHER_HUE - off) / (_OTHER_HUE - _SAME_HUE), 0, 1)
    return float((likeness[degrees] * np.minimum(chroma / _GREY, 1)).mean())


def _tone(kinds: Sequence[str], recipe: Mapping[str, Any], pair: _Pair) -> float | None:
    """How like the change is to what the asked kind of edit does to such a picture.

    The cosine between them, of all pixels and OKLab channels. When another kind's is greater, twice the
    lead is taken off. A change of the size of noise counts less.
    """
    if recipe.get("kind") not in kinds:
        return None
    one, other, inside = pair.toned()
    places = np.flatnonzero(inside)

    def shown(picture: Pixels) -> Floats:
        return _colour(picture).reshape(-1, 3).take(places, axis=0)

    before = shown(one)
    change = shown(other) - before
    likenesses = {
        kind: max(_cosine(shown(edited) - before, change) for edited in _EDITS[kind](one, inside))
        for kind in kinds
    }
    asked = likenesses.pop(recipe["kind"])
    size = math.sqrt(cv2.norm(change, cv2.NORM_L2SQR) / max(len(change), 1))
    return (asked - _LEAD * max(0.0, max(likenesses.values()) - asked)) * size / (size + _NOISE)


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


def _greyed(rgb: Pixels, _inside: Flags) -> list[Pixels]:
    return [np.asarray(cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)]


def _contrasted(rgb: Pixels, inside: Flags) -> list[Pixels]:
    level = float(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[inside].mean())
    return [np.asarray(cv2.convertScaleAbs(np.maximum(level + 1.4 * (rgb - level), 0)), np.uint8)]


def _defocused(rgb: Pixels, inside: Flags) -> list[Pixels]:
    weight = inside.astype(np.float32)
    return [
        np.clip(
            _smooth(rgb * weight[..., None], sigma) / np.maximum(_smooth(weight, sigma), 1e-3)[..., None],
            0,
            255,
        ).astype(np.uint8)
        for sigma in (0.8, 2.5)
    ]


def _lit_from(x: int, y: int) -> _Edits:
    """Light from a side, -1 or 1 on one of the axes: with a dark side opposite, and without."""

    def edits(rgb: Pixels, _inside: Flags) -> list[Pixels]:
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
_MEASURES: dict[str, Callable[[Mapping[str, Any], _Pair], float | None]] = {
    "move": _move,
    "scale": _scale,
    "delete": _delete,
    "recolor": _recolor,
    "identity": partial(_tone, IDENTITY_KINDS),
    "background": partial(_tone, BACKGROUND_KINDS),
}


def _resized(picture: Pixels, scale: float) -> Pixels:
    """By halves first, which is several times as fast and averages as well."""
    height, width = (max(1, round(length * min(scale, 1))) for length in picture.shape[:2])
    while min(picture.shape[0] / height, picture.shape[1] / width) >= 2:
        half = picture.shape[1] // 2, picture.shape[0] // 2
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _long_side(box: Box) -> int:
    rows, columns = box
    return int(max(rows.stop - rows.start, columns.stop - columns.start))
