"""The accounts of a category: what became of every source found, and how many survived each stage.

found = filtered + rejected + published + failed + pending, of sources; nothing is pending after a whole run.
A source with several edits counts as published when one of them is, else as failed when one failed, else as
pending, else as rejected.
"""

from collections import Counter
from typing import NamedTuple

from iedf_assets.core.planning.book import Book

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
        for slot in book.keys.slots(source.source_id):
            under_way = [statuses.get(one.name) for one in book.tries_of(slot)]
            tries += len(under_way)
            over = "rejected" if all(status == "rejected" for status in under_way) else "open"
            ends["published" if "published" in under_way else over] += 1
    return Slots(ends.total(), ends["published"], ends["open"], ends["rejected"], tries)


def survival_of(book: Book) -> Survival:
    """How many sources and edits of a category are left after each stage."""
    sources, needs_layers = book.sources.counts(), book.needs_layers()
    ends = {"done", "filtered"} if book.edits_whole_pictures else {"done"}
    done = (
        {key for key, status in book.layers.pick("key", "status") if status in ends} if needs_layers else ()
    )
    decomposed = planned = tries = 0
    for source in book.editable:
        if not needs_layers or book.keys.layers_key(source.source_id) in done:
            decomposed += 1
            planned += len(book.keys.slots(source.source_id))
            tries += sum(1 for _ in book.slots_of([source]))
    return Survival(
        book.name,
        found=sum(sources.values()),
        accepted=sources.get("accepted", 0),
        decomposed=decomposed,
        planned=planned,
        tries=tries,
        rendered=book.current("edited_images").counts().get("done", 0),
        finished=book.current("edit_pairs").counts().get("done", 0),
        published=book.verdicts.counts().get("published", 0),
    )


def _outcome(verdicts: list[tuple[str, str]], waiting: str) -> tuple[str, str]:
    """Outcome and reason of a source, from the status and reason of each of its edits."""
    for outcome in OUTCOMES:
        for status, reason in verdicts:
            if status == outcome:
                return outcome, reason or (waiting if status == "pending" else "")
    return "pending", waiting
