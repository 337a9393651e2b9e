"""What is derived of published pairs, at the gate: it comes after them and goes with them."""

from pathlib import Path

import pytest

from iedf_assets.core.judging.verdicts import verdict
from iedf_assets.core.pairs.inverses import InverseRequest, turn_round
from iedf_assets.core.pairs.samples import published_files
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.journal import Row, read_journal
from iedf_assets.core.storage.keys import Slot, derived_id
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.reviews import add_review
from iedf_assets.core.storage.staged import staged_columns
from iedf_assets_tests.helpers.pair_making import Plant
from iedf_assets_tests.helpers.profiles import CLASSICAL

CATEGORY = "物理变化"


def plant_in(folder: Path, *changes: str) -> Plant:
    folders = [f"paths.{key}={folder / key}" for key in ("data", "outputs", "logs")]
    subtypes = f"categories.{CATEGORY}.subtypes={{move: 1}}"
    profile = load_profile(CLASSICAL, [*folders, subtypes, "derive.inverse=true", *changes])
    plant = Plant(profile, Layout.of(profile), CATEGORY, photos=("astronaut", "coffee"))
    plant.make()
    return plant


def inverses(plant: Plant) -> list[Slot]:
    return [
        slot for first in plant.slots for slot in plant.keys.derived([first], lambda _: True, lambda _: False)
    ]


