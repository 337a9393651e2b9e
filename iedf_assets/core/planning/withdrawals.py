"""How much of what is published a change would take away; too much of it is asked for, not done.

Whether a changed edit comes out as it was is not known before it is made, so it counts as one that leaves.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import polars as pl

from iedf_assets.core.errors import MassWithdrawalError
from iedf_assets.core.judging.verdicts import verdict
from iedf_assets.core.planning.book import Book
from iedf_assets.core.sources.found import Found
from iedf_assets.core.sources.ingest import require_inputs
from iedf_assets.core.sources.rights import from_text, held_back
from iedf_assets.core.storage.keys import Slot

# Of fewer published samples any share may go: somebody is trying things out.
FEW = 20
_AT_ONCE = 2048


class Withdrawals(NamedTuple):
    """How many of a category's published samples would leave, and of how many."""

    leaving: int
    published: int


def require_meant(book: Book, found: list[Found] | None) -> None:
    """See that working on a category as it is now loses no photos and no samples that should stay.

    Args:
        found: its files; None when its folder does not exist.

    Raises:
        InputsLostError, MassWithdrawalError: it would.
    """
    most = book.profile.sources.max_loss_share
    require_few_withdrawals(book, require_inputs(book.layout.data / book.name, found, book.sources, most))


def require_few_withdrawals(book: Book, found: Iterable[Found]) -> None:
    """See that working on a category as it is now takes away no more samples than may go unasked.

    Raises:
        MassWithdrawalError: more than `limits.max_withdrawn_share` of at least `FEW` would leave.
    """
    most = book.profile.limits.max_withdrawn_share
    if most >= 1:
        return
    leaving, published = withdrawals(book, found)
    if published >= FEW and leaving > most * published:
        raise MassWithdrawalError(
            f"{leaving} of the {published} published samples of {book.name} would be withdrawn or replaced, "
            f"more than limits.max_withdrawn_share ({most:g}) of them; nothing was done",
            "look at `iedf status` for what changed; if that is meant, run once with --withdraw (or "
            "--set limits.max_withdrawn_share=1)",
        )


def withdrawals(book: Book, found: Iterable[Found]) -> Withdrawals:
    """What a run would take away: samples whose photo, slot or edit is another, or that pass no more."""
    there = {file.name: file.facts for file in found}
    for path in _not_licensed(book, there):
        del there[path]
    staying = [source for source in book.editable if source.path in there]
    slots = {slot.name: slot for source in staying for slot in book.keys.tries(source.source_id)}
    slots |= {slot.name: slot for slot in book.derived_of(staying)}
    published = book.verdicts.where(pl.col("status") == "published")
    lost = book.lost_without(source for source in book.accepted if source.path in there)
    leaving = 0
    judged_anew: list[Slot] = []
    for name, key, edit_key, pair_key in published.pick("slot", "key", "edit_key", "pair_key"):
        slot = slots.get(name)
        if slot is None or slot.edit_key != edit_key or edit_key in lost:
            leaving += 1
        elif slot.verdict_key != key and slot.pair_key == pair_key:
            judged_anew.append(slot)
    return Withdrawals(leaving + sum(_failing(book, judged_anew)), len(published))


def _not_licensed(book: Book, facts: Mapping[str, str | None]) -> list[str]:
    """The paths of the accepted photos that may not be used, by what people say of them now."""
    accepted = book.sources.where(pl.col("status") == "accepted").pick("path", "rights")
    photos = ((path, from_text(facts[path]), rights) for path, rights in accepted if path in facts)
    return [path for path, _ in held_back(photos, book.profile.limits)]


def _failing(book: Book, slots: list[Slot]) -> Iterator[bool]:
    """Whether each of some slots' pairs fails the present thresholds."""
    for start in range(0, len(slots), _AT_ONCE):
        part = slots[start : start + _AT_ONCE]
        edits = book.edits.only(slot.edit_key for slot in part)
        pairs = book.pairs.only(slot.pair_key for slot in part)
        for slot in part:
            edit, pair = edits.get(slot.edit_key), pairs.get(slot.pair_key)
            yield verdict(slot, book.category, edit, pair, book.reviews)["status"] == "rejected"
