"""Samples in the dataset that nobody published: somebody put them there, or their tables are lost."""

import polars as pl

from iedf_assets.core.judging.lint import list_tree
from iedf_assets.core.publishing.joined import categories_on_disk
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.manifests import collected, table_of
from iedf_assets.core.storage.naming import Layout, SampleKey


def orphans(layout: Layout) -> list[SampleKey]:
    """Those that no category's table has as published, and that none is publishing right now.

    Raises:
        StorageError: a table or the ledger cannot be read.
    """
    categories = categories_on_disk(layout)
    known: set[str] = set()
    for category in categories:
        published = table_of(layout, "dataset", category).filter(pl.col("status") == "published")
        known.update(collected(published.select("sample_key"))["sample_key"])
    found = [sample for sample in list_tree(layout.dataset).samples if str(sample) not in known]
    if not found:
        return []
    ledger = Ledger(layout)
    # Files are there before their rows; the ledger has the number before either.
    under_way = {key for name in categories for keys in ledger.owned(name).values() for key in keys}
    return [sample for sample in found if sample not in under_way]
