"""Whether a mask is one whole object: what a segmentation network thinks of it, and whether it has a neck.

The network is asked in three ways. What a mask lacks, or has too much, is a piece that all three miss or
leave out: a rim that they draw a little wider or a thin leg that they lose is no such piece.

Several things in one mask are whole to a network. Where they touch by a neck and are of other colours there,
the colours' step across the neck tells them; things that touch broadly, or in one colour, nothing here tells.
"""

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Labels, Pixels
from iedf_assets.core.pictures.masks import grown_box
from iedf_assets.core.pictures.objects import Opinions, parts, within
from iedf_assets.core.scoring.pair_views import reduced_lab, reduced_mask

# How far from the mask the opinions are looked at, and how wide a piece is; shares of the root of its area.
NEAR, PIECE = 0.6, 0.02
# Of a thing in an opinion, the most that the mask may hold for it to be another object.
OTHERS_SHARE = 0.1
# A piece that hangs on the mask by less than this share of its own area's root is another thing beside it.
HANGS = 0.4
# The long side of an object's box when a neck is looked for, pixels; how many widths are tried.
NECK_SIDE, NECKS = 160, 10
# A thing beyond a neck: its least share of the mask, how much wider than the neck it is, and how many pixels
# of either have to lie beside it.
THING, WIDER, BESIDE = 0.12, 1.3, 6


def object_agreement(mask: Bools, others: Bools | None, opinions: Opinions) -> float:
    """How much of an object the opinions agree about: 1 less the largest piece that they miss or leave out.

    Args:
        mask: of the object, bool (H, W), not empty.
        others: where other objects are, bool (H, W); None takes those of the opinions that lie apart.
        opinions: of the picture, at the mask's size.

    Returns:
        0 to 1; the piece counts as a share of the mask.
    """
    apart = other_objects(mask, opinions) if others is None else others
    extra = min(max(_pieces(mask & ~answer, _piece(mask))[1], default=0) for answer in _answers(opinions))
    return max(0.0, 1 - max(min(_all_missing(mask, apart, opinions)), extra) / np.count_nonzero(mask))


def lacking(mask: Bools, others: Bools, opinions: Opinions) -> float:
    """The largest piece that hangs on a mask and that any of the opinions sees, as a share of the mask.

    What the network itself took for the object agrees with it on the whole; but where one look sees a jacket
    that the others do not, nobody knows where its wearer ends.

    Args:
        mask: of the object, bool (H, W), not empty.
        others: where other objects are, bool (H, W).
        opinions: of the picture, at the mask's size.
    """
    return max(_all_missing(mask, others, opinions)) / np.count_nonzero(mask)


def other_objects(mask: Bools, opinions: Opinions, level: float = 0.5) -> Bools:
    """Things that the opinions see, at least so surely, and that the mask has little of, bool (H, W)."""
    found = np.zeros_like(mask)
    for part in parts(np.asarray(opinions.mean > level)):
        if np.count_nonzero(part & mask) < OTHERS_SHARE * np.count_nonzero(part):
            found |= part
    return found


def neck_step(source: Pixels, mask: Pixels) -> float:
    """The largest step of colour across a neck of a mask, ΔE*ab; 0 where it has none.

    Args:
        source: uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero on the object.
    """
    box = grown_box(mask, 1)
    rows, columns = (part.stop - part.start for part in box)
    if not rows:
        return 0.0
    factor = min(1.0, NECK_SIDE / max(rows, columns))
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    lab = reduced_lab(source[box], size)
    inside = reduced_mask(mask[box], size)
    # Beyond the picture's border nobody knows; there an object is cut, and thin.
    framed = cv2.copyMakeBorder(inside.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)
    widths = np.geomspace(1, max(1.1, 0.9 * float(depth.max())), NECKS)
    return max(_step_at(lab, inside, depth, width) for width in widths)


def _answers(opinions: Opinions) -> list[Bools]:
    return [np.asarray(opinion > 0.5) for opinion in (opinions.first, *opinions.others)]


def _piece(mask: Bools) -> Pixels:
    side = 2 * max(1, int(PIECE * np.count_nonzero(mask) ** 0.5)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _all_missing(mask: Bools, others: Bools, opinions: Opinions) -> list[int]:
    """Pixels of the largest piece that each opinion sees and the mask lacks."""
    piece, reach = _piece(mask), NEAR * np.count_nonzero(mask) ** 0.5
    # Wide enough for what is looked at beside a piece at the end of the reach.
    box = grown_box(mask.astype(np.uint8), int(reach) + 3 * len(piece) + 10)
    inside = mask[box]
    near = within(inside, reach) & ~others[box] & ~inside
    return [_missing(answer[box] & near, inside, piece) for answer in _answers(opinions)]


def _pieces(which: Bools, piece: Pixels) -> tuple[Labels, list[int]]:
    """The connected parts that are as wide as a piece, numbered from 1, and the pixels of each."""
    opened = cv2.morphologyEx(which.astype(np.uint8), cv2.MORPH_OPEN, piece)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    return np.asarray(labels, np.int32), [int(area) for area in stats[1:, cv2.CC_STAT_AREA]]


def _missing(which: Bools, mask: Bools, piece: Pixels) -> int:
    """Pixels of the largest piece that a mask lacks and that is no other thing beside it."""
    if not which.any():
        return 0
    # All of it happens beside what is looked at.
    box = grown_box(which.astype(np.uint8), 2 * len(piece) + 8)
    labels, areas = _pieces(which[box], piece)
    inside = mask[box]
    outline = inside & (cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0)
    for number in np.argsort(areas)[::-1]:
        beside = within(labels == number + 1, len(piece) // 2 + 2)
        if np.count_nonzero(outline & beside) >= HANGS * areas[number] ** 0.5:
            return int(areas[number])
    return 0


def _step_at(lab: Floats, inside: Bools, depth: Floats, width: float) -> float:
    """The largest step between two things that a neck of twice that width joins."""
    count, cores = cv2.connectedComponents((depth > width).astype(np.uint8))
    if count < 3:
        return 0.0
    _, owner = cv2.distanceTransformWithLabels(
        (depth <= width).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )
    core_of = np.zeros(int(owner.max()) + 1, np.intp)
    core_of[owner[cores > 0]] = cores[cores > 0]
    things = core_of[owner] * inside
    areas = np.bincount(things.ravel(), minlength=count)[1:]
    steps = [0.0]
    # The largest is what the others hang on.
    for thing in np.argsort(-areas)[1:] + 1:
        if areas[thing - 1] < THING * areas.sum():
            break
        one = things == thing
        rest = inside & ~one
        if min(depth[one].max(), depth[rest].max()) > WIDER * width:
            steps.append(_step_between(lab, one, rest, max(3.0, 2 * width)))
    return max(steps)


def _step_between(lab: Floats, one: Bools, rest: Bools, reach: float) -> float:
    sides = []
    for own, other in ((one, rest), (rest, one)):
        away = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, 5)
        beside = own & (away > 1) & (away <= reach)
        if np.count_nonzero(beside) < BESIDE:
            return 0.0
        sides.append(np.median(lab[beside], axis=0))
    return float(np.linalg.norm(sides[0] - sides[1]))
