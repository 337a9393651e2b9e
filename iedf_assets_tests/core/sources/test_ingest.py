import os
import shutil
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from PIL import Image
from skimage import data

from iedf_assets.core import reasons
from iedf_assets.core.apart.children import Apart
from iedf_assets.core.errors import InputsLostError, SourceError
from iedf_assets.core.parallel import silent
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources import ingest as stage
from iedf_assets.core.sources.fingerprints import perceptual_hash
from iedf_assets.core.sources.found import Found
from iedf_assets.core.sources.ingest import ingest, require_inputs, row_key
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.journal import Journal, Row, read_journal
from iedf_assets.core.storage.keys import sources_settings
from iedf_assets.core.storage.manifests import Rows, scan_table, write_table
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.bad_inputs import ACCEPTED, encoded, make_bad_inputs, photos
from iedf_assets_tests.helpers.profiles import CLASSICAL

CATEGORY = "物体一致性"


@pytest.fixture
def folder(layout: Layout) -> Path:
    """The category's folder, empty."""
    path = layout.data / CATEGORY
    path.mkdir(parents=True)
    return path


class Here(Apart):
    """Does the children's work in this process, where tests see it."""

    def call(self, _function: str, argument: Any, _timeout_s: float) -> Any:
        return stage.shown(argument)


@pytest.fixture(autouse=True)
def decoded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "decoders", lambda _profile: Here(1, 1))


