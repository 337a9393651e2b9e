"""Canaries of masks: an object taken in part or with too much, and one that is put where it cannot be.

They change masks and pictures alike, so that everything fits together but the object.
"""

import math

import cv2
import numpy as np

from iedf_assets.core.arrays import Floats, Pixels
from iedf_assets.core.judging.specimens import Canary, Fault, Specimen, masks, pictures, retold, spoilt
from iedf_assets.core.pictures.colour_difference import quick_lab
from iedf_assets.core.pictures.masks import (
    allowed_region,
    edit_masks,
    grown,
    grown_box,
    margin_px,
    moved,
    region_alpha,
)
from iedf_assets.core.profile.sections import Encoding
from iedf_assets.core.profile.subtypes import SUBTYPES, MaskCheck
from iedf_assets.core.scoring.masks.standing import touches_ground

# Shares of the object's area: of a slab, the least of it that is new, and of what is left behind.
SLAB, NEW, LEFT = 0.6, 0.3, 0.25
TRIES = 24
# How far a thing is lifted, shares of the picture's height.
LIFTS = (0.25, 0.18, 0.12)
# How much of a thing's side shows beside what is dropped onto it, tried in turn.
SHOWING = (0.5, 0.35, 0.7)
# How wide and how long a cable is that hangs on a thing, shares of the root of the picture's area.
CABLE, REACH = 0.012, 0.2
# Of it, at least this share lies in the picture, and off the place that the object goes to.
SEEN = 0.6
# How unlike what stands at another height has to be to be out of place, ΔE*ab of blurred colours.
ELSEWHERE, BLUR = 20.0, 0.02
# Of the place where the object was, at least this share shows in the result.
UNCOVERED = 0.1


def _half(pair: Specimen, _other: Specimen, rng: np.random.Generator) -> Fault | None:
    silhouette = _object(pair, "object")
    if silhouette is None:
        return None
    rows, columns = np.nonzero(silhouette)
    tall = np.ptp(rows) > np.ptp(columns)
    places = rows if tall else columns
    line = np.indices(silhouette.shape)[0 if tall else 1]
    first = line < np.median(places)
    return _remasked(pair, np.where(first == (rng.random() < 0.5), silhouette, 0).astype(np.uint8))


def _slab(pair: Specimen, _other: Specimen, rng: np.random.Generator) -> Fault | None:
    silhouette = _object(pair, "object")
    if silhouette is None:
        return None
    rows, columns = np.nonzero(silhouette)
    half = max(2, round((SLAB * len(rows)) ** 0.5 / 2))
    for spot in rng.integers(len(rows), size=TRIES):
        joined = silhouette.copy()
        top, left = rows[spot] - half, columns[spot] - half
        joined[max(0, top) : top + 2 * half, max(0, left) : left + 2 * half] = 255
        if np.count_nonzero(joined > silhouette) > NEW * len(rows):
            return _remasked(pair, joined)
    return None


