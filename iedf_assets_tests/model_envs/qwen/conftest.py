"""These tests run in a model's environment, where torch is: `make test-all` starts them there."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iedf_assets.core.contract import EditRequest, LayerRequest, ModelSettings
from iedf_assets.core.profile.checkpoints import fingerprint
from iedf_assets.core.storage.files import content_hash
from iedf_assets_tests.helpers.shared import made_once
from model_envs.stopping import STOP

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]

# So small that a CPU makes a picture in a fraction of a second.
SMALL = ModelSettings(steps=2, dtype="float32", device="cpu", canvas_megapixels=0.03, captions=False)
SIZE = (220, 150)
# Of the thing in the photo: x, y, width and height, pixels; its colour, and the grey behind it.
BOX, GREEN, BEHIND = (60, 40, 100, 70), (20, 200, 30), 90


def made(backend: Any, request: EditRequest, folder: Path) -> tuple[dict[str, Any], np.ndarray]:
    """What a backend of edits says of one, and the picture."""
    folder.mkdir(exist_ok=True)
    row = backend.run(request, folder)
    return row, np.asarray(Image.open(folder / "picture.png"))


def sizes_made(backend: Any) -> list[tuple[int, int]]:
    """The sizes of the pictures that a backend's pipeline makes from now on."""
    sizes: list[tuple[int, int]] = []
    images = backend._images

    def noted(area: int, **arguments: Any) -> Any:
        found = images(area, **arguments)
        sizes.extend(image.size for image in found)
        return found

    backend._images = noted
    return sizes


def showing(request: EditRequest) -> EditRequest:
    """The request with an object to show, as if of another photo."""
    one = {"mask": "mask.png", "x": 60, "y": 40, "width": 100, "height": 70}
    shown = {"path": request.path, "source_id": request.source_id, "object": one,
             "layers_folder": request.layers_folder}  # fmt: skip
    return replace(request, reference=shown)


def moving(request: EditRequest, dx: int, seed: int = 1) -> EditRequest:
    """The request as one for a model to move the box that the photo shows."""
    folder, (x, y, width, height) = Path(request.layers_folder), BOX
    layer = np.full((height, width, 4), 255, np.uint8)
    layer[..., :3] = GREEN
    Image.fromarray(layer).save(folder / "layer.png")
    Image.fromarray(np.full((height, width, 3), BEHIND, np.uint8)).save(folder / "behind.png")
    place = {"x": x, "y": y, "width": width, "height": height}
    one: dict[str, Any] = {"number": 1, "mask": "mask.png", "confidence": None, **place}
    one |= {"layer": {"file": "layer.png", **place}, "background": {"file": "behind.png", **place}}
    recipe = {"task": "structural_edit", "subtype": "move", "dx": dx, "dy": 0, "by": "model"}
    if seed > 1:
        recipe["try"] = seed
    return replace(
        request, recipe=recipe, object=one, seed=seed, key=f"k{seed} {dx}",
        instruction="move the box a little to the right", shown=", as in the second picture",
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny checkpoints."""
    sys.path.insert(0, str(Path(__file__).parent))
    import tiny as builder
    import tiny_others as others

    def make(folder: Path) -> None:
        for name in builder.CLASSES:
            builder.build(folder, name)
        for name in others.OTHERS:
            others.build(folder, name)
        for name in others.MODULAR:
            others.build_modular(folder, name)

    return made_once(tmp_path_factory, "checkpoints", make)


@pytest.fixture
def settings(tiny: Path) -> Callable[..., ModelSettings]:
    """Settings for a tiny checkpoint by name."""

    def of(name: str, **changes: Any) -> ModelSettings:
        folder = tiny / name
        return replace(SMALL, model_dir=str(folder), revision=fingerprint(folder), **changes)

    return of


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo of a green box on a slope of red, and its mask beside it."""
    width, height = SIZE
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(20, 230, width)[None]
    pixels[..., 2] = np.linspace(0, 120, height)[:, None]
    x, y, across, down = BOX
    pixels[y : y + down, x : x + across] = GREEN
    mask = np.zeros((height, width), np.uint8)
    mask[y : y + down, x : x + across] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path / "photo.png"


@pytest.fixture
def edit_request(photo: Path) -> Callable[..., EditRequest]:
    """A request to edit the photo."""

    def of(seed: int = 1, **changes: Any) -> EditRequest:
        request = EditRequest(
            key=f"k{seed}", edit_id="e", source_id=content_hash(photo.read_bytes()), path=str(photo),
            max_megapixels=1.0, max_pixels=10**8, recipe={"task": "semantic_edit", "subtype": "replace"},
            instruction="replace the box with a lamp", local=True, object={"mask": "mask.png"},
            layers_folder=str(photo.parent),
            margin_px=4, seed=seed, output="",
        )  # fmt: skip
        return replace(request, **changes)

    return of


@pytest.fixture
def layer_request(photo: Path) -> LayerRequest:
    """A request to split the photo."""
    return LayerRequest(
        key="k", source_id=content_hash(photo.read_bytes()), path=str(photo), max_megapixels=1.0,
        max_pixels=10**8, level="layers", max_area=1.0, seed=3, output="",
    )  # fmt: skip


@pytest.fixture
def stopped_midway() -> Callable[[Any], list[int]]:
    """Has the process told to stop when a backend's transformer runs for the sixth time; counts its runs."""

    def told(backend: Any) -> list[int]:
        steps: list[int] = []
        forward = backend._pipe.transformer.forward

        def counted(*args: Any, **kwargs: Any) -> Any:
            steps.append(1)
            if len(steps) == 6:
                STOP.set()
            return forward(*args, **kwargs)

        backend._pipe.transformer.forward = counted
        return steps

    return told


@pytest.fixture(autouse=True)
def not_stopped() -> Iterator[None]:
    """No test leaves the others stopped."""
    yield
    STOP.clear()
