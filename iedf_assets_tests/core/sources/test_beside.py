"""Files of facts among the files of a category: of which photos they are, and that none is a photo."""

import json
import os
import unicodedata
from pathlib import Path

import pytest

from iedf_assets.core.sources import beside
from iedf_assets.core.sources.scan import fingerprint, look_around
from iedf_assets.core.storage.naming import Layout

CATEGORY = "pets"


@pytest.fixture
def folder(layout: Layout) -> Path:
    path = layout.data / CATEGORY
    (path / "deep").mkdir(parents=True)
    for name in ("dog.jpg", "dog.png", "cat.jpg", "deep/é.jpg"):
        (path / name).write_bytes(b"no picture")
    return path


def told(layout: Layout) -> tuple[dict[str, str | None], list[str]]:
    """Photo → its scene; and the findings."""
    found = look_around(layout, CATEGORY)
    assert found is not None
    scenes = {photo.name: json.loads(photo.facts)["scene"] if photo.facts else None for photo in found.photos}
    return scenes, [str(finding) for finding in found.findings]


@pytest.mark.usefixtures("folder")
def test_without_facts_the_photos_are_as_they_were(layout: Layout) -> None:
    assert told(layout) == (
        dict.fromkeys(["pets/cat.jpg", "pets/deep/é.jpg", "pets/dog.jpg", "pets/dog.png"]),
        [],
    )


def test_a_file_tells_of_the_photo_of_its_name_or_of_all_of_its_stem(layout: Layout, folder: Path) -> None:
    (folder / "dog.json").write_text('{"scene": "park"}')
    (folder / "cat.jpg.json").write_text('{"scene": "home"}')
    nfd = unicodedata.normalize("NFD", "é.JSON")
    (folder / "deep" / nfd).write_text('{"scene": "sea"}')
    scenes, problems = told(layout)
    assert problems == []
    assert scenes == {
        "pets/cat.jpg": "home", "pets/deep/é.jpg": "sea", "pets/dog.jpg": "park", "pets/dog.png": "park",
    }  # fmt: skip


def test_tables_lie_in_the_category_s_folder_and_name_photos_from_there(layout: Layout, folder: Path) -> None:
    (folder / "facts.csv").write_text("path,scene\ndeep/é.jpg,sea\nfox.jpg,wood\n", "utf-8")
    (folder / "facts.jsonl").write_text('{"path": "cat.jpg", "scene": "home"}\n')
    (folder / "deep" / "facts.csv").write_text("path,scene\n")
    scenes, problems = told(layout)
    assert scenes["pets/deep/é.jpg"] == "sea"
    assert scenes["pets/cat.jpg"] == "home"
    assert problems == [
        "data/pets/deep/facts.csv:1: it is not read: tables lie in the category's folder",
        "data/pets/facts.csv:3: there is no photo pets/fox.jpg",
    ]
    assert set(scenes) == {"pets/cat.jpg", "pets/deep/é.jpg", "pets/dog.jpg", "pets/dog.png"}


def test_a_file_of_facts_that_cannot_be_used_is_a_finding_and_no_photo(
    layout: Layout, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "wolf.json").write_text('{"scene": "wood"}')
    (folder / "cat.json").symlink_to("/etc/hostname")
    monkeypatch.setattr(beside, "MAX_ONE", 1000)
    (folder / "dog.json").write_text(" " * 1001)
    (folder / ".hidden.json").write_text("{}")
    scenes, problems = told(layout)
    assert [line.partition(":")[2] for line in problems] == [
        "1: the link leads out of the data folder, to /etc/hostname: it is not read",
        "1: 1001 bytes, more than 1000: it is not read",
        "1: it tells of no photo: none beside it has its name",
    ]
    assert [name for name in scenes if name.endswith(".json")] == ["pets/.hidden.json"]


def test_a_changed_fact_is_a_change_of_the_category_and_a_touched_file_is_none(
    layout: Layout, folder: Path
) -> None:
    def seen() -> str:
        found = look_around(layout, CATEGORY)
        assert found is not None
        return fingerprint(found.photos)

    without = seen()
    (folder / "dog.json").write_text('{"scene": "park"}')
    before = seen()
    os.utime(folder / "dog.json", ns=(1, 1))
    assert seen() == before != without
    (folder / "dog.json").write_text('{"scene": "home"}')
    assert seen() not in {before, without}


def test_findings_are_bounded(layout: Layout, folder: Path) -> None:
    rows = "".join(f"{number}.jpg,park\n" for number in range(2000))
    (folder / "facts.csv").write_text("path,scene\n" + rows)
    assert len(told(layout)[1]) == beside.MAX_FINDINGS
