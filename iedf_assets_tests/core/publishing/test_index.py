import csv
import json
import shutil
import threading
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.sections import Sources
from iedf_assets.core.publishing.index import QA_COLUMNS, IndexSummary, is_behind, write_index
from iedf_assets.core.publishing.index_rows import INDEX_COLUMNS, METADATA, PHOTO
from iedf_assets.core.publishing.orphans import orphans
from iedf_assets.core.storage.journal import Journal, read_journal
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.manifests import frame, write_table
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets_tests.helpers.pair_making import PHOTOS, Plant, source_id_of, tree

CATEGORIES = ("人物物体一致性", "物体一致性", "物理变化")


def plants_of(profile: Profile, layout: Layout, order: tuple[str, ...] = CATEGORIES) -> dict[str, Plant]:
    """Three categories, of which one has a no-op, one a failed edit and one a slot not judged yet."""
    plants = {}
    for name in order:
        plant = plants[name] = Plant(profile, layout, name)
        if name == CATEGORIES[0]:
            plant.no_ops = frozenset({plant.slots[0].name})
        plant.make()
        if name == CATEGORIES[1]:
            plant.edits[plant.slots[1].edit_key] |= {"status": "failed", "reason": "OSError"}
        plant.judge([slot.name for slot in plant.slots[:7]])
        plant.save()
    return plants


def profile_in(home: Path) -> Profile:
    paths = [f"paths.{key}={home / key}" for key in ("data", "outputs", "logs")]
    return load_profile(DEFAULT_PROFILE, [*paths, "categories.物体一致性.subtypes={delete: 1}"])


def copied(planted: dict[str, Plant], profile: Profile) -> dict[str, Plant]:
    layout = Layout.of(profile)
    shutil.copytree(planted[CATEGORIES[0]].layout.outputs, layout.outputs)
    return {
        name: replace(
            plant, profile=profile, layout=layout,
            edits=deepcopy(plant.edits), pairs=deepcopy(plant.pairs), rows=deepcopy(plant.rows),
        )
        for name, plant in planted.items()
    }  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plant]:
    """The three categories of `plants_of`; not to be changed."""
    profile = profile_in(tmp_path_factory.mktemp("planted"))
    return plants_of(profile, Layout.of(profile))


@dataclass(frozen=True)
class Indexed:
    """Plants and their index; not to be changed."""

    plants: dict[str, Plant]
    layout: Layout
    summary: IndexSummary


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, planted: dict[str, Plant]) -> Indexed:
    profile = profile_in(tmp_path_factory.mktemp("indexed"))
    plants = copied(planted, profile)
    layout = Layout.of(profile)
    return Indexed(plants, layout, write_index(profile, layout))


@pytest.fixture
def plants(profile: Profile, planted: dict[str, Plant]) -> dict[str, Plant]:
    """A copy of `planted` that a test may change."""
    return copied(planted, profile)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_index_lists_every_sample_with_paths_that_exist(indexed: Indexed) -> None:
    entries = read_jsonl(indexed.layout.index)
    keys = [entry["sample_key"] for entry in entries]
    assert sorted(keys) == sorted(key for plant in indexed.plants.values() for key in plant.samples())
    for entry in entries:
        assert tuple(entry) == INDEX_COLUMNS
        assert tuple(entry["metadata"]) == METADATA
        place = [entry[column] for column in ("edit_task", "subtype", "scene", "sample_id")]
        assert "/".join(place) == entry["sample_key"]
        metadata = entry["metadata"]
        named = [metadata["allowed_region_mask_path"], *entry["mask_paths"]]
        named += [metadata["result_mask_path"]] if entry["edit_task"] == "structural_edit" else []
        for path in (entry["src_image_path"], entry["result_image_path"], *named):
            assert (indexed.layout.outputs / path).is_file()
        assert metadata["source_path"].startswith(entry["dataset_category"] + "/")
        assert json.loads(metadata["recipe"])["subtype"] == entry["subtype"]
        assert (metadata["width"], metadata["height"], metadata["backend"]) == (160, 128, "classical")
        folder = indexed.layout.dataset / entry["sample_key"]
        assert folder.with_name(f"{folder.name}_CH.txt").read_text("utf-8") == entry["instruction_ch"]
        assert entry["tier"] == "composited"


