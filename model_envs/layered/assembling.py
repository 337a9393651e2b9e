"""From a photo and the objects cut out of it to the files and the row of a decomposition.

What all layered backends share, whatever found the objects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.contract import LayerRequest
from iedf_assets.core.filling.behind import hole_of
from iedf_assets.core.pictures.body_colour import body_of, word_of
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.pictures.layers import mean_absolute_error, recompose
from iedf_assets.core.storage.journal import Row
from model_envs.layered.choosing import SOLID, Candidate, fitted, flattened, largest_piece
from model_envs.layered.matting import own_colours

NO_SUBJECT = "no_salient_object"
# What was seen of a photo in which nothing is an object: white where one would be.
SEEN = "seen.png"


def without_subject(detail: str) -> Row:
    """The columns of a photo in which nothing is an object; it is filtered."""
    return {"status": "filtered", "reason": NO_SUBJECT, "detail": detail}


def far_from(mask: Pixels) -> Bools:
    """Where alpha has nothing to say: further from the mask than its soft rim reaches."""
    reach = max(3, round(min(mask.shape) * 0.02)) * 2 + 1
    far: Bools = cv2.dilate(mask, np.ones((reach, reach), np.uint8)) == 0
    return far


@dataclass(frozen=True)
class Cutout:
    """An object as it was cut out of a photo.

    Attributes:
        alpha: its own, uint8 (H, W), 0-255.
        mask: its silhouette, uint8 (H, W), 0 or 255.
        with_shadow: the alpha of it and its shadow, uint8 (H, W); None where it casts none.
        completed: from the hole, uint8 (H, W), to the photo completed in it, uint8 (H, W, 3); None leaves
            that to the edits that need it.
        known: what else is known of it, such as its `confidence`.
    """

    alpha: Pixels
    mask: Pixels
    with_shadow: Pixels | None = None
    completed: Callable[[Pixels], Pixels] | None = None
    known: Row = field(default_factory=dict)


def assembled(rgb: Pixels, cutouts: Sequence[Cutout], request: LayerRequest, folder: Path) -> Row:
    """Write a decomposition's files, as far as the request needs them; returns its columns.

    Args:
        rgb: the photo, uint8 (H, W, 3).
        cutouts: its objects, the main one first.
    """
    height, width = rgb.shape[:2]
    objects = [_entry(rgb, cutout, number, request, folder) for number, cutout in enumerate(cutouts, 1)]
    return {"width": width, "height": height, "status": "done", "objects": objects}


def measured(rgb: Pixels, row: Row, folder: Path) -> Row:
    """The columns of a decomposition with how well its objects recompose, where what is behind was made."""
    errors = [
        mean_absolute_error(rgb, recompose(rgb, folder, one))
        for one in row["objects"]
        if one["layer"] and one["background"]
    ]
    if errors:
        row["recomposition_error"] = round(max(errors), 4)
    return row


def assembled_from(
    rgb: Pixels, layers: list[Pixels], chosen: list[Candidate], request: LayerRequest, folder: Path
) -> Row:
    """`assembled` of a model's layers: each object, and what the others show behind it.

    Args:
        layers: uint8 (H, W, 4) each, not premultiplied, the lowest first.
        chosen: those that are objects, the main one first.
    """

    def cutout(candidate: Candidate) -> Cutout:
        mask = largest_piece(layers[candidate.number][..., 3])
        alpha = layers[candidate.number][..., 3].copy()
        alpha[far_from(mask)] = 0
        others = [layer for number, layer in enumerate(layers) if number != candidate.number]
        return Cutout(alpha, mask, completed=lambda hole: fitted(rgb, flattened(others), hole))

    return assembled(rgb, [cutout(candidate) for candidate in chosen], request, folder)


def _entry(rgb: Pixels, cutout: Cutout, number: int, request: LayerRequest, folder: Path) -> Row:
    """Write one object's files; returns its entry, see `iedf_assets.core.pictures.layers`."""
    alpha, suffix = cutout.alpha, "" if number == 1 else f"_{number}"
    box = bounds_of(alpha)
    entry: Row = {
        "number": number,
        **facts_of(rgb, cutout.mask, box),
        "confidence": None,
        "parts": None,
        "mask": f"mask{suffix}.png",
        **dict.fromkeys(("footprint", "layer", "alpha", "background")),
        **cutout.known,
    }
    (folder / entry["mask"]).write_bytes(encode_png(cutout.mask))
    layered = request.level == "layers" and entry["area_share"] <= request.max_area
    if not layered or cutout.with_shadow is not None:
        entry["alpha"] = _written(folder, f"alpha{suffix}", alpha, box)
    if not layered:
        return entry
    whole = alpha if cutout.with_shadow is None else cutout.with_shadow
    if cutout.with_shadow is not None:
        entry["footprint"] = f"footprint{suffix}.png"
        silhouette = np.where(whole >= SOLID, 255, 0).astype(np.uint8) | cutout.mask
        (folder / entry["footprint"]).write_bytes(encode_png(silhouette))
    if cutout.completed is not None:
        hole = hole_of(whole)
        around = bounds_of(hole)
        entry["background"] = _written(folder, f"background{suffix}", cutout.completed(hole), around)
    entry["layer"] = _layer(rgb, whole, f"object_{number}", folder)
    return entry


def bounds_of(mask: Pixels) -> tuple[int, int, int, int]:
    """The box of what is not 0: x, y, width and height, pixels."""
    x, y, width, height = cv2.boundingRect(mask)
    return int(x), int(y), int(width), int(height)


def _layer(rgb: Pixels, alpha: Pixels, name: str, folder: Path) -> Row:
    """An object's layer, in its own colours."""
    x, y, w, h = box = bounds_of(alpha)
    crop = np.s_[y : y + h, x : x + w]
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    rgba[crop] = np.dstack([own_colours(rgb[crop], alpha[crop]), alpha[crop]])
    # Nothing is seen of these; one colour keeps the file small.
    rgba[rgba[..., 3] == 0] = 0
    return _written(folder, name, rgba, box)


def _written(folder: Path, name: str, pixels: Pixels, box: tuple[int, int, int, int]) -> Row:
    """Write a picture's part in a box as a PNG; returns what finds it again."""
    x, y, w, h = box
    (folder / f"{name}.png").write_bytes(encode_png(np.ascontiguousarray(pixels[y : y + h, x : x + w])))
    return {"file": f"{name}.png", "x": x, "y": y, "width": w, "height": h}


def facts_of(rgb: Pixels, mask: Pixels, box: tuple[int, int, int, int]) -> Row:
    """What is known of an object, for recipes and instructions."""
    height, width = mask.shape
    x, y, w, h = box
    moments = cv2.moments(mask, binaryImage=True)
    return {
        "x": x, "y": y, "width": w, "height": h,
        "area_share": round(moments["m00"] / (height * width), 5),
        "center_x": round(moments["m10"] / moments["m00"] / width, 4),
        "center_y": round(moments["m01"] / moments["m00"] / height, 4),
        **_colour_facts(rgb, mask),
        "touches_border": x == 0 or y == 0 or x + w == width or y + h == height,
        "caption": None,
    }  # fmt: skip


def _colour_facts(rgb: Pixels, mask: Pixels) -> Row:
    """The colour of most of the object's body, the word that it is called by, if any, and how far it goes."""
    body = body_of(rgb, mask)
    return {
        "colour": list(body.colour),
        "colour_name": word_of(rgb, mask),
        "body": {"share": body.share, "skin": body.skin, "lightness": list(body.lightness)},
    }
