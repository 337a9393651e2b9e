import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.errors import StorageError
from iedf_assets.core.pairs import samples
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.files import this_host
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.naming import SUFFIXES, Layout, SampleKey
from iedf_assets_tests.helpers.pair_making import PHOTOS, Plant, tree
from iedf_assets_tests.helpers.profiles import CLASSICAL

OBJECTS = "物体一致性"
CHANGES = "物理变化"
PEOPLE = "人物物体一致性"


def changed(profile: Profile, *changes: str) -> Profile:
    folders = {key: getattr(profile.paths, key) for key in ("data", "outputs", "logs")}
    paths = [f"paths.{key}={path}" for key, path in folders.items()]
    return load_profile(CLASSICAL, [*paths, *changes])


def plant_in(folder: Path, name: str, *changes: str) -> Plant:
    folders = [f"paths.{key}={folder / key}" for key in ("data", "outputs", "logs")]
    profile = load_profile(CLASSICAL, [*folders, *changes])
    plant = Plant(profile, Layout.of(profile), name)
    plant.make()
    return plant


def published_files(layout: Layout) -> dict[str, bytes]:
    folders = ("dataset", "reports")
    return {name: data for name, data in tree(layout.outputs).items() if name.split("/")[0] in folders}


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return plant_in(tmp_path, OBJECTS)


@pytest.mark.parametrize("name", [OBJECTS, CHANGES, PEOPLE])
def test_what_passes_lies_in_the_dataset_under_the_naming_spec(tmp_path: Path, name: str) -> None:
    plant = plant_in(tmp_path, name)
    plant.judge()
    assert set(plant.statuses()) == {"published"}
    layout, staged = plant.layout, {"source": "source.jpg", "result": "result.jpg", "mask": "mask.png"}
    for slot in plant.slots:
        row = plant.rows[slot.name]
        sample = SampleKey.parse(row["sample_key"])
        folder = layout.staged("edit_pairs", slot.pair_key)
        for role, file in {**staged, "mask_inverse": "mask-1.png"}.items():
            assert (layout.dataset / sample.file(role)).samefile(folder / file)
        assert layout.allowed_region(sample).samefile(folder / "allowed.png")
        assert layout.result_mask(sample).exists() == slot.subtype.relocates
        edit = plant.edits[slot.edit_key]
        for role in ("instruction_ch", "instruction_en"):
            assert (layout.dataset / sample.file(role)).read_bytes() == edit[role].encode("utf-8")
    assert len(tree(layout.dataset)) == len(plant.slots) * len(SUFFIXES)


def test_numbers_follow_the_order_of_the_edits(plant: Plant) -> None:
    rows = plant.judge()
    by_edit = sorted((row["edit_id"], row["sample_key"]) for row in rows)
    assert [key for _, key in by_edit] == [f"semantic_edit/delete/mixed/{n:05d}" for n in range(1, 5)]


def test_publishing_again_touches_nothing(plant: Plant) -> None:
    def state() -> dict[Path, tuple[int, ...]]:
        """Of every file what writing changes; reading a folder may change when it was read last."""
        stats = ((path, path.stat()) for path in plant.layout.dataset.rglob("*"))
        return {path: (s.st_ino, s.st_size, s.st_nlink, s.st_mtime_ns, s.st_ctime_ns) for path, s in stats}

    before = plant.judge()
    first = state()
    assert plant.judge() == before
    assert state() == first
    assert all(plant.holds(slot) for slot in plant.slots)


