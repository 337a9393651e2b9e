"""The accounts of a category: what became of every source found, and how many survived each stage.

found = filtered + rejected + published + failed + pending, of sources; nothing is pending after a whole run.
A source with several edits counts as published when one of them is, else as failed when one failed, else as
pending, else as rejected.
"""

from collections import Counter, defaultdict
from typing import NamedTuple

import polars as pl

from iedf_assets.core.planning.book import Book
from iedf_assets.core.storage.keys import try_of_name
from iedf_assets.core.storage.manifests import Rows

# The reason of what waits because a limit is reached.
HELD = "held_by_limit"
OUTCOMES = ("published", "failed", "pending", "rejected", "filtered")


class Account(NamedTuple):
    """How many sources of a category share an outcome, a task and a reason (empty where there is none)."""

    category: str
    outcome: str
    task: str
    reason: str
    sources: int


class Survival(NamedTuple):
    """How much of a category is left after a stage: sources up to `decomposed`, slots, then their tries."""

    category: str
    found: int
    accepted: int
    decomposed: int
    planned: int
    tries: int
    rendered: int
    finished: int
    published: int


def accounts_of(book: Book) -> list[Account]:
    """What became of each source of a category; the numbers add up to the sources found."""
    slots: dict[str, list[tuple[str, str]]] = {}
    for source_id, status, reason in book.verdicts.pick("source_id", "status", "reason"):
        if status != "withdrawn":
            slots.setdefault(source_id, []).append((status, reason or ""))
    layers = {
        key: (status, reason or "")
        for key, status, reason in book.layers.pick("key", "status", "reason")
        if status == "failed" or (status == "filtered" and not book.edits_whole_pictures)
    }
    waiting = HELD if book.allowance.reached else ""
    counts: Counter[tuple[str, str]] = Counter()
    for source_id, status, reason in book.sources.pick("source_id", "status", "reason"):
        if status != "accepted":
            counts[status, reason or (waiting if status == "pending" else "")] += 1
        else:
            undone = layers.get(book.keys.layers_key(source_id))
            counts[undone or _outcome(slots.get(source_id, []), waiting)] += 1
    task = book.category.task
    order = {outcome: number for number, outcome in enumerate(OUTCOMES)}
    return [
        Account(book.name, outcome, task, reason, number)
        for (outcome, reason), number in sorted(
            counts.items(), key=lambda item: (order[item[0][0]], -item[1], item[0][1])
        )
    ]


class Slots(NamedTuple):
    """How many slots are planned, filled by a sample, still open, and without one after their last try."""

    planned: int
    filled: int
    open: int
    given_up: int
    tries: int


def slots_of(book: Book) -> Slots:
    """What became of the slots of a category's decomposed sources, and in how many tries."""
    statuses = dict(book.verdicts.pick("slot", "status"))
    ends: Counter[str] = Counter()
    tries = 0
    for source in book.editable:
        under_way: dict[str, set[str | None]] = defaultdict(set)
        for slot in book.slots_of([source]):
            under_way[try_of_name(slot.name)[0]].add(statuses.get(slot.name))
            tries += 1
        for of_tries in under_way.values():
            over = "rejected" if of_tries == {"rejected"} else "open"
            ends["published" if "published" in of_tries else over] += 1
    return Slots(ends.total(), ends["published"], ends["open"], ends["rejected"], tries)


def survival_of(book: Book) -> Survival:
    """How many sources and edits of a category are left after each stage."""
    sources, needs_layers = book.sources.counts(), book.needs_layers()
    ends = {"done", "filtered"} if book.edits_whole_pictures else {"done"}
    done = (
        {key for key, status in book.layers.pick("key", "status") if status in ends} if needs_layers else ()
    )
    nothing, rendered, finished = book.without_subject(), _done(book.edits), _done(book.pairs)
    counts = Counter[str]()
    for source in book.accepted:
        slots = list(book.slots_of([source]))
        counts["rendered"] += sum(slot.edit_key in rendered for slot in slots)
        counts["finished"] += sum(slot.pair_key in finished for slot in slots)
        layers = book.keys.layers_key(source.source_id)
        if layers not in nothing and (not needs_layers or layers in done):
            counts["decomposed"] += 1
            counts["planned"] += len({try_of_name(slot.name)[0] for slot in slots})
            counts["tries"] += len(slots)
    return Survival(
        book.name,
        found=sum(sources.values()),
        accepted=sources.get("accepted", 0),
        decomposed=counts["decomposed"],
        planned=counts["planned"],
        tries=counts["tries"],
        rendered=counts["rendered"],
        finished=counts["finished"],
        published=book.verdicts.counts().get("published", 0),
    )


def _done(rows: Rows) -> set[str]:
    return {key for (key,) in rows.where(pl.col("status") == "done").pick("key")}


def _outcome(verdicts: list[tuple[str, str]], waiting: str) -> tuple[str, str]:
    """Outcome and reason of a source, from the status and reason of each of its edits."""
    for outcome in OUTCOMES:
        for status, reason in verdicts:
            if status == outcome:
                return outcome, reason or (waiting if status == "pending" else "")
    return "pending", waiting
