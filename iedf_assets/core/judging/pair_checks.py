"""The checks that a pair's scores must pass, one table for the gate, the asset checks and `iedf check`.

| check | fails when | protects from |
|---|---|---|
| mask_area | the mask's share of the picture is outside its limits | masks of nothing or of everything |
| mask_shape | the silhouette falls apart or is full of holes | scraps of a segmentation |
| no_op | too little of the mask changed | edits that did nothing |
| polarity | the change does not lie in the mask rather than elsewhere | inverted and foreign masks |
| structure | the gradients inside are not the source's, or new edges are drawn | another subject, patches |
| sharpness | the edit is much softer than its surroundings | results that were enlarged |
| recomposition | the layers that it was made of do not add up to the source | layers that lost a part |
| registration | the model's picture lies too far from its source, or cannot be aligned | models that drift |
| upscaling | the model worked at a much smaller size | a soft patch in a sharp photo |
| judged | the model's own judge rates it low | edits that miss the point |
| lettering | a judge reads another text than was to be written, or the old one | misspelt words |
| rewritten | the judge does not find its own words followed that took the instruction's place | texts |
| seam | the change ends in a step | hard pastes |
| object | a second opinion has another piece, or two things hang by a neck | half objects, slabs |
| remainder | what looks like the object lies beside it, or too little in it; something ends loose | ghosts |
| place | the object ends up on another, off the ground, or off a border | things that float |
| effect | the pixels do not do what the recipe says | wrong directions, swapped files |
| instruction | a text says something else than recipe, picture or the other language | wrong texts |
| no_outside | nothing lies outside, so that nothing outside could be checked | masks of everything |
| mse_outside, ssim_outside, changed_outside | the consistency check's three figures | what it was made for |
| exact_outside | a pixel outside differs | everything that touches the whole picture |
| psnr_outside, similarity_outside | the outside differs too much | damage by a model or by encoding |
| colour_cast | the outside has another shade | casts too faint for the above |
| drift | the outside is shifted or zoomed | models that do not hold the frame |
| leak | a connected part outside changed, or too much of all change lies outside | stray edits |
| approval | nobody said that a global edit is right | global edits that nobody looked at |
| stated | the result is not what the recipe states, made again | another amount, a part left out |

A tier applies the checks that its section of the thresholds has a limit for. Pairs of the tiers `stated` and
`global` have no outside. The one is made again and compared; the other passes `approval` by the profile's
word, by the judge, or by a review (`iedf_assets.core.storage.reviews`).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from iedf_assets.core.profile.subtypes import Tier
from iedf_assets.core.profile.thresholds import Thresholds

NO_OUTSIDE, APPROVAL, POLARITY = "no_outside", "approval", "polarity"
SEAM, SHARPNESS, JUDGED = "seam", "sharpness", "judged"
LETTERING, REWRITTEN = "lettering", "rewritten"
INSTRUCTION, EFFECT, EXACT = "instruction", "effect", "exact_outside"
OBJECT, REMAINDER, PLACE = "object", "remainder", "place"
STATED = "stated"
# Tiers of which nothing lies outside.
WHOLE_TIERS: tuple[Tier, ...] = ("stated", "global")


@dataclass(frozen=True)
class Bound:
    """What one score must hold.

    Attributes:
        limit: the key in the thresholds: `min_...` or `max_...`.
        required: whether a pair without that score fails; else the score does not apply to every pair.
        better: a score that is judged in its place where a pair has it.
    """

    check: str
    score: str
    limit: str
    required: bool = True
    better: str | None = None


# Of mask, inside and texts: the same for all tiers but those of the whole picture, which have no mask.
INSIDE_BOUNDS = (
    # Of a background edit what it leaves alone is judged: a thin object is no fault, none at all is one.
    Bound("mask_area", "mask_share", "min_mask_share", better="object_share"),
    Bound("mask_area", "mask_share", "max_mask_share", better="object_share"),
    Bound("mask_shape", "mask_largest_share", "min_mask_largest_share"),
    Bound("mask_shape", "mask_hole_share", "max_mask_hole_share", better="filled_holes"),
    Bound("no_op", "changed_share_inside", "min_changed_share_inside"),
    Bound("no_op", "visible_change", "min_visible_change", required=False),
    Bound(POLARITY, "polarity", "min_polarity"),
    Bound("structure", "structure_inside", "min_structure", required=False),
    Bound("structure", "new_edges", "max_new_edges", required=False),
    Bound(SHARPNESS, "sharpness", "min_sharpness", required=False, better="scaled_sharpness"),
    Bound(
        "recomposition",
        "recomposition_error",
        "max_recomposition_error",
        required=False,
        better="recomposition_thin",
    ),
    Bound("registration", "raw_shift", "max_raw_shift", required=False),
    Bound("registration", "raw_zoom", "max_raw_zoom", required=False),
    Bound("upscaling", "upscaling", "max_upscaling", required=False),
    Bound(JUDGED, "judge_instruction", "min_judge_instruction", required=False),
    Bound(REWRITTEN, "rewritten_instruction", "min_judge_instruction", required=False),
    Bound(JUDGED, "judge_preservation", "min_judge_preservation", required=False),
    Bound(LETTERING, "lettering", "min_lettering", required=False),
    Bound(SEAM, "seam", "max_seam", required=False, better="seam_over_texture"),
    Bound(OBJECT, "object_confidence", "min_object_confidence", required=False),
    Bound(OBJECT, "object_agreement", "min_object_agreement", required=False),
    Bound(OBJECT, "neck_step", "max_neck_step", required=False),
    Bound(REMAINDER, "outline_unseen", "max_outline_unseen", required=False),
    Bound(REMAINDER, "remainder", "max_remainder", required=False),
    Bound(REMAINDER, "swallowed", "max_swallowed", required=False),
    Bound(REMAINDER, "loose_ends", "max_loose_ends", required=False),
    Bound(REMAINDER, "hidden_ends", "max_hidden_ends", required=False),
    Bound(REMAINDER, "fringe", "max_fringe", required=False),
    Bound(REMAINDER, "misplaced_fill", "max_misplaced_fill", required=False),
    Bound(REMAINDER, "left_pieces", "max_left_pieces", required=False),
    Bound(REMAINDER, "strays", "max_strays", required=False),
    Bound(PLACE, "overlap", "max_overlap", required=False),
    Bound(PLACE, "lift", "max_lift", required=False),
    Bound(PLACE, "detached_borders", "max_detached_borders", required=False),
    Bound(EFFECT, "effect", "min_effect", required=False),
    Bound(INSTRUCTION, "instruction_faults", "max_instruction_faults", required=False),
)
STATED_BOUND = Bound(STATED, "stated_error", "max_stated_error")
STATED_CHECKS = ("no_op", INSTRUCTION)
GLOBAL_CHECKS = ("no_op", "structure", EFFECT, INSTRUCTION, "upscaling", JUDGED, REWRITTEN)
# What tells how a pair was made; nobody can know it from a dataset.
MAKING = ("recomposition", "registration", "upscaling", JUDGED, REWRITTEN, LETTERING)
OUTSIDE_BOUNDS = (
    Bound("mse_outside", "mse_outside_region", "max_mse_outside"),
    Bound("ssim_outside", "ssim_outside_region", "min_ssim_outside"),
    Bound("changed_outside", "changed_pixel_ratio_outside_region", "max_changed_share_outside"),
    Bound(EXACT, "max_difference_outside", "max_difference_outside"),
    Bound("psnr_outside", "psnr_outside", "min_psnr_outside"),
    # A thin outside holds no whole window.
    Bound("similarity_outside", "similarity_outside", "min_similarity_outside", required=False),
    Bound("colour_cast", "colour_cast", "max_colour_cast"),
    Bound("drift", "shift_px", "max_shift_px"),
    Bound("drift", "zoom", "max_zoom"),
    Bound("leak", "leak_px", "max_leak_px"),
    Bound("leak", "leak_share", "max_leak_share"),
)
CHECKS = tuple(
    dict.fromkeys(
        [bound.check for bound in (*INSIDE_BOUNDS, *OUTSIDE_BOUNDS)] + [NO_OUTSIDE, APPROVAL, STATED]
    )
)


def bounds_of(tier: Tier, thresholds: Thresholds) -> Iterator[tuple[Bound, float]]:
    """The bounds that a tier's pairs must hold, with their limits."""
    whole = {"stated": STATED_CHECKS, "global": GLOBAL_CHECKS}
    for bound in INSIDE_BOUNDS:
        limit = getattr(thresholds, bound.limit)
        if limit is not None and (tier not in whole or bound.check in whole[tier]):
            yield bound, limit
    if tier == "stated":
        yield STATED_BOUND, thresholds.max_stated_error
    section = thresholds.of(tier)
    for bound in OUTSIDE_BOUNDS if section else ():
        limit = getattr(section, bound.limit)
        if limit is not None:
            yield bound, limit


