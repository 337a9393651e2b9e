import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.storage import ledger as ledger_module
from iedf_assets.core.storage.ledger import Ledger, Place
from iedf_assets.core.storage.naming import Layout, SampleKey

PLACE: Place = ("semantic_edit", "delete", "mixed")


def layout_in(folder: Path) -> Layout:
    return Layout(folder / "data", folder / "outputs", folder / "staging", folder / "logs")


def placed(*edits: str, scene: str = "mixed") -> dict[str, Place]:
    return dict.fromkeys(edits, ("semantic_edit", "delete", scene))


def numbers(given_out: dict[str, SampleKey]) -> dict[str, str]:
    return {edit: str(sample).removeprefix("semantic_edit/delete/") for edit, sample in given_out.items()}


def test_numbers_are_given_out_in_the_order_of_the_edits_and_stay(layout: Layout) -> None:
    ledger = Ledger(layout)
    assert numbers(ledger.assign(placed("c", "a"), "x").numbers) == {"a": "mixed/00001", "c": "mixed/00002"}
    assert numbers(ledger.assign(placed("b", "c"), "x").numbers) == {"b": "mixed/00003", "c": "mixed/00002"}
    assert {edit: len(had) for edit, had in ledger.all().items()} == {"a": 1, "b": 1, "c": 1}


def test_each_folder_counts_for_itself(layout: Layout) -> None:
    given_out = Ledger(layout).assign({"a": PLACE, "b": ("structural_edit", "move", "mixed")}, "x").numbers
    assert [sample.number for sample in given_out.values()] == [1, 1]


def test_a_withdrawn_edit_keeps_its_number_and_gets_it_back(layout: Layout) -> None:
    ledger = Ledger(layout)
    ledger.assign(placed("a", "b"), "x")
    ledger.release(["a"], "x")
    assert set(ledger.owned("x")) == {"b"}
    assert numbers(ledger.assign(placed("c"), "x").numbers) == {"c": "mixed/00003"}
    assert numbers(ledger.assign(placed("a"), "x").numbers) == {"a": "mixed/00001"}


def test_an_edit_that_another_category_publishes_is_not_given_out_until_that_lets_go(layout: Layout) -> None:
    ledger = Ledger(layout)
    ledger.assign(placed("a"), "x")
    assert ledger.assign(placed("a", "b"), "y").numbers == {"b": SampleKey(*PLACE, 2)}
    ledger.release(["a"], "y")
    assert set(ledger.owned("x")) == {"a"}
    ledger.release(["a"], "x")
    assert numbers(ledger.assign(placed("a"), "y").numbers) == {"a": "mixed/00001"}


def test_another_scene_gives_another_number_and_the_old_scene_the_old_one(layout: Layout) -> None:
    ledger = Ledger(layout)
    ledger.assign(placed("a", "b"), "x")
    assert numbers(ledger.assign(placed("b", scene="city"), "x").numbers) == {"b": "city/00001"}
    assert numbers(ledger.assign(placed("b"), "x").numbers) == {"b": "mixed/00002"}
    assert [str(sample)[21:] for sample in ledger.owned("x")["b"]] == ["mixed/00002", "city/00001"]


def test_a_quota_counts_an_edit_where_it_is_now(layout: Layout) -> None:
    ledger = Ledger(layout)
    for scene in ("mixed", "city", "mixed"):
        ledger.assign(placed("a", scene=scene), "x")
    full = {"semantic_edit/mixed": 1, "semantic_edit/city": 1}
    assert ledger.assign(placed("b"), "x", quotas=full).over_quota == {"b"}
    assert numbers(ledger.assign(placed("b", scene="city"), "x", quotas=full).numbers) == {"b": "city/00002"}


def test_a_full_folder_goes_on_in_the_next(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "FULL_FOLDER", 2)
    ledger = Ledger(layout)
    given_out = numbers(ledger.assign(placed(*"abcde"), "x").numbers)
    assert list(given_out.values()) == [
        "mixed/00001",
        "mixed/00002",
        "mixed-2/00001",
        "mixed-2/00002",
        "mixed-3/00001",
    ]
    assert numbers(ledger.assign(placed("f", "d"), "x").numbers) == {
        "d": "mixed-2/00002",
        "f": "mixed-3/00002",
    }


def test_a_folder_with_its_last_number_taken_is_full(layout: Layout) -> None:
    folder = layout.dataset.joinpath(*PLACE)
    folder.mkdir(parents=True)
    (folder / "99998_EN.txt").touch()
    given_out = Ledger(layout).assign(placed("a", "b"), "x").numbers
    assert numbers(given_out) == {"a": "mixed/99999", "b": "mixed-2/00001"}


def test_numbers_that_files_bear_are_not_reused_when_the_ledger_is_lost(layout: Layout) -> None:
    ledger = Ledger(layout)
    given_out = ledger.assign(placed("a", "b"), "x").numbers
    layout.dataset.joinpath(*PLACE).mkdir(parents=True)
    (layout.dataset / given_out["b"].file("source")).touch()
    layout.ledger.unlink()
    assert numbers(ledger.assign(placed("a"), "x").numbers) == {"a": "mixed/00003"}


