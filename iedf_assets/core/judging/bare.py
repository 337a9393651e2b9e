"""The scores of a sample whose allowed region nobody names: what a bare tree of files tells.

The consistency check's three figures are of the main mask dilated by 7 pixels (a square), as that check has
it. All else of the outside is measured outside the mask grown by the default margin and widened to blocks of
16 pixels, which is the most that this project's finishing, or a JPEG with halved chroma, can touch. Where a
moved object ends up, the mask does not say; an instruction may. Where it does not either, nothing is
measured outside a structural edit.
"""

import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.recipes import Recipe, in_pixels
from iedf_assets.core.pictures.masks import edit_masks, grown, grown_box, margin_px
from iedf_assets.core.profile.sections import Encoding
from iedf_assets.core.profile.subtypes import KNOWN, Subtype, relocates
from iedf_assets.core.scoring.masks.mask_scores import Company
from iedf_assets.core.scoring.scores import CONSISTENCY_SCORES, OUTSIDE_SCORES, Scores, consistency, measure
from iedf_assets.core.storage.naming import SampleKey

CONTRACT_DILATION = 7
SOFT_RIM = 0.02  # of the short side
# Places of an object that have this share of all their pixels in common are one.
SAME_PLACE = 0.9
_CHROMA_BLOCK = 16
_CHROMA_REACH = 2


def measured_by_the_mask(
    sample: SampleKey,
    source: Pixels,
    result: Pixels,
    mask: Pixels,
    stated: Recipe,
    company: Company | None,
) -> Scores:
    """Of a pair, by its mask and what its text states; see `iedf_assets.core.scoring.scores.measure`."""
    places = _stated_result_masks(sample, mask, stated)
    there = np.bitwise_or.reduce(places) if places else None
    subtype = KNOWN.get(sample.subtype)
    widest = widest_region(mask if there is None else mask | there, subtype)
    scores = measure(source, result, mask, widest, there, stated, company)
    if relocates(sample.task, sample.subtype):
        unknown: tuple[str, ...] = CONSISTENCY_SCORES
        if there is None:
            unknown = (*OUTSIDE_SCORES, "polarity", "seam", "seam_over_texture", "sharpness")
        elif not _is_one_place(places):
            # Beside the object lies what was filled, which is softer.
            unknown = (*CONSISTENCY_SCORES, "sharpness", "scaled_sharpness")
        return {**scores, **dict.fromkeys(unknown), "outside_share": np.count_nonzero(mask == 0) / mask.size}
    narrow = grown(mask, CONTRACT_DILATION)
    share = np.count_nonzero(narrow == 0) / mask.size
    return {**scores, **consistency(source, result, narrow), "outside_share": share}


def _stated_result_masks(sample: SampleKey, mask: Pixels, stated: Recipe) -> list[Pixels]:
    """Where an object may end up by what its instruction says; none when it does not say."""
    subtype = KNOWN.get(sample.subtype)
    if subtype is None or not subtype.relocates or not {"percent", "factor"} & stated.keys():
        return []
    found = []
    # An object's soft rim may reach a border, and so be anchored to it, where its mask does not.
    for reach in (0, round(SOFT_RIM * min(mask.shape))):
        rows, columns = grown_box(mask, reach)
        size = {"width": columns.stop - columns.start, "height": rows.stop - rows.start}
        box = {"x": columns.start, "y": rows.start, **size}
        there = edit_masks(subtype, mask, in_pixels(stated, box, mask.shape[1], mask.shape[0]))[1]
        found += [] if there is None else [there]
    return found


def _is_one_place(places: list[Pixels]) -> bool:
    """Whether the places where an object may be are nearly the same."""
    everywhere, both = np.bitwise_or.reduce(places), np.bitwise_and.reduce(places)
    return bool(np.count_nonzero(both) >= SAME_PLACE * np.count_nonzero(everywhere))


def widest_region(mask: Pixels, subtype: Subtype | None = None) -> Pixels:
    """The most that an edit of a mask can touch in a file, uint8 (H, W), 0 or 255.

    An edit of an object reaches a margin beyond its mask, one of the background into the subject's soft rim.
    """
    height, width = mask.shape
    inwards = subtype is not None and subtype.mask_of == "background"
    reach = CONTRACT_DILATION if inwards else margin_px(Encoding(), width, height, subtype) + 1
    margin = grown(mask, reach)
    small = (-(-width // _CHROMA_BLOCK), -(-height // _CHROMA_BLOCK))
    padded = np.zeros((small[1] * _CHROMA_BLOCK, small[0] * _CHROMA_BLOCK), np.uint8)
    padded[:height, :width] = margin
    blocks = padded.reshape(small[1], _CHROMA_BLOCK, small[0], _CHROMA_BLOCK).max(axis=(1, 3))
    touched = blocks.repeat(_CHROMA_BLOCK, axis=0).repeat(_CHROMA_BLOCK, axis=1)[:height, :width]
    return grown(np.ascontiguousarray(touched), _CHROMA_REACH)
