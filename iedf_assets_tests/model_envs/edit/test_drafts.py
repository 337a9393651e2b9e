"""What a model that is to draw a move is shown beside the photo."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from iedf_assets.core.contract import EditRequest
from iedf_assets.core.pictures.masks import edit_masks
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets_tests.model_envs.edit.test_classical_edits import MARGIN, OPEN, PHOTO, Stage
from model_envs.edit.drafts import draft_of


def request_of(stage: Stage, recipe: dict[str, Any], **more: Any) -> EditRequest:
    return EditRequest(
        key="k", edit_id="e", source_id="s", path=str(stage.path), max_megapixels=16.0, max_pixels=10**8,
        recipe=recipe, object={**stage.object, **more}, instruction="Move it", local=True,
        layers_folder=str(stage.folder), margin_px=MARGIN, seed=1, output="",
    )  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    staged = Stage(tmp_path, OPEN, PHOTO)
    cv2.imwrite(str(tmp_path / "mask.png"), staged.silhouette)
    return staged


@pytest.mark.parametrize("subtype", ["move", "scale"])
def test_a_draft_is_what_would_be_published_of_the_layers(stage: Stage, subtype: str) -> None:
    recipe = stage.recipe(subtype)
    result, mask, there = stage.finished(recipe)
    draft = draft_of(request_of(stage, {**recipe, "by": "model"}), stage.rgb)
    assert np.array_equal(draft.picture, result)
    assert there is not None
    assert np.array_equal(draft.places, mask | there)
    assert draft.recomposition_error is None


def test_a_draft_of_a_turn_begins_where_the_object_is_by_then(stage: Stage) -> None:
    recipe = {"task": "structural_edit", "subtype": "move", "dx": 40, "dy": 0, "by": "model"}
    moved = draft_of(request_of(stage, recipe, moved=[-30, 10]), stage.rgb)
    silhouette = np.roll(stage.silhouette, (10, -30), (0, 1))
    there = edit_masks(SUBTYPES["move"], silhouette, recipe)[1]
    assert there is not None
    assert np.array_equal(moved.places, silhouette | there)
