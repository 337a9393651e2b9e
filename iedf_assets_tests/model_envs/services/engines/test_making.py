"""What an engine makes of a job, with real backends in this process."""

import base64
import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import EditRequest, LayerRequest, ModelSettings
from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.storage.files import content_hash
from model_envs.edit import classical as classical_edit
from model_envs.edit import mock as mock_edit
from model_envs.layered import classical as classical_layers
from model_envs.layered import mock as mock_layers
from model_envs.services.engines.making import make
from model_envs.services.engines.masks import RefusedError
from model_envs.services.translating import edit_by_contract, layers_by_contract

COFFEE = np.ascontiguousarray(data.coffee()[::2, ::2])
MAX_PIXELS = 10_000_000


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(encode_png(COFFEE))
    return path


def made(backend: Any, stage: str, job: dict[str, Any], tmp_path: Path) -> tuple[dict[str, Any], Path]:
    folder = tmp_path / f"made{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    return make(backend(ModelSettings()), stage, job, folder, MAX_PIXELS), folder


def layer_request(photo: Path, **changes: Any) -> LayerRequest:
    known: dict[str, Any] = {
        "key": "k", "source_id": content_hash(photo.read_bytes()), "path": str(photo), "max_megapixels": 1,
        "max_pixels": MAX_PIXELS, "level": "layers", "max_area": 1.0, "seed": 1, "output": "",
    }  # fmt: skip
    return LayerRequest(**{**known, **changes})


def item(request: LayerRequest | EditRequest) -> dict[str, Any]:
    return {name: value for name, value in asdict(request).items() if name not in {"output", "row", "inputs"}}


@pytest.mark.parametrize(
    "backend", [pytest.param(classical_layers.Backend, marks=pytest.mark.slow), mock_layers.Backend]
)
def test_an_item_gives_the_backends_own_row_and_files(backend: Any, photo: Path, tmp_path: Path) -> None:
    told, folder = made(
        backend, "image_layers", {"make": "item", "item": item(layer_request(photo))}, tmp_path
    )
    (tmp_path / "own").mkdir()
    assert told["row"] == backend(ModelSettings()).run(layer_request(photo), tmp_path / "own")
    names = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert names == {path.name: path.read_bytes() for path in (tmp_path / "own").iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{"level": 7}, {"key": None}, {"max_pixels": "many"}, {"seed": "x"}, {"path": 3}, {"max_megapixels": 0}],
)
def test_an_item_of_nonsense_is_refused_and_no_fault(
    changes: dict[str, Any], photo: Path, tmp_path: Path
) -> None:
    photo.write_bytes(encode_png(COFFEE[60:120, 80:160]))
    nonsense = {**item(layer_request(photo)), **changes}
    # Some backends do with it; what may not come is an error that reads like the service's own.
    with contextlib.suppress(RefusedError, SourceError):
        made(classical_layers.Backend, "image_layers", {"make": "item", "item": nonsense}, tmp_path)


@pytest.mark.parametrize("subtype", ["invent", None, 7, "../x"])
def test_an_edit_that_the_backend_does_not_know_is_the_callers_fault(
    subtype: Any, photo: Path, tmp_path: Path
) -> None:
    request = EditRequest(
        key="k", edit_id="e", source_id=content_hash(photo.read_bytes()), path=str(photo), max_megapixels=1,
        max_pixels=MAX_PIXELS, recipe={"subtype": subtype}, instruction="", local=False, object={},
        layers_folder="", margin_px=0, seed=1, output="",
    )  # fmt: skip
    with pytest.raises(RefusedError, match="has no edit"):
        made(classical_edit.Backend, "edited_images", {"make": "item", "item": item(request)}, tmp_path)


@pytest.mark.parametrize("wrong", [{}, {"extra": 1}])
def test_an_item_has_exactly_its_fields(wrong: dict[str, Any], photo: Path, tmp_path: Path) -> None:
    fields = {**item(layer_request(photo)), **wrong} if wrong else {"key": "k"}
    with pytest.raises(RefusedError, match="exactly the fields"):
        made(mock_layers.Backend, "image_layers", {"make": "item", "item": fields}, tmp_path)


def test_layers_of_a_picture_in_which_nothing_stands_out_are_the_picture(tmp_path: Path) -> None:
    flat = np.full((60, 80, 3), (10, 120, 200), np.uint8)
    path = tmp_path / "flat.png"
    path.write_bytes(encode_png(flat))
    told, folder = made(
        classical_layers.Backend, "image_layers", {"make": "layers", "image": str(path)}, tmp_path
    )
    assert told == {"width": 80, "height": 60, "layers": 1, "orientation": 1}
    layer = decode(folder / "layer_0.png")
    assert (layer[..., :3] == flat).all()
    assert (layer[..., 3] == 255).all()


def edited(photo: Path, tmp_path: Path, mask: Pixels | None) -> Pixels:
    path = None
    if mask is not None:
        path = tmp_path / "mask.png"
        path.write_bytes(encode_png(mask))
    job = {"make": "edit", "image": str(photo), "mask": str(path) if path else None, "prompt": "Remove it."}
    _, folder = made(classical_edit.Backend, "edited_images", job, tmp_path)
    assert [file.name for file in folder.iterdir()] == ["result.png"]
    return decode(folder / "result.png")