def test_what_the_ledger_lost_is_restored_from_the_manifest(layout: Layout) -> None:
    known = [("a", SampleKey(*PLACE, 7)), ("b", SampleKey(*PLACE, 9))]
    ledger = Ledger(layout)
    assert numbers(ledger.assign(placed("a", "c"), "x", known).numbers) == {
        "a": "mixed/00007",
        "c": "mixed/00010",
    }
    assert ledger.assign({}, "x", [("d", SampleKey(*PLACE, 7))]).numbers == {}
    assert "d" not in ledger.all()


@pytest.mark.parametrize("torn", [1, 20, 80])
def test_a_torn_last_line_is_no_number_and_spoils_no_other(layout: Layout, torn: int) -> None:
    ledger = Ledger(layout)
    ledger.assign(placed("a", "b"), "x")
    layout.ledger.write_bytes(layout.ledger.read_bytes()[:-torn])
    assert set(ledger.all()) == ({"a", "b"} if torn == 1 else {"a"})
    assert numbers(ledger.assign(placed("c"), "x").numbers)["c"] == (
        "mixed/00003" if torn == 1 else "mixed/00002"
    )
    assert len(ledger.all()) == (3 if torn == 1 else 2)


PROCESS = """
import sys, pathlib
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.naming import Layout
base = pathlib.Path(sys.argv[1])
ledger = Ledger(Layout(base / "data", base / "outputs", base / "staging", base / "logs"))
print("ready", flush=True)
sys.stdin.readline()
for start in range(0, 60, 3):
    edits = [f"{sys.argv[2]}-{number:02d}" for number in range(start, start + 3)]
    ledger.assign({edit: ("semantic_edit", "delete", "mixed") for edit in edits}, sys.argv[2])
"""


def test_processes_at_once_never_give_out_a_number_twice(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("one", "two", "three")
    ]
    for process in processes:
        assert process.stdout
        process.stdout.readline()
    for process in processes:
        assert process.communicate(b"go\n")[0] == b""
        assert process.returncode == 0
    samples = [sample for had in Ledger(layout_in(tmp_path)).all().values() for sample in had]
    assert sorted(sample.number for sample in samples) == list(range(1, 181))


def test_threads_at_once_never_give_out_a_number_twice(layout: Layout) -> None:
    threads = [
        threading.Thread(
            target=Ledger(layout).assign, args=(placed(*(f"{name}{i}" for i in range(20))), name)
        )
        for name in "pqrs"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(had[0].number for had in Ledger(layout).all().values()) == list(range(1, 81))


EDITS = st.sets(st.sampled_from("abcdefgh"))
CALLS = st.lists(st.tuples(st.sampled_from(["assign", "release"]), EDITS, st.sampled_from("xy")), max_size=12)


@given(calls=CALLS)
@settings(deadline=None, max_examples=20)
def test_a_number_never_changes_hands(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[str, set[str], str]]
) -> None:
    layout = layout_in(tmp_path_factory.mktemp("ledger"))
    ledger = Ledger(layout)
    seen: dict[str, SampleKey] = {}
    for what, edits, owner in calls:
        if what == "release":
            ledger.release(edits, owner)
            continue
        for edit, sample in ledger.assign(placed(*edits), owner).numbers.items():
            assert seen.setdefault(edit, sample) == sample
            assert sample in ledger.owned(owner)[edit]
    assert len(set(seen.values())) == len(seen)
    assert {sample.number for sample in seen.values()} == set(range(1, len(seen) + 1))


def test_the_file_is_one_json_object_a_line(layout: Layout) -> None:
    Ledger(layout).assign(placed("a"), "物体一致性")
    assert json.loads(layout.ledger.read_text("utf-8")) == {
        "edit_id": "a",
        "task": "semantic_edit",
        "subtype": "delete",
        "scene": "mixed",
        "number": 1,
        "owner": "物体一致性",
    }


@given(st.lists(st.sampled_from("abcdefghij"), max_size=30), st.integers(0, 6), st.integers(0, 6))
@settings(deadline=None)
def test_a_quota_is_never_exceeded_and_takes_nothing_away(asked: list[str], quota: int, later: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(layout_in(Path(folder)))
        task, _, scene = PLACE
        held: dict[str, SampleKey] = {}
        for number, edit in enumerate(asked):
            limit = quota if number < len(asked) / 2 else later
            quotas = {f"{task}/{scene}": limit}
            given_out, over = ledger.assign(placed(edit), "xy"[number % 2], quotas=quotas)
            if edit in given_out:
                assert edit in held or len(held) < limit
                held.update(given_out)
            else:
                assert (edit in over) == (edit not in held)
                assert edit in held or len(held) >= limit
        assert len(set(held.values())) == len(held) <= max(quota, later)


@pytest.mark.parametrize(
    "odd",
    [{"number": 0}, {"number": 100_000}, {"number": "7"}, {"number": True}, {"scene": "../../../data"},
     {"task": "a/b"}, {"subtype": None}, {"owner": 7}, {"edit_id": ["x"]}],
    ids=str,
)  # fmt: skip
def test_a_line_that_is_no_number_of_a_sample_counts_for_nothing(
    layout: Layout, odd: dict[str, object]
) -> None:
    ledger = Ledger(layout)
    ledger.assign(placed("a"), "x")
    row = {"edit_id": "b", "task": "t", "subtype": "s", "scene": "mixed", "number": 5, "owner": "x", **odd}
    with layout.ledger.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    assert set(ledger.owned("x")) == {"a"}
