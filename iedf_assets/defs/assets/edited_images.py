"""edited_images: the plan of a category's edits, and their pictures as the edit worker renders them."""

import dagster as dg
import polars as pl

from iedf_assets.core.planning.requests import edit_requests, plan_edits
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.journal import Journal
from iedf_assets.core.storage.keys import EDITS_VERSION
from iedf_assets.core.storage.manifests import frame, write_table
from iedf_assets.core.storage.space import require_space
from iedf_assets.defs.columns import column_schema
from iedf_assets.defs.instance import POOLS
from iedf_assets.defs.metadata import OWNERS, result
from iedf_assets.defs.resources import Factory
from iedf_assets.launching.launch import launch


def edited_images_asset(partitions: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset for a profile's categories."""

    @dg.asset(
        partitions_def=partitions,
        deps=["image_layers"],
        group_name="generate",
        kinds={"opencv", "python"},
        owners=OWNERS,
        pool=POOLS["edited_images"],
        code_version=str(EDITS_VERSION),
        metadata=column_schema("edited_images"),
        description="Plans the edits of each source (recipe and bilingual instruction, drawn from the seed), "
        "writes the plan, then has the edit worker render what is missing. The pictures stay raw "
        "here.",
    )
    def edited_images(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[pl.LazyFrame]:
        category = context.partition_key
        book = factory.book(category)
        at_work = book.at_work()
        plan = plan_edits(at_work)
        write_table(frame(plan, "edited_images"), factory.layout.manifest("plan", category))
        refused = [row for row in plan if row["status"] == "rejected" and row["key"] not in at_work.edits]
        with Journal(factory.layout.journal("edited_images", category)) as journal:
            journal.append(refused)
        requests = edit_requests(at_work, plan, paths_on_disk(factory.layout, category))
        require_space("edited_images", factory.layout.staging, len(requests), book.edits)
        worker = book.category.workers.edit
        report = factory.progress(context)
        launch(context, factory.layout, worker, "edited_images", requests, report, book.allowance)
        book = factory.book(category)
        return result(book, "edited_images", {"planned": len(plan), "made": len(requests)})

    return edited_images
