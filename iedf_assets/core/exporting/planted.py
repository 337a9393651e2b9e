"""Worse results of a sample's own instruction: known faults planted into its target.

Each differs from the target by its fault alone, pixel for pixel. Those of the judge's canaries are planted by
them; the others are about what an instruction says, and are made here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.judging.canaries import injected
from iedf_assets.core.judging.specimens import Specimen
from iedf_assets.core.pictures.codecs import decode, decode_jpeg
from iedf_assets.core.pictures.masks import moved
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.storage.keys import seed_from

GHOST_SHARE, AMOUNT_SHARE = 0.45, 0.35
LEAST_GHOST = 0.2  # of the object's place that nothing else covers
# Encoding a canary once more changes no pixel by more than this.
_NOISE = 8


@dataclass(frozen=True)
class Scene:
    """A sample's pictures, as they decode.

    Attributes:
        source, target: uint8 (H, W, 3).
        mask, allowed: uint8 (H, W), 0 or 255; `result_mask` likewise, None where nothing ends up elsewhere.
        recipe: of the edit.
        key: of the sample; seeds what is drawn.
    """

    source: Pixels
    target: Pixels
    mask: Pixels
    allowed: Pixels
    result_mask: Pixels | None
    recipe: Mapping[str, Any]
    key: str


def scene_of(example: Example) -> Scene:
    """Decode a sample.

    Raises:
        StorageError: a file cannot be decoded.
    """
    pixels = {role: decode(path) for role, path in example.files.items()}
    recipe = json.loads(example.entry["metadata"]["recipe"] or "{}")
    source, target, mask, allowed = (pixels[name] for name in ("source", "target", "mask", "allowed"))
    key = example.entry["sample_key"]
    return Scene(source, target, mask, allowed, pixels.get("result_mask"), recipe, key)


def faults_of(example: Example) -> list[str]:
    """The faults that a sample's kind of edit can have, as far as can be told without its pictures."""
    subtype = SUBTYPES.get(example.sample.subtype)
    recipe = json.loads(example.entry["metadata"]["recipe"] or "{}")
    if subtype is None or subtype.mask_of == "everything" or not {"mask", "allowed"} <= example.files.keys():
        return []
    tone = subtype.keeps_structure and "strength" in recipe
    found = {
        "ghost": subtype.relocates or subtype.name == "delete",
        "seam": subtype.mask_of == "object",
        "leak": True,
        "wrong_side": "dx" in recipe,
        "wrong_amount": "dx" in recipe or tone,
    }
    return [name for name, applies in found.items() if applies]


def planted(fault: str, scene: Scene) -> Pixels | None:
    """A sample's target with a fault of `faults_of`; None where its pictures leave no room for it."""
    return _FAULTS[fault](scene)


def _ghost(scene: Scene) -> Pixels | None:
    """The object shines through where it was; None where it is still there, as of one that was enlarged."""
    there = scene.mask if scene.result_mask is None else scene.mask & ~scene.result_mask
    if np.count_nonzero(there) < LEAST_GHOST * np.count_nonzero(scene.mask):
        return None
    alpha = cv2.GaussianBlur(there, (0, 0), 2).astype(np.float32)[..., None] / 255 * GHOST_SHARE
    alpha[scene.allowed == 0] = 0
    mixed = scene.target + alpha * (scene.source.astype(np.float32) - scene.target)
    return np.rint(mixed).astype(np.uint8)


def _canary(name: str) -> Callable[[Scene], Pixels | None]:
    def plant(scene: Scene) -> Pixels | None:
        recipe = {"subtype": scene.key.split("/")[1], **scene.recipe}
        pair = Specimen(scene.source, scene.target, scene.mask, scene.allowed, {}, recipe)
        fault = injected(name, pair, [pair], seed_from("planted", name, scene.key))
        if fault is None:
            return None
        spoilt = decode_jpeg(fault.files["result"])
        changed = (np.abs(spoilt.astype(np.int16) - scene.target) > _NOISE).any(axis=2)
        return np.where(changed[..., None], spoilt, scene.target).astype(np.uint8)

    return plant


def _wrong_side(scene: Scene) -> Pixels | None:
    """The object on the other side of where it was."""
    return _elsewhere(scene, -scene.recipe["dx"], -scene.recipe["dy"])


def _wrong_amount(scene: Scene) -> Pixels | None:
    """The object moved by half the way; or too little of another light."""
    if "dx" in scene.recipe:
        return _elsewhere(scene, round(scene.recipe["dx"] / 2), round(scene.recipe["dy"] / 2))
    mixed = scene.source + AMOUNT_SHARE * (scene.target.astype(np.float32) - scene.source)
    return np.rint(mixed).astype(np.uint8)


def _elsewhere(scene: Scene, dx: int, dy: int) -> Pixels | None:
    """The object at another place than the target has it.

    None where it would leave the picture, or the two places of the edit overlap, so that what lies behind it
    is not known.
    """
    if scene.result_mask is None:
        return None
    reach = np.ones((9, 9), np.uint8)
    before, after = (cv2.dilate(mask, reach) > 0 for mask in (scene.mask, scene.result_mask))
    if (before & after).any():
        return None
    place = moved(scene.mask, dx, dy)
    if np.count_nonzero(place) != np.count_nonzero(scene.mask):
        return None
    # Without the object: the target where it was, the source where it went.
    empty = np.where(before[..., None], scene.target, scene.source)
    shifted = np.roll(scene.source, (dy, dx), axis=(0, 1))
    alpha = cv2.GaussianBlur(place, (0, 0), 1).astype(np.float32)[..., None] / 255
    return np.rint(empty + alpha * (shifted.astype(np.float32) - empty)).astype(np.uint8)


_FAULTS: Mapping[str, Callable[[Scene], Pixels | None]] = {
    "ghost": _ghost,
    "seam": _canary("hard_seam"),
    "leak": _canary("leak"),
    "wrong_side": _wrong_side,
    "wrong_amount": _wrong_amount,
}
