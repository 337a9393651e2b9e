"""What is measured of a mask as a whole object, and of its new place, where its subtype is judged by it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.masks import grown_box
from iedf_assets.core.pictures.objects import Opinions
from iedf_assets.core.profile.subtypes import Subtype
from iedf_assets.core.scoring.masks.fills import fringe, misplaced_fill
from iedf_assets.core.scoring.masks.loose_ends import find_loose_ends
from iedf_assets.core.scoring.masks.pieces import left_pieces, strays
from iedf_assets.core.scoring.masks.remainders import find_remainders
from iedf_assets.core.scoring.masks.second_opinion import looked_at_in
from iedf_assets.core.scoring.masks.standing import find_standing
from iedf_assets.core.scoring.masks.wholeness import neck_step, object_agreement, other_objects

# Where a shadow may lie, a share of the mask's height, and the most of the mask that it takes.
FOOT, MOST_SHADOW = 0.25, 0.2
# A thing that an opinion is but so sure of is not to be covered, either.
FAINT = 0.3

Measures = dict[str, float | None]

MASK_SCORES = (
    "visible_change", "object_share", "object_parts", "object_confidence", "object_agreement", "neck_step",
    "outline_unseen", "remainder", "swallowed", "filled_holes", "loose_ends", "hidden_ends",
    "misplaced_fill", "fringe", "left_pieces", "strays", "overlap", "lift",
    "detached_borders",
)  # fmt: skip


@dataclass(frozen=True)
class Company:
    """What is known of an object and of those beside it, by who found them; nothing by default.

    Attributes:
        confidence: of the network that found it, 0 to 1.
        parts: things that its mask is meant to show.
        others: uint8 (H, W), nonzero on other objects.
        own: uint8 (H, W), nonzero on the object without its shadow; None where the mask shows none.
        opinions: a second opinion of the picture, at the size of `looked_at_in`.
        measured: what was measured of the mask before, which is not measured again.
    """

    confidence: float | None = None
    parts: int | None = None
    others: Pixels | None = None
    own: Pixels | None = None
    opinions: Opinions | None = None
    measured: Mapping[str, float | None] | None = None


def mask_scores(
    source: Pixels,
    result: Pixels,
    mask: Pixels,
    result_mask: Pixels | None,
    subtype: Subtype,
    company: Company,
) -> Measures:
    """Those of `MASK_SCORES` that apply to a subtype, None where they cannot be told.

    Args:
        source, result: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero where the source's content changes.
        result_mask: uint8 (H, W), nonzero where a moved or scaled object ends up.
    """
    if company.measured is not None:
        return dict(company.measured)
    of_background = subtype.mask_of == "background"
    silhouette = np.where(mask > 0, np.uint8(0), np.uint8(255)) if of_background else mask
    found: Measures = {}
    if of_background:
        found["object_share"] = np.count_nonzero(silhouette) / silhouette.size
    if company.parts is not None and company.parts > 1:
        found["object_parts"] = float(company.parts)
    own = _own(silhouette, subtype, company)
    others = _others(silhouette, company, 0.5)
    if "object" in subtype.mask_checks and silhouette.any():
        found["object_confidence"] = company.confidence
        found["object_agreement"] = _agreement(own, company)
        # Of what is meant to be several things, or only left alone, a neck is no fault.
        several = of_background or (company.parts or 1) > 1
        found["neck_step"] = None if several else neck_step(source, own)
    if subtype.mask_checks and silhouette.any():
        shadow = np.asarray(cv2.bitwise_and(silhouette, cv2.bitwise_not(own)), np.uint8)
        remainders = find_remainders(source, own, shadow if others is None else others | shadow)
        told = asdict(remainders) if remainders else {}
        wanted = told if "remainder" in subtype.mask_checks else ("filled_holes",)
        found |= {name: told[name] for name in wanted if name in told}
    placed = result_mask is not None or not subtype.relocates
    if "remainder" in subtype.mask_checks and silhouette.any() and placed:
        found |= _left_behind(source, result, silhouette, result_mask, others)
    if "place" in subtype.mask_checks and result_mask is not None:
        standing = find_standing(source, silhouette, result_mask, _others(silhouette, company, 0.5, FAINT))
        if standing is not None:
            found |= {
                "overlap": standing.overlap,
                "lift": standing.lift,
                "detached_borders": float(standing.detached),
            }
    return found


def _left_behind(
    source: Pixels, result: Pixels, silhouette: Pixels, result_mask: Pixels | None, others: Pixels | None
) -> Measures:
    """What is measured of the place that an object has left."""
    ends = find_loose_ends(source, result, silhouette, result_mask)
    found: Measures = {"loose_ends": ends.loose, "hidden_ends": ends.hidden} if ends else {}
    # What has grown covers its own pieces.
    if result_mask is None or np.count_nonzero(result_mask) <= np.count_nonzero(silhouette):
        found["left_pieces"] = left_pieces(source, silhouette, others)
    found["misplaced_fill"] = misplaced_fill(source, result, silhouette, result_mask)
    found["fringe"] = fringe(result, silhouette, result_mask)
    found["strays"] = strays(result, silhouette, result_mask)
    return found


def carried(scores: Mapping[str, float | None]) -> Measures:
    """Those of a pair's scores that an index carries along: its files alone tell them not, or not soon."""
    return {name: scores[name] for name in MASK_SCORES if scores.get(name) is not None}


def _own(silhouette: Pixels, subtype: Subtype, company: Company) -> Pixels:
    """The object without the shadow that an edit takes along: as known, else as a second opinion has it.

    A shadow lies at the object's foot; more of the mask than a shadow takes is no shadow.
    """
    if company.own is not None or company.opinions is None or subtype.needs != "layers":
        return silhouette if company.own is None else company.own
    rows, _ = grown_box(silhouette, 0)
    size = silhouette.shape[1], silhouette.shape[0]
    seen = cv2.resize(company.opinions.mean, size, interpolation=cv2.INTER_LINEAR) > 0.5
    shadow = (silhouette > 0) & ~seen
    shadow[: rows.stop - round(FOOT * (rows.stop - rows.start))] = False
    if np.count_nonzero(shadow) > MOST_SHADOW * np.count_nonzero(silhouette):
        return silhouette
    return np.where(shadow, np.uint8(0), silhouette)


def _agreement(silhouette: Pixels, company: Company) -> float | None:
    if company.opinions is None:
        return None
    small = looked_at_in(silhouette) > 127
    if not small.any():
        return None
    others = None if company.others is None else np.asarray(looked_at_in(company.others) > 127)
    return object_agreement(np.asarray(small), others, company.opinions)


def _others(silhouette: Pixels, company: Company, *levels: float) -> Pixels | None:
    """Other objects, uint8 (H, W): those that are known, else those that a second opinion is so sure of.

    Things that lie apart at one level may be one at a lower.
    """
    if company.others is not None or company.opinions is None:
        return company.others
    mask = np.asarray(looked_at_in(silhouette) > 127)
    apart = [other_objects(mask, company.opinions, level) for level in levels]
    found = np.logical_or.reduce(apart).astype(np.uint8)
    size = silhouette.shape[1], silhouette.shape[0]
    return np.asarray(cv2.resize(found * 255, size, interpolation=cv2.INTER_NEAREST), np.uint8)
