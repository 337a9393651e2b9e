"""What is measured of a finished pair. `core.judging.pair_checks` says what its scores must reach.

Scores and verdicts are apart, so that new thresholds judge again without measuring again. "Outside" is every
pixel outside the allowed region; means are taken over those pixels alone. Only `ssim_outside_region`, by its
definition, is of whole pictures that were made equal in the allowed region.

| score | what it is | unit or range |
|---|---|---|
| mask_share | the mask's share of the picture | 0 to 1 |
| mask_largest_share | largest connected part of the object's silhouette over all of it | 0 to 1 |
| mask_hole_share | holes in the silhouette over the silhouette with them | 0 to 1 |
| mask_border_share | share of the picture's border that the silhouette touches | 0 to 1 |
| polarity | mean absolute difference in the mask over (that outside it + 0.5) | 0 or more |
| changed_share_inside | share of mask and result mask where a channel differs by more than 8 | 0 to 1 |
| delta_e_inside | mean ΔE2000 in mask and result mask | 0 or more |
| structure_inside | likeness of the gradients inside, of edits that keep the structure | -1 to 1 |
| sharpness | grain of the edit beside its surroundings', or of an object beside its own before | 0 or more |
| seam | largest step between lines around the mask that the source lacks | ΔE, 0 or more |
| seam_over_texture | the seam less the step that the source has along such lines elsewhere | ΔE, 0 or more |
| new_edges | share of a recolouring in which the result has an edge where the source has none | 0 to 1 |
| scaled_sharpness | grain of an enlarged object beside that of its source enlarged alike | 0 or more |
| effect | how clearly the pixels do what the recipe says | 1 fully, negative the opposite |
| outside_share | share of the picture that lies outside | 0 to 1 |
| mse_outside_region | mean squared error outside | 0 to 65025 |
| changed_pixel_ratio_outside_region | share of pixels outside that differ by more than 2 | 0 to 1 |
| ssim_outside_region | structural similarity, the allowed region of both made equal | -1 to 1 |
| max_difference_outside | largest difference outside | 0 to 255 |
| psnr_outside | peak signal to noise ratio outside, 100 for no noise | dB |
| similarity_outside | structural similarity of the windows that lie wholly outside | -1 to 1 |
| colour_cast | norm of the mean L*a*b* difference outside | ΔE, 0 or more |
| delta_e_outside | mean ΔE2000 outside | 0 or more |
| shift_px, zoom | drift of the outside, if an alignment is found | pixels; relative |
| leak_px | pixels of the largest connected part outside that differs by more than 16 | 0 or more |
| leak_share | share of the pixels that differ by more than 16 that lie outside | 0 to 1 |

Where more than the files is known of a mask, or they are all there is, `core.scoring.masks.mask_scores` adds:

| score | what it is | unit or range |
|---|---|---|
| visible_change | mean ΔE2000 of a tone that a network's object, or what lies around it, gets | 0 or more |
| object_share | share of the picture that a background edit leaves alone | 0 to 1 |
| object_parts | things that the mask is meant to show, when they are several | 2 or more |
| object_confidence | how far the network that found the object agrees with itself about it | 0 to 1 |
| object_agreement | 1 less the largest piece that a second opinion misses or leaves out | 0 to 1 |
| neck_step | step of colour across a neck of the mask | ΔE, 0 or more |
| outline_unseen | share of the mask's outline without a step of colour | 0 to 1 |
| remainder | largest part outside that hangs on the mask and looks like it, over the mask | 0 or more |
| swallowed | largest part of the mask that looks like what lies outside | 0 to 1 |
| filled_holes | holes of the mask that look like the object, over the mask with all holes | 0 to 1 |
| loose_ends | what is narrow, reaches the mask and does not go on in the fill | ΔE times shares of the side |
| hidden_ends | the most that something differs that ends where the moved object begins | ΔE, 0 or more |
| misplaced_fill | by how much a fill differs from all that the photo has at the same height | ΔE, 0 or more |
| fringe | how much finer what lies around the place of an object is than what lies further away | 0 or more |
| left_pieces | what touches the mask, stands out from the background and ends, over the mask | 0 or more |
| strays | share of what is filled that stands out from the background and lies in the fill alone | 0 to 1 |
| overlap | most that the object newly covers of another, over the smaller | 0 to 1 |
| lift | way of the object's lowest row, over the height; 0 when it touches no ground | 0 to 1 |
| detached_borders | borders that cut the object off before and no longer do | 0 to 4 |

`core.pairs.finishing` and `core.judging.inspection` add what pixels alone do not tell:
`instruction_faults` and, where they are known, `recomposition_error` (levels of 255) of the layers, and
`recomposition_thin`, the same for an object whose outline takes as much of the picture as a thin one's; of a
model's picture `upscaling` (pixels of the pair per pixel of the model's canvas), `raw_shift` and `raw_zoom`
against the source before it was registered (shares; 1 when no alignment was found); `judge_instruction` and
`judge_preservation` (1 to 5), and `lettering` (0 to 1): how far the text that the judge reads is what was
asked for.

Pairs of the tier `stated` have no mask: `core.scoring.stated` measures them, and adds

| score | what it is | unit or range |
|---|---|---|
| stated_error | largest difference from what the recipe states, made again | 0 to 255 |

What cannot be told is None: everything of the outside where there is none, and what does not apply.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Doubles, Pixels
from iedf_assets.core.pictures.colour_difference import ciede2000, to_lab
from iedf_assets.core.pictures.masks import difference_box, grown_box, margin_px
from iedf_assets.core.profile.sections import Encoding
from iedf_assets.core.profile.subtypes import COMPOSED, SUBTYPES, Subtype, kind_of
from iedf_assets.core.scoring.detail import (
    kept_sharpness,
    new_edges,
    scaled_sharpness,
    sharpness,
    structure,
    surroundings,
)
from iedf_assets.core.scoring.drift import find_drift
from iedf_assets.core.scoring.effects import effect
from iedf_assets.core.scoring.masks.mask_scores import Company, mask_scores
from iedf_assets.core.scoring.seams import seam, texture_step
from iedf_assets.core.scoring.ssim import ssim, ssim_within

# Bump when the same files get other scores: finished pairs are measured anew then.
SCORES_VERSION = 4
# Significant digits that scores are given with.
DIGITS = 9
# A pixel has changed when one of its channels differs by more than this.
CHANGED_OUTSIDE, CHANGED_INSIDE, LEAKED = 2, 8, 16
# Means of colours are taken over no more pixels than this, evenly spread.
COLOUR_SAMPLES = 20_000
MAX_PSNR = 100.0
# A seam is looked for so far beyond the margin, pixels.
SEAM_REACH = 8
# A seam of no more than this, ΔE, is none, whatever the texture.
FAINT_SEAM = 1.0
# A part of at least this share of a silhouette is a thing, not a scrap.
THING = 0.1

CONSISTENCY_SCORES = ("mse_outside_region", "changed_pixel_ratio_outside_region", "ssim_outside_region")
OUTSIDE_SCORES = (
    *CONSISTENCY_SCORES,
    "max_difference_outside",
    "psnr_outside",
    "similarity_outside",
    "colour_cast",
    "delta_e_outside",
    "shift_px",
    "zoom",
    "leak_px",
    "leak_share",
)

Scores = dict[str, float | None]


@dataclass(frozen=True)
class _Pair:
    """A pair's pixels and what most scores need of them.

    Attributes:
        difference: uint8 (H, W), the largest of the three channels'.
        edited: mask and result mask, uint8 (H, W).
    """

    source: Pixels
    result: Pixels
    mask: Pixels
    allowed: Pixels
    difference: Pixels
    edited: Pixels
    result_mask: Pixels | None


def measure(
    source: Pixels,
    result: Pixels,
    mask: Pixels,
    allowed: Pixels,
    result_mask: Pixels | None = None,
    recipe: Mapping[str, Any] | None = None,
    company: Company | None = None,
) -> Scores:
    """The scores of a pair as it decodes from its files: see the table above.

    Args:
        source: uint8 (H, W, 3).
        result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero where the source's content changes.
        allowed: uint8 (H, W), nonzero where the result may differ.
        result_mask: uint8 (H, W), nonzero where a moved or scaled object ends up.
        recipe: its `subtype` and what is known of its parameters; None when nothing is.
        company: what is known of its objects; None leaves out the second table's scores, which pairs from
            before them do not have.
    """
    difference = _largest_channel(np.asarray(cv2.absdiff(source, result), np.uint8))
    edited = mask if result_mask is None else mask | result_mask
    pair = _Pair(source, result, mask, allowed, difference, edited, result_mask)
    subtype = kind_of(recipe or {})
    silhouette = ~mask if subtype and subtype.mask_of == "background" else mask
    measured: Scores = {
        "mask_share": _count(mask > 0) / mask.size,
        **_shape(silhouette, _parts(silhouette, subtype, company)),
        **_inside(pair, recipe or {}),
        **_outside(pair),
    }
    if company is not None and subtype is not None:
        measured |= _beside_texture(pair, measured["seam"], subtype)
        if subtype is SUBTYPES["recolor"]:
            measured["new_edges"] = new_edges(source, result, mask)
        if company.confidence is not None and _is_in_place(subtype):
            measured["visible_change"] = measured["delta_e_inside"]
        measured |= _scaled(pair, subtype, (recipe or {}).get("factor", 1.0))
        measured |= mask_scores(source, result, mask, result_mask, subtype, company)
    # Sums of vector units depend on where in memory the pixels lie; the same pair gets the same scores.
    return {
        name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for name, value in measured.items()
    }


def _is_in_place(subtype: Subtype) -> bool:
    return "object" in subtype.mask_checks and "remainder" not in subtype.mask_checks


def _shape(silhouette: Pixels, parts: int) -> Scores:
    """Of what is one thing, or so many together: the object or the subject, uint8 (H, W)."""
    area = _count(silhouette > 0)
    border = np.concatenate([silhouette[0], silhouette[-1], silhouette[:, 0], silhouette[:, -1]])
    shares: Scores = {"mask_border_share": _count(border > 0) / border.size}
    if not area:
        return {"mask_largest_share": 0.0, "mask_hole_share": 0.0, **shares}
    within = np.where(silhouette[grown_box(silhouette, 1)] > 0, 255, 0).astype(np.uint8)
    holes = cv2.copyMakeBorder(~within, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=255)
    # What is connected to the frame around the box is no hole.
    cv2.floodFill(holes, None, (0, 0), 0)
    missing = _count(holes > 0)
    return {
        "mask_largest_share": _largest_parts(within, parts) / area,
        "mask_hole_share": missing / (area + missing),
        **shares,
    }


def _inside(pair: _Pair, recipe: Mapping[str, Any]) -> Scores:
    number, subtype = _count(pair.edited > 0), kind_of(recipe)
    beyond = cv2.bitwise_not(pair.edited)
    means = [cv2.mean(pair.difference, where)[0] for where in (pair.mask, beyond)]
    margin = margin_px(Encoding(), pair.mask.shape[1], pair.mask.shape[0], subtype)
    blurred = recipe.get("kind") == "defocus"
    of_object = not subtype or subtype.mask_of == "object"
    return {
        "polarity": means[0] / (means[1] + 0.5),
        "changed_share_inside": _count((pair.difference > CHANGED_INSIDE) & (pair.edited > 0))
        / max(number, 1),
        "delta_e_inside": _delta_e(pair, pair.edited > 0) if number else None,
        "structure_inside": structure(pair.source, pair.result, pair.edited)
        if number and subtype and subtype.keeps_structure and not blurred
        else None,
        "sharpness": _sharpness(pair, subtype, recipe.get("factor", 1.0))
        if number and subtype and subtype.task != COMPOSED.task and not blurred
        else None,
        "seam": seam(pair.source, pair.result, pair.edited, margin + SEAM_REACH) if of_object else None,
        "effect": effect(recipe, pair.source, pair.result, pair.mask, pair.result_mask)
        if subtype and number
        else None,
    }


def _sharpness(pair: _Pair, subtype: Subtype, factor: float) -> float | None:
    if subtype.keeps_structure:
        return kept_sharpness(pair.source, pair.result, pair.edited)
    if subtype.relocates:
        there = pair.edited if pair.result_mask is None else pair.result_mask
        return sharpness(pair.source, pair.result, there, pair.mask, factor)
    return sharpness(pair.source, pair.result, pair.edited, surroundings(pair.edited, pair.allowed))


def _outside(pair: _Pair) -> Scores:
    outside = np.where(pair.allowed > 0, np.uint8(0), np.uint8(255))
    number = _count(outside > 0)
    share: Scores = {"outside_share": number / outside.size}
    if not number:
        return share | dict.fromkeys(OUTSIDE_SCORES)
    stray = cv2.bitwise_and(pair.difference, outside)
    if not stray.any():
        return share | dict.fromkeys(OUTSIDE_SCORES, 0.0) | {
            "ssim_outside_region": 1.0,
            "similarity_outside": 1.0,
            "psnr_outside": MAX_PSNR,
            "max_difference_outside": 0,
        }  # fmt: skip
    drift = find_drift(pair.source, pair.result, outside)
    leaked = np.where(stray > LEAKED, np.uint8(255), np.uint8(0))
    figures = _consistency(pair.source, pair.result, outside, np.asarray(stray, np.uint8))
    mse = figures["mse_outside_region"]
    found: Scores = {
        **figures,
        "max_difference_outside": int(stray.max()),
        "psnr_outside": min(10 * math.log10(255**2 / mse), MAX_PSNR),
        "similarity_outside": ssim_within(pair.source, pair.result, outside),
        "colour_cast": _cast(pair, outside > 0),
        "delta_e_outside": _delta_e(pair, outside > 0),
        "shift_px": drift.shift_px if drift else None,
        "zoom": drift.zoom if drift else None,
        "leak_px": _largest_parts(leaked),
        "leak_share": _count(leaked > 0) / max(_count(pair.difference > LEAKED), 1),
    }
    return share | found


def consistency(source: Pixels, result: Pixels, allowed: Pixels) -> Scores:
    """The consistency check's three figures alone, None where nothing lies outside; see `measure`."""
    outside = np.where(allowed > 0, np.uint8(0), np.uint8(255))
    if not outside.any():
        return dict.fromkeys(CONSISTENCY_SCORES)
    stray = np.asarray(
        _largest_channel(np.asarray(cv2.absdiff(source, result), np.uint8)) & outside, np.uint8
    )
    return {**_consistency(source, result, outside, stray)}