def test_the_index_tells_of_which_photo_the_model_was_shown_an_object_and_whose_it_is(
    profile: Profile, layout: Layout
) -> None:
    plant = Plant(profile, layout, CATEGORIES[0], photos=PHOTOS[:2])
    plant.make()
    plant.judge()
    slot, shown = plant.slots[0], PHOTOS[1]
    plant.edits[slot.edit_key]["reference"] = source_id_of(shown)
    plant.facts = {shown: {"licence": "CC-BY-4.0", "author": "Ann"}}
    plant.save()
    write_index(profile, layout)
    told = {entry["sample_key"]: entry["metadata"]["reference"] for entry in read_jsonl(layout.index)}
    assert told.pop(plant.rows[slot.name]["sample_key"]) == {
        "source_id": source_id_of(shown), "path": f"{plant.name}/{shown}.png",
        "licence": "CC-BY-4.0", "author": "Ann", "copyright": None, "source": None,
    }  # fmt: skip
    assert set(told.values()) == {None}


def test_the_csv_says_the_same_with_quotes_commas_and_chinese(indexed: Indexed) -> None:
    rows, entries = read_csv(indexed.layout.reports / "index.csv"), read_jsonl(indexed.layout.index)
    assert tuple(rows[0]) == INDEX_COLUMNS
    assert '"' in rows[0]["instruction_en"]
    assert "," in rows[0]["instruction_en"]
    assert [row["sample_key"] for row in rows] == sorted(entry["sample_key"] for entry in entries)
    for row, entry in zip(rows, sorted(entries, key=lambda entry: str(entry["sample_key"])), strict=True):
        plain: dict[str, Any] = dict(row)
        plain |= {"mask_paths": row["mask_paths"].split("|"), "metadata": json.loads(row["metadata"])}
        assert plain == entry


def test_counts_add_up_and_the_rate_is_published_by_judged(indexed: Indexed) -> None:
    for name, plant in indexed.plants.items():
        assert indexed.summary.counts[name] == dict(Counter(plant.statuses()))
        assert sum(indexed.summary.counts[name].values()) == len(plant.slots)
    assert indexed.summary.counts[CATEGORIES[1]] == {"failed": 1, "published": 3}
    assert indexed.summary.counts[CATEGORIES[2]] == {"pending": 1, "published": 7}
    assert json.loads((indexed.layout.qa / "qa_summary.json").read_text("utf-8")) == {
        "total": 14,
        "passed": 13,
        "failed": 1,
        "pass_rate": 13 / 14,
    }


def test_scores_cover_every_judged_pair_a_reject_without_a_number(indexed: Indexed) -> None:
    rows = read_csv(indexed.layout.qa / "qa_scores.csv")
    assert tuple(rows[0]) == QA_COLUMNS
    assert len(rows) == 14
    reject = indexed.plants[CATEGORIES[0]].rows[indexed.plants[CATEGORIES[0]].slots[0].name]
    (found,) = [row for row in rows if row["passed"] == "false"]
    assert (found["sample_id"], found["sample_key"], found["edit_id"]) == ("", "", reject["edit_id"])
    assert json.loads(found["details"])["failed_checks"] == reject["failed_checks"]
    assert {row["sample_id"] for row in rows} <= {"", *(f"{number:05d}" for number in range(1, 9))}
    assert all(float(row["mse_outside_region"]) == 0 for row in rows)


def test_withdrawn_samples_are_in_no_list_and_still_counted(
    profile: Profile, layout: Layout, plants: dict[str, Plant]
) -> None:
    plant = plants[CATEGORIES[2]]
    plant.photos = PHOTOS[:2]
    plant.judge()
    plant.save()
    summary = write_index(profile, layout)
    assert summary.counts[CATEGORIES[2]] == {"published": 4, "withdrawn": 3}
    assert len(read_jsonl(layout.index)) == summary.passed == 10
    assert summary.lint == []


