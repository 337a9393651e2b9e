"""The backend `onnx` of image_layers: objects by a segmentation network, their edges at full size, fill."""

from pathlib import Path

import cv2
import numpy as np

from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.pictures.codecs import Pixels
from iedf_assets.core.pictures.objects import Bools, Found, Opinions, find_objects, looked_at, opinions_of
from iedf_assets.core.pictures.subjects import Network
from iedf_assets.core.storage.journal import Row
from model_envs.backends import photo_of
from model_envs.background.filling import fill
from model_envs.layered.assembling import assembled, far_from, measured, without_subject
from model_envs.layered.matting import full_alpha
from model_envs.layered.outlines import alpha_of
from model_envs.layered.saliency import reduced
from model_envs.layered.shadows import ground_shadow

# An object that the network is less sure of, by its own agreement, is none; and one that takes more of the
# picture leaves nothing of it.
SURE, LARGEST = 0.6, 0.85
# Among several, the largest of those that it is as sure of comes first.
QUITE_SURE = 0.8


class Backend:
    """Splits a photo into one object and its background. Threads share the network, see `Network`."""

    loaded: str | None
    readers: int | None = None

    def __init__(self, settings: ModelSettings) -> None:
        """Load the network.

        Raises:
            WorkerError: the file is not there, or is no network that is known.
        """
        path = Path(settings.model_file)
        self._network = Network(path)
        self.revision: str | None = settings.revision
        self.loaded = f"{self._network.family.name} from {path.name}"

    def run(self, request: LayerRequest, folder: Path) -> Row:
        """Decompose one photo into `folder`; a photo in which the network sees no object is filtered."""
        rgb = photo_of(request)
        small = looked_at(rgb)
        opinions = opinions_of(self._network, small)
        found = find_objects(self._network, small, opinions)
        best = chosen(found)
        if best is None:
            size = {"width": rgb.shape[1], "height": rgb.shape[0]}
            return size | without_subject(_why(opinions, found))
        others = _others(found, best)
        alpha = alpha_of(rgb, small, best, others)
        # What is moved or removed takes its shadow along.
        if request.level == "layers":
            alpha = np.maximum(alpha, _shadow_alpha(rgb, alpha, others))
        mask = np.where(alpha >= 128, 255, 0).astype(np.uint8)
        alpha[far_from(mask)] = 0
        row = assembled(rgb, alpha, mask, lambda hole: fill(rgb, hole, seed=request.seed), request, folder)
        row["subject"]["others"] = boxes_of(found, best, rgb.shape[1] / small.shape[1])
        return measured(rgb, row, folder)


def chosen(found: list[Found]) -> Found | None:
    """The object that edits are made of: the largest that the network is quite sure of, else the surest."""
    objects = [one for one in found if one.confidence >= SURE and one.share <= LARGEST and one.mask.any()]
    return max(objects, key=lambda one: (min(one.confidence, QUITE_SURE), one.share), default=None)


def boxes_of(found: list[Found], best: Found, scale: float) -> list[list[int]]:
    """Where the other things of a photo are: x, y, width and height of each, pixels of the photo."""
    boxes = []
    for one in found:
        if one is not best and one.confidence >= SURE and (one.mask & ~best.mask).any():
            x, y, width, height = cv2.boundingRect((one.mask & ~best.mask).astype(np.uint8))
            boxes.append([round(side * scale) for side in (x, y, width, height)])
    return sorted(boxes)


def _others(found: list[Found], best: Found) -> Bools:
    others = np.zeros(best.probability.shape, np.bool_)
    for one in found:
        if one is not best:
            others |= one.mask
    return others & ~best.mask


def _shadow_alpha(rgb: Pixels, alpha: Pixels, others: Bools) -> Pixels:
    """The alpha of an object's shadow on the ground, uint8 (H, W)."""
    small = reduced(rgb)
    size = small.shape[1], small.shape[0]
    mask = np.where(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= 128, 255, 0).astype(np.uint8)
    elsewhere = cv2.resize(others.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    shadow = ground_shadow(small, mask, np.asarray(elsewhere))
    if not shadow.any():
        return np.zeros_like(alpha)
    # A seam between the two would show the ground.
    joined = cv2.dilate(shadow.astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
    return full_alpha(rgb, np.asarray(joined, np.uint8))


def _why(opinions: Opinions, found: list[Found]) -> str:
    told = f"the network's answer reaches {opinions.maximum:.2f}"
    if found:
        surest = max(found, key=lambda one: one.confidence)
        told += f"; the surest object covers {surest.share:.1%}, agreement {surest.confidence:.2f}"
    return told
