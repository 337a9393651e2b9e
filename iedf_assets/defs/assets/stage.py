"""What the assets of the stages have in common: each takes a category's open wave one step further."""

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg
import polars as pl

from iedf_assets.core.planning.book import Book
from iedf_assets.defs.columns import column_schema
from iedf_assets.defs.inputs import inputs_of
from iedf_assets.defs.metadata import GROUP, OWNERS, Metadata, result, source_of
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.telling.failures import retried_when_busy, told_plainly

Work = Callable[[dg.AssetExecutionContext, Factory, Book], tuple[Book, Metadata]]
"""Does a stage's work for the category of a book; returns a book with the new rows, and what to show."""


@dataclass(frozen=True)
class Stage:
    """A stage of the graph, as an asset partitioned by category.

    Attributes:
        name: of the stage, its manifest and its asset.
        after: the stage before it; None for the first, which the photos are before.
        version: of its output; raised by hand when the output for the same input changes.
        pool: of which one step runs at a time, in whichever run; None for no bound.
    """

    name: str
    after: str | None
    kinds: frozenset[str]
    version: int
    description: str
    work: Work
    pool: str | None = None


def stage_asset(stage: Stage, partitions: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of a stage for a profile's categories.

    It has no backfill policy: with one, even of a partition a run, a run's tags name a range instead of its
    partition, and neither the limit of a run per category nor its lock would see it (docs/adr/0019).
    """

    @dg.asset(
        name=stage.name,
        partitions_def=partitions,
        deps=[*([stage.after] if stage.after else []), *inputs_of(stage.name, partitions)],
        group_name=GROUP,
        kinds=set(stage.kinds),
        owners=OWNERS,
        pool=stage.pool,
        code_version=str(stage.version),
        metadata={**column_schema(stage.name), **source_of(stage.work)},
        description=stage.description,
    )
    def asset(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[pl.LazyFrame]:
        with retried_when_busy(), told_plainly():
            book, shown = stage.work(context, factory, factory.book(context.partition_key))
            return result(book, stage.name, shown)

    return asset
