"""Whether a moved or scaled object may be where it ends up: by masks and, for the ground, by colours."""

from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.pictures.masks import grown_box
from iedf_assets.core.scoring.pair_views import reduced_lab

# A border is touched by what reaches its outermost two pixels over so many others.
AT_BORDER, TOUCHING = 2, 3
# The background above an object's upper part and beside its foot: how far from it, and how high its foot is,
# as shares of its box's longer side and of its height.
BAND, FOOT = 0.25, 0.2
# Median colours that differ by so much, ΔE*ab, are those of two things: what stands on the one before the
# other stands on a ground.
ANOTHER = 12.0
SIDE = 192
# What is smaller than this share of the picture is no object that could be covered.
LEAST_THING = 0.005


@dataclass(frozen=True)
class Standing:
    """How an object stands in its new place.

    Attributes:
        overlap: the most that it newly covers of another object, as a share of the smaller of the two; None
            when no others are known.
        lift: by how much its lowest row moved, as a share of the picture's height; 0 when it touches no
            ground.
        detached: borders of the picture that it touched and touches no more.
    """

    overlap: float | None
    lift: float
    detached: int


def find_standing(source: Pixels, mask: Pixels, there: Pixels, others: Pixels | None) -> Standing | None:
    """How a moved or scaled object stands; None when either mask is empty.

    An object touches a ground when the background beside its foot has other colours than that above it. One
    in the sky has not, nor one on a lawn seen from above: either may go up and down.

    Args:
        source: uint8 (H, W, 3).
        mask, there: uint8 (H, W), nonzero on the object as it was and as it ends up.
        others: uint8 (H, W), nonzero on other objects; None when none is known.
    """
    if not mask.any() or not there.any():
        return None
    before, after = (grown_box(which, 0)[0].stop for which in (mask, there))
    lift = abs(after - before) / len(mask)
    lost = _borders(mask) & ~_borders(there)
    return Standing(
        overlap=None if others is None else _covered(mask, there, others),
        lift=lift if lift and touches_ground(source, mask) else 0.0,
        detached=int(np.count_nonzero(lost)),
    )


def touches_ground(source: Pixels, mask: Pixels) -> bool:
    """Whether the background beside an object's foot has other colours than that above it.

    Args:
        source: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero on the object, not empty.
    """
    rows, columns = grown_box(mask, 0)
    reach = max(4, round(BAND * max(rows.stop - rows.start, columns.stop - columns.start)))
    box = grown_box(mask, reach)
    factor = min(1.0, SIDE / max(part.stop - part.start for part in box))
    size = tuple(max(1, round((part.stop - part.start) * factor)) for part in box[::-1])
    shown = cv2.resize(np.where(mask[box] > 0, np.uint8(255), np.uint8(0)), (size[0], size[1]))
    lab = reduced_lab(np.ascontiguousarray(source[box]), (size[0], size[1]))
    # The rim holds mixed colours, and a thin shadow.
    free = cv2.dilate(shown, np.ones((5, 5), np.uint8)) == 0
    top, bottom = ((edge - box[0].start) * factor for edge in (rows.start, rows.stop))
    lines = np.arange(size[1])[:, None] + 0.5
    above = free & (lines < top + FOOT * (bottom - top))
    below = free & (lines > bottom - FOOT * (bottom - top))
    if not above.any() or not below.any():
        return True
    medians = [np.median(lab[where], axis=0) for where in (above, below)]
    return float(np.linalg.norm(medians[0] - medians[1])) > ANOTHER


def _covered(mask: Pixels, there: Pixels, others: Pixels) -> float:
    count, labels, stats, _ = cv2.connectedComponentsWithStats((others > 0).astype(np.uint8))
    newly = np.bincount(labels[(there > 0) & (mask == 0)], minlength=count)[1:]
    areas = stats[1:, cv2.CC_STAT_AREA]
    shares = newly / np.maximum(np.minimum(areas, np.count_nonzero(there)), 1)
    return float(shares[areas >= LEAST_THING * mask.size].max(initial=0.0))


def _borders(mask: Pixels) -> Bools:
    """Which of the upper, lower, left and right border a mask touches."""
    edges = (mask[:AT_BORDER], mask[-AT_BORDER:], mask[:, :AT_BORDER].T, mask[:, -AT_BORDER:].T)
    return np.array([np.count_nonzero(edge.any(axis=0)) >= TOUCHING for edge in edges])