def _consistency(source: Pixels, result: Pixels, outside: Pixels, stray: Pixels) -> dict[str, float]:
    number = _count(outside > 0)
    equalised = np.where(outside[..., None] > 0, result, source) if stray.any() else source
    return {
        # A sum of whole numbers, which OpenCV returns with a last digit's error.
        "mse_outside_region": round(cv2.norm(source, equalised, cv2.NORM_L2SQR)) / (3 * number),
        "changed_pixel_ratio_outside_region": _count(stray > CHANGED_OUTSIDE) / number,
        "ssim_outside_region": ssim(source, equalised, stray),
    }


def _cast(pair: _Pair, where: Bools) -> float:
    one, other = _sampled_lab(pair, where)
    return float(np.linalg.norm((other - one).mean(axis=0)))


def _delta_e(pair: _Pair, where: Bools) -> float:
    return float(ciede2000(*_sampled_lab(pair, where)).mean())


def _sampled_lab(pair: _Pair, where: Bools) -> list[Doubles]:
    """L*a*b* of source and result, (N, 3) each, at pixels spread evenly over a region."""
    places = np.flatnonzero(where)
    places = places[:: math.ceil(len(places) / COLOUR_SAMPLES)]
    return [to_lab(picture.reshape(-1, 3)[places]) for picture in (pair.source, pair.result)]


