from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits import instructions
from iedf_assets.core.judging.canaries import injected
from iedf_assets.core.judging.mask_canaries import MASK_CANARIES
from iedf_assets.core.judging.specimens import Fault, Specimen
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg, encode_png
from iedf_assets.core.pictures.masks import allowed_region, edit_masks, moved, region_alpha
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.masks.fills import misplaced_fill
from iedf_assets.core.scoring.masks.remainders import find_remainders
from iedf_assets.core.scoring.masks.standing import find_standing
from iedf_assets.core.scoring.masks.wholeness import neck_step
from iedf_assets_tests.helpers.subjects import SUBJECT
from iedf_assets_tests.helpers.things import HEIGHT, WIDTH, before, ellipse, ground

CAT = ellipse(110, 240, 50, 70)
EMPTY = np.vstack([ground("coffee")[:200] // 4, ground("grass")[200:]])
MOVE: dict[str, Any] = {
    "task": "structural_edit", "subtype": "move", "direction": "right", "percent": 45, "dx": 216, "dy": 0,
}  # fmt: skip
DELETE: dict[str, Any] = {"task": "semantic_edit", "subtype": "delete"}
LIMIT = float(Thresholds().max_misplaced_fill or 0)


def specimen(recipe: dict[str, Any]) -> Specimen:
    """The cat before a wall, and what a perfect edit makes of it."""
    source = before(EMPTY, CAT)
    there = edit_masks(SUBTYPES[recipe["subtype"]], CAT, recipe)[1]
    result = EMPTY if there is None else before_moved(there)
    alpha = region_alpha(SUBTYPES[recipe["subtype"]], CAT, there, 6, 0.6)
    chinese, english = instructions.write(recipe, SUBJECT, WIDTH, HEIGHT, 3)
    files = {
        "source": encode_jpeg(source, 95), "result": encode_jpeg(result, 95), "mask": encode_png(CAT),
        "mask_inverse": encode_png(~CAT), "instruction_ch": f"{chinese}\n".encode(),
        "instruction_en": f"{english}\n".encode(),
    }  # fmt: skip
    return Specimen(source, result, CAT, allowed_region(alpha), files, recipe)


def before_moved(there: Pixels) -> Pixels:
    shifted = np.roll(before(EMPTY, CAT), MOVE["dx"], axis=1)
    return np.where(there[..., None] > 0, shifted, EMPTY).astype(np.uint8)


PAIR = specimen(MOVE)


def fault_of(name: str, pair: Specimen = PAIR, seed: int = 1) -> Fault:
    fault = injected(name, pair, [pair], seed)
    assert fault
    return fault


def mask_in(fault: Fault, role: str = "mask") -> Pixels:
    decoded = cv2.imdecode(np.frombuffer(fault.files[role], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)


@pytest.mark.parametrize("seed", [1, 2])
def test_half_an_object_is_half(seed: int) -> None:
    half = mask_in(fault_of("half_object", seed=seed))
    assert not (half & ~CAT).any()
    assert np.count_nonzero(half) == pytest.approx(np.count_nonzero(CAT) / 2, rel=0.05)


def test_half_the_subject_is_missing_where_the_background_is_edited() -> None:
    background = replace(PAIR, mask=255 - CAT, recipe={"subtype": "background", "kind": "defocus"})
    half = 255 - mask_in(fault_of("half_object", background))
    assert not (half & ~CAT).any()
    assert half.any()


def test_a_slab_hangs_on_the_object_and_is_background() -> None:
    joined = mask_in(fault_of("slab_joined"))
    assert not (CAT & ~joined).any()
    assert np.count_nonzero(joined) > 1.3 * np.count_nonzero(CAT)
    assert cv2.connectedComponents(joined)[0] == 2


@pytest.mark.parametrize("recipe", [MOVE, DELETE])
def test_a_ghost_stays_in_the_result_and_is_a_remainder(recipe: dict[str, Any]) -> None:
    pair = specimen(recipe)
    fault = fault_of("ghost_left", pair)
    kept, result = mask_in(fault), decode_jpeg(fault.files["result"])
    lost = (CAT & ~kept) > 0
    assert np.abs(result[lost].astype(int) - pair.source[lost]).mean() < 4
    measured = find_remainders(pair.source, kept)
    assert measured
    assert measured.remainder > 0.15


def test_two_fused_things_are_in_both_pictures_and_have_a_neck() -> None:
    fault = fault_of("fused")
    both, source, result = mask_in(fault), *(decode_jpeg(fault.files[role]) for role in ("source", "result"))
    second = cv2.erode(both & ~CAT, np.ones((5, 5), np.uint8)) > 0
    assert np.abs(source[second].astype(int) - result[second]).mean() < 4
    assert cv2.connectedComponents(both)[0] == 2
    assert neck_step(source, both) > 40


def test_what_is_dropped_lands_on_its_mirror_image() -> None:
    fault = fault_of("dropped_onto")
    source = decode_jpeg(fault.files["source"])
    other = np.where(np.abs(source.astype(int) - PAIR.source).max(axis=2) > 40, 255, 0).astype(np.uint8)
    away = np.asarray(cv2.dilate(CAT, np.ones((9, 9), np.uint8)), np.uint8)
    assert not (other & away).any()
    standing = find_standing(source, CAT, moved(CAT, MOVE["dx"], 0), other)
    assert standing
    assert standing.overlap
    assert standing.overlap > 0.02


def test_what_is_lifted_is_told_so_and_leaves_the_ground() -> None:
    fault = fault_of("lifted_off")
    assert fault.recipe
    assert (fault.recipe["direction"], fault.recipe["dx"]) == ("up", 0)
    there = mask_in(fault, "result_mask")
    assert np.array_equal(there, moved(CAT, 0, fault.recipe["dy"]))
    standing = find_standing(PAIR.source, CAT, there, None)
    assert standing
    assert standing.lift > 0.1
    outside = mask_in(fault, "allowed") == 0
    pictures = [decode_jpeg(fault.files[role]) for role in ("source", "result")]
    assert np.array_equal(pictures[0][outside], pictures[1][outside])


@pytest.mark.parametrize("name", ["dropped_onto", "lifted_off"])
def test_only_what_moves_lands_or_is_lifted(name: str) -> None:
    assert injected(name, specimen(DELETE), [PAIR], 1) is None


def test_what_a_model_draws_gets_no_canary_of_masks() -> None:
    drawn = replace(PAIR, recipe={"subtype": "physical", "kind": "wet"})
    assert [injected(canary.name, drawn, [PAIR], 1) for canary in MASK_CANARIES] == [None] * len(
        MASK_CANARIES
    )


@pytest.mark.parametrize("recipe", [MOVE, DELETE])
def test_what_stands_at_another_height_looks_like_nothing_at_this_one(recipe: dict[str, Any]) -> None:
    pair = specimen(recipe)
    there = edit_masks(SUBTYPES[recipe["subtype"]], CAT, recipe)[1]
    fault = fault_of("misplaced_fill", pair)
    spoilt = decode_jpeg(fault.files["result"])
    assert float(misplaced_fill(pair.source, pair.result, CAT, there) or 0) < LIMIT
    assert float(misplaced_fill(pair.source, spoilt, CAT, there) or 0) > LIMIT


def test_where_all_heights_look_alike_nothing_is_out_of_place() -> None:
    grass = ground("grass")
    alike = replace(specimen(DELETE), source=before(grass, CAT), result=grass)
    assert injected("misplaced_fill", alike, [alike], 1) is None


@pytest.mark.parametrize("name", ["cable_left", "misplaced_fill"])
def test_nothing_is_left_where_what_has_grown_covers_its_own_place(name: str) -> None:
    rows, columns = np.nonzero(CAT)
    middle = {"anchor_x": float(columns.mean()), "anchor_y": float(rows.mean())}
    growth = {"subtype": "scale", "factor": 1.4, **middle}
    assert injected(name, replace(PAIR, recipe=growth), [PAIR], 1) is None
    assert injected(name, PAIR, [PAIR], 1)
