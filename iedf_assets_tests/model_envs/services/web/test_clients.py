"""Clients of the wire contract, which take every answer exactly at its word, against both services."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from iedf_assets.core.pictures.codecs import encode_jpeg, encode_png
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets_tests.helpers.asking import COFFEE, packed
from iedf_assets_tests.helpers.serving import Running, serving

pytestmark = pytest.mark.slow
SMALL = np.ascontiguousarray(COFFEE[::4, ::4])
MASK = np.zeros(SMALL.shape[:2], np.uint8)
MASK[30:60, 40:90] = 255


class _Strict(BaseModel):
    """No text for a number, no number for a text; more fields may follow."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Layer(_Strict):
    layer_id: int
    rgba_b64: str | None
    rgba_path: str | None
    alpha_b64: str | None
    alpha_path: str | None


class LayeredAnswer(_Strict):
    request_id: str
    runtime: str
    width: int
    height: int
    layers: list[Layer]
    cache_dir: str | None


class EditAnswer(_Strict):
    request_id: str
    runtime: str
    width: int
    height: int
    result_image_b64: str | None
    result_image_path: str | None
    cache_dir: str | None


class Ready(_Strict):
    ready: bool
    backend: str
    last_error: str | None


@pytest.fixture(scope="module", params=["mock", "classical"])
def services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Running]]:
    folder = tmp_path_factory.mktemp("clients")
    (folder / "data").mkdir()
    (folder / "data" / "photo.jpg").write_bytes(encode_jpeg(SMALL, 95))
    (folder / "data" / "mask.png").write_bytes(encode_png(MASK))
    flags = ["--backend", request.param, "--root", str(folder / "data"), "--max-concurrency", "1"]
    with (
        serving("layered", folder, *flags, "--cache-dir", str(folder / "layered")) as layered,
        serving("edit", folder, *flags, "--cache-dir", str(folder / "edit")) as edit,
    ):
        yield {"layered": layered, "edit": edit, "backend": request.param, "data": folder / "data"}  # type: ignore[dict-item]


def sent(services: Any, name: str, by_path: bool) -> dict[str, Any]:
    """What a client sends, nulls included, as one does that dumps its own model."""
    data: Path = services["data"]
    return {
        "request_id": name, "sample_id": None,
        "image_path": str(data / "photo.jpg") if by_path else None,
        "image_b64": None if by_path else packed(SMALL),
        "return_b64": not by_path, "save_cache": True, "unknown": 7,
    }  # fmt: skip


@pytest.mark.parametrize("by_path", [True, False])
def test_a_strict_client_takes_the_layers(services: Any, *, by_path: bool) -> None:
    answer = services["layered"].post("/infer", sent(services, f"l{by_path}", by_path))
    told = LayeredAnswer.model_validate_json(answer.content)
    assert (told.runtime, told.width, told.height) == (services["backend"], *SMALL.shape[1::-1])
    assert [layer.layer_id for layer in told.layers] == list(range(len(told.layers)))
    for layer in told.layers:
        data = Path(layer.rgba_path or "").read_bytes()
        assert (layer.rgba_b64 is None) is by_path
        assert by_path or base64.b64decode(layer.rgba_b64 or "") == data


@pytest.mark.parametrize("prompt", [None, "Remove the cup."])
@pytest.mark.parametrize("by_path", [True, False])
def test_a_strict_client_takes_the_edit(services: Any, *, by_path: bool, prompt: str | None) -> None:
    masked = {
        "mask_path": str(services["data"] / "mask.png") if by_path else None,
        "mask_b64": None if by_path else packed(MASK),
    }
    asked = {**sent(services, f"e{by_path}{bool(prompt)}", by_path), **masked, "prompt": prompt}
    told = EditAnswer.model_validate_json(services["edit"].post("/infer", asked).content)
    assert (told.runtime, told.width, told.height) == (services["backend"], *SMALL.shape[1::-1])
    assert Path(told.result_image_path or "").is_file()
    assert (told.result_image_b64 is None) is by_path


def test_a_strict_client_takes_the_readiness(services: Any) -> None:
    for kind in ("layered", "edit"):
        told = Ready.model_validate_json(services[kind].get("/readyz").content)
        assert told == Ready(ready=True, backend=services["backend"], last_error=None)


def test_the_pages_own_examples_are_answered(services: Any) -> None:
    text = (PROJECT_ROOT / "docs" / "api.md").read_text("utf-8")
    sections = re.findall(r"## POST (/\w+)(?:, (\w+) service)?\n.*?```json\n(.*?)\n```", text, re.DOTALL)
    assert [route for route, _, _ in sections] == ["/infer", "/items", "/infer"]
    for route, kind, example in sections:
        answer = services[(kind or "layered").lower()].post(route, json.loads(example))
        assert answer.status_code == 200, answer.text
