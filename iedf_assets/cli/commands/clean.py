"""`iedf clean`: shows what may go, then deletes it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click
from rich.table import Table

from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.cleaning import find_waste, throw_away
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.joined import categories_on_disk
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import claim_outputs, other_users

SHOWN = 5


def _locks(profile: Profile, layout: Layout) -> Iterator[tuple[Path, str]]:
    """Whatever may make staged items here, or in a staging folder that other outputs use too."""
    for name in sorted({*profile.categories, *categories_on_disk(layout)}):
        yield layout.category_lock(name), f"the category {name}"
    for outputs in filter(None, other_users(layout)):
        theirs = replace(layout, outputs=outputs)
        for name in categories_on_disk(theirs):
            yield theirs.category_lock(name), f"the category {name} of {outputs}"


def clean_up(profile: Profile, *, superseded: bool, sure: bool) -> None:
    """Show waste, ask, delete it. No run may be under way meanwhile.

    Raises:
        LockedError: one is.
        StorageError: the outputs are somebody else's folder.
    """
    layout = Layout.of(profile)
    claim_outputs(layout)
    with ExitStack() as locks:
        for lock, subject in _locks(profile, layout):
            locks.enter_context(exclusive(lock, subject=subject))
        books = [Book.open(profile, layout, name) for name in profile.categories]
        waste = find_waste(layout, books, superseded=superseded)
        console = PlainConsole()
        if not waste:
            console.print("nothing to clean up")
            return
        table = Table("what", "items", "frees", "for example")
        counts = Counter(entry.why for entry in waste)
        for why, count in counts.items():
            some = [entry for entry in waste if entry.why == why]
            size = sum(entry.bytes for entry in some)
            examples = "\n".join(str(entry.path) for entry in some[:SHOWN])
            table.add_row(why, str(count), f"{size / 1e6:,.1f} MB", examples)
        console.print(table)
        if sure or click.confirm("Delete all of it?"):
            throw_away(layout, books, waste)
            console.print(f"deleted {len(waste)}")
