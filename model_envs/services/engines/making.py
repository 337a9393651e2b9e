"""What an engine does with a job: a worker's own request, or one of the wire contract."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import TypeAdapter, ValidationError

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import PROMPTED, EditRequest, LayerRequest
from iedf_assets.core.errors import StorageError, UnknownEditError, own_words
from iedf_assets.core.filling.behind import without_objects
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.pictures.layers import load_object
from iedf_assets.core.pictures.photos import Photo, read_photo
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.keys import seed_from
from model_envs.services.engines.masks import RefusedError, central, mask_of

# The edge of a mask is mixed over so many pixels, as a share of the picture's short side.
FEATHER = 0.004
# What a hostile item makes a backend raise; a StorageError: its layers are not what it says.
_OF_THE_ITEM = (
    KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ZeroDivisionError, cv2.error,
    StorageError, UnknownEditError,
)  # fmt: skip


def make(backend: Any, stage: str, job: dict[str, Any], folder: Path, max_pixels: int) -> dict[str, Any]:
    """Do a job.

    Args:
        backend: of `model_envs.worker.load_backend`.
        job: `make` is `item`, with the fields of a worker's request in `item`; or `layers` or `edit`, with
            `image`, `mask` (paths, the mask's may be None) and `prompt`.
        folder: files are written here.
        max_pixels: of a picture.

    Raises:
        RefusedError, SourceError: the request cannot be made.
    """
    if job["make"] == "item":
        return _item(backend, stage, job["item"], folder, max_pixels)
    path = Path(job["image"])
    photo = read_photo(path, max_pixels=max_pixels, max_megapixels=max_pixels / 1e6)
    identity = content_hash(path.read_bytes())
    if job["make"] == "layers":
        made = _layers(backend, path, identity, photo.rgb, folder, max_pixels)
    else:
        made = _edit(backend, job, identity, photo, folder, max_pixels)
    return {**made, "orientation": photo.orientation}


def _item(backend: Any, stage: str, item: dict[str, Any], folder: Path, max_pixels: int) -> dict[str, Any]:
    kind: type[LayerRequest | EditRequest] = LayerRequest if stage == "image_layers" else EditRequest
    wanted = {field.name for field in fields(kind)} - {"output", "row", "inputs"}
    if set(item) != wanted:
        raise RefusedError(
            f"item has to have exactly the fields {', '.join(sorted(wanted))}; "
            f"these differ: {', '.join(sorted(set(item) ^ wanted))}"
        )
    try:
        text = json.dumps({**item, "output": ""})
        asked: LayerRequest | EditRequest = TypeAdapter(kind).validate_json(text, strict=True)
        bounded = replace(asked, max_pixels=min(asked.max_pixels, max_pixels))
        row: dict[str, Any] = backend.run(bounded, folder)
        json.dumps(row, allow_nan=False)
    except ValidationError as error:
        wrong = "; ".join(
            f"item.{'.'.join(map(str, one['loc']))}: {own_words(one['msg'])}" for one in error.errors()
        )
        raise RefusedError(wrong) from error
    except _OF_THE_ITEM as error:
        raise RefusedError(f"the item cannot be made: {type(error).__name__}: {error}") from error
    return {"row": row}


def _layers(
    backend: Any, path: Path, identity: str, rgb: Pixels, folder: Path, max_pixels: int
) -> dict[str, Any]:
    height, width = rgb.shape[:2]
    request = LayerRequest(
        key=identity, source_id=identity, path=str(path), max_megapixels=max_pixels / 1e6,
        max_pixels=max_pixels, level="layers", max_area=1.0, seed=seed_from("layers", identity), output="",
    )  # fmt: skip
    row = backend.run(request, folder)
    own = sorted(folder.glob("layer_[0-9]*.png"), key=lambda file: int(file.stem.rpartition("_")[2]))
    layers = [decode(file) for file in own] or _full_size(rgb, folder, row, request.seed)
    for file in folder.iterdir():
        file.unlink()
    for number, layer in enumerate(layers):
        (folder / f"layer_{number}.png").write_bytes(encode_png(layer))
        (folder / f"alpha_{number}.png").write_bytes(encode_png(np.ascontiguousarray(layer[..., 3])))
    return {"width": width, "height": height, "layers": len(layers)}


def _full_size(rgb: Pixels, folder: Path, row: dict[str, Any], seed: int) -> list[Pixels]:
    """A decomposition's layers, each uint8 (H, W, 4); the photo alone where nothing stands out."""
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    layered = [one for one in row.get("objects") or [] if one["layer"] and not one["parts"]]
    opaque[..., :3] = without_objects(rgb, folder, layered, seed)
    sheets = []
    for one in layered:
        pixels, x, y = load_object(folder, one)
        sheet = np.zeros_like(opaque)
        sheet[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
        sheets.append(sheet)
    return [opaque, *sheets]


def _edit(
    backend: Any, job: dict[str, Any], identity: str, photo: Photo, folder: Path, max_pixels: int
) -> dict[str, Any]:
    rgb = photo.rgb
    height, width = rgb.shape[:2]
    path = job["mask"]
    mask, turned = mask_of(Path(path), photo, max_pixels) if path else (central(height, width), False)
    (folder / "mask.png").write_bytes(encode_png(mask))
    prompt = job["prompt"]
    request = EditRequest(
        key=identity, edit_id=identity, source_id=identity, path=job["image"],
        max_megapixels=max_pixels / 1e6, max_pixels=max_pixels, recipe={"subtype": PROMPTED},
        instruction=prompt, local=True, object={"mask": "mask.png"}, layers_folder=str(folder), margin_px=0,
        seed=seed_from("edit", identity, prompt), output="",
    )  # fmt: skip
    row = backend.run(request, folder)
    patch = decode(folder / "picture.png")
    made = rgb.copy()
    made[row["y"] : row["y"] + patch.shape[0], row["x"] : row["x"] + patch.shape[1]] = patch
    result = _within(rgb, made, mask)
    for file in folder.iterdir():
        file.unlink()
    (folder / "result.png").write_bytes(encode_png(result))
    return {"width": width, "height": height, "mask_turned": turned}


def _within(rgb: Pixels, made: Pixels, mask: Pixels) -> Pixels:
    """The edit inside the mask, with a soft rim; outside the picture stays exactly as it was."""
    sigma = max(0.5, FEATHER * min(mask.shape))
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, round(2 * sigma)))
    soft = cv2.GaussianBlur(inner, (0, 0), sigma)
    alpha = np.where(mask > 0, soft, 0).astype(np.float32)[..., None] / 255
    return np.rint(rgb + (made.astype(np.float32) - rgb) * alpha).astype(np.uint8)
