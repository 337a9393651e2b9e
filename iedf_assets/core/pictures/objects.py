"""The objects of a photo, from what a segmentation network says of it.

1. The network is asked three times: of the photo, of its mirror image, and of the photo within a reflected
   border. Their mean is a better map than any of them, and where they differ it is not to be trusted.
2. What does not touch is an object of its own; crumbs go to the object that they lie beside.
3. An object that takes a part of the photo only is looked at again, alone: there the network's grid is finer.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Labels, Pixels
from iedf_assets.core.pictures.masks import Box, grown_box
from iedf_assets.core.pictures.subjects import Network
from iedf_assets.core.pictures.thumbnails import shrunk

# Objects are found at this size; their edges are decided at the photo's own, by whoever cuts them out.
LOOKED_AT = 1280
BORDER = 0.15
# An object's least share of the picture; a crumb's reach to one, as a share of the long side.
SMALLEST, BESIDE = 0.001, 0.025
MOST = 12
# A second look: what is shown around the object, as a share of its longer side; the largest share of the
# picture at which it is worth its time; the least number of the photo's pixels per one of the network's;
# how well it has to agree with the first.
AROUND, WORTH_A_LOOK, PIXELS_EACH, CONFIRMS = 0.3, 0.7, 0.75, 0.85
SECOND_WEIGHT = 2 / 3
# The largest gap at the frame that may be none, a share of what is seen; how likely it is when continued.
LARGEST_BAY, CLOSED = 0.1, 0.995
# Opinions of an object are compared within this of it, as a share of the square root of its area.
NEAR = 0.25


@dataclass(frozen=True)
class Opinions:
    """What a network says of a photo when it is asked in three ways.

    Attributes:
        first: of the photo as it is, float32 (H, W), 0 to 1.
        others: of the mirrored and of the bordered photo, in the photo's own place.
        maximum: of the first raw answer: how sure it is that there is a subject at all.
        sees_subject: whether there is one.
        cell: a pixel of the network's answer in the photo's, the longer of its sides.
    """

    first: Floats
    others: tuple[Floats, Floats]
    maximum: float
    sees_subject: bool
    cell: float

    @cached_property
    def mean(self) -> Floats:
        """Of all three, float32 (H, W)."""
        return np.asarray((self.first + self.others[0] + self.others[1]) / 3, np.float32)

    def agreement(self, mask: Bools, others: Bools) -> float:
        """How far the opinions agree with an object's mask, 0 to 1: the mean IoU around it.

        Args:
            mask: bool (H, W).
            others: where other objects are, bool (H, W); that does not count, nor what is far from the mask.
        """
        reach = NEAR * float(np.sqrt(np.count_nonzero(mask)))
        box = grown_box(mask.astype(np.uint8), math.ceil(reach) + 1)
        inside = mask[box]
        near = within(inside, reach) & ~others[box]
        answers = [(opinion[box] > 0.5) & near for opinion in (self.first, *self.others)]
        return float(np.mean([iou(inside, answer) for answer in answers]))


@dataclass(frozen=True)
class Found:
    """An object of a photo.

    Attributes:
        probability: float32 (h, w), 0 to 1, at the size that it was looked at; 0 away from the object.
        cell: how much of that size one pixel of the network's answer takes.
        confidence: how far the network agrees with itself about it, 0 to 1.
        seen: what the first look says where it is the nearest object, float32 (h, w); None without one.
    """

    probability: Floats
    cell: float
    confidence: float
    seen: Floats | None = None

    @property
    def mask(self) -> Bools:
        """Bool (h, w)."""
        return np.asarray(self.probability > 0.5)

    @property
    def share(self) -> float:
        """Of the picture."""
        return float(self.mask.mean())

    @property
    def possible(self) -> Floats:
        """The greater of what the first and the second look say, float32 (h, w)."""
        return self.probability if self.seen is None else np.maximum(self.probability, self.seen)


def looked_at(rgb: Pixels) -> Pixels:
    """The photo at the size at which objects are found: its long side at most `LOOKED_AT` pixels."""
    return shrunk(rgb, LOOKED_AT)


def opinions_of(network: Network, rgb: Pixels, alike: float = 1.01) -> Opinions:
    """Ask a network three times of one photo, uint8 (H, W, 3).

    Args:
        alike: from this IoU of the photo's own and the bordered answer on, their mean stands for that of the
            mirror image, which then is not asked of.
    """
    height, width = rgb.shape[:2]
    answer = network.ask(rgb)
    down, across = round(BORDER * height), round(BORDER * width)
    bordered = cv2.copyMakeBorder(rgb, down, down, across, across, cv2.BORDER_REFLECT)
    inner = network.ask(np.asarray(bordered, np.uint8)).probability[down:, across:][:height, :width]
    if iou(np.asarray(answer.probability > 0.5), np.asarray(inner > 0.5)) >= alike:
        mirrored = np.asarray((answer.probability + inner) / 2, np.float32)
    else:
        mirrored = network.ask(np.ascontiguousarray(rgb[:, ::-1])).probability[:, ::-1]
    cell = max(height, width) / network.family.side
    return Opinions(answer.probability, (mirrored, inner), answer.maximum, answer.sees_subject, cell)


def find_objects(network: Network, rgb: Pixels, opinions: Opinions) -> list[Found]:
    """The objects of a photo as it was looked at, the largest first; none when it has no subject.

    Args:
        rgb: uint8 (h, w, 3).
        opinions: of that photo.
    """
    if not opinions.sees_subject:
        return []
    bays = _bays(opinions)
    mean = np.where(bays, np.maximum(opinions.mean, opinions.others[1]), opinions.mean)
    every = parts(mean > 0.5)
    found = []
    for part in every:
        beside = [other for other in every if other is not part]
        seen = np.asarray(mean * _territory(part, beside), np.float32)
        found.append(_found(network, rgb, part, opinions, seen, bays))
    return sorted(found, key=lambda one: -one.share)


def _bays(opinions: Opinions) -> Bools:
    """Gaps that an object and one side of the frame enclose, and that are none, bool (H, W).

    What the frame cuts off, a jacket's hem for instance, is often no object to the network; continued beyond
    the frame it is. Of a real gap that makes a hole.
    """
    mask = opinions.mean > 0.5
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8))
    sides = [np.unique(side) for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1])]
    at_sides = np.array([sum(n in side for side in sides) for n in range(count)])
    small = stats[:, cv2.CC_STAT_AREA] <= LARGEST_BAY * np.count_nonzero(mask)
    bays = np.zeros_like(mask)
    for n in np.flatnonzero((at_sides == 1) & small):
        bay = labels == n
        if n and opinions.others[1][bay].mean() >= CLOSED:
            bays |= bay
    # Around them the other opinions are half sure.
    return within(bays, 8 * opinions.cell) if bays.any() else bays


def parts(mask: Bools) -> list[Bools]:
    """The parts of a mask that do not touch, bool (H, W) each, the largest first and at most `MOST`.

    What is too small for an object goes to the nearest one beside it, or is left out.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    large = [n for n in range(1, count) if areas[n] >= SMALLEST * mask.size]
    large = sorted(large, key=lambda n: -areas[n])[:MOST]
    crumbs = [n for n in range(1, count) if areas[n] < SMALLEST * mask.size]
    if large and crumbs:
        labels = np.asarray(labels, np.int32).copy()
        _adopt(labels, large, crumbs)
    return [labels == n for n in large]


