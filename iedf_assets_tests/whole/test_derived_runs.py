"""More pairs from each photo, from photo to checked sample."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.pictures.codecs import decode, encode_jpeg
from iedf_assets.core.planning.accounts import slots_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import add_review
from iedf_assets_tests.helpers.exports import exported
from iedf_assets_tests.helpers.runs import PHYSICAL, put, run, tree, with_settings

pytestmark = pytest.mark.slow

SUBTYPES = "{move: 1, identity: 1, background: 1, brightness: 1}"
MIXED = f"categories.{PHYSICAL}={{task: structural_edit, subtypes: {SUBTYPES}}}"


def index_of(layout: Layout) -> dict[str, Row]:
    rows = [json.loads(line) for line in layout.index.read_text("utf-8").splitlines()]
    return {row["sample_key"]: row for row in rows}


def staged(layout: Layout) -> set[str]:
    """The keys of all edits that were rendered."""
    return {path.parent.name for path in (layout.staging / "edited_images").glob("*/*/picture.png")}


def _require_sound(profile: Profile, layout: Layout) -> None:
    """Every pair is judged good by the limits that it was published by."""
    assert check_dataset(layout.dataset, thresholds=profile.category(PHYSICAL).thresholds).clean


def _of_half(photo: Pixels, *, begins_with_a_move: bool) -> bytes:
    """A photo as a file whose content says what its chain begins with."""
    files = (encode_jpeg(photo, quality) for quality in range(95, 75, -1))
    return next(
        file for file in files if sum(map(ord, content_hash(file))) // 2 % 2 == int(begins_with_a_move)
    )


def _look_at_rendering(book: Book, new: set[str], subtype: str) -> None:
    """Of what is derived only a turn of a subtype was rendered, from the pixels of its own source."""
    turns = [slot for slot in book.slots_of(book.accepted) if slot.parents and slot.is_rendered]
    done = [slot for slot in turns if book.edits[slot.edit_key]["status"] == "done"]
    assert new == {slot.edit_key for slot in done} != set()
    for slot in done:
        sample = book.published[slot.name].sample_key
        source, result = (decode(book.layout.dataset / f"{sample}{end}") for end in (".jpg", "_result.jpg"))
        patch = decode(book.layout.staged("edited_images", slot.edit_key) / "picture.png")
        alone = decode(book.layout.dataset / f"{sample}_mask-1.png")
        inside = cv2.erode(alone, np.ones((25, 25), np.uint8)) > 0  # without its soft rim
        x, y = (book.edits[slot.edit_key][name] for name in "xy")
        rendered = np.zeros_like(inside)
        rendered[y : y + patch.shape[0], x : x + patch.shape[1]] = True
        inside &= rendered
        assert inside.any()
        assert slot.subtype.name == subtype
        # What it leaves alone it took from the result of the turn before, not from the photo.
        assert np.array_equal(patch[inside[rendered].reshape(patch.shape[:2])], source[inside])
        assert np.array_equal(result[inside], source[inside])


def _look_at_chains(layout: Layout, entries: dict[str, Row]) -> None:
    """The photo has a chain of three turns, each beginning with the result of the one before."""
    chains: dict[str, dict[int, Row]] = {}
    for row in entries.values():
        if row["metadata"]["chain"]:
            chains.setdefault(row["metadata"]["chain"], {})[row["metadata"]["turn"]] = row
    assert len(chains) == 1
    for key, turns in chains.items():
        assert sorted(turns) == [1, 2, 3]
        assert turns[1]["sample_key"] == key
        assert len({row["split"] for row in turns.values()}) == 1
        for number in (2, 3):
            before, after = (turns[number - 1]["result_image_path"], turns[number]["src_image_path"])
            assert (layout.outputs / before).read_bytes() == (layout.outputs / after).read_bytes()


@pytest.mark.parametrize("second", ["identity", "background"])
def test_what_is_derived_is_checked_and_withdrawn_with_its_pairs(
    profile: Profile, layout: Layout, tmp_path: Path, second: str
) -> None:
    put(layout, PHYSICAL, "coffee")
    for path in layout.data.rglob("*.jpg"):
        path.write_bytes(_of_half(decode(path), begins_with_a_move=second == "identity"))
    outcome, _ = run(with_settings(profile, MIXED))
    assert outcome.went_through, outcome.error
    plain, rendered = tree(layout.dataset), staged(layout)

    derived = with_settings(profile, MIXED, "derive={inverse: true, turns: 3}")
    outcome, made = run(derived)
    assert outcome.went_through, outcome.error
    # Nothing that was there is made again, and of what is new turns alone are rendered.
    assert "image_layers" not in made
    _look_at_rendering(Book.open(derived, layout, PHYSICAL), staged(layout) - rendered, second)
    assert plain.items() <= tree(layout.dataset).items()
    entries = index_of(layout)
    backs = {key: row for key, row in entries.items() if row["metadata"]["inverse_of"]}
    _look_at_chains(layout, entries)
    assert {row["subtype"] for row in backs.values()} == {"move", "brightness"}
    for row in backs.values():
        parent = entries[row["metadata"]["inverse_of"]]
        there, back = ((layout.outputs / one["src_image_path"]).read_bytes() for one in (parent, row))
        results = ((layout.outputs / one["result_image_path"]).read_bytes() for one in (parent, row))
        assert [*results] == [back, there]
        assert row["instruction_en"] != parent["instruction_en"]
        assert row["split"] == parent["split"]
    _require_sound(derived, layout)
    counted = slots_of(Book.open(derived, layout, PHYSICAL))
    assert (counted.open, counted.filled) == (0, len(entries))

    again, made = run(derived)
    assert (again.waves, made) == (0, {})

    assert exported(derived, tmp_path / "out", "parquet").proof.chains == 1

    back, gone = next(
        (key, row["metadata"]["inverse_of"]) for key, row in backs.items() if row["subtype"] == "move"
    )
    head = min(row["metadata"]["chain"] for row in entries.values() if row["metadata"]["chain"])
    for key in (gone, head):
        add_review(layout, entries[key]["edit_id"], "reject")
    outcome, _ = run(derived)
    assert outcome.went_through, outcome.error
    left = index_of(layout)
    leaving = {back, gone} | {key for key, row in entries.items() if row["metadata"]["chain"] == head}
    assert entries.keys() - left.keys() == leaving
    _require_sound(derived, layout)

    # Bare, nobody vouches for where an object ended up, and the network has an opinion of these small photos.
    layout.dataset.rename(tmp_path / "bare")
    report = check_dataset(tmp_path / "bare")
    assert report.lint == []
    assert {check for pair in report.pairs for check in pair.failed_checks} <= {
        "object",
        "effect",
        "remainder",
    }
    assert all(pair.passed for pair in report.pairs if pair.tier == "stated")


def test_one_object_is_moved_and_recoloured_in_one_instruction_and_in_turn(
    profile: Profile, layout: Layout
) -> None:
    put(layout, PHYSICAL, "coffee")
    # In its own colour it could be skin, which nobody recolours.
    for path in layout.data.rglob("*.jpg"):
        path.write_bytes(encode_jpeg(np.ascontiguousarray(decode(path)[..., ::-1]), 95))
    both = f"categories.{PHYSICAL}={{task: structural_edit, subtypes: {{move: 1, recolor: 1}}}}"
    derived = with_settings(profile, both, "derive={turns: 2, compose: 2}")
    outcome, _ = run(derived)
    assert outcome.went_through, outcome.error
    _require_sound(derived, layout)
    rows = index_of(layout).values()
    moved = next(row for row in rows if row["subtype"] == "move")
    turn = next(row for row in rows if row["metadata"]["turn"] == 2)
    composed = next(row for row in rows if row["subtype"] == "composed")
    assert turn["subtype"] == "recolor"

    def picture(row: Row, name: str) -> Pixels:
        path = row["metadata"][name] if name.endswith("_path") and name in row["metadata"] else row[name]
        return decode(layout.outputs / path)

    # The second turn's mask is where the first one has brought the object, and so is the composed pair's end.
    there = picture(moved, "result_mask_path")
    assert np.array_equal(decode(layout.outputs / turn["mask_paths"][0]), there)
    assert np.array_equal(picture(composed, "result_mask_path"), there)
    assert np.array_equal(
        decode(layout.outputs / composed["mask_paths"][0]), decode(layout.outputs / moved["mask_paths"][0])
    )
    assert np.array_equal(picture(turn, "src_image_path"), picture(moved, "result_image_path"))
    # Both ways lead to the same picture, but for the rim and for how often it was encoded.
    ends = (picture(row, "result_image_path").astype(int) for row in (turn, composed))
    assert np.abs(np.subtract(*ends)).mean() < 3
    apart = np.abs(picture(composed, "result_image_path").astype(int) - picture(moved, "result_image_path"))
    assert apart[there > 0].mean() > 20
