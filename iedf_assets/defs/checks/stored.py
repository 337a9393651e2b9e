"""The latest verdict of each check on each category, on disk: Dagster shows the newest of all alone."""

import json
from typing import NamedTuple

from iedf_assets.core.storage.files import read_json, write_text
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.checks.verdict import Verdict


class Stored(NamedTuple):
    """A check's latest verdict on a category.

    Attributes:
        blames: whether its findings make things red; those of a warning do not.
        findings: how many there were.
        first: the worst of them in words; empty when there was none.
        worst: the worst of what was measured, by score.
    """

    check: str
    category: str
    blames: bool
    findings: int
    first: str
    worst: dict[str, float]


def keep(layout: Layout, check: str, category: str, verdict: Verdict, *, blames: bool) -> None:
    """Write a check's verdict on a category down in place of its earlier one."""
    first = f"{verdict.cases[0].subject}: {verdict.cases[0].finding}" if verdict.cases else ""
    worst = {key: value for key, value in verdict.more.items() if key.startswith("worst_")}
    stored = Stored(check, category, blames, len(verdict.cases), first, worst)
    text = json.dumps(stored._asdict(), ensure_ascii=False, indent=1)
    write_text(layout.checked(check, category), text)


def latest(layout: Layout, check: str, category: str) -> Stored | None:
    """A check's latest verdict on a category; None before there is any that can be read."""
    told = read_json(layout.checked(check, category))
    known = isinstance(told, dict) and told.keys() == set(Stored._fields)
    return Stored(**told) if known else None
