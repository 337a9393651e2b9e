"""What is cleaned up: what nothing refers to, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.cleaning import find_waste, throw_away
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.files import this_host
from iedf_assets.core.storage.manifests import frame, write_table
from iedf_assets.core.storage.naming import STAGED, Layout
from iedf_assets_tests.helpers.pair_making import Plant
from iedf_assets_tests.helpers.runs import run, tree

PHYSICAL = "物理变化"


def books(profile: Profile) -> list[Book]:
    return [Book.open(profile, Layout.of(profile), name) for name in profile.categories]


def staged(layout: Layout, stage: str, key: str) -> Path:
    folder = layout.staged(stage, key)
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"x" * 100)
    return folder


@pytest.mark.parametrize("stage", STAGED)
def test_a_staged_item_without_a_row_is_waste_and_one_with_a_row_is_not(
    profile: Profile, layout: Layout, stage: str
) -> None:
    kept, gone = staged(layout, stage, "aa11" * 8), staged(layout, stage, "bb22" * 8)
    # A category that left the profile still refers to what it has.
    write_table(
        frame([{"key": "aa11" * 8, "status": "done"}], stage), layout.manifest(stage, "a former category")
    )
    (entry,) = find_waste(layout, books(profile), superseded=False)
    assert (entry.path, entry.why, entry.bytes) == (gone, "unreferenced", 100)
    throw_away(layout, books(profile), [entry])
    assert kept.exists()
    assert not gone.exists()


def test_temporary_files_of_dead_processes_go_and_those_of_living_ones_stay(
    profile: Profile, layout: Layout
) -> None:
    layout.reports.mkdir(parents=True)
    dead, alive = (
        layout.reports / f".tmp-{pid}@{this_host()}-0123abcd-x" for pid in (999999999, os.getpid())
    )
    dead.write_bytes(b"12345")
    alive.write_bytes(b"1")
    (entry,) = find_waste(layout, books(profile), superseded=False)
    assert (entry.path, entry.why, entry.bytes) == (dead, "temporary", 5)


def test_of_a_photo_that_is_gone_nothing_stays_staged_and_of_the_others_everything(
    profile: Profile, layout: Layout
) -> None:
    plant = Plant(profile, layout, "物体一致性")
    plant.make()
    plant.judge()
    plant.save()
    plant.put_photos()
    edits = [layout.staged("edited_images", slot.edit_key) for slot in plant.slots]
    pairs = [layout.staged("edit_pairs", slot.pair_key) for slot in plant.slots]
    for folder in edits:
        folder.mkdir(parents=True)
    assert find_waste(layout, books(profile), superseded=True) == []
    plant.photos = plant.photos[1:]
    plant.judge()
    plant.save()
    waste = find_waste(layout, books(profile), superseded=True)
    assert {edits[0], pairs[0]} <= {entry.path for entry in waste}
    throw_away(layout, books(profile), waste)
    assert not edits[0].exists()
    assert not pairs[0].exists()
    assert all(folder.exists() for folder in (*edits[1:], *pairs[1:]))
    assert find_waste(layout, books(profile), superseded=True) == []


@pytest.mark.slow
def test_after_a_change_of_settings_the_superseded_go_and_nothing_is_made_anew(
    profile: Profile, layout: Layout, already_run: Callable[..., None]
) -> None:
    already_run("coffee", "rocket")
    assert find_waste(layout, books(profile), superseded=True) == []
    other = profile.model_copy(update={"categories": {**profile.categories, PHYSICAL: changed(profile)}})
    assert run(other)[0].went_through
    dataset = tree(layout.dataset)
    assert find_waste(layout, books(other), superseded=False) == []
    waste = find_waste(layout, books(other), superseded=True)
    assert {entry.why for entry in waste} == {"superseded"}
    assert {entry.path.parents[1].name for entry in waste} == {"edit_pairs"}
    throw_away(layout, books(other), waste)
    assert tree(layout.dataset) == dataset
    assert find_waste(layout, books(other), superseded=True) == []
    outcome, made = run(other)
    assert (outcome.waves, made) == (0, {})


def changed(profile: Profile) -> object:
    category = profile.category(PHYSICAL)
    return category.model_copy(update={"encoding": category.encoding.model_copy(update={"jpeg_quality": 90})})
