from dataclasses import replace
from pathlib import Path

import pytest

from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.holding import is_held
from iedf_assets.core.planning.limits import Allowance
from iedf_assets.core.planning.pending import unfinished
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.found import Found
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.manifests import frame, write_table
from iedf_assets.core.storage.naming import Layout

CATEGORY = "物理变化"


def profile_with(tmp_path: Path, *settings: str) -> tuple[Profile, Layout]:
    folders = [f"paths.{name}={tmp_path / name}" for name in ("data", "outputs", "logs")]
    profile = load_profile(settings=[*folders, *settings])
    return profile, Layout.of(profile)


def write(layout: Layout, stage: str, rows: list[Row], category: str = CATEGORY) -> None:
    write_table(frame(rows, stage), layout.manifest(stage, category))


def edits(count: int, **columns: object) -> list[Row]:
    return [{"key": str(number), "status": "done", **columns} for number in range(count)]


def verdicts(status: str, scenes: list[str]) -> list[Row]:
    return [
        {"slot": f"{status}{number}", "status": status, "task": "structural_edit", "scene": scene}
        for number, scene in enumerate(scenes)
    ]


def test_without_limits_nothing_is_read_and_nothing_held_back(tmp_path: Path) -> None:
    profile, layout = profile_with(tmp_path)
    path = layout.manifest("dataset", CATEGORY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no manifest")
    allowance = Allowance.of(profile, layout)
    assert (allowance.edits_left, allowance.gpu_seconds_left, allowance.reached) == (None, None, [])
    assert not allowance.is_full("structural_edit", "mixed")


def test_published_samples_count_by_task_and_by_scene_with_its_continuations(tmp_path: Path) -> None:
    quotas = "limits.quotas={structural_edit: 4, structural_edit/mixed: 3, semantic_edit: 1}"
    profile, layout = profile_with(tmp_path, quotas)
    published = verdicts("published", ["mixed", "mixed-2", "mixed", "city"])
    write(layout, "dataset", published[:3] + verdicts("rejected", ["mixed"] * 5))
    allowance = Allowance.of(profile, layout)
    assert allowance.full == {"structural_edit/mixed"}
    assert allowance.is_full("structural_edit", "mixed-7")
    assert not allowance.is_full("structural_edit", "city")
    write(layout, "dataset", published[3:], "物体一致性")
    assert Allowance.of(profile, layout).is_full("structural_edit", "city")
    assert "limits.quotas.structural_edit" in Allowance.of(profile, layout).reached[0]


def test_edits_are_counted_over_all_categories(tmp_path: Path) -> None:
    profile, layout = profile_with(tmp_path, "limits.max_edits=5")
    for category in (CATEGORY, "物体一致性"):
        write(layout, "dataset", [], category)
        write(layout, "edited_images", [*edits(2), {"key": "x", "status": "failed"}], category)
    assert Allowance.of(profile, layout).edits_left == 1
    write(layout, "edited_images", edits(9))
    assert Allowance.of(profile, layout).edits_left == 0


def test_gpu_hours_are_the_seconds_of_gpu_rows_times_the_gpus_together(tmp_path: Path) -> None:
    model = f"workers.edit={{backend: qwen, model_dir: {tmp_path}, devices: ['0,1', '2,3']}}"
    profile, layout = profile_with(tmp_path, "limits.gpu_hours=2", model)
    write(layout, "dataset", [])
    write(layout, "image_layers", edits(10, backend="classical", seconds=3600.0))
    write(layout, "edited_images", edits(3, backend="qwen", seconds=900.0))
    allowance = Allowance.of(profile, layout)
    assert allowance.gpu_hours == pytest.approx(1.5)
    assert allowance.seconds_for(profile.workers.edit) == pytest.approx(900)
    assert allowance.seconds_for(profile.workers.layered) is None
    assert not allowance.holds_back("qwen")
    write(layout, "edited_images", edits(4, backend="qwen", seconds=900.0))
    allowance = Allowance.of(profile, layout)
    assert allowance.holds_back("qwen")
    assert not allowance.holds_back("classical")
    assert allowance.reached == ["gpu_hours: 2.00 h are spent of 2.0; raise limits.gpu_hours"]


def test_a_new_photo_of_a_scene_with_room_is_not_held_back(tmp_path: Path) -> None:
    profile, layout = profile_with(tmp_path, "limits.quotas={structural_edit/mixed: 1}")
    (row,) = verdicts("published", ["mixed"])
    write(layout, "dataset", [{**row, "sample_key": "structural_edit/move/mixed/00001"}])
    files = [Found("", f"{CATEGORY}/{name}", 1, 1, 1) for name in ("a.jpg", "b.jpg")]
    files[1] = replace(files[1], facts='{"scene": "park"}')
    assert unfinished(Book.open(profile, layout, CATEGORY), files) == [files[1].name]


def test_what_is_derived_is_held_back_where_its_own_scene_is_full(tmp_path: Path) -> None:
    profile, layout = profile_with(tmp_path, "limits.quotas={structural_edit/mixed: 1}")
    (row,) = verdicts("published", ["mixed"])
    write(layout, "dataset", [{**row, "sample_key": "structural_edit/move/mixed/00001"}])
    book = Book.open(profile, layout, CATEGORY)
    parent = next(slot for slot in book.keys.slots("") if slot.subtype.name == "move")
    derived = replace(parent, role="inverse", parents=(parent,))
    assert is_held(book, derived)
    assert not is_held(book, replace(derived, scene="park"))