@pytest.fixture
def read_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read since."""
    read: list[str] = []
    real = read_photo

    def counting(path: Path, **options: Any) -> Any:
        read.append(path.name)
        return real(path, **options)

    monkeypatch.setattr(stage, "read_photo", counting)
    return read


def put_photos(folder: Path, *names: str) -> None:
    for name, rgb in zip(names, photos(), strict=False):
        (folder / name).write_bytes(encoded(rgb, "JPEG", quality=92))


def run(
    profile: Profile,
    layout: Layout,
    known: dict[str, Row] | None = None,
    selected: set[str] | None = None,
    settings: tuple[str, ...] = (),
) -> dict[str, Row]:
    """Rows by path, having been through a manifest as between two runs."""
    if settings:
        profile = load_profile(CLASSICAL, [f"paths.data={layout.data}", *settings])
    with Journal(layout.journal("source_images", CATEGORY)) as journal:
        rows = ingest(
            profile,
            profile.category(CATEGORY),
            find_files(layout, CATEGORY) or [],
            Rows.of((known or {}).values(), "source_images"),
            {f"{CATEGORY}/{name}" for name in selected} if selected is not None else None,
            journal,
            silent,
        )
    write_table(rows.table, layout.manifest("source_images", CATEGORY))
    table = scan_table(layout.manifest("source_images", CATEGORY))
    assert table.collect()["path"].is_sorted()
    return dict(Rows(table, "source_images"))


def journalled(layout: Layout) -> dict[str, Row]:
    return {row["path"]: row for row in read_journal(layout.journal("source_images", CATEGORY))}


def outcomes(rows: dict[str, Row]) -> dict[str, str]:
    return {path.removeprefix(f"{CATEGORY}/"): row["reason"] or row["status"] for path, row in rows.items()}


def test_every_bad_input_ends_with_its_reason(profile: Profile, layout: Layout, folder: Path) -> None:
    expected = make_bad_inputs(folder)
    assert sum(outcome != ACCEPTED for outcome in expected.values()) >= 50
    rows = run(profile, layout)
    assert outcomes(rows) == expected
    for row in rows.values():
        if row["status"] == "accepted":
            assert row["reason"] is row["detail"] is row["duplicate_of"] is None
            assert row["width"] * row["height"] > 0
            assert len(row["source_id"]) == 32
        else:
            assert row["detail"]
            assert row["status"] == ("failed" if row["reason"] in reasons.PASSING else "filtered")


@pytest.mark.slow
def test_threads_change_nothing(profile: Profile, layout: Layout, folder: Path) -> None:
    make_bad_inputs(folder)
    one, four = (run(profile, layout, settings=(f"threads={threads}",)) for threads in (1, 4))
    for row in (*one.values(), *four.values()):
        row.pop("seconds")
    assert one == four


def test_nothing_is_read_twice(profile: Profile, layout: Layout, folder: Path, read_paths: list[str]) -> None:
    put_photos(folder, "a.jpg", "b.jpg")
    shutil.copy(folder / "a.jpg", folder / "c.jpg")
    (folder / "grey.png").write_bytes(encoded(data.camera(), "PNG"))
    first = run(profile, layout)
    read_paths.clear()
    assert run(profile, layout, first) == first
    assert read_paths == []
    put_photos(folder, "b.jpg")
    assert outcomes(run(profile, layout, first))["b.jpg"] == "duplicate"
    assert read_paths == ["b.jpg"]


def test_an_interrupted_run_goes_on_from_its_journal(
    profile: Profile, layout: Layout, folder: Path, read_paths: list[str]
) -> None:
    names = [f"{i}.jpg" for i in range(8)]
    put_photos(folder, *names)
    whole = run(profile, layout)
    layout.journal("source_images", CATEGORY).unlink()

    def interrupting(done: int, _total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        Journal(layout.journal("source_images", CATEGORY)) as journal,
    ):
        ingest(
            profile,
            profile.category(CATEGORY),
            find_files(layout, CATEGORY) or [],
            Rows.of([], "source_images"),
            None,
            journal,
            interrupting,
        )
    known = journalled(layout)
    assert len(known) >= 5
    assert {row["status"] for row in known.values()} == {"pending"}
    read_paths.clear()
    again = run(profile, layout, known)
    assert len(read_paths) == len(names) - len(known)
    assert [row["source_id"] for row in again.values()] == [row["source_id"] for row in whole.values()]
    assert outcomes(again) == outcomes(whole)


def test_a_duplicate_in_the_journal_does_not_displace_what_was_accepted(
    profile: Profile, layout: Layout, folder: Path
) -> None:
    put_photos(folder, "z.jpg")
    first = run(profile, layout)
    shutil.copy(folder / "z.jpg", folder / "a.jpg")
    run(profile, layout, first)  # killed before its manifest was written: its journal is all that is left
    known = {**first, **journalled(layout)}
    known[f"{CATEGORY}/z.jpg"] = first[f"{CATEGORY}/z.jpg"]
    assert outcomes(run(profile, layout, known)) == {"a.jpg": "duplicate", "z.jpg": "accepted"}


def test_a_duplicate_takes_over_when_the_kept_one_is_gone(
    profile: Profile, layout: Layout, folder: Path
) -> None:
    put_photos(folder, "a.jpg")
    shutil.copy(folder / "a.jpg", folder / "b.jpg")
    first = run(profile, layout)
    (folder / "a.jpg").unlink()
    assert outcomes(run(profile, layout, first)) == {"b.jpg": "accepted"}


def test_failed_rows_are_tried_again_until_they_are_parked(
    profile: Profile, layout: Layout, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_photos(folder, "a.jpg")
    tried: list[Path] = []

    def refuse(path: Path, **_: object) -> None:
        tried.append(path)
        raise SourceError(reasons.READ_ERROR, "Input/output error")

    monkeypatch.setattr(stage, "read_photo", refuse)
    rows: dict[str, Row] = {}
    for attempt in range(1, 6):
        rows = run(profile, layout, rows)
        assert outcomes(rows) == {"a.jpg": "read_error"}
        assert rows[f"{CATEGORY}/a.jpg"]["attempts"] == min(attempt, profile.max_attempts)
    assert len(tried) == profile.max_attempts
    monkeypatch.undo()
    put_photos(folder, "a.jpg")
    written_anew = run(profile, layout, rows)[f"{CATEGORY}/a.jpg"]
    assert (written_anew["status"], written_anew["attempts"]) == ("accepted", 1)


def test_a_bad_file_is_read_again_when_it_has_changed(
    profile: Profile, layout: Layout, folder: Path, read_paths: list[str]
) -> None:
    (folder / "a.jpg").write_bytes(b"no photo")
    first = run(profile, layout)
    assert (outcomes(first), first[f"{CATEGORY}/a.jpg"]["status"]) == ({"a.jpg": "unreadable"}, "filtered")
    assert run(profile, layout, first) == first
    assert read_paths == ["a.jpg"]
    put_photos(folder, "a.jpg")
    assert outcomes(run(profile, layout, first)) == {"a.jpg": "accepted"}


def test_files_outside_the_wave_are_pending_or_as_they_were(
    profile: Profile, layout: Layout, folder: Path, read_paths: list[str]
) -> None:
    put_photos(folder, "a.jpg", "b.jpg", "c.jpg")
    first = run(profile, layout, selected={"a.jpg", "c.jpg"})
    assert outcomes(first) == {"a.jpg": "accepted", "b.jpg": "pending", "c.jpg": "accepted"}
    assert sorted(read_paths) == ["a.jpg", "c.jpg"]
    assert f"{CATEGORY}/b.jpg" not in journalled(layout)
    os.utime(folder / "a.jpg", (1, 1))
    second = run(profile, layout, first, selected={"b.jpg"})
    assert set(outcomes(second).values()) == {"accepted"}
    assert second[f"{CATEGORY}/a.jpg"] == first[f"{CATEGORY}/a.jpg"]
    touched = next(file for file in find_files(layout, CATEGORY) or [] if file.name.endswith("a.jpg"))
    assert second[touched.name]["key"] != row_key(
        sources_settings(profile, profile.category(CATEGORY)), touched
    )


def test_a_touched_photo_keeps_its_place_before_its_copies(
    profile: Profile, layout: Layout, folder: Path
) -> None:
    put_photos(folder, "z.jpg")
    first = run(profile, layout)
    shutil.copy(folder / "z.jpg", folder / "a.jpg")
    os.utime(folder / "z.jpg", (1, 1))
    assert outcomes(run(profile, layout, first)) == {"a.jpg": "duplicate", "z.jpg": "accepted"}


def test_new_settings_judge_anew(profile: Profile, layout: Layout, folder: Path) -> None:
    put_photos(folder, "a.jpg")
    first = run(profile, layout)
    strict = run(profile, layout, first, settings=("filters.min_width=512",))
    assert outcomes(strict) == {"a.jpg": "resolution_too_small"}
    assert outcomes(run(profile, layout, strict)) == {"a.jpg": "accepted"}


def test_large_photos_are_listed_with_both_sizes(profile: Profile, layout: Layout, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(encoded(cv2.resize(data.coffee(), (1200, 800)), "JPEG"))
    row = run(profile, layout, settings=("max_megapixels=0.24",))[f"{CATEGORY}/a.jpg"]
    assert (row["original_width"], row["original_height"]) == (1200, 800)
    assert (row["width"], row["height"]) == (600, 400)


def test_one_photo_without_memory_fails_alone(
    profile: Profile, layout: Layout, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_photos(folder, "a.jpg", "b.jpg")
    real = perceptual_hash
    calls: Iterator[int] = iter(range(9))

    def hash_or_fail(rgb: Any) -> Any:
        if next(calls) == 0:
            raise MemoryError
        return real(rgb)

    monkeypatch.setattr(stage, "perceptual_hash", hash_or_fail)
    rows = run(profile, layout, settings=("threads=1",))
    assert outcomes(rows) == {"a.jpg": "out_of_memory", "b.jpg": "accepted"}


def test_a_journal_that_cannot_be_written_stops_the_stage(
    profile: Profile, layout: Layout, folder: Path
) -> None:
    put_photos(folder, "a.jpg")

    class Full(Journal):
        def append(self, rows: Any) -> None:
            list(rows)
            raise OSError(28, "No space left on device")

    found = find_files(layout, CATEGORY) or []
    with Full(layout.journal("source_images", CATEGORY)) as journal, pytest.raises(OSError, match="No space"):
        ingest(
            profile, profile.category(CATEGORY), found, Rows.of([], "source_images"), None, journal, silent
        )


def test_progress_is_told_of_what_is_read(profile: Profile, layout: Layout, folder: Path) -> None:
    put_photos(folder, "a.jpg", "b.jpg", "c.jpg")
    first = run(profile, layout, selected={"a.jpg"})
    told: list[tuple[int, int]] = []
    with Journal(layout.journal("source_images", CATEGORY)) as journal:
        found = find_files(layout, CATEGORY) or []
        ingest(
            profile,
            profile.category(CATEGORY),
            found,
            Rows.of(first.values(), "source_images"),
            None,
            journal,
            lambda *told_now: told.append(told_now),
        )
    assert told == [(1, 2), (2, 2)]


def accepted_photos(count: int) -> Rows:
    left_out = {"path": "c/left out", "status": "filtered"}
    accepted = ({"path": f"c/{i}", "status": "accepted"} for i in range(count))
    return Rows.of([left_out, *accepted], "source_images")


def files(*numbers: int) -> list[Found]:
    return [Found("/", f"c/{i}", 1, 1, 1) for i in numbers]


@pytest.mark.parametrize(("kept", "stops"), [(10, False), (5, False), (4, True), (0, True)])
def test_losing_most_photos_at_once_stops(kept: int, *, stops: bool) -> None:
    found = files(*range(kept))
    if stops:
        with pytest.raises(InputsLostError, match=r"10 known photos.*\n.*max_loss_share=1"):
            require_inputs(Path("data/c"), found, accepted_photos(10), 0.5)
    else:
        assert require_inputs(Path("data/c"), found, accepted_photos(10), 0.5) is found
    assert require_inputs(Path("data/c"), found, accepted_photos(10), 1.0) is found


def test_a_few_photos_may_go() -> None:
    assert require_inputs(Path("data/c"), [], accepted_photos(3), 0.5) == []
    assert require_inputs(Path("data/c"), files(90, 91), accepted_photos(0), 0.5) == files(90, 91)


def test_a_vanished_folder_stops_unless_it_is_meant() -> None:
    with pytest.raises(InputsLostError, match="data/c with 1 known photos is gone"):
        require_inputs(Path("data/c"), None, accepted_photos(1), 0.99)
    assert require_inputs(Path("data/c"), None, accepted_photos(1), 1.0) == []
    for share in (0.5, 1.0):
        with pytest.raises(InputsLostError, match="no folder data/c"):
            require_inputs(Path("data/c"), None, accepted_photos(0), share)


def test_memory_stays_flat(
    profile: Profile, layout: Layout, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_photos(folder, *(f"{i:02d}.jpg" for i in range(40)))
    alive: Counter[str] = Counter()

    def tracked(path: Path, **options: Any) -> Any:
        photo = read_photo(path, **options)
        alive["now"] += 1
        alive["most"] = max(alive["most"], alive["now"])
        weakref.finalize(photo.rgb, alive.subtract, ["now"])
        return photo

    monkeypatch.setattr(stage, "read_photo", tracked)
    run(profile, layout, settings=("threads=2",))
    assert alive["now"] == 0
    assert 1 <= alive["most"] <= 4


def test_a_changed_fact_is_taken_over_without_reading_the_photo_again(
    profile: Profile, layout: Layout, folder: Path, read_paths: list[str]
) -> None:
    put_photos(folder, "a.jpg", "b.jpg")
    without = run(profile, layout)
    (folder / "a.json").write_text('{"scene": "park"}')
    (folder / "b.json").write_text('{"mood": "calm"}')
    read_paths.clear()
    rows = run(profile, layout, without)
    assert read_paths == []
    path, other = f"{CATEGORY}/a.jpg", f"{CATEGORY}/b.jpg"
    assert rows[path] == {**without[path], "facts": {"scene": "park"}, "key": rows[path]["key"]}
    assert rows[path]["key"].startswith(without[path]["key"])
    # What cannot be used is as if it were not there.
    assert rows[other] == without[other]
    assert set(rows) == {path, other}
    (folder / "a.json").unlink()
    assert run(profile, layout, rows) == without
    assert read_paths == []


def test_a_fact_of_a_photo_that_is_not_of_the_wave_waits(
    profile: Profile, layout: Layout, folder: Path
) -> None:
    put_photos(folder, "a.jpg")
    before = run(profile, layout)
    (folder / "a.json").write_text('{"scene": "park"}')
    assert run(profile, layout, before, selected=set()) == before


def test_a_photo_that_may_not_be_used_is_left_out_until_somebody_says_that_it_may(
    profile: Profile, layout: Layout, folder: Path, read_paths: list[str]
) -> None:
    commercial = ("limits.use=commercial",)
    put_photos(folder, "a.jpg", "b.jpg")
    exif = Image.Exif()
    exif[0x8298] = "https://creativecommons.org/licenses/by-nc/4.0/"
    with Image.open(folder / "b.jpg") as picture:
        picture.save(folder / "b.jpg", exif=exif)
    assert outcomes(run(profile, layout)) == {"a.jpg": "accepted", "b.jpg": "accepted"}
    rows = run(profile, layout, settings=commercial)
    assert outcomes(rows) == {"a.jpg": reasons.NOT_LICENSED, "b.jpg": reasons.NOT_LICENSED}
    assert rows[f"{CATEGORY}/b.jpg"]["rights"]["licence"] == "CC-BY-NC-4.0"
    assert "CC-BY-NC-4.0" in rows[f"{CATEGORY}/b.jpg"]["detail"]
    assert outcomes(run(profile, layout, settings=("limits.use=research",))) == {
        "a.jpg": reasons.NOT_LICENSED, "b.jpg": "accepted",
    }  # fmt: skip
    (folder / "a.json").write_text('{"licence": "CC0"}')
    read_paths.clear()
    rows = run(profile, layout, rows, settings=commercial)
    assert outcomes(rows) == {"a.jpg": "accepted", "b.jpg": reasons.NOT_LICENSED}
    assert rows[f"{CATEGORY}/a.jpg"]["detail"] is None
    assert read_paths == []


def test_what_was_told_of_a_licence_holds_until_the_photo_s_turn_comes(
    profile: Profile, layout: Layout, folder: Path
) -> None:
    put_photos(folder, "a.jpg", "b.jpg")
    commercial = ("limits.use=commercial",)
    rows = run(profile, layout, run(profile, layout), {"a.jpg"}, commercial)
    assert outcomes(rows) == {"a.jpg": reasons.NOT_LICENSED, "b.jpg": "accepted"}
    rows = run(profile, layout, rows, {"b.jpg"}, commercial)
    assert outcomes(rows) == {"a.jpg": reasons.NOT_LICENSED, "b.jpg": reasons.NOT_LICENSED}
    rows = run(profile, layout, rows, {"a.jpg"})
    assert outcomes(rows) == {"a.jpg": "accepted", "b.jpg": reasons.NOT_LICENSED}


def test_a_photo_that_may_not_be_used_is_no_original_of_others(
    profile: Profile, layout: Layout, folder: Path
) -> None:
    put_photos(folder, "a.jpg")
    shutil.copy(folder / "a.jpg", folder / "b.jpg")
    (folder / "b.json").write_text('{"licence": "CC0"}')
    assert outcomes(run(profile, layout, settings=("limits.use=commercial",))) == {
        "a.jpg": reasons.NOT_LICENSED, "b.jpg": "accepted",
    }  # fmt: skip