def _parts(silhouette: Pixels, subtype: Subtype | None, company: Company | None) -> int:
    """How many things a silhouette may fall into; what a background edit leaves alone may be several."""
    if company is None or subtype is None:
        return 1
    if company.parts is None and (subtype.mask_of == "background" or subtype is COMPOSED):
        _, _, stats, _ = cv2.connectedComponentsWithStats(silhouette)
        areas = stats[1:, cv2.CC_STAT_AREA]
        return max(1, _count(areas > THING * areas.sum()))
    return company.parts or 1


def _beside_texture(pair: _Pair, found: float | None, subtype: Subtype) -> Scores:
    """What of a seam exceeds the steps of the source's own texture; a faint one is not compared."""
    if found is None:
        return {}
    texture: float | None = 0.0
    if found > FAINT_SEAM:
        margin = margin_px(Encoding(), pair.mask.shape[1], pair.mask.shape[0], subtype)
        texture = texture_step(pair.source, pair.edited, margin + SEAM_REACH)
    return {"seam_over_texture": max(0.0, found - (texture or 0.0))}


def _scaled(pair: _Pair, subtype: Subtype, factor: float) -> Scores:
    if not subtype.relocates or factor <= 1 or pair.result_mask is None:
        return {}
    return {
        "scaled_sharpness": scaled_sharpness(pair.source, pair.result, pair.mask, pair.result_mask, factor)
    }


def _largest_parts(mask: Pixels, number: int = 1) -> int:
    """Pixels of the largest connected parts (8 neighbours) of a mask, so many together; 0 for none."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    return int(np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1][:number].sum())


def _count(which: Bools) -> int:
    return int(np.count_nonzero(which))


def _largest_channel(difference: Pixels) -> Pixels:
    """The largest of the three values of each pixel: (H, W, 3) to (H, W)."""
    largest = np.zeros(difference.shape[:2], np.uint8)
    box = difference_box(difference)
    red, green, blue = (difference[box][..., channel] for channel in range(3))
    largest[box] = np.maximum(np.maximum(red, green), blue)
    return largest
