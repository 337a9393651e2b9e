"""The backend `onnx` of image_layers: objects by a segmentation network, their edges at full size."""

from pathlib import Path

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.pictures.objects import Found, Opinions, find_objects, looked_at, opinions_of
from iedf_assets.core.pictures.subjects import Network
from iedf_assets.core.scoring.masks.wholeness import lacking
from iedf_assets.core.storage.journal import Row
from model_envs.backends import photo_of
from model_envs.layered.assembling import SEEN, Cutout, assembled, far_from, without_subject
from model_envs.layered.choosing import SOLID
from model_envs.layered.matting import full_alpha
from model_envs.layered.outlines import alpha_of
from model_envs.layered.saliency import reduced
from model_envs.layered.shadows import ground_shadow
from model_envs.layered.side_by_side import SEVERAL, side_by_side

# An object that the network is less sure of, by its own agreement, is none; and one that takes more of the
# picture leaves nothing of it.
SURE, LARGEST = 0.6, 0.85
# Opinions so alike need no third.
ALIKE = 0.97
# Among several, the largest of those that it is as sure of comes first.
QUITE_SURE = 0.8
# Objects of one photo.
MOST = 4


class Backend:
    """Cuts the objects out of a photo. Threads share the network, see `Network`."""

    loaded: str | None
    readers: int | None = None

    def __init__(self, settings: ModelSettings) -> None:
        """Load the network.

        Raises:
            WorkerError: the file is not there, is no network that is known, or its runtime cannot run it.
        """
        path = Path(settings.model_file)
        self._network = Network(path, settings.runtime, settings.device)
        self.revision: str | None = settings.revision
        self.loaded = f"{self._network.family.name} from {path.name}"

    def run(self, request: LayerRequest, folder: Path) -> Row:
        """Decompose one photo into `folder`; a photo in which the network sees no object is filtered."""
        rgb = photo_of(request)
        small = looked_at(rgb)
        opinions = opinions_of(self._network, small, ALIKE)
        found = find_objects(self._network, small, opinions)
        objects = chosen(found)
        if not objects:
            size = {"width": rgb.shape[1], "height": rgb.shape[0]}
            answer = np.asarray(np.clip(opinions.mean, 0, 1) * 255, np.uint8)
            (folder / SEEN).write_bytes(encode_png(answer))
            return size | without_subject(_why(opinions, found))
        scale = rgb.shape[1] / small.shape[1]
        cutouts = [self._cutout(rgb, small, one, found, opinions, request) for one in objects]
        for cutout, one in zip(cutouts, objects, strict=True):
            cutout.known["others"] = boxes_of(objects, one, scale)
        if len(cutouts) > 1:
            cutouts.append(grouped(cutouts))
        return assembled(rgb, cutouts, request, folder)

    def _cutout(
        self,
        rgb: Pixels,
        small: Pixels,
        one: Found,
        found: list[Found],
        opinions: Opinions,
        request: LayerRequest,
    ) -> Cutout:
        others = _others(found, one)
        alpha = alpha_of(rgb, small, one, others)
        mask = np.where(alpha >= SOLID, 255, 0).astype(np.uint8)
        alpha[far_from(mask)] = 0
        shadow = _shadow_alpha(rgb, alpha, others) if request.level == "layers" else None
        if shadow is not None:
            shadow = np.maximum(alpha, shadow)
        apart = side_by_side(small, one.mask)
        known = {
            "confidence": round(min(one.confidence, 1 - lacking(one.mask, others, opinions)), 4),
            "apart": round(apart, 4),
            "several": bool(apart >= SEVERAL),
        }
        return Cutout(alpha, mask, shadow, known=known)


def chosen(found: list[Found]) -> list[Found]:
    """The objects that edits are made of, at most `MOST`.

    The largest of those that the network is quite sure of come first, then the surest of the others.
    """
    objects = [one for one in found if one.confidence >= SURE and one.share <= LARGEST and one.mask.any()]
    ranked = sorted(objects, key=lambda one: (-min(one.confidence, QUITE_SURE), -one.share))
    return ranked[:MOST]


def grouped(cutouts: list[Cutout]) -> Cutout:
    """All objects of a photo as one."""
    alpha, mask = (np.maximum.reduce([getattr(one, what) for one in cutouts]) for what in ("alpha", "mask"))
    shadows = [one.alpha if one.with_shadow is None else one.with_shadow for one in cutouts]
    casts = any(one.with_shadow is not None for one in cutouts)
    known = {
        "confidence": min(one.known["confidence"] for one in cutouts),
        "parts": list(range(1, len(cutouts) + 1)),
        "others": [],
    }
    return Cutout(alpha, mask, np.maximum.reduce(shadows) if casts else None, known=known)


def boxes_of(objects: list[Found], best: Found, scale: float) -> list[list[int]]:
    """Where the other objects of a photo are: x, y, width and height of each, pixels of the photo."""
    boxes = []
    for one in objects:
        if one is not best and (one.mask & ~best.mask).any():
            box = cv2.boundingRect((one.mask & ~best.mask).astype(np.uint8))
            boxes.append([round(side * scale) for side in box])
    return sorted(boxes)


def _others(found: list[Found], best: Found) -> Bools:
    others = np.zeros(best.probability.shape, np.bool_)
    for one in found:
        if one is not best:
            others |= one.mask
    return others & ~best.mask


def _shadow_alpha(rgb: Pixels, alpha: Pixels, others: Bools) -> Pixels | None:
    """The alpha of an object's shadow on the ground, uint8 (H, W); None where it casts none."""
    small = reduced(rgb)
    size = small.shape[1], small.shape[0]
    mask = np.where(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= 128, 255, 0).astype(np.uint8)
    elsewhere = cv2.resize(others.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    shadow = ground_shadow(small, mask, np.asarray(elsewhere))
    if not shadow.any():
        return None
    # A seam between the two would show the ground.
    joined = cv2.dilate(shadow.astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
    return full_alpha(rgb, np.asarray(joined, np.uint8))


def _why(opinions: Opinions, found: list[Found]) -> str:
    told = f"the network's answer reaches {opinions.maximum:.2f}"
    if found:
        surest = max(found, key=lambda one: one.confidence)
        told += f"; the surest object covers {surest.share:.1%}, agreement {surest.confidence:.2f}"
    return told
