import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from iedf_assets.core.exporting.planted import Scene, planted
from iedf_assets.core.judging.choosing import NOT_THE_BEST
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.exports import exported, indexed
from iedf_assets_tests.helpers.exports import planted as factory
from iedf_assets_tests.helpers.pair_making import Plant, photo

SEED, OTHER = "5eed" * 4, "07e4" * 4


def rows_of(folder: Path, name: str = "preference.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text("ascii").splitlines()]


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture)


def turn_down(plant: Plant, edit_id: str, instruction: str | None) -> str:
    """A reject of the place of the plant's first sample, from another seed; the sample's key.

    Args:
        instruction: its own English one; None for the sample's.
    """
    slot = plant.slots[0]
    row = plant.rows[slot.name]
    edit, pair = plant.edits[row["edit_key"]], plant.pairs[row["pair_key"]]
    told = {"instruction_en": instruction} if instruction else {}
    plant.edits[f"edit-{edit_id}"] = {**edit, "key": f"edit-{edit_id}", "edit_id": edit_id, **told}
    plant.pairs[f"pair-{edit_id}"] = {**pair, "key": f"pair-{edit_id}", "edit_id": edit_id}
    plant.rows[f"{slot.name}/{edit_id}"] = {
        **row, "slot": f"{slot.name}/{edit_id}", "edit_id": edit_id, "status": "rejected", "reason": "seam",
        "sample_key": None, "edit_key": f"edit-{edit_id}", "pair_key": f"pair-{edit_id}",
    }  # fmt: skip
    kept = plant.layout.rejected(edit_id)
    kept.mkdir(parents=True)
    (kept / "source.jpg").write_bytes((plant.layout.dataset / f"{row['sample_key']}.jpg").read_bytes())
    (kept / "result.jpg").write_bytes(encode_jpeg(255 - photo("coffee"), 95))
    return str(row["sample_key"])


def test_rejects_of_another_seed_count_and_none_joins_two_instructions(tmp_path: Path) -> None:
    profile, plants = factory(tmp_path / "factory")
    key = turn_down(plants[0], SEED, None)
    turn_down(plants[0], OTHER, "Do something else")
    plants[0].save()
    write_index(profile, Layout.of(profile))
    exported(profile, tmp_path / "out", "preference")
    rows = rows_of(tmp_path / "out")
    known = indexed(profile)
    assert all(row["instruction"] == known[row["sample_key"]]["instruction_en"] for row in rows)
    (seed,) = [row for row in rows if not row["planted"]]
    assert (seed["sample_key"], seed["reason"], SEED in seed["key"]) == (key, "seam", True)
    found = [path.name for path in (tmp_path / "out/lose").iterdir()]
    assert not [name for name in found if OTHER in name]


def test_a_try_that_was_not_the_best_counts_where_it_is_rated_lower(tmp_path: Path) -> None:
    profile, plants = factory(tmp_path / "factory")
    turn_down(plants[0], SEED, None)
    turn_down(plants[0], OTHER, None)
    name = plants[0].slots[0].name
    for edit_id, rating in ((SEED, 4), (OTHER, 5)):
        plants[0].rows[f"{name}/{edit_id}"]["reason"] = NOT_THE_BEST
        plants[0].pairs[f"pair-{edit_id}"] = _rated(plants[0].pairs[f"pair-{edit_id}"], rating)
    key = plants[0].rows[name]["pair_key"]
    plants[0].pairs[key] = _rated(plants[0].pairs[key], 5)
    plants[0].save()
    write_index(profile, Layout.of(profile))
    exported(profile, tmp_path / "out", "preference")
    (row,) = [row for row in rows_of(tmp_path / "out") if not row["planted"]]
    assert (row["reason"], SEED in row["key"]) == (NOT_THE_BEST, True)


def _rated(pair: dict[str, Any], rating: int) -> dict[str, Any]:
    told = {"judge_instruction": rating, "judge_preservation": rating}
    return {**pair, "scores": {**pair["scores"], **told}}


