"""`iedf clean`: shows what may go, then deletes it."""

from collections import Counter
from contextlib import ExitStack

import click
from rich.table import Table

from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.cleaning import find_waste, throw_away
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import claim_outputs

SHOWN = 5


def clean_up(profile: Profile, *, superseded: bool, sure: bool) -> None:
    """Show waste, ask, delete it. No run may be under way meanwhile.

    Raises:
        LockedError: one is.
        StorageError: the outputs are somebody else's folder.
    """
    layout = Layout.of(profile)
    claim_outputs(layout)
    with ExitStack() as locks:
        for name in profile.categories:
            locks.enter_context(exclusive(layout.category_lock(name), subject=f"the category {name}"))
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
