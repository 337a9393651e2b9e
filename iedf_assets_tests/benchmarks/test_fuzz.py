"""A small lot of the fuzzer's damaged files, the same ones every time."""

from pathlib import Path

import pytest

from benchmarks.fuzz import damaged_files
from iedf_assets.core import reasons
from iedf_assets_tests.helpers.mutants import mutants

KNOWN = {word for name, word in vars(reasons).items() if name.isupper() and isinstance(word, str)}


def test_the_same_seed_gives_the_same_files() -> None:
    assert [one.data for one in mutants(30, 7)] == [one.data for one in mutants(30, 7)]


@pytest.mark.slow
def test_sixty_damaged_files_end_as_rows_with_a_reason(tmp_path: Path) -> None:
    tally = damaged_files(60, 1, tmp_path)
    assert tally.died == 0
    assert tally.reasons.total() == 60
    assert set(tally.reasons) <= KNOWN | {"accepted"}
    # A code may by chance come out even.
    assert tally.broken.total() <= 1
    assert max(tally.seconds) < 10
