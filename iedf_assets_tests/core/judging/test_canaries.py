from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits import instructions
from iedf_assets.core.edits.readings import disagreements, read
from iedf_assets.core.edits.stated import applied
from iedf_assets.core.judging.canaries import CANARIES, index_entry, injected, opposite
from iedf_assets.core.judging.specimens import Fault, Specimen
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg, encode_png
from iedf_assets.core.pictures.masks import allowed_region
from iedf_assets.core.scoring.drift import find_drift
from iedf_assets_tests.helpers.subjects import SUBJECT

MOVE: dict[str, Any] = {
    "task": "structural_edit", "subtype": "move", "direction": "left", "percent": 15, "dx": -90, "dy": 0,
}  # fmt: skip
PICTURE_CLASSES = ("no_op", "brighter_1", "brighter_2", "warm_cast", "shifted", "zoomed", "hard_seam", "leak",
                   "re_encoded", "wrong_file")  # fmt: skip
# Roles of the files that each canary changes.
CHANGED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("result",): (
        "no_op", "re_encoded", "wrong_file", "truncated", "wrong_amount", "channel_left_out",
        "region_left_out",
    ),
    ("result", "source"): (
        "brighter_1", "brighter_2", "warm_cast", "shifted", "zoomed", "hard_seam", "leak", "swapped_pair",
        "dropped_onto", "cable_left", "misplaced_fill", "patchy",
    ),
    ("mask", "mask_inverse"): ("mask_inverted", "mask_empty", "mask_full", "half_object", "slab_joined"),
    ("mask", "mask_inverse", "result", "source"): ("ghost_left", "fused"),
    ("allowed", "instruction_ch", "instruction_en", "result", "result_mask", "source"): ("lifted_off",),
    ("instruction_ch", "instruction_en"): ("swapped_languages", "wrong_direction"),
}  # fmt: skip
RETOLD = ("wrong_direction", "lifted_off")
ROLES = {name: roles for roles, names in CHANGED.items() for name in names}


