import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.report.building import build_report
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.pair_making import Plant, source_id_of

CATEGORY = "物体一致性"


@pytest.fixture
def plant(profile: Profile, layout: Layout) -> Plant:
    """Three published pairs and one rejected."""
    plant = Plant(profile, layout, CATEGORY)
    plant.no_ops = frozenset({plant.slots[0].name})
    plant.make()
    plant.judge()
    plant.save()
    write_index(profile, layout)
    return plant


def data_of(page: Path) -> dict[str, Any]:
    text = (page.parent / "data.js").read_text("utf-8")
    return dict(json.loads(text.removeprefix("window.REPORT = ").removesuffix(";\n")))


def test_every_judged_pair_is_there_with_what_is_known_of_it(plant: Plant) -> None:
    page = build_report(plant.profile, plant.layout)
    found = data_of(page)
    columns = found["columns"]
    assert sorted(columns["status"]) == ["published"] * 3 + ["rejected"]
    assert {len(values) for values in [*columns.values(), *found["scores"].values()]} == {4}
    reject = columns["status"].index("rejected")
    row = plant.rows[plant.slots[0].name]
    assert (columns["edit_id"][reject], columns["reason"][reject]) == (row["edit_id"], "no_op")
    assert found["failed"][reject] == row["failed_checks"]
    for files, thumbnail in zip(found["folders"], found["thumbs"], strict=True):
        assert all((page.parent / path).resolve().is_file() for path in files)
        with Image.open(page.parent / "thumbs" / thumbnail) as picture:
            assert picture.size == (3 * 160, 128)


def test_a_thumbnail_shows_source_result_and_mask(plant: Plant) -> None:
    page = build_report(plant.profile, plant.layout)
    found = data_of(page)
    number = found["columns"]["status"].index("published")
    with Image.open(page.parent / "thumbs" / found["thumbs"][number]) as picture:
        tiles = np.split(np.asarray(picture.convert("RGB")).astype(float), 3, axis=1)
    files = (page.parent / path for path in found["folders"][number])
    for tile, file in zip(tiles, files, strict=True):
        with Image.open(file) as whole:
            assert np.abs(tile - np.asarray(whole.convert("RGB"))).mean() < 6


def test_thumbnails_are_made_once_and_leave_with_their_pairs(plant: Plant) -> None:
    made: list[tuple[int, int]] = []
    folder = build_report(plant.profile, plant.layout, lambda *done: made.append(done)).parent / "thumbs"
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.jpg")}
    assert (len(made), len(times)) == (4, 4)
    build_report(plant.profile, plant.layout, lambda *done: made.append(done))
    assert len(made) == 4
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.jpg")} == times
    plant.photos = plant.photos[:2]
    plant.judge()
    plant.save()
    build_report(plant.profile, plant.layout)
    assert len(list(folder.rglob("*.jpg"))) == 2


def test_accounts_and_limits_are_told(plant: Plant) -> None:
    found = data_of(build_report(plant.profile, plant.layout))
    own = [account for account in found["accounts"] if account["category"] == CATEGORY]
    assert sum(account["sources"] for account in own) == 4
    (survival,) = [row for row in found["survival"] if row["category"] == CATEGORY]
    assert (survival["found"], survival["published"]) == (4, 3)
    limits = {check: limit for check, _, _, limit in found["limits"][f"{CATEGORY}/composited"]}
    assert limits["exact_outside"] == 0


def test_a_text_cannot_end_the_script_it_stands_in(plant: Plant) -> None:
    evil = "</script><script>alert(1)</script>\u2028"
    for edit in plant.edits.values():
        edit["instruction_en"] = evil
    plant.save()
    page = build_report(plant.profile, plant.layout)
    text = (page.parent / "data.js").read_text("utf-8")
    assert "<" not in text
    assert "\u2028" not in text
    assert set(data_of(page)["columns"]["instruction_en"]) == {evil}


def test_the_page_asks_nothing_of_the_network(plant: Plant) -> None:
    page = build_report(plant.profile, plant.layout)
    for name in ("index.html", "page.js", "page.css"):
        text = (page.parent / name).read_text("utf-8")
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
    assert "innerHTML" not in (page.parent / "page.js").read_text("utf-8")


def test_an_empty_factory_has_an_empty_report(profile: Profile, layout: Layout) -> None:
    found = data_of(build_report(profile, layout))
    assert found["columns"]["edit_id"] == []
    assert len(found["survival"]) == len(profile.categories)


def test_a_pair_whose_files_are_gone_has_no_picture_and_breaks_nothing(plant: Plant) -> None:
    sample = plant.samples()[0]
    (plant.layout.dataset / f"{sample}_result.jpg").unlink()
    page = build_report(plant.profile, plant.layout)
    assert len(data_of(page)["thumbs"]) == 4
    assert len(list((page.parent / "thumbs").rglob("*.jpg"))) == 3


def test_the_report_counts_the_licences_of_what_is_published(plant: Plant) -> None:
    plant.facts = {plant.photos[0]: {"licence": "MIT"}, plant.photos[1]: {"licence": "CC BY 4.0"}}
    plant.rights = {plant.photos[2]: {"licence": "CC-BY-4.0"}}
    plant.edits[plant.slots[2].edit_key]["reference"] = source_id_of(plant.photos[0])
    plant.save()
    counts = data_of(build_report(plant.profile, plant.layout))["licences"]
    assert all(row.pop("category") == CATEGORY for row in counts)
    # The first photo's pair is rejected.
    told = {"CC-BY-4.0": 1, "CC-BY-4.0 + MIT": 1, "unknown": 1}
    assert {row["licence"]: row["pairs"] for row in counts} == told