def test_outside_the_mask_nothing_changes(photo: Path, tmp_path: Path) -> None:
    mask = np.zeros(COFFEE.shape[:2], np.uint8)
    mask[20:80, 30:90] = 255
    result = edited(photo, tmp_path, mask)
    assert (result[mask == 0] == COFFEE[mask == 0]).all()
    assert (result != COFFEE).any()


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (np.zeros((200, 300), np.uint8), "empty"),
        (np.full((9, 9), 255, np.uint8), "9 x 9"),
        (np.full((200, 300), 255, np.uint8), "whole"),
    ],
)
def test_a_mask_that_cannot_be_is_refused(mask: Pixels, says: str, photo: Path, tmp_path: Path) -> None:
    with pytest.raises((RefusedError, SourceError), match=says):
        edited(photo, tmp_path, mask)


class Foreign:
    """A service that knows the wire contract alone."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.bodies: list[dict[str, Any]] = []
        self.layers: list[Pixels] = []
        self.result: Pixels | None = None

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        json.dumps(body)
        self.bodies.append(body)
        if self.result is not None:
            return self.picture("result_image", self.result, body)
        return {"layers": [self.picture("rgba", layer, body) for layer in self.layers]}

    def picture(self, what: str, pixels: Pixels, body: dict[str, Any]) -> dict[str, Any]:
        png = encode_png(pixels)
        if body["return_b64"]:
            return {f"{what}_b64": base64.b64encode(png).decode(), f"{what}_path": None}
        path = self.tmp_path / f"{len(list(self.tmp_path.iterdir()))}.png"
        path.write_bytes(png)
        return {f"{what}_b64": None, f"{what}_path": str(path)}


@pytest.mark.parametrize("by_path", [True, False])
def test_the_layers_of_a_foreign_service_become_a_decomposition(
    photo: Path, tmp_path: Path, *, by_path: bool
) -> None:
    height, width = COFFEE.shape[:2]
    thing = np.zeros((height, width, 4), np.uint8)
    thing[60:140, 100:200] = (*COFFEE[60, 100], 255)
    service = Foreign(tmp_path)
    service.layers = [np.dstack([COFFEE, np.full((height, width), 255, np.uint8)]), thing]
    folder = tmp_path / "out"
    folder.mkdir()
    row = layers_by_contract(layer_request(photo), service, folder, by_path=by_path)
    assert row["status"] == "done"
    assert {path.name for path in folder.iterdir()} == {"mask.png", "background.png", "object_1.png"}
    mask = decode(folder / "mask.png")
    assert mask[60:140, 100:200].min() == 255
    assert np.count_nonzero(mask) == 80 * 100
    sent = "image_path" if by_path else "image_b64"
    sent = "image_path" if by_path else "image_b64"
    assert set(service.bodies[0]) == {"sample_id", sent, "return_b64", "save_cache"}


def test_a_foreign_service_that_sends_another_size_is_told_of(photo: Path, tmp_path: Path) -> None:
    service = Foreign(tmp_path)
    service.layers = [np.zeros((10, 10, 4), np.uint8)]
    with pytest.raises(SourceError, match="10 x 10"):
        layers_by_contract(layer_request(photo), service, tmp_path, by_path=False)


@pytest.mark.parametrize("local", [True, False])
def test_a_foreign_service_gets_prompt_and_mask_and_its_picture_is_taken_raw(
    photo: Path, tmp_path: Path, *, local: bool
) -> None:
    layers = tmp_path / "layers"
    layers.mkdir()
    mask = np.zeros(COFFEE.shape[:2], np.uint8)
    mask[50:60] = 255
    (layers / "mask.png").write_bytes(encode_png(mask))
    service = Foreign(tmp_path)
    service.result = 255 - COFFEE
    request = EditRequest(
        key="k", edit_id="e", source_id=content_hash(photo.read_bytes()), path=str(photo), max_megapixels=1,
        max_pixels=MAX_PIXELS, recipe={"subtype": "recolor"}, instruction="Make it blue.", local=local,
        object={"mask": "mask.png"}, layers_folder=str(layers), margin_px=1, seed=1, output="",
    )  # fmt: skip
    folder = tmp_path / "out"
    folder.mkdir()
    assert edit_by_contract(request, service, folder, by_path=False) == {"status": "done", "x": 0, "y": 0}
    assert (decode(folder / "picture.png") == 255 - COFFEE).all()
    (body,) = service.bodies
    assert body["prompt"] == "Make it blue."
    sent = tmp_path / "sent.png"
    sent.write_bytes(base64.b64decode(body["mask_b64"]))
    assert (decode(sent) == (mask if local else np.full_like(mask, 255))).all()


def test_the_mock_turns_a_photo_into_its_negative(photo: Path, tmp_path: Path) -> None:
    request = EditRequest(
        key="k", edit_id="e", source_id=content_hash(photo.read_bytes()), path=str(photo), max_megapixels=1,
        max_pixels=MAX_PIXELS, recipe={"subtype": "recolor"}, instruction="", local=True, object={},
        layers_folder="", margin_px=1, seed=1, output="",
    )  # fmt: skip
    row = mock_edit.Backend(ModelSettings()).run(request, tmp_path)
    assert (row["x"], row["y"]) == (0, 0)
    assert (decode(tmp_path / "picture.png") == 255 - COFFEE).all()
