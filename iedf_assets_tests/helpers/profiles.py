"""Profiles that tests run by."""

from pathlib import Path

CLASSICAL = Path(__file__).parents[1] / "fixtures" / "classical.yaml"
OLDER = CLASSICAL.with_name("older.yaml")