def test_a_reject_of_other_pixels_is_no_pair(tmp_path: Path) -> None:
    profile, plants = factory(tmp_path / "factory")
    turn_down(plants[0], SEED, None)
    (plants[0].layout.rejected(SEED) / "source.jpg").write_bytes(encode_jpeg(photo("rocket"), 95))
    plants[0].save()
    write_index(profile, Layout.of(profile))
    exported(profile, tmp_path / "out", "preference")
    assert all(row["planted"] for row in rows_of(tmp_path / "out"))
    # That there is none is remembered.
    assert exported(profile, tmp_path / "out", "preference").tally.made == 0


def test_the_better_one_is_the_dataset_s_and_the_worse_differs_by_its_fault_alone(
    dataset: Profile, tmp_path: Path
) -> None:
    exported(dataset, tmp_path / "out", "preference")
    known, outputs = indexed(dataset), Layout.of(dataset).outputs
    rows = rows_of(tmp_path / "out")
    assert {row["reason"] for row in rows} >= {"ghost", "seam"}
    for row in rows:
        entry = known[row["sample_key"]]
        source, win, lose = (pixels(tmp_path / "out" / row[name]) for name in
                             ("source_img", "left_output_image", "right_output_image"))  # fmt: skip
        assert np.array_equal(source, pixels(outputs / entry["src_image_path"]))
        assert np.array_equal(win, pixels(outputs / entry["result_image_path"]))
        changed = (win != lose).any(axis=2)
        assert changed.any()
        allowed = pixels(outputs / entry["metadata"]["allowed_region_mask_path"]) > 0
        assert not (changed & ~allowed).any() or row["reason"] in {"leak", "wrong_side", "wrong_amount"}


def test_win_lose_and_source_have_the_same_names(dataset: Profile, tmp_path: Path) -> None:
    exported(dataset, tmp_path / "out", "preference", language="both")
    names = [
        {path.name for path in (tmp_path / "out" / role).iterdir()} for role in ("source", "win", "lose")
    ]
    assert names[0] == names[1] == names[2]
    english, chinese = (
        rows_of(tmp_path / "out", f"preference_{language}.jsonl") for language in ("en", "zh")
    )
    assert [row["key"] for row in english] == [row["key"] for row in chinese]
    train, test = (rows_of(tmp_path / "out", f"{name}_metadata_en.jsonl") for name in ("train", "test"))
    prompts = {row["instruction"] for row in english}
    assert {row["prompt"] for row in (*train, *test)} == prompts
    assert all((tmp_path / "out" / row["image"]).is_file() for row in (*train, *test))


def scene(dx: int) -> Scene:
    source = photo("coffee")
    mask, result_mask = np.zeros((2, *source.shape[:2]), np.uint8)
    mask[40:70, 60:80] = 255
    result_mask[40:70, 60 + dx : 80 + dx] = 255
    target = np.roll(source, 3, axis=0)
    return Scene(
        source, target, mask, mask | result_mask, result_mask, {"dx": dx, "dy": 0}, "structural_edit/move/a/1"
    )


def test_an_object_on_the_wrong_side_is_the_source_s_own() -> None:
    wrong = planted("wrong_side", scene(50))
    assert wrong is not None
    assert np.array_equal(wrong[45:65, 15:25], photo("coffee")[45:65, 65:75])


def test_a_leak_lies_far_from_the_edit() -> None:
    large = decode_jpeg(encode_jpeg(np.asarray(data.coffee(), np.uint8), 95))
    mask = np.zeros(large.shape[:2], np.uint8)
    mask[100:150, 100:150] = 255
    leaky = planted("leak", Scene(large, large, mask, mask, None, {}, "semantic_edit/delete/a/1"))
    assert leaky is not None
    changed = (leaky != large).any(axis=2)
    assert 50 < changed.sum() <= 200
    assert not changed[80:170, 80:170].any()


@pytest.mark.parametrize("dx", [5, 70])
def test_what_would_leave_the_picture_or_is_not_known_is_not_planted(dx: int) -> None:
    assert planted("wrong_side", scene(dx)) is None


def test_there_is_no_ghost_where_the_object_still_is() -> None:
    assert planted("ghost", scene(2)) is None
    assert planted("ghost", scene(50)) is not None