def specimen(photo: Pixels, recipe: dict[str, Any]) -> Specimen:
    """The photo with a brighter ellipse, as the factory writes it."""
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.ellipse(mask, (photo.shape[1] // 2, photo.shape[0] // 2), (70, 50), 10, 0, 360, 255, -1)
    result = np.where(mask[..., None] > 0, photo // 2 + 60, photo).astype(np.uint8)
    chinese, english = instructions.write(recipe, SUBJECT, 600, 400, 3)
    files = {
        "source": encode_jpeg(photo, 95), "result": encode_jpeg(result, 95), "mask": encode_png(mask),
        "mask_inverse": encode_png(~mask), "instruction_ch": f"{chinese}\n".encode(),
        "instruction_en": f"{english}\n".encode(),
    }  # fmt: skip
    allowed = allowed_region(cv2.dilate(mask, np.ones((31, 31), np.uint8)).astype(np.uint8))
    return Specimen(decode_jpeg(files["source"]), decode_jpeg(files["result"]), mask, allowed, files, recipe)


def stated_specimen(recipe: dict[str, Any]) -> Specimen:
    """An edit of a whole photo, which has no masks."""
    source = encode_jpeg(data.coffee(), 95)
    decoded = decode_jpeg(source)
    result = encode_jpeg(applied(recipe, decoded), 95)
    chinese, english = instructions.write(recipe, {}, 600, 400, 3)
    files = {
        "source": source, "result": result, "instruction_ch": f"{chinese}\n".encode(),
        "instruction_en": f"{english}\n".encode(),
    }  # fmt: skip
    everything = np.full(decoded.shape[:2], 255, np.uint8)
    return Specimen(decoded, decode_jpeg(result), everything, everything, files, recipe)


BRIGHTER = {"task": "style_edit", "subtype": "brightness", "kind": "brighter", "percent": 20}
STATED_CLASSES = ("wrong_amount", "channel_left_out", "region_left_out")
STATED_PAIR = stated_specimen(BRIGHTER)
PAIR, OTHER = specimen(data.coffee(), MOVE), specimen(data.rocket(), MOVE)


PAIRS = dict.fromkeys(STATED_CLASSES, STATED_PAIR) | {
    "patchy": replace(PAIR, recipe={"task": "semantic_edit", "subtype": "recolor"})
}


def fault_of(name: str, seed: int = 1) -> Fault:
    fault = injected(name, PAIRS.get(name, PAIR), [OTHER], seed)
    assert fault
    return fault


@pytest.mark.parametrize("name", CANARIES)
def test_a_fault_changes_files_and_is_the_same_for_the_same_seed(name: str) -> None:
    fault = fault_of(name)
    assert fault.files
    pair = PAIRS.get(name, PAIR)
    assert all(pair.files.get(role) != content for role, content in fault.files.items())
    assert fault_of(name) == fault


@pytest.mark.parametrize("name", PICTURE_CLASSES)
def test_a_spoilt_result_is_a_sound_picture_of_the_same_size(name: str) -> None:
    files = fault_of(name).files
    assert "result" in files
    assert set(files) <= {"source", "result"}
    assert decode_jpeg(files["result"]).shape == PAIR.result.shape


def test_strengths_are_as_stated() -> None:
    outside = PAIR.allowed == 0

    def change(name: str) -> Pixels:
        files = fault_of(name).files
        return np.abs(decode_jpeg(files["result"]).astype(int) - decode_jpeg(files["source"])).astype(
            np.uint8
        )

    for name, levels in (("brighter_1", 1), ("brighter_2", 2)):
        assert np.median(change(name)[outside]) == levels
    leaked = change("leak").max(axis=2)
    assert 80 <= np.count_nonzero((leaked > 30) & outside) <= 130
    # The fault is all that differs outside: a pasted step stays within the allowed region's blocks.
    assert np.count_nonzero((leaked > 0) & outside) < 600
    assert change("hard_seam")[outside].max() == 0


def test_masks_stay_each_others_inverse() -> None:
    for name in ("mask_inverted", "mask_empty", "mask_full"):
        files = fault_of(name).files
        masks = [cv2.imdecode(np.frombuffer(files[role], np.uint8), 0) for role in ("mask", "mask_inverse")]
        assert masks[0] is not None
        assert masks[1] is not None
        assert np.array_equal(masks[0], 255 - masks[1])


def test_a_wrong_direction_is_one_that_only_the_picture_can_tell() -> None:
    fault = fault_of("wrong_direction")
    assert fault.recipe
    assert (fault.recipe["direction"], fault.recipe["dx"]) == ("right", 90)
    for role, language in (("instruction_ch", "ch"), ("instruction_en", "en")):
        assert language in {"ch", "en"}
        reading = read(fault.files[role].decode().strip(), "ch" if language == "ch" else "en")
        assert reading
        assert disagreements(reading, fault.recipe) == []
    entry = index_entry(
        {"instruction_ch": "", "instruction_en": "", "metadata": {"recipe": MOVE, "width": 9}}, fault
    )
    assert entry["instruction_en"] == fault.files["instruction_en"].decode().strip()
    assert entry["metadata"] == {"recipe": fault.recipe, "width": 9}


@pytest.mark.parametrize(
    ("recipe", "key", "value"),
    [
        ({"subtype": "scale", "factor": 1.25, "anchor_x": 3.0}, "factor", 0.8),
        ({"subtype": "identity", "kind": "warm"}, "kind", "cool"),
        ({"subtype": "identity", "kind": "relight_right"}, "kind", "relight_left"),
        ({"subtype": "recolor", "hue": 258, "colour": "blue"}, "hue", 78),
    ],
)
def test_what_the_opposite_is(recipe: dict[str, Any], key: str, value: object) -> None:
    turned = opposite(recipe)
    assert turned
    assert turned[key] == value


@pytest.mark.parametrize("recipe", [{"subtype": "delete"}, {"subtype": "background", "kind": "defocus"}])
def test_some_edits_have_no_opposite(recipe: dict[str, Any]) -> None:
    assert opposite(recipe) is None


@pytest.mark.parametrize("name", ["mask_inverted", "mask_empty", "mask_full", "hard_seam", "leak"])
def test_an_edit_of_the_whole_picture_has_no_faults_of_masks(name: str) -> None:
    assert injected(name, STATED_PAIR, [OTHER], 1) is None


@pytest.mark.parametrize("name", STATED_CLASSES)
def test_faults_of_stated_edits_are_of_no_others(name: str) -> None:
    assert injected(name, PAIR, [OTHER], 1) is None


def test_a_plain_text_allows_another_amount() -> None:
    plain = stated_specimen(BRIGHTER | {"phrasing": "plain"})
    assert injected("wrong_amount", plain, [OTHER], 1) is None


def test_a_stated_edit_the_other_way_is_asked_for_in_the_same_phrasing() -> None:
    for phrasing in ("exact", "plain"):
        fault = injected("wrong_direction", stated_specimen(BRIGHTER | {"phrasing": phrasing}), [OTHER], 1)
        assert fault
        assert fault.recipe
        assert fault.recipe["kind"] == "darker"
        assert "result" not in fault.files


def test_a_leak_needs_a_place_far_from_the_edit() -> None:
    full = Specimen(PAIR.source, PAIR.result, PAIR.mask, np.full_like(PAIR.mask, 255), PAIR.files, MOVE)
    assert injected("leak", full, [OTHER], 1) is None


def test_the_table_of_changed_files_is_of_all_canaries() -> None:
    assert ROLES.keys() == CANARIES.keys()


@pytest.mark.parametrize("name", CANARIES)
def test_a_fault_changes_the_files_it_should_and_the_index_only_with_the_direction(name: str) -> None:
    fault = fault_of(name)
    assert tuple(sorted(fault.files)) == ROLES[name]
    assert (fault.recipe is not None) == (name in RETOLD)
    entry = {"instruction_ch": "a", "instruction_en": "b", "metadata": {"recipe": MOVE}}
    assert (index_entry(entry, fault) == entry) == (name not in RETOLD)


def test_files_that_are_exchanged_or_cut_keep_their_bytes() -> None:
    files = PAIR.files
    assert fault_of("no_op").files["result"] == files["source"]
    assert fault_of("swapped_pair").files == {"source": files["result"], "result": files["source"]}
    assert fault_of("swapped_languages").files == {
        "instruction_ch": files["instruction_en"], "instruction_en": files["instruction_ch"],
    }  # fmt: skip
    cut = fault_of("truncated").files["result"]
    assert files["result"].startswith(cut)
    assert len(cut) == int(0.6 * len(files["result"]))


def test_empty_full_and_inverted_masks_are_what_they_are_called() -> None:
    for name, expected in (("mask_empty", PAIR.mask * 0), ("mask_full", PAIR.mask | 255),
                           ("mask_inverted", 255 - PAIR.mask)):  # fmt: skip
        written = cv2.imdecode(np.frombuffer(fault_of(name).files["mask"], np.uint8), 0)
        assert written is not None
        assert np.array_equal(written, expected)


def test_drifts_and_casts_are_as_large_as_stated() -> None:
    outside = np.where(PAIR.allowed > 0, np.uint8(0), np.uint8(255))

    def pictures(name: str) -> tuple[Pixels, Pixels]:
        files = fault_of(name).files
        return decode_jpeg(files["source"]), decode_jpeg(files["result"])

    shifted, zoomed = (find_drift(*pictures(name), outside) for name in ("shifted", "zoomed"))
    assert shifted
    assert zoomed
    assert shifted.shift_px == pytest.approx(0.5, abs=0.05)
    assert zoomed.zoom == pytest.approx(0.003, abs=0.0003)
    source, warm = (picture[outside > 0].mean(axis=0) for picture in pictures("warm_cast"))
    assert warm / source == pytest.approx([1.02, 1, 0.98], abs=0.005)


def test_a_wrong_file_is_the_other_pairs_result_in_this_ones_size() -> None:
    assert OTHER.result.shape != PAIR.result.shape
    expected = cv2.resize(OTHER.result, PAIR.result.shape[1::-1], interpolation=cv2.INTER_AREA)
    written = decode_jpeg(fault_of("wrong_file").files["result"])
    assert np.abs(written.astype(int) - expected).mean() < 2


def test_a_leak_lies_elsewhere_for_another_seed() -> None:
    assert len({fault_of("leak", seed).files["result"] for seed in range(4)}) == 4


def test_a_background_edit_gets_no_hard_seam() -> None:
    background = replace(PAIR, recipe={"subtype": "background", "kind": "defocus"})
    assert injected("hard_seam", background, [OTHER], 1) is None


def test_words_that_cannot_be_read_cannot_be_turned_round() -> None:
    foreign = replace(PAIR, files=PAIR.files | {"instruction_en": b"Do as you please"})
    assert injected("wrong_direction", foreign, [OTHER], 1) is None
