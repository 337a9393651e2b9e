"""Which of a model's layers is the main object, by stated rules, and fitting the rest behind it."""

from dataclasses import dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.filling.membrane import Links, even_out
from iedf_assets.core.pictures.layers import over
from iedf_assets.core.pictures.objects import iou

# A layer is an object when its solid part is neither a speck nor the picture, and mostly one piece.
MIN_SHARE, MAX_SHARE, MIN_PIECE = 0.003, 0.85, 0.5
SOLID = 128
# Two layers that overlap so far (intersection over union) show one thing.
SAME = 0.6


@dataclass(frozen=True)
class Candidate:
    """A layer that may be the main object.

    Attributes:
        number: of the layer, 0 is the lowest.
        share: of the picture that its largest piece covers.
        piece: the largest piece's share of all its solid pixels.
        score: area, compactness and nearness to the centre, multiplied; the largest wins.
    """

    number: int
    share: float
    piece: float
    score: float

    @property
    def is_object(self) -> bool:
        """Whether it can be the main object at all."""
        return MIN_SHARE <= self.share <= MAX_SHARE and self.piece >= MIN_PIECE


def candidates(layers: list[Pixels]) -> list[Candidate]:
    """All layers but the lowest, which is the background, the likeliest main object first.

    Args:
        layers: uint8 (H, W, 4) each, not premultiplied, the lowest first.
    """
    found = [_candidate(number, layer[..., 3]) for number, layer in enumerate(layers) if number]
    return sorted(found, key=lambda candidate: (candidate.is_object, candidate.score), reverse=True)


def distinct_objects(layers: list[Pixels], ranked: list[Candidate]) -> list[Candidate]:
    """Those candidates that are objects, the likeliest first, each thing once: a model may draw one twice."""
    kept: list[tuple[Candidate, Bools]] = []
    for candidate in ranked:
        mask = largest_piece(layers[candidate.number][..., 3]) > 0
        if candidate.is_object and all(iou(mask, other) < SAME for _, other in kept):
            kept.append((candidate, np.asarray(mask)))
    return [candidate for candidate, _ in kept]


def largest_piece(alpha: Pixels) -> Pixels:
    """The largest connected solid part of a layer: uint8 (H, W), 0 or 255."""
    solid = (alpha >= SOLID).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    if count < 2:
        return np.zeros_like(alpha)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return np.where(labels == largest, 255, 0).astype(np.uint8)


def flattened(layers: list[Pixels]) -> Pixels:
    """What layers show together, the first one lowest and on white: uint8 (H, W, 3)."""
    whole = np.full((*layers[0].shape[:2], 3), 255, np.uint8)
    for layer in layers:
        whole = over(whole, layer)
    return whole


def fitted(rgb: Pixels, completed: Pixels, hole: Pixels) -> Pixels:
    """The completed background, its shade evened out to meet the photo around the hole.

    A model's picture has been through its autoencoder, which shifts colours a little.

    Args:
        rgb, completed: uint8 (H, W, 3).
        hole: uint8 (H, W), nonzero where the completed background is to be seen.
    """
    x, y, width, height = cv2.boundingRect(hole)
    box = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
    unknown = hole[box] > 0
    jump = rgb[box].astype(np.float32) - completed[box]
    field = even_out(unknown, (_links(jump, unknown, 0), _links(jump, unknown, 1)))
    result = rgb.copy()
    shade = np.clip(np.rint(completed[box] + field), 0, 255).astype(np.uint8)
    result[box] = np.where(unknown[..., None], shade, result[box])
    return result


def _candidate(number: int, alpha: Pixels) -> Candidate:
    piece, solid = largest_piece(alpha), np.count_nonzero(alpha >= SOLID)
    area = np.count_nonzero(piece)
    if not area:
        return Candidate(number, 0.0, 0.0, 0.0)
    height, width = alpha.shape
    moments = cv2.moments(piece, binaryImage=True)
    aside = np.hypot(
        moments["m10"] / moments["m00"] / width - 0.5, moments["m01"] / moments["m00"] / height - 0.5
    )
    share, whole = float(area / alpha.size), float(area / solid)
    return Candidate(number, share, whole, float(np.sqrt(share) * whole * (1 - aside)))


def _links(jump: np.ndarray, unknown: np.ndarray, axis: int) -> Links:
    """What neighbours want: no step within the hole, the photo's shade across its rim."""
    first, second = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
    steps = np.zeros_like(jump)
    weights = np.zeros((*unknown.shape, 1), np.float32)
    inwards = ~unknown[first] & unknown[second]
    outwards = unknown[first] & ~unknown[second]
    steps[first] = np.where(inwards[..., None], jump[first], 0) - np.where(
        outwards[..., None], jump[second], 0
    )
    weights[first][..., 0] = unknown[first] | unknown[second]
    return Links(steps.astype(np.float32), weights)