def _adopt(labels: Labels, large: list[int], crumbs: list[int]) -> None:
    """Give crumbs the label of the large part beside them, in place."""
    away = np.where(np.isin(labels, large), np.uint8(0), np.uint8(1))
    distance, owner = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(np.isin(labels, crumbs))
    # Of each crumb the pixel that is nearest to a large part, and the pixel of that part: owners are numbered
    # by the pixels that they stand on.
    order = np.argsort(distance[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    crumb, first = np.unique(labels[rows, columns], return_index=True)
    label_of = np.zeros(int(owner.max()) + 1, labels.dtype)
    label_of[owner[away == 0]] = labels[away == 0]
    replaced = np.arange(int(labels.max()) + 1, dtype=labels.dtype)
    for name, place in zip(crumb, first, strict=True):
        row, column = rows[place], columns[place]
        if distance[row, column] <= BESIDE * max(labels.shape):
            replaced[name] = label_of[owner[row, column]]
    labels[:] = replaced[labels]


def together(found: list[Found]) -> Found:
    """The whole group as one object, as sure as its least sure part."""
    probability = np.max([one.probability for one in found], axis=0)
    return Found(probability, max(one.cell for one in found), min(one.confidence for one in found))


def iou(one: Bools, other: Bools) -> float:
    """The intersection of two masks over their union; 1 when both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def within(mask: Bools, reach: float) -> Bools:
    """Where a mask is, and what is no further from it than `reach` pixels."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= reach)


def _found(
    network: Network, rgb: Pixels, part: Bools, opinions: Opinions, seen: Floats, bays: Bools
) -> Found:
    """One part as an object, by a second look where that is of use, but for its bays."""
    # Its soft rim lies within a few cells.
    own = seen * within(part, 4 * opinions.cell)
    others = np.asarray((opinions.mean > 0.5) & ~part)
    mask, probability, cell = part, own, opinions.cell
    box = _looked_at_again(part, network.family.side)
    if box is not None:
        again = np.zeros_like(own)
        again[box] = network.ask(np.ascontiguousarray(rgb[box])).probability
        again *= within(part, NEAR / 2 * float(np.sqrt(np.count_nonzero(part)))) & ~others
        # Holes, a wheel's for instance, are what a finer look may find.
        if iou(_filled(again > 0.5), _filled(part)) >= CONFIRMS:
            again = np.where(bays, own, again)
            probability = np.asarray(SECOND_WEIGHT * again + (1 - SECOND_WEIGHT) * own, np.float32)
            mask = np.asarray(probability > 0.5)
            cell = max(box[0].stop - box[0].start, box[1].stop - box[1].start) / network.family.side
    return Found(probability, cell, opinions.agreement(mask, others), seen)


def _filled(mask: Bools) -> Bools:
    """A mask without holes."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(mask.shape, np.uint8), outlines, -1, 1, cv2.FILLED) > 0


def _territory(part: Bools, beside: list[Bools]) -> Bools:
    """What is nearer to a part than to any of those beside it."""
    if not beside:
        return np.ones_like(part)
    own, other = (
        cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
        for mask in (part, np.logical_or.reduce(beside))
    )
    return np.asarray(own < other)


def _looked_at_again(part: Bools, side: int) -> Box | None:
    """What to look at again of a part; None when that would show no more than was seen."""
    mask = part.astype(np.uint8)
    _, _, width, height = cv2.boundingRect(mask)
    box = grown_box(mask, round(AROUND * max(width, height)))
    rows, columns = (one.stop - one.start for one in box)
    fine = max(rows, columns) >= PIXELS_EACH * side
    return box if fine and rows * columns <= WORTH_A_LOOK * part.size else None