def _ghost(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    """The lowest part of the object is in no mask, and where it was in the result, too."""
    silhouette = _object(pair, "remainder")
    if silhouette is None:
        return None
    rows, _ = np.nonzero(silhouette)
    kept = silhouette.copy()
    kept[int(np.quantile(rows, 1 - LEFT)) :] = 0
    there = edit_masks(SUBTYPES[pair.recipe["subtype"]], pair.mask, pair.recipe)[1]
    left = grown(silhouette & ~kept, 5) > 0
    left &= grown(kept, 2) == 0
    if there is not None:
        left &= there == 0
    result = np.where(left[..., None], pair.source, pair.result).astype(np.uint8)
    return Fault({**spoilt(pair, result).files, **masks(kept).files})


def _cable(pair: Specimen, _other: Specimen, rng: np.random.Generator) -> Fault | None:
    """A cable, black where it is light and white where it is dark, hangs on the object and is in no mask."""
    silhouette = _object(pair, "remainder")
    if silhouette is None:
        return None
    there = edit_masks(SUBTYPES[pair.recipe["subtype"]], pair.mask, pair.recipe)[1]
    # A cable of what has grown hangs on it still.
    if _left_open(silhouette, there) is None:
        return None
    taken = silhouette if there is None else silhouette | there
    root = math.sqrt(silhouette.size)
    rim = grown(silhouette, 1) & ~silhouette
    centre = np.mean(np.nonzero(rim)[::-1], axis=1)
    # Where it hangs on, the object is seen to have gone.
    rows, columns = np.nonzero(rim if there is None else rim & ~grown(there, 4))
    if not len(rows):
        return None
    for spot in rng.integers(len(rows), size=TRIES):
        start = np.array([columns[spot], rows[spot]], np.float64)
        end = start + (start - centre) / max(float(np.linalg.norm(start - centre)), 1.0) * REACH * root
        line = np.zeros_like(silhouette)
        width = max(3, round(CABLE * root))
        first, last = (np.rint(at).astype(int).tolist() for at in (start, end))
        cv2.line(line, first, last, 255, width)
        line &= ~taken
        if np.count_nonzero(line) < SEEN * REACH * root * width:
            continue
        colour = np.uint8(0 if pair.source[line > 0].mean() > 127 else 255)
        drawn = [
            np.where(line[..., None] > 0, colour, picture).astype(np.uint8)
            for picture in (pair.source, pair.result)
        ]
        return pictures(source=drawn[0], result=drawn[1])
    return None


def _misplaced(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    """Where the object was stands what the result has half a picture higher or lower."""
    silhouette = _object(pair, "remainder")
    if silhouette is None:
        return None
    there = edit_masks(SUBTYPES[pair.recipe["subtype"]], pair.mask, pair.recipe)[1]
    place = _left_open(silhouette, there)
    if place is None:
        return None
    rolled = np.roll(pair.result, len(place) // 2, axis=0)
    sigma = BLUR * math.sqrt(place.size)
    kept, other = (_blurred_lab(picture, sigma)[place > 0] for picture in (pair.result, rolled))
    if np.linalg.norm(kept - other, axis=1).mean() < ELSEWHERE:
        return None
    return spoilt(pair, np.where(place[..., None] > 0, rolled, pair.result).astype(np.uint8))


def _left_open(silhouette: Pixels, there: Pixels | None) -> Pixels | None:
    """What shows of the place where an object was; None when next to nothing does, as of what has grown."""
    place = silhouette if there is None else silhouette & ~grown(there, 4)
    return place if np.count_nonzero(place) > UNCOVERED * np.count_nonzero(silhouette) else None


def _blurred_lab(picture: Pixels, sigma: float) -> Floats:
    lab = quick_lab(picture)
    return np.asarray(cv2.GaussianBlur(lab, (0, 0), sigma), np.float32)


def _fused(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    """A copy of the object, mirrored, black where it is light, touches it and is taken for a part of it."""
    silhouette = _object(pair, "object")
    if silhouette is None or SUBTYPES[pair.recipe["subtype"]].mask_of == "background":
        return None
    box = grown_box(silhouette, 0)
    copy, shape = pair.source[box][:, ::-1], silhouette[box][:, ::-1]
    thing = np.where(copy < 128, 255, 0).astype(np.uint8)
    width = box[1].stop - box[1].start
    for side in (1, -1):
        # As far in as it may come until the two meet.
        for inward in range(0, width // 2, 2):
            place = _placed(shape, box, side * (width - inward), pair.mask.shape)
            if place is None:
                continue
            met = np.count_nonzero(grown(silhouette, 1) & place)
            if met < 4:
                continue
            source, result = (_with(picture, thing, place) for picture in (pair.source, pair.result))
            both = cv2.morphologyEx(silhouette | place, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
            fault = pictures(source=source, result=result)
            return Fault({**fault.files, **masks(np.asarray(both, np.uint8)).files})
    return None


def _dropped(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    """Where the object ends up stood another, its mirror image, which it covers in part."""
    if pair.recipe["subtype"] != "move":
        return None
    there = edit_masks(SUBTYPES["move"], pair.mask, pair.recipe)[1]
    box = grown_box(pair.mask, 0)
    thing, shape = pair.source[box][:, ::-1], pair.mask[box][:, ::-1]
    height, width = (part.stop - part.start for part in box)
    away = grown(pair.mask, max(9, round(0.04 * max(pair.mask.shape))))
    for showing in SHOWING:
        for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            shift = pair.recipe["dx"] + round(across * showing * width)
            below = pair.recipe["dy"] + round(down * showing * height)
            place = _placed(shape, box, shift, pair.mask.shape, below)
            if place is None or there is None or (place & away).any():
                continue
            source, below_it = (_with(picture, thing, place) for picture in (pair.source, pair.result))
            result = np.where(grown(there, 1)[..., None] > 0, pair.result, below_it).astype(np.uint8)
            return pictures(source=source, result=result)
    return None


def _lifted(pair: Specimen, _other: Specimen, _rng: np.random.Generator) -> Fault | None:
    """The object goes up from where it stands, and text and index say so."""
    if pair.recipe["subtype"] != "move" or not touches_ground(pair.source, pair.mask):
        return None
    height = len(pair.mask)
    top = grown_box(pair.mask, 0)[0].start
    lift = next((share for share in LIFTS if top - share * height > 1), None)
    if lift is None or pair.mask[-2:].any():
        return None
    percent = round(100 * lift)
    raised = {"direction": "up", "percent": percent, "dx": 0, "dy": -round(percent * height / 100)}
    recipe = pair.recipe | raised
    texts = retold(pair, recipe)
    if texts is None:
        return None
    subtype, there = SUBTYPES["move"], moved(pair.mask, 0, recipe["dy"])
    margin = margin_px(Encoding(), pair.mask.shape[1], height, subtype)
    alpha = region_alpha(subtype, pair.mask, there, margin, Encoding().feather)
    weight = cv2.GaussianBlur(there, (0, 0), 1.0)[..., None] / 255
    shifted = np.roll(pair.source, recipe["dy"], axis=0)
    result = np.rint(_emptied(pair) * (1 - weight) + shifted * weight).astype(np.uint8)
    mixed = np.where(alpha[..., None] > 0, result, pair.source).astype(np.uint8)
    regions = pictures(allowed=allowed_region(alpha), result_mask=there)
    return Fault({**spoilt(pair, mixed).files, **regions.files, **texts}, recipe)


def _emptied(pair: Specimen) -> Pixels:
    """The source without the object; where it was moved onto its own place, that is painted over."""
    there = edit_masks(SUBTYPES["move"], pair.mask, pair.recipe)[1]
    place = grown(pair.mask, 4)
    empty = np.where(place[..., None] > 0, pair.result, pair.source).astype(np.uint8)
    again = place if there is None else place & grown(there, 4)
    return np.asarray(cv2.inpaint(empty, again, 5, cv2.INPAINT_TELEA), np.uint8) if again.any() else empty


def _object(pair: Specimen, check: MaskCheck) -> Pixels | None:
    """The object's silhouette; None where its subtype is not judged by that check, or there is no object."""
    subtype = SUBTYPES[pair.recipe["subtype"]]
    silhouette = 255 - pair.mask if subtype.mask_of == "background" else pair.mask
    return silhouette if check in subtype.mask_checks and silhouette.any() else None


def _remasked(pair: Specimen, silhouette: Pixels) -> Fault:
    background = SUBTYPES[pair.recipe["subtype"]].mask_of == "background"
    return masks(255 - silhouette if background else silhouette)


def _placed(
    shape: Pixels, box: tuple[slice, slice], across: int, size: tuple[int, ...], down: int = 0
) -> Pixels | None:
    """A shape put so far beside a box, as a mask of the picture; None where it would leave it."""
    top, left = box[0].start + down, box[1].start + across
    if top < 0 or left < 0 or top + shape.shape[0] > size[0] or left + shape.shape[1] > size[1]:
        return None
    place = np.zeros(size, np.uint8)
    place[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    return place


def _with(picture: Pixels, thing: Pixels, place: Pixels) -> Pixels:
    """The picture with a thing, as large as its place, put there."""
    pasted = picture.copy()
    rows, columns = grown_box(place, 0)
    pasted[rows, columns] = np.where(place[rows, columns][..., None] > 0, thing, picture[rows, columns])
    return pasted


MASK_CANARIES = (
    Canary("half_object", "half of the object is not in the mask", _half),
    Canary("slab_joined", "60 % of the object's area of background are", _slab),
    Canary("ghost_left", "the object's lowest quarter stays where it was", _ghost),
    Canary("cable_left", "a cable 1.2 % of the side wide hangs on the object and stays", _cable),
    Canary("misplaced_fill", "where it was stands what the photo has at another height", _misplaced),
    Canary("fused", "a second thing, black where the first is light, touches it", _fused),
    Canary("dropped_onto", "the object lands on another one", _dropped),
    Canary("lifted_off", "what stands goes up by 12 to 25 % of the height", _lifted),
)