@pytest.mark.slow
def test_the_order_of_the_categories_changes_no_byte(tmp_path: Path, profile: Profile) -> None:
    found = []
    for home, order in (("a", CATEGORIES), ("b", CATEGORIES[::-1])):
        layout = Layout(*(tmp_path / home / name for name in ("data", "outputs", "staging", "logs")))
        plants_of(profile, layout, order)
        write_index(profile, layout)
        found.append(tree(layout.reports))
    assert found[0] == found[1]


def test_rows_still_in_a_journal_count(profile: Profile, layout: Layout, plants: dict[str, Plant]) -> None:
    plant = plants[CATEGORIES[1]]
    before = write_index(profile, layout)
    row = plant.rows[plant.slots[1].name] | {"status": "pending"}
    with Journal(layout.journal("dataset", plant.name)) as journal:
        journal.append([row])
    after = write_index(profile, layout)
    assert before.counts[plant.name] == {"failed": 1, "published": 3}
    assert after.counts[plant.name] == {"pending": 1, "published": 3}


@pytest.mark.usefixtures("plants")
def test_while_edits_are_made_anew_the_index_keeps_what_it_said_of_them(
    profile: Profile, layout: Layout
) -> None:
    write_index(profile, layout)
    before = layout.index.read_bytes()
    for name in CATEGORIES:
        write_table(frame([], "edited_images"), layout.manifest("edited_images", name))
        write_table(frame([], "edit_pairs"), layout.manifest("edit_pairs", name))
    write_index(profile, layout)
    assert layout.index.read_bytes() == before


@pytest.mark.usefixtures("plants")
def test_a_source_has_one_split_whatever_category_it_lies_in(profile: Profile, layout: Layout) -> None:
    for share, expected in ((0.0, {"train"}), (1.0, {"validation"}), (0.5, {"train", "validation"})):
        sources = profile.sources.model_copy(update={"validation_share": share})
        write_index(profile.model_copy(update={"sources": sources}), layout)
        splits: dict[str, set[str]] = {}
        for entry in read_jsonl(layout.index):
            splits.setdefault(entry["source_id"], set()).add(entry["split"])
        assert set(splits) == {source_id_of(name) for name in PHOTOS}
        assert all(len(names) == 1 for names in splits.values())
        assert set().union(*splits.values()) <= expected


def test_the_same_photo_in_two_categories_is_a_twin(indexed: Indexed) -> None:
    assert len(indexed.summary.twins) == len(PHOTOS) * 3
    written = json.loads((indexed.layout.reports / "twins.json").read_text("utf-8"))
    assert written[0] == {
        "first": f"{CATEGORIES[0]}/astronaut.png",
        "second": f"{CATEGORIES[1]}/astronaut.png",
        "same_content": True,
    }


@pytest.mark.usefixtures("plants")
def test_lint_tells_damage_orphans_and_strays(profile: Profile, layout: Layout) -> None:
    assert write_index(profile, layout).lint == []
    folder = layout.dataset / "semantic_edit/delete/mixed"
    damaged = folder / "00001_result.jpg"
    content = damaged.read_bytes()
    damaged.unlink()
    damaged.write_bytes(content[:500])
    (folder / "00077.jpg").touch()
    (folder / "notes.txt").touch()
    write_index(profile, layout)
    issues = json.loads((layout.reports / "lint_issues.json").read_text("utf-8"))
    assert [(Path(issue["path"]).name, issue["code"]) for issue in issues] == [
        ("00001_result.jpg", "corrupted"),
        ("00077.jpg", "not_in_index"),
        ("notes.txt", "bad_name"),
    ]
    assert set(issues[0]) == {"path", "code", "message"}


@pytest.mark.usefixtures("plants")
def test_orphans_are_found_without_an_index_but_not_what_is_being_published(layout: Layout) -> None:
    assert orphans(layout) == []
    place = ("semantic_edit", "delete", "mixed")
    folder = layout.dataset.joinpath(*place)
    (folder / "00077.jpg").touch()
    assert orphans(layout) == [SampleKey(*place, 77)]
    number = Ledger(layout).assign({"f" * 16: place}, CATEGORIES[0]).numbers["f" * 16]
    (layout.dataset / number.file("source")).touch()
    assert orphans(layout) == [SampleKey(*place, 77)]