def make_inverse(plant: Plant, slot: Slot) -> None:
    """What the stages before the gate make of an inverse whose pair is published."""
    (parent,) = slot.parents
    made, pair = plant.edits[parent.edit_key], plant.pairs[parent.pair_key]
    row: Row = {"edit_id": derived_id(slot.role, [made["edit_id"]]), "source_id": slot.source_id}
    recipe = {"subtype": "move", "dx": -40, "dy": 10}
    texts = {"instruction_ch": "移回去", "instruction_en": "Move it back"}
    plant.edits[slot.edit_key] = {**made, **row, **texts, "key": slot.edit_key, "recipe": recipe}
    folder = plant.layout.staged("edit_pairs", slot.pair_key)
    folder.mkdir(parents=True, exist_ok=True)
    request = InverseRequest(
        key=slot.pair_key, subtype="move", recipe=recipe, parent=made["recipe"],
        files=published_files(plant.layout, SampleKey.parse(plant.rows[parent.name]["sample_key"])),
        checksums=pair["checksums"], silhouette=None, object={}, others=None, asks=False, quality=95,
        **texts, output=str(folder), row={}, inputs={},
    )  # fmt: skip
    finished = turn_round(request, folder) | staged_columns(folder)
    plant.pairs[slot.pair_key] = {**pair, **row, **finished, "key": slot.pair_key, "edit_key": slot.edit_key}


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Two moves that are published, and their inverses."""
    plant = plant_in(tmp_path)
    plant.judge()
    for slot in inverses(plant):
        make_inverse(plant, slot)
    plant.judge()
    return plant


def test_nothing_is_derived_before_its_pair_is_published(tmp_path: Path) -> None:
    plant = plant_in(tmp_path)
    assert {row["slot"] for row in plant.judge()} == {slot.name for slot in plant.slots}
    rows = {row["slot"]: row["status"] for row in plant.judge()}
    assert {rows[slot.name] for slot in inverses(plant)} == {"pending"}


def test_an_inverse_is_the_pair_itself_turned_round(plant: Plant) -> None:
    for slot in inverses(plant):
        row, parent = plant.rows[slot.name], plant.rows[slot.parents[0].name]
        assert row["status"] == "published", row
        assert row["derived_from"] == {
            "as": "inverse", "edits": [parent["edit_id"]], "of": [parent["sample_key"]],
        }  # fmt: skip
        there, back = (
            published_files(plant.layout, SampleKey.parse(one["sample_key"])) for one in (parent, row)
        )
        for name, other in {
            "source.jpg": "result.jpg", "result.jpg": "source.jpg", "mask.png": "result_mask.png",
            "result_mask.png": "mask.png", "allowed.png": "allowed.png",
        }.items():  # fmt: skip
            assert Path(back[name]).read_bytes() == Path(there[other]).read_bytes(), name
        assert plant.pairs[slot.pair_key]["scores"]["max_difference_outside"] == 0


def test_judging_again_changes_nothing(plant: Plant) -> None:
    before = dict(plant.rows)
    plant.judge()
    plant.judge(open_slots=[])
    assert plant.rows == before


def test_an_inverse_goes_with_its_pair_and_gets_its_number_back(plant: Plant) -> None:
    inverse = inverses(plant)[0]
    before, parent = plant.rows[inverse.name], plant.rows[inverse.parents[0].name]
    add_review(plant.layout, parent["edit_id"], "reject")
    plant.judge()
    assert plant.rows[inverse.parents[0].name]["status"] == "rejected"
    assert inverse.name not in plant.rows
    assert plant.rows[f"withdrawn/{before['sample_key']}"]["status"] == "withdrawn"
    source = SampleKey.parse(before["sample_key"]).file("source")
    assert not (plant.layout.dataset / source).exists()
    add_review(plant.layout, parent["edit_id"], "clear")
    plant.judge()
    plant.judge()
    assert plant.rows[inverse.name]["sample_key"] == before["sample_key"]


def test_a_person_can_reject_an_inverse_alone(plant: Plant) -> None:
    inverse = inverses(plant)[0]
    add_review(plant.layout, plant.rows[inverse.name]["edit_id"], "reject")
    plant.judge()
    assert plant.rows[inverse.name]["reason"] == "rejected_by_review"
    assert plant.rows[inverse.parents[0].name]["status"] == "published"


def test_an_inverse_of_another_edit_does_not_stay(plant: Plant) -> None:
    names = {slot.name: plant.rows[slot.name]["sample_key"] for slot in inverses(plant)}
    plant.salt = 1
    plant.edits.clear()
    plant.pairs.clear()
    plant.make()
    plant.judge()
    assert not names.keys() & {name for name, row in plant.rows.items() if row["status"] == "published"}
    assert {f"withdrawn/{key}" for key in names.values()} <= plant.rows.keys()


def test_an_inverse_stays_while_nothing_is_known_of_what_replaces_its_pair(plant: Plant) -> None:
    before = {slot.name: plant.rows[slot.name] for slot in inverses(plant)}
    plant.profile = load_profile(
        CLASSICAL, [*_settings(plant), f"categories.{CATEGORY}.recipes.move.max_shift=0.3"]
    )
    plant.judge()
    assert {name: plant.rows[name] for name in before} == before


def test_without_derive_what_was_derived_leaves(plant: Plant) -> None:
    names = [slot.name for slot in inverses(plant)]
    plant.profile = load_profile(CLASSICAL, [*_settings(plant), "derive.inverse=false"])
    plant.judge()
    assert not set(names) & plant.rows.keys()
    assert {row["status"] for row in plant.rows.values()} == {"published", "withdrawn"}


def test_quotas_count_what_is_derived(tmp_path: Path) -> None:
    plant = plant_in(tmp_path, "limits.quotas={structural_edit: 3}")
    plant.judge()
    for slot in inverses(plant):
        make_inverse(plant, slot)
    plant.judge()
    assert sorted(plant.rows[slot.name]["reason"] or "" for slot in inverses(plant)) == ["", "over_quota"]


def test_the_index_tells_which_pair_was_turned_round(plant: Plant) -> None:
    plant.save()
    write_index(plant.profile, plant.layout)
    rows = {row["sample_key"]: row for row in read_journal(plant.layout.index)}
    for slot in inverses(plant):
        row = rows[plant.rows[slot.name]["sample_key"]]
        parent = rows[plant.rows[slot.parents[0].name]["sample_key"]]
        assert row["metadata"]["inverse_of"] == parent["sample_key"]
        assert parent["metadata"]["inverse_of"] is None
        assert row["metadata"]["instruction_by"] == "recipe"
        assert (row["split"], row["edit_task"]) == (parent["split"], "structural_edit")


def test_keys_without_derive_are_what_they_were(plant: Plant) -> None:
    plain = load_profile(CLASSICAL, [*_settings(plant), "derive.inverse=false"])
    other = Plant(plain, plant.layout, CATEGORY, photos=plant.photos)
    assert other.slots == plant.slots
    first = plant.slots[0]
    assert verdict(first, plant.category, None, None, {})["key"] == first.verdict_key


def _settings(plant: Plant) -> list[str]:
    paths = [f"paths.{key}={getattr(plant.profile.paths, key)}" for key in ("data", "outputs", "logs")]
    return [*paths, f"categories.{CATEGORY}.subtypes={{move: 1}}", "derive.inverse=true"]
