import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.storage.journal import Journal, read_journal

ROWS = st.lists(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text())))


@given(rows=ROWS, more=ROWS)
def test_rows_come_back_in_the_order_written_over_several_openings(
    tmp_path_factory: object, rows: list[dict[str, object]], more: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"  # type: ignore[attr-defined]
    for batch in (rows, more):
        with Journal(path) as journal:
            journal.append(batch)
    assert list(read_journal(path)) == [*rows, *more]


def test_a_torn_last_line_is_skipped_and_spoils_no_other_row(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    whole = json.dumps({"key": "a"}).encode() + b"\n"
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut])
        with Journal(path) as journal:
            journal.append([{"key": "b"}])
        keys = [row["key"] for row in read_journal(path)]
        assert keys[0] == "a"
        assert keys[-1] == "b"


def test_an_absent_journal_has_no_rows(tmp_path: Path) -> None:
    assert list(read_journal(tmp_path / "none.jsonl")) == []
