"""A photo that a model was shown takes the edits along that it was shown for."""

import pytest

from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.cleaning import find_waste, throw_away
from iedf_assets.core.planning.withdrawals import withdrawals
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.keys import Slot
from iedf_assets.core.storage.manifests import read_rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import add_review
from iedf_assets.core.storage.waves import begin_wave
from iedf_assets_tests.helpers.pair_making import PHOTOS, Plant, source_id_of, tree
from iedf_assets_tests.helpers.runs import with_settings

CATEGORY = "物体一致性"
SHOWN = source_id_of("chelsea")


@pytest.fixture
def plant(profile: Profile, layout: Layout) -> Plant:
    """Four published samples of four photos; the first was made with an object of another photo."""
    plant = Plant(profile, layout, CATEGORY)
    plant.make()
    plant.edits[plant.slots[0].edit_key]["reference"] = SHOWN
    plant.judge()
    plant.save()
    plant.put_photos()
    return plant


def book_of(plant: Plant) -> Book:
    return Book.open(plant.profile, plant.layout, CATEGORY)


def leave(plant: Plant) -> Slot:
    """Take the photo out that was shown; the slot as it was."""
    before = plant.slots[0]
    plant.photos = tuple(name for name in PHOTOS if name != "chelsea")
    plant.save()
    plant.lost = book_of(plant).lost
    return before


def test_while_the_photo_is_used_nothing_is_lost(plant: Plant) -> None:
    assert book_of(plant).lost == {}
    assert set(book_of(plant).slots_of(book_of(plant).accepted)) == set(plant.slots)


def test_when_it_leaves_the_edit_is_planned_anew_under_another_key(plant: Plant) -> None:
    before = leave(plant)
    book = book_of(plant)
    assert book.lost == {before.edit_key: SHOWN}
    (now,) = book.keys.slots(before.source_id)
    assert now.name == before.name
    assert {now.edit_key, now.pair_key, now.verdict_key}.isdisjoint(
        (before.edit_key, before.pair_key, before.verdict_key)
    )
    begin_wave(plant.layout, CATEGORY, [f"{CATEGORY}/astronaut.png"])
    for same in (book.at_work(), book.standing()):
        assert same.keys.slots(before.source_id) == [now]


def test_an_edit_that_is_lost_twice_has_a_third_key(plant: Plant) -> None:
    before = leave(plant)
    (second,) = book_of(plant).keys.slots(before.source_id)
    plant.make_slot(second)
    plant.edits[second.edit_key]["reference"] = source_id_of("coffee")
    plant.photos = ("astronaut", "rocket")
    plant.save()
    (third,) = book_of(plant).keys.slots(before.source_id)
    assert len({before.edit_key, second.edit_key, third.edit_key}) == 3


@pytest.mark.parametrize("opened", [True, False])
def test_the_sample_leaves_also_when_its_own_photo_is_not_at_work(plant: Plant, opened: bool) -> None:
    sample = plant.rows[plant.slots[0].name]["sample_key"]
    before = leave(plant)
    plant.judge(None if opened else [])
    row = plant.rows[f"withdrawn/{sample}"]
    assert (row["reason"], row["edit_key"]) == ("left_plan", before.edit_key)
    assert plant.statuses() == ["pending", "published", "published"]
    assert not [name for name in tree(plant.layout.dataset) if sample.rpartition("/")[2] + "." in name]
    # Another edit fills the slot, under a number of its own.
    plant.salt = 1
    plant.make_slot(plant.slots[0])
    plant.judge()
    assert plant.statuses() == ["published"] * 3
    assert plant.samples()[0] != sample
    assert f"withdrawn/{sample}" in plant.rows


def reject(plant: Plant) -> None:
    """Have the first edit turned down, as if it had been so from the beginning."""
    slot = plant.slots[0]
    add_review(plant.layout, plant.edits[slot.edit_key]["edit_id"], "reject")
    plant.judge()
    plant.rows = {name: row for name, row in plant.rows.items() if row["status"] != "withdrawn"}
    plant.save()
    assert plant.statuses() == ["rejected", *["published"] * 3]


def test_a_reject_that_was_made_with_it_goes_too(plant: Plant) -> None:
    reject(plant)
    rejects = plant.layout.reports / "rejects"
    assert len(list(rejects.glob("*/*/reasons.json"))) == 1
    leave(plant)
    plant.judge([])
    assert not list(rejects.glob("*/*/reasons.json"))


def test_the_photo_comes_back_and_so_does_the_sample(plant: Plant) -> None:
    row = plant.rows[plant.slots[0].name]
    leave(plant)
    plant.judge()
    plant.photos, plant.lost = PHOTOS, {}
    plant.save()
    assert book_of(plant).lost == {}
    plant.judge()
    assert plant.rows[row["slot"]] == row
    assert not [name for name in plant.rows if name.startswith("withdrawn/")]


def test_it_counts_as_a_withdrawal_before_anything_is_done(plant: Plant) -> None:
    found = find_files(plant.layout, CATEGORY) or []
    assert withdrawals(book_of(plant), found) == (0, 4)
    there = [file for file in found if "chelsea" not in file.name]
    assert withdrawals(book_of(plant), there) == (2, 4)


def test_a_photo_that_may_not_be_used_takes_along_what_it_was_shown_for(plant: Plant) -> None:
    found = [
        file if "chelsea" in file.name else file.telling('{"licence": "MIT"}')
        for file in find_files(plant.layout, CATEGORY) or []
    ]
    commercial = with_settings(plant.profile, "limits.use=commercial")
    assert withdrawals(Book.open(commercial, plant.layout, CATEGORY), found) == (2, 4)


def test_what_is_thrown_away_is_not_planned_as_it_was(plant: Plant) -> None:
    reject(plant)
    before = leave(plant)
    folder = plant.layout.staged("edited_images", before.edit_key)
    folder.mkdir(parents=True)
    plant.judge()
    plant.save()
    waste = find_waste(plant.layout, [book_of(plant)], superseded=True)
    assert {folder, plant.layout.staged("edit_pairs", before.pair_key)} <= {entry.path for entry in waste}
    throw_away(plant.layout, [book_of(plant)], waste)
    assert not folder.exists()
    assert book_of(plant).lost == {before.edit_key: SHOWN}
    assert before.pair_key not in read_rows(plant.layout, "edit_pairs", CATEGORY)
    assert find_waste(plant.layout, [book_of(plant)], superseded=True) == []
