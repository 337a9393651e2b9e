"""A model draws a move: it is shown the photo and what the layers make of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iedf_assets.core.contract import EditRequest, ModelSettings
from iedf_assets.core.pictures.canvas import Canvas, fit_canvas
from iedf_assets_tests.model_envs.qwen.conftest import BEHIND, BOX, GREEN, SIZE, made, moving
from model_envs.edit.diffusers import Backend

Settings = Callable[..., ModelSettings]
Requests = Callable[..., EditRequest]
# A new place beside the old one.
AWAY = 50


def asked_of(backend: Backend) -> list[dict[str, Any]]:
    """What a backend's pipeline is told from now on."""
    told: list[dict[str, Any]] = []
    images = backend._images

    def noted(area: int, **arguments: Any) -> Any:
        told.append(arguments)
        return images(area, **arguments)

    backend._images = noted  # type: ignore[method-assign]
    return told


def canvas_of(backend: Backend) -> Canvas:
    return fit_canvas(*SIZE, backend._area, backend._kind.rule)


def second_of(told: dict[str, Any]) -> Image.Image:
    pictures = told.get("image") or told.get("images")
    found: Image.Image = pictures[1] if isinstance(pictures, list) else told["image_reference"]
    return found


@pytest.mark.parametrize("kind", ["edit_plus", "qwen21", "klein", "klein_inpaint", "kontext_inpaint"])
def test_a_class_that_takes_several_pictures_is_shown_the_photo_and_the_draft_alike(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings(kind))
    told = asked_of(backend)
    row, picture = made(backend, moving(edit_request(), AWAY), tmp_path / "moved")
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert row["made_with"]["model"] == type(backend._pipe).__name__
    assert "backend" not in row
    (asked,) = told
    assert asked["prompt"] == "move the box a little to the right, as in the second picture"
    draft = second_of(asked)
    assert list(draft.size) == row["made_with"]["canvas"]
    x, y, across, down = BOX
    shown = canvas_of(backend).take(np.asarray(draft))[y + down // 2].astype(int)
    assert np.abs(shown[x + AWAY + 10 : x + AWAY + across - 10] - GREEN).max() < 10
    assert np.abs(shown[x + 10 : x + AWAY - 10] - BEHIND).max() < 10


@pytest.mark.parametrize("kind", ["klein_inpaint", "kontext_inpaint"])
def test_an_inpainting_model_may_paint_at_both_places(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings(kind))
    told = asked_of(backend)
    made(backend, moving(edit_request(), AWAY), tmp_path / "moved")
    (asked,) = told
    x, y, across, down = BOX
    row = canvas_of(backend).take(np.asarray(asked[str(backend._mask)]))[y + down // 2]
    assert row[x : x + across + AWAY].min() > 200
    assert row[: x - 20].max() == 0


def test_only_seeds_of_one_move_are_denoised_together(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings("edit_plus", batch_size=4))
    requests = [moving(edit_request(), dx, seed) for dx in (40, 41) for seed in (1, 2)]
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda one: made(backend, one, tmp_path / one.key)[0], requests))
    assert max(row["made_with"]["batch"] for row in rows) <= 2


def test_the_layers_make_a_move_that_is_not_up_to_a_model(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    request = moving(edit_request(), AWAY)
    del request.recipe["by"]
    row, _ = made(Backend(settings("edit_plus")), request, tmp_path / "moved")
    assert row["backend"] == "classical"
    assert "made_with" not in row
