"""From a photo, the object's alpha and a completed background to the files and the row of a decomposition.

What all layered backends share, whatever found the object.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.contract import LayerRequest
from iedf_assets.core.pictures.body_colour import body_of, word_of
from iedf_assets.core.pictures.codecs import Pixels, encode_png
from iedf_assets.core.pictures.layers import BACKGROUND, mean_absolute_error, recompose
from iedf_assets.core.storage.journal import Row
from model_envs.layered.choosing import Candidate, fitted, flattened, largest_piece
from model_envs.layered.matting import own_colours

HOLE_GROWTH = 0.008  # how far the hole reaches beyond the object, as a share of the short side
NO_SUBJECT = "no_salient_object"


def without_subject(detail: str) -> Row:
    """The columns of a photo in which nothing is an object; it is filtered."""
    return {"status": "filtered", "reason": NO_SUBJECT, "detail": detail}


def far_from(mask: Pixels) -> NDArray[np.bool_]:
    """Where alpha has nothing to say: further from the mask than its soft rim reaches."""
    reach = max(3, round(min(mask.shape) * 0.02)) * 2 + 1
    far: NDArray[np.bool_] = cv2.dilate(mask, np.ones((reach, reach), np.uint8)) == 0
    return far


def hole_of(alpha: Pixels) -> Pixels:
    """Where the background has to be completed: behind the object and a little around it."""
    growth = max(2, round(min(alpha.shape) * HOLE_GROWTH))
    visible = np.where(alpha > 0, 255, 0).astype(np.uint8)
    return cv2.dilate(visible, np.ones((2 * growth + 1,) * 2, np.uint8)).astype(np.uint8)


def assembled(
    rgb: Pixels,
    alpha: Pixels,
    mask: Pixels,
    completed: Callable[[Pixels], Pixels],
    request: LayerRequest,
    folder: Path,
) -> Row:
    """Write a decomposition's files, as far as the request needs them; returns its columns.

    Args:
        rgb: the photo, uint8 (H, W, 3).
        alpha: of the object, uint8 (H, W), 0-255.
        mask: its silhouette, uint8 (H, W), 0 or 255.
        completed: from the hole, uint8 (H, W), to the photo completed in it, uint8 (H, W, 3).
    """
    x, y, w, h = (int(value) for value in cv2.boundingRect(alpha))
    (folder / "mask.png").write_bytes(encode_png(mask))
    row: Row = {
        "width": rgb.shape[1],
        "height": rgb.shape[0],
        "status": "done",
        "subject": facts_of(rgb, mask, (x, y, w, h)),
        "layers": [],
    }
    if request.level == "mask" or row["subject"]["area_share"] > request.max_area:
        (folder / "alpha.png").write_bytes(encode_png(np.ascontiguousarray(alpha[y : y + h, x : x + w])))
        return row
    hole = hole_of(alpha)
    row["layers"] = [
        background_layer(completed(hole), hole, folder),
        object_layer(rgb, alpha, (x, y, w, h), folder),
    ]
    return row


def measured(rgb: Pixels, row: Row, folder: Path) -> Row:
    """The columns of a decomposition with how well its layers recompose, where it has any."""
    if row["layers"]:
        row["recomposition_error"] = round(mean_absolute_error(rgb, recompose(rgb, folder, row)), 4)
    return row


def assembled_from(
    rgb: Pixels, layers: list[Pixels], chosen: Candidate, request: LayerRequest, folder: Path
) -> Row:
    """`assembled` of a model's layers: the main object, and what the others show behind it.

    Args:
        layers: uint8 (H, W, 4) each, not premultiplied, the lowest first.
    """
    mask = largest_piece(layers[chosen.number][..., 3])
    alpha = layers[chosen.number][..., 3].copy()
    alpha[far_from(mask)] = 0

    def behind(hole: Pixels) -> Pixels:
        others = [layer for number, layer in enumerate(layers) if number != chosen.number]
        return fitted(rgb, flattened(others), hole)

    return assembled(rgb, alpha, mask, behind, request, folder)


def background_layer(completed: Pixels, hole: Pixels, folder: Path) -> Row:
    """The background's layer: the completed picture, as far as the hole reaches."""
    x, y, w, h = cv2.boundingRect(hole)
    return _written(folder, BACKGROUND, np.ascontiguousarray(completed[y : y + h, x : x + w]), x, y)


def object_layer(rgb: Pixels, alpha: Pixels, box: tuple[int, int, int, int], folder: Path) -> Row:
    """The object's layer, in its own colours; the box is x, y, width, height."""
    x, y, w, h = box
    crop = np.s_[y : y + h, x : x + w]
    rgba = np.dstack([own_colours(rgb[crop], alpha[crop]), alpha[crop]])
    # Nothing is seen of these; one colour keeps the file small.
    rgba[rgba[..., 3] == 0] = 0
    return _written(folder, "object_1", rgba, x, y)


def _written(folder: Path, name: str, pixels: Pixels, x: int, y: int) -> Row:
    file = f"{name}.png"
    (folder / file).write_bytes(encode_png(pixels))
    return {"name": name, "file": file, "x": x, "y": y, "width": pixels.shape[1], "height": pixels.shape[0]}


def facts_of(rgb: Pixels, mask: Pixels, box: tuple[int, int, int, int]) -> Row:
    """What is known of the subject, for recipes and instructions."""
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
