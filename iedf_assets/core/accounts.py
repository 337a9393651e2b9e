"""The accounts of a category: what became of every source found, and how many survived each stage.

found = filtered + rejected + published + failed + pending, of sources; nothing is pending after a whole run.
A source with several edits counts as published when one of them is, else as failed when one failed, else as
pending, else as rejected.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from iedf_assets.core.book import Book
from iedf_assets.core.journal import Row

OUTCOMES = ("published", "failed", "pending", "rejected", "filtered")


class Account(NamedTuple):
    """How many sources of a category share an outcome, a task and a reason (empty where there is none)."""

    category: str
    outcome: str
    task: str
    reason: str
    sources: int


class Survival(NamedTuple):
    """How much of a category is left after a stage, in sources up to `decomposed`, then in edits."""

    category: str
    found: int
    accepted: int
    decomposed: int
    planned: int
    rendered: int
    finished: int
    published: int


def accounts_of(book: Book) -> list[Account]:
    """What became of each source of a category; the numbers add up to the sources found."""
    slots = _verdicts_by_source(book.verdicts.values())
    counts = Counter(_outcome(book, row, slots) for row in book.sources.values())
    task = book.category.task
    order = {outcome: number for number, outcome in enumerate(OUTCOMES)}
    return [
        Account(book.name, outcome, task, reason, number)
        for (outcome, reason), number in sorted(
            counts.items(), key=lambda item: (order[item[0][0]], -item[1], item[0][1])
        )
    ]


def survival_of(book: Book) -> Survival:
    """How many sources and edits of a category are left after each stage."""
    editable = [
        row for row in book.editable if not book.needs_layers() or _is_done(book.layers_row(row["source_id"]))
    ]
    return Survival(
        book.name,
        found=len(book.sources),
        accepted=len(book.accepted),
        decomposed=len(editable),
        planned=len(book.slots_of(editable)),
        rendered=sum(map(_is_done, book.current("edited_images"))),
        finished=sum(map(_is_done, book.current("edit_pairs"))),
        published=sum(row["status"] == "published" for row in book.verdicts.values()),
    )


def _outcome(book: Book, source: Row, slots: Mapping[str, list[Row]]) -> tuple[str, str]:
    """Outcome and reason of a source."""
    if source["status"] != "accepted":
        return source["status"], source["reason"] or ""
    layers = book.layers_row(source["source_id"])
    if layers is not None and layers["status"] in {"filtered", "failed"}:
        return layers["status"], layers["reason"] or ""
    rows = slots.get(source["source_id"], [])
    for outcome in OUTCOMES:
        for row in rows:
            if row["status"] == outcome:
                return outcome, row["reason"] or ""
    return "pending", ""


def _verdicts_by_source(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: str(row["slot"])):
        if row["status"] != "withdrawn":
            found.setdefault(row["source_id"], []).append(row)
    return found


def _is_done(row: Row | None) -> bool:
    return row is not None and row["status"] == "done"
