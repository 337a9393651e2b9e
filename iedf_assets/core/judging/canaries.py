"""Canaries: known faults put into copies of published pairs, to prove that the judge finds them.

Each fault is written as files, by the same codecs as any pair; the judge never sees a stored hash. A copy is
judged with its index and as a bare tree, and a fault is found when a check fails, not when one has not run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.agreement import LANGUAGES
from iedf_assets.core.edits.recipes import Recipe
from iedf_assets.core.edits.stated import applied, is_complete
from iedf_assets.core.judging.mask_canaries import MASK_CANARIES
from iedf_assets.core.judging.specimens import (
    Canary,
    Fault,
    Injector,
    Specimen,
    masks,
    pictures,
    retold,
    spoilt,
)
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.pictures.masks import edit_masks
from iedf_assets.core.profile.subtypes import SUBTYPES

WORSE_QUALITY = 90
SHIFT_PX, ZOOM, WARMTH = 0.5, 0.003, 0.02
SEAM_LEVELS, SEAM_REACH = 16, 0.008
# A disc left out of a recolouring, its radius over the root of the object's area.
PATCH = 0.25
# What differs by more levels was plainly recoloured.
PLAIN = 30
LEAK_SIDE, LEAK_LEVELS, LEAK_AWAY = 10, 60, 48
KEPT_BYTES = 0.6
MORE = 1.1


def opposite(recipe: Recipe) -> Recipe | None:
    """A recipe that asks for something else than was done; None where there is no such thing."""
    if "direction" in recipe:
        turned = {"left": "right", "right": "left", "up": "down", "down": "up"}[recipe["direction"]]
        return recipe | {"direction": turned, "dx": -recipe["dx"], "dy": -recipe["dy"]}
    if "factor" in recipe:
        return recipe | {"factor": round(1 / recipe["factor"], 2)}
    if "hue" in recipe:
        hue = (recipe["hue"] + 180) % 360
        return recipe | {"hue": hue, "colour": colour_names.name_of_lch(0.6, 0.15, hue).key}
    kinds = [("warm", "cool"), ("brighten", "darken"), ("relight_left", "relight_right")]
    kinds += [("higher", "lower"), ("brighter", "darker"), ("warmer", "cooler")]
    others = dict(kinds) | {two: one for one, two in kinds}
    kind = others.get(recipe.get("kind", ""))
    return recipe | {"kind": kind} if kind else None


def _stated(pair: Specimen) -> Pixels | None:
    """What a stated edit makes of the published source; None of any other edit."""
    return applied(pair.recipe, pair.source) if is_complete(pair.recipe) else None


def _result(result: Pixels) -> Fault:
    """Another result beside the very source that was published."""
    return pictures(result=result)


def _masks(pair: Specimen, mask: Pixels) -> Fault | None:
    """Another mask; None for what has none."""
    return masks(mask) if "mask" in pair.files else None


def _no_op(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault:
    return Fault({"result": pair.files["source"]})


def _shaded(picture: Pixels, levels: int) -> Pixels:
    return np.clip(picture.astype(np.int16) + levels, 0, 255).astype(np.uint8)


def _brighter(levels: int) -> Injector:
    def inject(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault:
        return spoilt(pair, _shaded(pair.result, levels))

    return inject


def _warm_cast(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault:
    gains = np.array([1 + WARMTH, 1, 1 - WARMTH])
    return spoilt(pair, np.clip(np.rint(pair.result * gains), 0, 255).astype(np.uint8))


def _warped(pair: Specimen, factor: float, shift: float) -> Fault:
    """The result zoomed about its centre and shifted to the right."""
    height, width = pair.mask.shape
    centre = (width - 1) / 2, (height - 1) / 2
    motion = np.array([
        [factor, 0, centre[0] * (1 - factor) + shift],
        [0, factor, centre[1] * (1 - factor)],
    ])  # fmt: skip
    warped = cv2.warpAffine(
        pair.result, motion, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return spoilt(pair, np.asarray(warped, np.uint8))


def _shifted(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault:
    return _warped(pair, 1.0, SHIFT_PX)


def _zoomed(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault:
    return _warped(pair, 1 + ZOOM, 0.0)


def _mask_inverted(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    return _masks(pair, 255 - pair.mask)


def _mask_empty(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    return _masks(pair, np.zeros_like(pair.mask))


def _mask_full(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    return _masks(pair, np.full_like(pair.mask, 255))


def _hard_seam(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    """What was edited and a rim around it in another shade, without a feather, within the allowed region."""
    subtype = SUBTYPES[pair.recipe["subtype"]]
    if subtype.mask_of == "background" or subtype.tier == "stated":
        return None
    mask, result_mask = edit_masks(subtype, pair.mask, pair.recipe)
    edited = mask if result_mask is None else mask | result_mask
    reach = 2 * max(4, round(SEAM_REACH * min(pair.mask.shape))) + 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    pasted = np.asarray(cv2.bitwise_and(cv2.dilate(edited, ellipse), pair.allowed), np.uint8)
    # Darker where the step would be lost in white.
    step = -SEAM_LEVELS if pair.result[pasted > 0].mean() > 128 else SEAM_LEVELS
    shaded = _shaded(pair.result, step)
    return spoilt(pair, np.where(pasted[..., None] > 0, shaded, pair.result).astype(np.uint8))


def _patchy(pair: Specimen, _other: Specimen, rng: np.random.Generator) -> Fault | None:
    """A recolouring that leaves out a disc within what it changed; None where nothing was recoloured."""
    if pair.recipe["subtype"] != "recolor":
        return None
    changed = (cv2.absdiff(pair.source, pair.result).max(axis=2) > PLAIN) & (pair.mask > 0)
    if not changed.any():
        return None
    depth = cv2.distanceTransform(changed.astype(np.uint8), cv2.DIST_L2, 5)
    rows, columns = np.nonzero(depth > depth.max() / 2)
    spot = int(rng.integers(len(rows)))
    radius = max(2, round(PATCH * float(np.count_nonzero(pair.mask)) ** 0.5))
    disc = cv2.circle(
        np.zeros_like(pair.mask), (int(columns[spot]), int(rows[spot])), radius, 255, cv2.FILLED
    )
    left = (disc > 0) & (pair.mask > 0)
    return spoilt(pair, np.where(left[..., None], pair.source, pair.result).astype(np.uint8))


def _leak(pair: Specimen, _other: Specimen, rng: np.random.Generator) -> Fault | None:
    """A square of 100 pixels that changed far from the edit; None where nowhere is far from it."""
    free = cv2.copyMakeBorder(255 - pair.allowed, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    background = SUBTYPES[pair.recipe["subtype"]].mask_of == "background"
    away = LEAK_AWAY if not background else 2 * LEAK_SIDE
    rows, columns = np.nonzero(cv2.distanceTransform(free, cv2.DIST_L2, 5)[1:-1, 1:-1] > away)
    if not len(rows):
        return None
    spot = int(rng.integers(len(rows)))
    top, left = (int(places[spot]) - LEAK_SIDE // 2 for places in (rows, columns))
    square = np.s_[top : top + LEAK_SIDE, left : left + LEAK_SIDE]
    result = pair.result.copy()
    result[square] = np.where(
        result[square] > 127, result[square] - LEAK_LEVELS, result[square] + LEAK_LEVELS
    )
    return spoilt(pair, result)


def _re_encoded(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault:
    return Fault({"result": encode_jpeg(pair.result, WORSE_QUALITY)})


def _swapped_pair(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault:
    return Fault({"source": pair.files["result"], "result": pair.files["source"]})


def _swapped_languages(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault:
    return Fault({
        "instruction_ch": pair.files["instruction_en"], "instruction_en": pair.files["instruction_ch"],
    })  # fmt: skip


def _wrong_direction(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    """Texts and index ask for the opposite: only the picture can tell."""
    turned = opposite(pair.recipe)
    files = retold(pair, turned) if turned else None
    return Fault(files, turned) if files else None


def _wrong_amount(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    """A stated edit by a tenth more; a plain text does not say so exactly that it would be one."""
    if _stated(pair) is None or pair.recipe.get("phrasing") == "plain":
        return None
    more = pair.recipe | {"percent": pair.recipe["percent"] * MORE}
    return _result(applied(more, pair.source))


def _left_out(pair: Specimen, part: Any) -> Fault | None:
    """A stated edit that leaves a part of the picture as it was."""
    wanted = _stated(pair)
    if wanted is None:
        return None
    wanted[part] = pair.source[part]
    return None if np.array_equal(wanted, applied(pair.recipe, pair.source)) else _result(wanted)


def _channel_left_out(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    return _left_out(pair, np.s_[..., 0])


def _region_left_out(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    height, width = pair.mask.shape
    middle = np.s_[2 * height // 5 : 3 * height // 5, 2 * width // 5 : 3 * width // 5]
    return _left_out(pair, middle)


def _wrong_file(pair: Specimen, other: Specimen, _rng: np.random.Generator) -> Fault:
    size = pair.result.shape[1::-1]
    return pictures(result=np.asarray(cv2.resize(other.result, size, interpolation=cv2.INTER_AREA), np.uint8))


def _truncated(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault:
    data = pair.files["result"]
    return Fault({"result": data[: int(len(data) * KEPT_BYTES)]})


CANARIES: Mapping[str, Canary] = {
    canary.name: canary
    for canary in (
        Canary("no_op", "the result is the source", _no_op),
        Canary("brighter_1", "1 grey level everywhere", _brighter(1)),
        Canary("brighter_2", "2 grey levels everywhere", _brighter(2)),
        Canary("warm_cast", "red 2 % up, blue 2 % down", _warm_cast),
        Canary("shifted", "0.5 px to the right", _shifted),
        Canary("zoomed", "0.3 % about the centre", _zoomed),
        Canary("mask_inverted", "mask and mask-1 exchanged", _mask_inverted),
        Canary("mask_empty", "all black", _mask_empty),
        Canary("mask_full", "all white", _mask_full),
        Canary("hard_seam", "16 grey levels, no feather", _hard_seam),
        Canary("patchy", "a recolouring leaves out a disc, half the root of the area wide", _patchy),
        Canary("leak", "100 px changed by 60 levels", _leak),
        Canary("re_encoded", "JPEG at quality 90 again", _re_encoded),
        Canary("swapped_pair", "source and result exchanged", _swapped_pair),
        Canary("swapped_languages", "CH and EN exchanged", _swapped_languages),
        Canary("wrong_direction", "texts and index say the opposite", _wrong_direction),
        Canary("wrong_amount", "a stated edit by a tenth more", _wrong_amount),
        Canary("channel_left_out", "a stated edit of green and blue alone", _channel_left_out),
        Canary("region_left_out", "a stated edit but for the middle 25th", _region_left_out),
        Canary("wrong_file", "another sample's result", _wrong_file),
        Canary("truncated", "the result's last 40 % are gone", _truncated),
        *MASK_CANARIES,
    )
}


def injected(name: str, pair: Specimen, others: Sequence[Specimen], seed: int) -> Fault | None:
    """A canary's fault in a specimen; None when it does not apply. The same seed gives the same bytes.

    Args:
        others: specimens that a wrong file can be taken from.
    """
    rng = np.random.default_rng(seed)
    other = others[int(rng.integers(len(others)))]
    return CANARIES[name].inject(pair, other, rng)


def index_entry(entry: Mapping[str, Any], fault: Fault) -> dict[str, Any]:
    """The index's row of a copy, in agreement with what the fault says."""
    changed = dict(entry)
    for role in LANGUAGES:
        if fault.recipe is not None:
            changed[role] = fault.files[role].decode("utf-8").strip()
    if fault.recipe is not None:
        changed["metadata"] = {**entry["metadata"], "recipe": fault.recipe}
    return changed
