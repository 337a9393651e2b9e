"""Rating by people: pages that tell nothing, and figures that add up."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rating import interval, kappa, print_tally, write_sheets
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.core.judging.test_pair_checks import PERFECT


@given(total=st.integers(1, 500), data=st.data())
def test_an_interval_holds_its_share_and_stays_between_0_and_1(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    low, high = interval(count, total)
    assert -1e-9 <= low <= count / total + 1e-9
    assert count / total - 1e-9 <= high <= 1 + 1e-9


def test_raters_who_say_the_same_agree_wholly_and_by_chance_not_at_all() -> None:
    one = {1: "wrong", 2: "good", 3: "acceptable", 4: "wrong"}
    assert kappa(one, one) == 1.0
    assert kappa(one, {1: "wrong", 2: "wrong", 3: "good", 4: "good"}) == 0.0


def test_a_rating_that_is_missing_or_strange_is_named(tmp_path: Path) -> None:
    write_key(tmp_path, [pair(1), pair(2)], slots=4)
    (tmp_path / "r.csv").write_text("number,rating\n1,splendid\n")
    with pytest.raises(SystemExit, match=r"splendid.*not rated: \[2\]"):
        print_tally(tmp_path, [tmp_path / "r.csv"])


def pair(number: int, refused: bool = False, loose: float = 0.0) -> dict[str, Any]:
    scores = PERFECT | {"loose_ends": loose}
    checks = ["remainder"] if refused else []
    return {"number": number, "sample_key": None, "subtype": "move", "tier": "composited", "refused": checks,
            "scores": scores}  # fmt: skip


def write_key(folder: Path, pairs: list[dict[str, Any]], slots: int) -> None:
    rows = [{"slots": slots}, *pairs]
    (folder / "key.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_what_is_refused_wrongly_and_what_other_limits_do_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [
        pair(1),
        pair(2, loose=0.03),
        pair(3, refused=True, loose=0.08),
        pair(4, refused=True, loose=0.2),
    ]
    write_key(tmp_path, pairs, slots=8)
    (tmp_path / "me.csv").write_text("1,good\n2,wrong\n3,acceptable\n4,wrong\n")
    print_tally(tmp_path, [tmp_path / "me.csv"], ["max_loose_ends", "0.01", "0.1"])
    told = capsys.readouterr().out
    assert "| me | 2 | 1 | 0 | 1 | 50.0%" in told
    assert "usable to me and refused: 1 of 2; of all usable 50.0%" in told
    assert "| 0.01 | me | 1 | 0.0%" in told
    assert "| 0.1 | me | 3 | 33.3%" in told


@pytest.mark.slow
def test_every_sample_is_on_a_page_and_the_raters_are_not_told_which(
    already_run: Callable[..., None], layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    already_run("coffee", "chelsea")
    pages = tmp_path / "pages"
    write_sheets(layout.outputs, pages)
    everything = tmp_path / "everything"
    write_sheets(layout.outputs, everything, rejects=True)
    kept = list((layout.reports / "rejects").glob("*/*/result.jpg"))
    index = (layout.reports / "index.jsonl").read_text("utf-8").splitlines()
    pairs = [json.loads(line) for line in (pages / "pairs.jsonl").read_text("utf-8").splitlines()]
    assert len(pairs) == len(index) > 0
    assert set(pairs[0]) == {"number", "instruction_en", "instruction_ch"}
    assert len((everything / "pairs.jsonl").read_text("utf-8").splitlines()) == len(index) + len(kept)
    assert len(list(pages.glob("page_*.png"))) == -(-len(index) // 5)
    (pages / "me.csv").write_text("".join(f"{pair['number']},good\n" for pair in pairs))
    print_tally(pages, [pages / "me.csv"])
    assert f"| me | {len(index)} | {len(index)} | 0 | 0 | 0.0%" in capsys.readouterr().out