def test_nothing_at_all_gives_empty_lists(profile: Profile, layout: Layout) -> None:
    summary = write_index(profile, layout)
    assert (summary.counts, summary.judged, summary.pass_rate) == ({}, 0, 0.0)
    assert layout.index.read_bytes() == b""
    assert read_csv(layout.reports / "index.csv") == []
    assert [issue.code for issue in summary.lint] == ["missing_dataset"]


def test_the_index_is_behind_from_a_change_of_a_dataset_until_all_of_it_is_written(
    profile: Profile, layout: Layout
) -> None:
    assert not is_behind(layout, CATEGORIES[0], Sources())
    plants = plants_of(profile, layout)
    assert all(is_behind(layout, name, Sources()) for name in CATEGORIES)
    write_index(profile, layout)
    assert not any(is_behind(layout, name, Sources()) for name in CATEGORIES)
    plants[CATEGORIES[2]].save()
    # As a full disk would: the index is written, and one of the reports beside it is not.
    twins = layout.reports / "twins.json"
    twins.unlink()
    twins.mkdir()
    with pytest.raises(IsADirectoryError):
        write_index(profile, layout)
    assert all(is_behind(layout, name, Sources()) for name in CATEGORIES)
    twins.rmdir()
    write_index(profile, layout)
    assert not any(is_behind(layout, name, Sources()) for name in CATEGORIES)


@pytest.mark.parametrize(
    "name",
    [
        "index.csv", "index.jsonl", "index.parquet", "qa/qa_summary.json", "qa/coverage.csv",
        "lint_issues.json", "twins.json",
    ],
)  # fmt: skip
def test_the_index_is_behind_when_somebody_else_wrote_to_it_or_took_it_away(
    profile: Profile, layout: Layout, name: str
) -> None:
    plants_of(profile, layout)
    write_index(profile, layout)
    whole = (layout.reports / name).read_bytes()
    (layout.reports / name).write_bytes(b"x")
    assert is_behind(layout, CATEGORIES[0], Sources())
    write_index(profile, layout)
    assert (layout.reports / name).read_bytes() == whole
    (layout.reports / name).unlink()
    assert is_behind(layout, CATEGORIES[0], Sources())


@pytest.mark.usefixtures("plants")
def test_several_at_once_write_one_whole_index(profile: Profile, layout: Layout) -> None:
    threads = [threading.Thread(target=write_index, args=(profile, layout)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_jsonl(layout.index)) == 13
    assert not list(layout.reports.rglob(".tmp-*"))


def test_the_index_says_whose_a_photo_is_and_what_it_shows(profile: Profile, layout: Layout) -> None:
    plant = Plant(profile, layout, "物体一致性")
    first, second, *_ = plant.photos
    plant.facts[first] = {
        "licence": "CC BY 4.0",
        "source": "https://example.org/7",
        "caption": {"en": "A cup."},
    }
    plant.rights = {first: {"licence": "MIT", "author": "Ann"}, second: {"copyright": "(c) Zoë"}}
    plant.make()
    plant.judge()
    plant.save()
    write_index(profile, layout)
    told = {
        Path(row["metadata"]["source_path"]).stem: {key: row["metadata"][key] for key in PHOTO}
        for row in read_journal(layout.index)
    }
    nothing = dict.fromkeys(PHOTO)
    assert told[first] == {
        "photo_licence": "CC-BY-4.0", "photo_author": "Ann", "photo_copyright": None,
        "photo_source": "https://example.org/7", "photo_caption": {"ch": None, "en": "A cup."},
    }  # fmt: skip
    assert told[second] == {**nothing, "photo_copyright": "(c) Zoë"}
    assert all(told[name] == nothing for name in plant.photos[2:])


def test_the_index_is_behind_when_the_split_is_another(profile: Profile, layout: Layout) -> None:
    plants_of(profile, layout)
    write_index(profile, layout)
    other = profile.sources.model_copy(update={"validation_share": 1.0})
    assert is_behind(layout, CATEGORIES[0], other)
    write_index(profile.model_copy(update={"sources": other}), layout)
    assert not is_behind(layout, CATEGORIES[0], other)
    assert {row["split"] for row in read_csv(layout.reports / "index.csv")} == {"validation"}
