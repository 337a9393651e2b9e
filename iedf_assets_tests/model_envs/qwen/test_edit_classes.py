"""Editing classes beside Qwen-Image-Edit's: each runs end to end by its row, or by its signature alone."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest

from iedf_assets.core.contract import EditRequest, ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets_tests.model_envs.qwen.conftest import SIZE, made, showing, sizes_made
from model_envs.edit.diffusers import Backend
from model_envs.qwen.denoising import Stopped

Settings = Callable[..., ModelSettings]
Requests = Callable[..., EditRequest]
OTHERS = ("qwen21", "kontext", "kontext_inpaint", "klein", "klein_inpaint", "klein_kv", "longcat")


@pytest.mark.parametrize("kind", OTHERS)
def test_each_class_edits_a_photo_on_a_canvas_that_it_keeps(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings(kind))
    sizes = sizes_made(backend)
    row, picture = made(backend, edit_request(), tmp_path / "one")
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert sizes == [tuple(row["made_with"]["canvas"])]
    _, again = made(backend, edit_request(), tmp_path / "again")
    _, other = made(backend, edit_request(seed=2), tmp_path / "other")
    assert np.array_equal(picture, again)
    assert not np.array_equal(picture, other)


@pytest.mark.parametrize("kind", ["edit_plus", "qwen21", "klein", "klein_inpaint", "kontext_inpaint"])
def test_a_class_that_takes_several_pictures_is_shown_an_object_of_another_photo(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings(kind))
    assert backend._kind.references > 1
    request = edit_request()
    row, picture = made(backend, showing(request), tmp_path / "shown")
    assert row["status"] == "done"
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    _, without = made(backend, request, tmp_path / "without")
    assert not np.array_equal(picture, without)


@pytest.mark.parametrize("kind", ["edit_plus", "klein"])
def test_a_class_that_nobody_knows_is_tried_by_its_signature(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    known = settings(kind)
    folder = tmp_path / "renamed"
    shutil.copytree(known.model_dir, folder)
    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    own = getattr(diffusers, index["_class_name"])
    renamed = type("NextYearsEditPipeline", (own,), {"__module__": own.__module__})
    monkeypatch.setattr(diffusers, "NextYearsEditPipeline", renamed, raising=False)
    (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": "NextYearsEditPipeline"}))
    backend = Backend(replace(known, model_dir=str(folder)))
    assert "NextYearsEditPipeline has no row in the table" in caplog.text
    row, picture = made(backend, edit_request(), tmp_path / "one")
    assert row["made_with"]["model"] == "NextYearsEditPipeline"
    _, same = made(Backend(known), edit_request(), tmp_path / "same")
    assert np.array_equal(picture, same)


def test_a_class_that_takes_no_picture_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_words(self: Any, prompt: str, num_inference_steps: int = 4) -> None:
        """Takes no picture."""

    monkeypatch.setattr(diffusers.Flux2KleinKVPipeline, "__call__", from_words)
    with pytest.raises(WorkerError, match="takes no picture to edit"):
        Backend(settings("klein_kv"))


def test_a_class_that_cannot_be_asked_about_pictures_rates_no_edits(settings: Settings) -> None:
    with pytest.raises(WorkerError, match="LongCatImageEditPipeline cannot be asked how good an edit is"):
        Backend(settings("longcat", judge=True))


@pytest.mark.parametrize("kind", ["klein", "longcat"])
def test_every_class_stops_between_two_steps(
    kind: str,
    settings: Settings,
    edit_request: Requests,
    stopped_midway: Callable[[Any], list[int]],
    tmp_path: Path,
) -> None:
    backend = Backend(settings(kind, steps=50))
    steps = stopped_midway(backend)
    with pytest.raises(Stopped):
        made(backend, edit_request(), tmp_path / "one")
    assert len(steps) <= 8
