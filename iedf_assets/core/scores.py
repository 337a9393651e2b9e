"""What is measured of a finished pair, and the checks that its scores must pass.

Scores and verdicts are apart, so that new thresholds judge again without measuring again. "Outside" is every
pixel outside the allowed region; means are taken over those pixels alone. Only the similarity, by its
definition, is of whole pictures that were made equal in the allowed region.

| check | passes when | tiers |
|---|---|---|
| mask_area | the mask's share of the picture lies between its limits | all |
| no_op | enough of the mask changed | all |
| no_outside | something lies outside; else the checks below have not run, which is no pass | all |
| mse_outside | mean squared error outside ≤ its limit | all |
| ssim_outside | structural similarity ≥ its limit | all |
| changed_outside | share of changed pixels outside ≤ its limit | all |
| exact_outside | largest difference outside ≤ its limit, 0 | composited |
"""

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.codecs import Pixels
from iedf_assets.core.masks import difference_box
from iedf_assets.core.profile import Thresholds
from iedf_assets.core.ssim import ssim
from iedf_assets.core.subtypes import Tier

# A pixel has changed when one of its channels differs by more than this.
CHANGED_OUTSIDE = 2
CHANGED_INSIDE = 8

OUTSIDE_SCORES = (
    "mse_outside_region",
    "changed_pixel_ratio_outside_region",
    "ssim_outside_region",
    "max_difference_outside",
)

Scores = dict[str, float | None]


def measure(
    source: Pixels, result: Pixels, mask: Pixels, allowed: Pixels, result_mask: Pixels | None = None
) -> Scores:
    """The scores of a pair as it decodes from its files.

    Args:
        source: uint8 (H, W, 3).
        result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero where the source's content changes.
        allowed: uint8 (H, W), nonzero where the result may differ.
        result_mask: uint8 (H, W), nonzero where a moved or scaled object ends up.

    Returns:
        `mask_share`, `outside_share`: shares of the picture, 0 to 1.
        `changed_share_inside`: share of mask and result mask where a channel differs by more than 8, 0 to 1.
        `mse_outside_region`: mean squared error over RGB.
        `changed_pixel_ratio_outside_region`: share of pixels where a channel differs by more than 2, 0 to 1.
        `ssim_outside_region`: -1 to 1.
        `max_difference_outside`: 0 to 255.
        The last four are None when nothing lies outside.
    """
    difference = np.asarray(cv2.absdiff(source, result), np.uint8)
    largest = _largest_channel(difference)
    edited = mask if result_mask is None else mask | result_mask
    outside = mask.size - _count(allowed > 0)
    shares: Scores = {
        "mask_share": _count(mask > 0) / mask.size,
        "outside_share": outside / mask.size,
        "changed_share_inside": _count((largest > CHANGED_INSIDE) & (edited > 0))
        / max(_count(edited > 0), 1),
    }
    if not outside:
        return shares | dict.fromkeys(OUTSIDE_SCORES)
    stray = largest * (allowed == 0)
    equalised = np.where(allowed[..., None] > 0, source, result) if stray.any() else source
    found = (
        # A sum of whole numbers, which OpenCV returns with a last digit's error.
        round(cv2.norm(difference, cv2.NORM_L2SQR, stray)) / (3 * outside),
        _count(stray > CHANGED_OUTSIDE) / outside,
        ssim(source, equalised, stray),
        int(stray.max()),
    )
    return shares | dict(zip(OUTSIDE_SCORES, found, strict=True))


def judge(scores: Mapping[str, float | None], tier: Tier, thresholds: Thresholds) -> list[str]:
    """The names of the checks that a pair fails, in the order of the table above; empty when it passes."""

    def within(name: str, lowest: float = -math.inf, highest: float = math.inf) -> bool:
        value = scores[name]
        return value is not None and lowest <= value <= highest

    held = {
        "mask_area": within("mask_share", thresholds.min_mask_share, thresholds.max_mask_share),
        "no_op": within("changed_share_inside", thresholds.min_changed_share_inside),
    }
    if scores["max_difference_outside"] is None:
        held["no_outside"] = False
    else:
        held["mse_outside"] = within("mse_outside_region", highest=thresholds.max_mse_outside)
        held["ssim_outside"] = within("ssim_outside_region", lowest=thresholds.min_ssim_outside)
        held["changed_outside"] = within(
            "changed_pixel_ratio_outside_region", highest=thresholds.max_changed_share_outside
        )
        if tier == "composited":
            held["exact_outside"] = within(
                "max_difference_outside", highest=thresholds.max_difference_outside
            )
    return [check for check, passed in held.items() if not passed]


def _count(which: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(which))


def _largest_channel(difference: Pixels) -> Pixels:
    """The largest of the three values of each pixel: (H, W, 3) to (H, W)."""
    largest = np.zeros(difference.shape[:2], np.uint8)
    box = difference_box(difference)
    red, green, blue = (difference[box][..., channel] for channel in range(3))
    largest[box] = np.maximum(np.maximum(red, green), blue)
    return largest
