"""A worker's request as the wire contract has it, and the answer as a staged item.

For services of others, which know pictures, masks and prompts and nothing of ours.
"""

import base64
import binascii
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import EditRequest, LayerRequest, ModelSettings
from iedf_assets.core.errors import SourceError, StorageError
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.pictures.layers import mean_absolute_error
from iedf_assets.core.storage.journal import Row
from model_envs.backends import photo_of, silhouette_of
from model_envs.edit import classical
from model_envs.layered.assembling import assembled_from, without_subject
from model_envs.layered.choosing import candidates, distinct_objects, flattened

Post = Callable[[dict[str, Any]], dict[str, Any]]
"""Sends the body of `/infer`, without its request id, and returns the answer."""


def layers_by_contract(request: LayerRequest, post: Post, folder: Path, *, by_path: bool) -> Row:
    """Have a service split a photo, and write what a layered backend writes.

    Raises:
        SourceError: the photo cannot be read, or the answer's layers are not of its size.
    """
    rgb = photo_of(request)
    body = {"sample_id": request.source_id, **_sent("image", rgb, folder, by_path=by_path)}
    answer = post(body | _wanted(by_path=by_path))
    layers = [_received(layer, "rgba", "RGBA", rgb) for layer in answer["layers"]]
    _remove_sent(folder)
    height, width = rgb.shape[:2]
    row: Row = {"width": width, "height": height}
    if layers:
        row["recomposition_error"] = round(mean_absolute_error(rgb, flattened(layers)), 4)
    ranked = candidates(layers)
    if not ranked or not ranked[0].is_object:
        return row | without_subject("no layer is an object")
    chosen = distinct_objects(layers, ranked)
    return row | assembled_from(rgb, layers, chosen, request, folder)


def edit_by_contract(request: EditRequest, post: Post, folder: Path, *, by_path: bool) -> Row:
    """Have a service edit a photo by its instruction, and write what an edit backend writes.

    Moves and scalings are rendered from the layers here: no service is asked for them.

    Raises:
        SourceError: the photo cannot be read, or the answer is not of its size.
        StorageError: the mask is absent or damaged.
    """
    if request.recipe["subtype"] in classical.WITHOUT_MODEL:
        own = {"backend": "classical", "model_revision": None, "made_with": None}
        return classical.Backend(ModelSettings()).run(request, folder) | own
    rgb = photo_of(request)
    # Without a mask the contract has the middle edited; an edit of everything says so.
    mask = silhouette_of(request) if request.local else np.full_like(rgb[..., 0], 255)
    body = {
        "sample_id": request.source_id,
        "prompt": request.instruction,
        **_sent("image", rgb, folder, by_path=by_path),
        **_sent("mask", mask, folder, by_path=by_path),
    }
    picture = _received(post(body | _wanted(by_path=by_path)), "result_image", "RGB", rgb)
    _remove_sent(folder)
    (folder / "picture.png").write_bytes(encode_png(picture))
    return {"status": "done", "x": 0, "y": 0}


def _sent(what: str, pixels: Pixels, folder: Path, *, by_path: bool) -> dict[str, str]:
    """A picture as the contract takes it: upright, in sRGB and at working size, which a file may not be."""
    data = encode_png(pixels)
    if not by_path:
        return {f"{what}_b64": base64.b64encode(data).decode("ascii")}
    path = folder / f"sent_{what}.png"
    path.write_bytes(data)
    return {f"{what}_path": str(path)}


def _remove_sent(folder: Path) -> None:
    for path in folder.glob("sent_*.png"):
        path.unlink()


def _wanted(*, by_path: bool) -> dict[str, bool]:
    return {"return_b64": not by_path, "save_cache": by_path}


def _received(answer: dict[str, Any], what: str, mode: str, rgb: Pixels) -> Pixels:
    """A picture of an answer, as large as the photo.

    Raises:
        SourceError: there is none, it cannot be decoded, or it has another size.
    """
    text, path = answer.get(f"{what}_b64"), answer.get(f"{what}_path")
    try:
        if text:
            source: Any = io.BytesIO(base64.b64decode(text, validate=True))
        elif path:
            source = Path(path)
        else:
            raise SourceError("bad_answer", f"the service sent neither {what}_b64 nor {what}_path")
        with Image.open(source) as picture:
            if (picture.height, picture.width) != rgb.shape[:2]:
                raise SourceError(
                    "bad_answer",
                    f"the service sent {picture.width} x {picture.height} pixels for a photo of "
                    f"{rgb.shape[1]} x {rgb.shape[0]}",
                )
            return np.asarray(picture.convert(mode), np.uint8)
    except (OSError, SyntaxError, ValueError, binascii.Error, StorageError) as error:
        raise SourceError("bad_answer", f"what the service sent as {what} is no picture: {error}") from error
