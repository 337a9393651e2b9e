"""What is said at the end of errors that are not ours."""

import sqlite3
import urllib.error
from pathlib import Path

import pytest

from iedf_assets.core.unforeseen import last_words


def wrapping(cause: Exception) -> Exception:
    """An error that was raised from another."""
    error = RuntimeError("a step failed")
    error.__cause__ = cause
    return error


def test_what_the_disk_refused_is_told_with_the_file_however_it_was_wrapped() -> None:
    refused = PermissionError(13, "Permission denied", "/some/file")
    assert "/some/file cannot be used" in last_words(refused)
    assert "/some/file cannot be used" in last_words(wrapping(refused))


def test_dagsters_records_are_named() -> None:
    assert "Dagster's records" in last_words(wrapping(sqlite3.OperationalError("database or disk is full")))


def test_a_bug_while_a_missing_file_was_being_handled_is_a_bug() -> None:
    def search() -> str:
        try:
            return Path("/nowhere").read_text("utf-8")
        except FileNotFoundError:
            known: dict[str, str] = {}
            return known["key"]

    with pytest.raises(KeyError) as caught:
        search()
    assert "KeyError" in last_words(caught.value)


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "Connection refused"), urllib.error.URLError("no host")]
)
def test_what_the_network_refused_is_no_fault_of_the_disk(error: Exception) -> None:
    assert "the disk" not in last_words(error)
