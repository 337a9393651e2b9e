"""How well the published samples cover what could be asked for."""

import json
from typing import Any

import pytest

from iedf_assets.core.planning.limits import Allowance
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.sections import Limits
from iedf_assets.core.publishing.coverage import Cell, cells_of, coverage, covered, read_coverage
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.pair_making import SIZE, Plant

CATEGORY = "物体一致性"
ONE = {
    "number": 1, "x": 20, "y": 100, "width": 60, "height": 60, "area_share": 0.04, "colour": [200, 30, 30],
    "colour_name": "dark_red", "parts": None,
}  # fmt: skip
OTHER = ONE | {"number": 2, "x": 300, "area_share": 0.3, "colour_name": None}


def row(subtype: str = "delete", **changes: Any) -> dict[str, Any]:
    told = {"task": "semantic_edit", "subtype": subtype, "recipe": {"subtype": subtype},
            "objects": [ONE, OTHER], "width": 400, "height": 300, "derived_from": None}  # fmt: skip
    return {
        name: json.dumps(value) if name in {"recipe", "objects", "derived_from"} and value else value
        for name, value in (told | changes).items()
    }


def test_a_sample_counts_by_the_object_that_its_recipe_is_for() -> None:
    assert list(cells_of(row())) == [Cell("semantic_edit", "delete", "small", "left", "red")]
    (cell,) = cells_of(row(recipe={"subtype": "delete", "object": 2}))
    assert cell[2:] == ("large", "right", "mixed")


def test_an_inverse_counts_by_where_its_source_shows_the_object() -> None:
    recipe = {"subtype": "move", "direction": "left", "percent": 60, "dx": -240, "dy": 0}
    (cell,) = cells_of(row("move", recipe=recipe, derived_from={"as": "inverse"}))
    assert cell.place == "right"
    (cell,) = cells_of(row("move", recipe=recipe))
    assert cell.place == "left"


def test_several_edits_in_one_count_each_and_whole_pictures_in_a_cell_of_their_own() -> None:
    edits = [{"subtype": "delete", "object": number} for number in (1, 2)]
    cells = list(cells_of(row("composed", recipe={"edits": edits})))
    assert [cell.place for cell in cells] == ["left", "right"]
    (cell,) = cells_of(row("brightness", recipe={"subtype": "brightness", "kind": "darker", "percent": 20}))
    assert cell[2:] == ("-", "-", "-")


def test_what_is_missing_is_named() -> None:
    cells = {
        Cell("semantic_edit", "delete", size, "left", "red"): n for size, n in (("small", 3), ("large", 0))
    }
    (line,) = covered(cells)
    assert (line.samples, line.empty, line.cells) == (3, 1, 2)
    assert line.counts["size"] == {"small": 3, "large": 0}
    assert line.missing == {"size": ["large"]}


def decompose(plant: Plant) -> None:
    """Say that each photo of a plant has one object, of half of them on the left."""
    for number, slot in enumerate(plant.slots):
        box = {"x": 5 if number % 2 else 110, "y": 40, "width": 40, "height": 40}
        one, size = ONE | box, dict(zip(("width", "height"), SIZE, strict=True))
        plant.layers[slot.layers_key] = {
            "key": slot.layers_key, "source_id": slot.source_id, "status": "done", "objects": [one], **size,
        }  # fmt: skip


def test_the_table_is_of_what_is_published_and_planned(profile: Profile, layout: Layout) -> None:
    plant = Plant(profile, layout, CATEGORY)
    plant.make()
    decompose(plant)
    plant.judge()
    plant.save()
    cells = coverage(layout, profile)
    found = {cell: number for cell, number in cells.items() if number}
    assert sum(found.values()) == len(plant.samples())
    lines = {line.kind: line for line in covered(cells)}
    assert lines["semantic_edit/delete"].samples == len(plant.samples())
    # Of what else the profile plans there is nothing yet, and that is told.
    assert lines["structural_edit/move"].samples == 0
    assert coverage(layout, profile, lambda _: False).total() == 0
    assert read_coverage(layout) == {}
    write_index(profile, layout)
    assert read_coverage(layout) == cells


def test_a_quota_of_cells_holds_back_what_it_names_until_there_is_room(
    profile: Profile, layout: Layout
) -> None:
    quota = "semantic_edit/delete/*/left/*"
    limited = profile.model_copy(update={"limits": Limits(quotas={quota: 1})})
    plant = Plant(limited, layout, CATEGORY)
    plant.make()
    decompose(plant)
    plant.judge()
    plant.save()
    assert sorted(plant.statuses()) == ["published", "published", "published", "rejected"]
    (over,) = [row for row in plant.rows.values() if row["status"] == "rejected"]
    assert over["reason"] == "over_quota"
    assert quota in over["detail"]
    assert Allowance.of(limited, layout).full == {quota}
    assert not Allowance.of(limited, layout).has_room_for(over)
    before = dict(plant.rows)
    plant.judge()
    assert plant.rows == before
    more = profile.model_copy(update={"limits": Limits(quotas={quota: 2})})
    assert Allowance.of(more, layout).has_room_for(over)
    plant.profile = more
    plant.judge()
    assert set(plant.statuses()) == {"published"}


@pytest.mark.parametrize("quota", ["semantic_edit/delete/small", "nothing/delete/*/*/*"])
def test_a_quota_that_names_nothing_is_refused(quota: str) -> None:
    with pytest.raises(ValueError, match="quotas of no"):
        Limits(quotas={quota: 1})
