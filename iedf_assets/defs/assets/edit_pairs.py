"""edit_pairs: edits composited into their sources, both files encoded alike, scores measured."""

import dagster as dg
import polars as pl

from iedf_assets.core.pairs.finishing import finish
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.planning.requests import pair_requests
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.item_loop import run_requests
from iedf_assets.core.storage.journal import Journal
from iedf_assets.core.storage.keys import PAIRS_VERSION
from iedf_assets.core.storage.leftovers import sweep_stage
from iedf_assets.core.storage.space import require_space
from iedf_assets.defs.columns import column_schema
from iedf_assets.defs.metadata import OWNERS, result
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import pairs_strip


def edit_pairs_asset(partitions: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset for a profile's categories."""

    @dg.asset(
        partitions_def=partitions,
        deps=["edited_images"],
        group_name="finish",
        kinds={"opencv", "pillow"},
        owners=OWNERS,
        code_version=str(PAIRS_VERSION),
        metadata=column_schema("edit_pairs"),
        description="Composites each edit through a feathered alpha, encodes source and result once and "
        "alike, so that they are identical outside the allowed region, and measures the pair. Scores, no "
        "verdicts.",
    )
    def edit_pairs(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[pl.LazyFrame]:
        category = context.partition_key
        book = factory.book(category)
        requests = pair_requests(book.at_work(), paths_on_disk(factory.layout, category))
        sweep_stage(factory.layout, "edit_pairs")
        require_space("edit_pairs", factory.layout.staging, len(requests), book.pairs)
        with Journal(factory.layout.journal("edit_pairs", category)) as journal:
            run_requests(
                requests,
                finish,
                journal,
                threads=thread_count(factory.profile.threads),
                max_failures_in_a_row=book.category.workers.edit.max_failures_in_a_row,
                report=factory.progress(context),
            )
        book = factory.book(category)
        return result(book, "edit_pairs", {"made": len(requests), **pairs_strip(book.at_work())})

    return edit_pairs