def outside_checks(tier: Tier, thresholds: Thresholds) -> tuple[str, ...]:
    """The names of a tier's checks of the outside."""
    known = {bound.check for bound in OUTSIDE_BOUNDS}
    return tuple(dict.fromkeys(b.check for b, _ in bounds_of(tier, thresholds) if b.check in known))


def judge(scores: Mapping[str, float | None], tier: Tier, thresholds: Thresholds) -> list[str]:
    """The names of the checks that a pair fails, in the order of the tables above; empty when it passes.

    Where nothing lies outside, the checks of the outside have not run: `no_outside` fails in their place.
    """
    without_outside = scores["max_difference_outside"] is None
    outside = {bound.check for bound in OUTSIDE_BOUNDS}
    failed = [
        bound.check
        for bound, limit in bounds_of(tier, thresholds)
        if not (without_outside and bound.check in outside) and not holds(bound, scores, limit)
    ]
    if without_outside and tier not in WHOLE_TIERS:
        failed.append(NO_OUTSIDE)
    rated = any(scores.get(name) is not None for name in ("judge_instruction", "rewritten_instruction"))
    approved = thresholds.global_.publish or rated
    if tier == "global" and not approved:
        failed.append(APPROVAL)
    return list(dict.fromkeys(failed))


def holds(bound: Bound, scores: Mapping[str, float | None], limit: float) -> bool:
    """Whether a score holds its limit; one that is absent does where it is not required."""
    better = scores.get(bound.better) if bound.better else None
    value = scores.get(bound.score) if better is None else better
    if value is None:
        return not bound.required
    if math.isnan(value):
        return False
    return value >= limit if bound.limit.startswith("min_") else value <= limit
