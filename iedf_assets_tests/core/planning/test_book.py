"""What a category still has to do, told from its manifests and its files without holding all of them."""

import os
from pathlib import Path

import pytest

from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.pending import unfinished
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.found import Found
from iedf_assets.core.sources.ingest import row_key
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.keys import sources_settings
from iedf_assets.core.storage.manifests import frame, read_rows, write_table
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.waves import begin_wave
from iedf_assets_tests.helpers.pair_making import Plant

CATEGORY = "物体一致性"


@pytest.fixture
def plant(profile: Profile, layout: Layout) -> Plant:
    """A category whose pairs are all published, with the files of its photos."""
    plant = Plant(profile, layout, CATEGORY)
    plant.make()
    plant.judge()
    plant.save()
    plant.put_photos()
    settings = sources_settings(profile, plant.category)
    known = read_rows(layout, "source_images", CATEGORY)
    rows = [{**known[file.name], "key": row_key(settings, file)} for file in found_in(plant)]
    write_table(frame(rows, "source_images"), layout.manifest("source_images", CATEGORY))
    return plant


def found_in(plant: Plant) -> list[Found]:
    return find_files(plant.layout, CATEGORY) or []


def book_of(plant: Plant) -> Book:
    return Book.open(plant.profile, plant.layout, CATEGORY)


def result_of(plant: Plant, number: int) -> Path:
    """The published result of a slot."""
    return plant.layout.dataset / SampleKey.parse(plant.samples()[number]).file("result")


def photo_of(plant: Plant, number: int) -> str:
    """The path of the photo that a slot is of."""
    paths = {source.source_id: source.path for source in book_of(plant).accepted}
    return paths[plant.slots[number].source_id]


def first_photos(plant: Plant) -> set[str]:
    """The names of the slots of the first photo."""
    return {slot.name for slot in plant.slots if slot.source_id == plant.slots[0].source_id}


def test_what_is_published_is_not_pending(plant: Plant) -> None:
    assert len(plant.samples()) == len(plant.slots)
    assert unfinished(book_of(plant), found_in(plant)) == []


def test_files_that_only_look_younger_are_told_by_their_checksums(plant: Plant) -> None:
    for number in range(len(plant.slots)):
        os.utime(result_of(plant, number), (4e9, 4e9))
    assert unfinished(book_of(plant), found_in(plant)) == []


@pytest.mark.parametrize("fault", ["a flipped byte", "a shorter file", "no file"])
def test_a_photo_whose_sample_is_damaged_is_pending(plant: Plant, fault: str) -> None:
    path = result_of(plant, 0)
    content = path.read_bytes()
    if fault == "no file":
        path.unlink()
    else:
        path.write_bytes(content[:-1] + (b"" if fault == "a shorter file" else bytes([content[-1] ^ 1])))
        os.utime(path, (4e9, 4e9))
    assert unfinished(book_of(plant), found_in(plant)) == [photo_of(plant, 0)]


def test_a_photo_whose_edit_is_parked_is_not_pending_and_one_that_failed_once_is(plant: Plant) -> None:
    first, second = plant.slots[0], next(slot for slot in plant.slots if slot.name not in first_photos(plant))
    for slot, attempts in ((first, 3), (second, 1)):
        plant.edits[slot.edit_key] |= {"status": "failed", "reason": "OSError", "attempts": attempts}
        plant.rows[slot.name] |= {"status": "failed", "sample_key": None}
    for stage, rows in (("edited_images", plant.edits), ("dataset", plant.rows)):
        write_table(frame(rows.values(), stage), plant.layout.manifest(stage, CATEGORY))
    pending = photo_of(plant, plant.slots.index(second))
    assert unfinished(book_of(plant), found_in(plant)) == [pending]


def test_a_book_at_work_holds_the_rows_of_its_wave_alone(plant: Plant) -> None:
    begin_wave(plant.layout, CATEGORY, [photo_of(plant, 0)])
    at_work = book_of(plant).at_work()
    slots = [slot for slot in plant.slots if slot.name in first_photos(plant)]
    assert set(at_work.pairs) == {slot.pair_key for slot in slots}
    assert set(at_work.edits) == {slot.edit_key for slot in slots}
    assert len(at_work.verdicts) == len(plant.slots)


def test_a_book_at_work_holds_the_pairs_that_are_published_under_earlier_settings(plant: Plant) -> None:
    begin_wave(plant.layout, CATEGORY, [photo_of(plant, 0)])
    category = plant.category.model_copy(
        update={"encoding": plant.category.encoding.model_copy(update={"jpeg_quality": 71})}
    )
    book = Book(plant.profile, plant.layout, CATEGORY, category)
    published = {slot.pair_key for slot in plant.slots if slot.name in first_photos(plant)}
    assert set(book.at_work().pairs) == published
