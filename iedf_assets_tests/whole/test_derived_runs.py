"""More pairs from each photo, from photo to checked sample."""

import json
from pathlib import Path

import pytest

from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.planning.accounts import slots_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import add_review
from iedf_assets_tests.helpers.runs import PHYSICAL, put, run, tree, with_settings

pytestmark = pytest.mark.slow

MIXED = f"categories.{PHYSICAL}={{task: structural_edit, subtypes: {{move: 1, scale: 1, brightness: 1}}}}"


def index_of(layout: Layout) -> dict[str, Row]:
    rows = [json.loads(line) for line in layout.index.read_text("utf-8").splitlines()]
    return {row["sample_key"]: row for row in rows}


def _look_at_chains(layout: Layout, entries: dict[str, Row]) -> None:
    """Each photo has a chain of three turns, each beginning with the result of the one before."""
    chains: dict[str, dict[int, Row]] = {}
    for row in entries.values():
        if row["metadata"]["chain"]:
            chains.setdefault(row["metadata"]["chain"], {})[row["metadata"]["turn"]] = row
    assert len(chains) == 2
    for key, turns in chains.items():
        assert sorted(turns) == [1, 2, 3]
        assert turns[1]["sample_key"] == key
        assert len({row["split"] for row in turns.values()}) == 1
        for number in (2, 3):
            before, after = (turns[number - 1]["result_image_path"], turns[number]["src_image_path"])
            assert (layout.outputs / before).read_bytes() == (layout.outputs / after).read_bytes()


def test_what_is_derived_is_checked_and_withdrawn_with_its_pairs(
    profile: Profile, layout: Layout, tmp_path: Path
) -> None:
    put(layout, PHYSICAL, "coffee", "rocket")
    outcome, _ = run(with_settings(profile, MIXED))
    assert outcome.went_through, outcome.error
    plain = tree(layout.dataset)

    derived = with_settings(profile, MIXED, "derive={inverse: true, turns: 3}")
    outcome, made = run(derived)
    assert outcome.went_through, outcome.error
    # Nothing that was there is made again, nor another one.
    assert "image_layers" not in made
    assert "edited_images" not in made
    assert plain.items() <= tree(layout.dataset).items()
    entries = index_of(layout)
    backs = {key: row for key, row in entries.items() if row["metadata"]["inverse_of"]}
    _look_at_chains(layout, entries)
    assert {row["subtype"] for row in backs.values()} == {"move", "scale", "brightness"}
    for row in backs.values():
        parent = entries[row["metadata"]["inverse_of"]]
        there, back = ((layout.outputs / one["src_image_path"]).read_bytes() for one in (parent, row))
        results = ((layout.outputs / one["result_image_path"]).read_bytes() for one in (parent, row))
        assert [*results] == [back, there]
        assert row["instruction_en"] != parent["instruction_en"]
        assert row["split"] == parent["split"]
    assert check_dataset(layout.dataset).clean
    counted = slots_of(Book.open(derived, layout, PHYSICAL))
    assert (counted.open, counted.filled) == (0, len(entries))

    again, made = run(derived)
    assert (again.waves, made) == (0, {})

    key, gone = next((key, row) for key, row in backs.items() if row["subtype"] == "move")
    add_review(layout, entries[gone["metadata"]["inverse_of"]]["edit_id"], "reject")
    outcome, _ = run(derived)
    assert outcome.went_through, outcome.error
    left = index_of(layout)
    leaving = {key, gone["metadata"]["inverse_of"]}
    leaving |= {key for key, row in entries.items() if row["metadata"]["chain"] in leaving}
    assert entries.keys() - left.keys() == leaving
    assert check_dataset(layout.dataset).clean

    # Bare, nobody vouches for where an object ended up, and the network has an opinion of these small photos.
    layout.dataset.rename(tmp_path / "bare")
    report = check_dataset(tmp_path / "bare")
    assert report.lint == []
    assert {check for pair in report.pairs for check in pair.failed_checks} <= {"object", "effect"}
    assert all(pair.passed for pair in report.pairs if pair.tier == "stated")