def test_without_hard_links_files_are_copied_once(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    plant.judge()
    path = plant.layout.dataset / SampleKey.parse(plant.samples()[0]).file("result")
    assert path.stat().st_nlink == 1
    inode = path.stat().st_ino
    plant.judge()
    assert path.stat().st_ino == inode


def test_a_no_op_is_rejected_kept_with_reasons_and_takes_no_number(plant: Plant) -> None:
    slot = plant.slots[1]
    shutil.rmtree(plant.layout.staged("edit_pairs", slot.pair_key))
    plant.no_ops = frozenset({slot.name})
    plant.make()
    plant.judge()
    assert Counter(plant.statuses()) == {"published": 3, "rejected": 1}
    row = plant.rows[slot.name]
    assert (row["reason"], row["sample_key"]) == ("no_op", None)
    assert row["failed_checks"][0] == "no_op"
    assert plant.holds(slot)
    kept = plant.layout.rejected(row["edit_id"])
    assert (kept / "source.jpg").samefile(plant.layout.staged("edit_pairs", slot.pair_key) / "source.jpg")
    assert (kept / "instruction_ch.txt").read_text("utf-8").startswith("把")
    reasons = json.loads((kept / "reasons.json").read_text("utf-8"))
    assert reasons["failed_checks"] == row["failed_checks"]
    assert reasons["scores"]["changed_share_inside"] == 0
    assert row["edit_id"] not in Ledger(plant.layout).all()


def test_new_thresholds_judge_again_and_bring_numbers_back(plant: Plant) -> None:
    plant.judge()
    before, files = plant.samples(), published_files(plant.layout)
    loose = plant.profile
    plant.profile = changed(loose, "thresholds.max_mask_share=0.01")
    assert not any(plant.holds(slot) for slot in plant.slots)
    plant.judge()
    assert set(plant.statuses()) == {"rejected"}
    assert not tree(plant.layout.dataset)
    assert not tree(plant.layout.reports / "allowed")
    withdrawn = [row for row in plant.rows.values() if row["status"] == "withdrawn"]
    assert {row["sample_key"] for row in withdrawn} == set(before)
    assert {row["reason"] for row in withdrawn} == {"mask_area"}
    assert len(list(plant.layout.reports.glob("rejects/*/*/reasons.json"))) == 4
    plant.profile = loose
    plant.judge()
    assert plant.samples() == before
    assert published_files(plant.layout) == files
    assert len(plant.rows) == 4


def test_a_source_that_left_is_withdrawn_and_returns_under_its_number(plant: Plant) -> None:
    plant.judge()
    gone = plant.rows[plant.slots[2].name]
    files = published_files(plant.layout)
    plant.photos = tuple(name for name in PHOTOS if name != "chelsea")
    plant.judge()
    row = plant.rows[f"withdrawn/{gone['sample_key']}"]
    assert (row["status"], row["reason"], row["edit_id"]) == ("withdrawn", "left_plan", gone["edit_id"])
    assert plant.statuses() == ["published"] * 3
    assert len(tree(plant.layout.dataset)) == 18
    plant.judge()
    assert plant.rows[row["slot"]] == row
    plant.photos = PHOTOS
    plant.judge()
    assert plant.rows[gone["slot"]] == gone
    assert published_files(plant.layout) == files


def test_another_edit_in_a_slot_replaces_the_sample_under_a_new_number(plant: Plant) -> None:
    plant.judge()
    old = plant.samples()
    plant.salt = 1
    plant.make()
    plant.judge()
    new = plant.samples()
    assert not set(new) & set(old)
    assert {row["reason"] for row in plant.rows.values() if row["status"] == "withdrawn"} == {"replaced"}
    assert len(tree(plant.layout.dataset)) == 24


def test_a_changed_pair_of_the_same_edit_replaces_the_files_under_its_number(plant: Plant) -> None:
    plant.judge()
    before, files = plant.samples(), tree(plant.layout.dataset)
    plant.profile = changed(plant.profile, "encoding.jpeg_quality=80")
    plant.make()
    plant.judge()
    assert plant.samples() == before
    after = tree(plant.layout.dataset)
    assert after.keys() == files.keys()
    pictures = [name for name in files if name.endswith(".jpg")]
    assert all(after[name] != files[name] for name in pictures)
    assert len(plant.rows) == 4


def test_another_scene_moves_the_samples(plant: Plant) -> None:
    plant.judge()
    plant.profile = changed(plant.profile, f"categories.{OBJECTS}.scene=city")
    plant.make()
    plant.judge()
    assert plant.samples()[0].startswith("semantic_edit/delete/city/")
    assert all("/city/" in name for name in tree(plant.layout.dataset))
    assert {row["reason"] for row in plant.rows.values() if row["status"] == "withdrawn"} == {"moved"}


def test_only_the_slots_of_the_wave_are_judged(plant: Plant) -> None:
    names = [slot.name for slot in plant.slots]
    plant.judge(names[:1])
    assert plant.statuses() == ["published", "pending", "pending", "pending"]
    plant.judge(names[1:3])
    assert plant.statuses() == ["published", "published", "published", "pending"]
    plant.profile = changed(plant.profile, "thresholds.max_mask_share=0.01")
    plant.judge(names[3:])
    assert plant.statuses() == ["published", "published", "published", "rejected"]
    assert len(tree(plant.layout.dataset)) == 18


def test_rows_of_slots_not_judged_yet_may_be_lost(tmp_path: Path) -> None:
    one, two = plant_in(tmp_path / "1", CHANGES), plant_in(tmp_path / "2", CHANGES)
    names = [slot.name for slot in one.slots]
    for lot in (names[:3], names[3:]):
        one.judge(lot)
    two.judge(names[:3])
    two.rows = {name: row for name, row in two.rows.items() if row["status"] == "published"}
    two.judge()
    assert published_files(one.layout) == published_files(two.layout)


def test_what_failed_or_cannot_be_made_says_so(plant: Plant) -> None:
    first, second, third, fourth = plant.slots
    plant.edits[first.edit_key] |= {"status": "failed", "reason": "OSError", "detail": "x", "attempts": 2}
    del plant.edits[second.edit_key]["edit_id"]
    plant.edits[second.edit_key] |= {"status": "rejected", "reason": "too_small", "detail": "y"}
    plant.pairs[third.pair_key] |= {"status": "failed", "reason": "WorkerError", "detail": "z"}
    del plant.pairs[third.pair_key]["files"]
    del plant.edits[fourth.edit_key]
    plant.judge()
    found = [plant.rows[slot.name] for slot in plant.slots]
    assert [(row["status"], row["reason"]) for row in found] == [
        ("failed", "OSError"),
        ("rejected", "too_small"),
        ("failed", "WorkerError"),
        ("pending", None),
    ]
    assert found[0]["attempts"] == 2
    settled = [slot for slot in plant.slots if plant.holds(slot)]
    assert settled == [second]
    assert not tree(plant.layout.dataset)


@pytest.mark.parametrize("status", ["failed", "planned"])
def test_a_sample_stays_while_nothing_is_known_of_what_replaces_it(plant: Plant, status: str) -> None:
    plant.judge()
    before, files = plant.rows, published_files(plant.layout)
    plant.profile = changed(plant.profile, "seed=5")
    plant.make()
    for row in plant.edits.values():
        row["status"] = status
    plant.judge()
    assert plant.rows == before
    assert published_files(plant.layout) == files


def test_staging_may_be_emptied_after_publishing_but_not_before(plant: Plant) -> None:
    shutil.rmtree(plant.layout.staging)
    plant.judge()
    assert {row["reason"] for row in plant.rows.values()} == {"staged_files_missing"}
    plant.make()
    plant.judge()
    shutil.rmtree(plant.layout.staging)
    plant.profile = changed(plant.profile, "thresholds.max_mask_share=0.9")
    plant.make()
    shutil.rmtree(plant.layout.staging)
    plant.judge()
    assert plant.statuses() == ["published"] * 4
    assert all(plant.holds(slot) for slot in plant.slots)


@pytest.mark.parametrize("role", SUFFIXES)
def test_a_file_that_was_removed_or_emptied_is_seen_and_put_back(plant: Plant, role: str) -> None:
    plant.judge()
    files = published_files(plant.layout)
    slot = plant.slots[0]
    path = plant.layout.dataset / SampleKey.parse(plant.samples()[0]).file(role)
    path.unlink()
    assert not plant.holds(slot)
    path.touch()
    assert not plant.holds(slot)
    plant.judge()
    assert published_files(plant.layout) == files
    assert plant.holds(slot)


def test_equal_edits_of_two_variants_are_published_once(tmp_path: Path) -> None:
    plant = plant_in(tmp_path, OBJECTS, f"categories.{OBJECTS}.subtypes={{delete: 2}}")
    plant.judge()
    assert Counter(plant.statuses()) == {"published": 4, "rejected": 4}
    assert {plant.rows[slot.name]["reason"] for slot in plant.slots} == {None, "duplicate_edit"}
    assert len(set(plant.samples())) == 4
    rows = plant.rows
    plant.judge([plant.slots[1].name])
    assert plant.rows == rows


def test_equal_edits_of_two_categories_are_published_once(tmp_path: Path) -> None:
    both = f"categories.{PEOPLE}.subtypes={{delete: 1}}"
    one, two = plant_in(tmp_path, OBJECTS, both), plant_in(tmp_path, PEOPLE, both)
    one.judge()
    files = tree(one.layout.dataset)
    two.judge()
    assert {row["reason"] for row in two.rows.values()} == {"duplicate_edit"}
    two.photos = ()
    two.judge()
    assert tree(one.layout.dataset) == files
    two.photos, one.photos = PHOTOS, ()
    samples_before = {row["sample_key"] for row in one.rows.values()}
    one.judge()
    assert not tree(one.layout.dataset)
    two.judge()
    assert set(two.samples()) == samples_before
    one.rows = {name: row | {"status": "published"} for name, row in one.rows.items()}
    one.judge()
    assert tree(one.layout.dataset) == files


def test_a_lost_ledger_is_restored_from_the_rows(plant: Plant) -> None:
    plant.judge()
    before = plant.samples()
    plant.layout.ledger.unlink()
    plant.profile = changed(plant.profile, "thresholds.max_mask_share=0.9")
    plant.judge()
    assert plant.samples() == before


def test_a_disk_that_cannot_be_written_is_told_with_a_remedy(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(samples, "place_file", full)
    with pytest.raises(StorageError, match=r"No space left on device[\s\S]*free space"):
        plant.judge()


class Killed(BaseException):
    pass


def killing_at(monkeypatch: pytest.MonkeyPatch, index: int) -> list[int]:
    """Raise at the `index`-th file that is placed, written or removed; returns the count."""
    counter = [0]

    def counted(real: object) -> object:
        def call(*args: object, **keywords: object) -> object:
            counter[0] += 1
            if counter[0] == index:
                raise Killed
            return real(*args, **keywords)  # type: ignore[operator]

        return call

    for owner, name in ((samples, "place_file"), (samples, "write_text"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return counter


def complete_or_marked(layout: Layout) -> bool:
    """Every sample whose source is there is complete."""
    sources = [path for path in layout.dataset.rglob("*.jpg") if "_" not in path.name]
    keys = [SampleKey.parse("/".join([*path.parts[-4:-1], path.stem])) for path in sources]
    return all(samples.is_complete(layout, key, None) for key in keys)


def disturbed(plant: Plant) -> None:
    """From what is published to other thresholds, pairs, photos at once."""
    first = plant.slots[0].name
    plant.photos = ("astronaut", "coffee", "chelsea")
    plant.profile = changed(plant.profile, "encoding.jpeg_quality=80", "threads=1")
    plant.no_ops = frozenset({first})
    plant.make()


@pytest.mark.slow
@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_file_and_run_again_gives_the_undisturbed_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    undisturbed = plant_in(tmp_path / "plain", CHANGES, "threads=1")
    undisturbed.judge()
    disturbed(undisturbed)
    with monkeypatch.context() as patch:
        total = killing_at(patch, 0)
        undisturbed.judge()
    expected = published_files(undisturbed.layout)
    begun = plant_in(tmp_path / "begun", CHANGES, "threads=1")
    begun.judge()
    assert total[0] > 60
    for index in range(1, total[0] + 1, step):
        home = tmp_path / str(index)
        shutil.copytree(tmp_path / "begun", home)
        plant = replace(begun, profile=changed_home(begun.profile, home), edits={}, pairs={})
        plant.layout = Layout.of(plant.profile)
        plant.make()
        disturbed(plant)
        with monkeypatch.context() as patch:
            killing_at(patch, index)
            with pytest.raises(Killed):
                plant.judge()
        assert complete_or_marked(plant.layout)
        plant.judge()
        assert published_files(plant.layout) == expected, index
        assert sorted(plant.samples()) == sorted(undisturbed.samples())


def changed_home(profile: Profile, home: Path) -> Profile:
    paths = profile.paths.model_copy(update={key: home / key for key in ("data", "outputs", "logs")})
    return profile.model_copy(update={"paths": paths})


def test_a_run_that_was_killed_and_then_had_another_plan_leaves_nothing_behind(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        killing_at(patch, 25)
        with pytest.raises(Killed):
            plant.judge()
    assert tree(plant.layout.dataset)
    plant.photos = ()
    plant.judge()
    assert not tree(plant.layout.dataset)
    assert {row["reason"] for row in plant.rows.values()} == {"left_plan"}


def test_temporary_files_of_dead_processes_are_swept_and_those_of_living_ones_left(plant: Plant) -> None:
    plant.judge()
    folder = plant.layout.dataset / "semantic_edit/delete/mixed"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = [
        folder / f".tmp-{dead.pid}@{this_host()}-00000000-00001.jpg",
        plant.layout.reports / f"rejects/ab/.tmp-{dead.pid}@{this_host()}-00000000-x",
    ]
    living = [folder / f".tmp-{os.getpid()}@{this_host()}-00000000-00001.jpg", folder / ".tmp-somebody's"]
    left[1].mkdir(parents=True)
    for path in (left[0], left[1] / "file", *living):
        path.write_bytes(b"x")
    plant.judge()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in living)


@given(data=st.data())
@settings(deadline=None, max_examples=8)
def test_whatever_happens_rows_add_up_and_the_dataset_is_what_they_say(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    two_subtypes = f"categories.{OBJECTS}.subtypes={{delete: 1, recolor: 1}}"
    plant = plant_in(tmp_path_factory.mktemp("plant"), OBJECTS, two_subtypes)
    seen: dict[str, str] = {}
    for _ in range(data.draw(st.integers(1, 4))):
        plant.photos = tuple(sorted(data.draw(st.sets(st.sampled_from(PHOTOS)))))
        highest = data.draw(st.sampled_from([0.01, 0.98]))
        plant.profile = changed(plant.profile, f"thresholds.max_mask_share={highest}", two_subtypes)
        plant.salt = data.draw(st.integers(0, 1))
        plant.edits, plant.pairs = {}, {}
        plant.make()
        for row in plant.edits.values():
            row["status"] = data.draw(st.sampled_from(["done", "done", "failed", "rejected"]))
        opened = data.draw(st.none() | st.sets(st.sampled_from([slot.name for slot in plant.slots] or [""])))
        plant.judge(opened)
        counts = Counter(row["status"] for row in plant.rows.values())
        assert counts.total() - counts["withdrawn"] == len(plant.slots)
        kept = {
            row["sample_key"]: row["edit_id"] for row in plant.rows.values() if row["status"] == "published"
        }
        assert len(kept) == counts["published"]
        assert all(seen.setdefault(key, edit) == edit for key, edit in kept.items())
        assert {name[:-4] for name in tree(plant.layout.dataset) if len(Path(name).name) == 9} == set(kept)
        assert len(tree(plant.layout.dataset)) == 6 * len(kept)
        gone = {row["sample_key"] for row in plant.rows.values() if row["status"] == "withdrawn"}
        assert gone == set(seen) - set(kept)
        rejects = [row for row in plant.rows.values() if row["status"] == "rejected" and row["failed_checks"]]
        assert {path.name for path in plant.layout.reports.glob("rejects/*/*")} == {
            row["edit_id"] for row in rejects
        }
