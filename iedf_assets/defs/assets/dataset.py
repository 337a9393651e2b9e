"""dataset: the gate, which publishes what passes the thresholds and keeps the rest as rejects."""

import dagster as dg
import polars as pl

from iedf_assets.core.planning.accounts import accounts_of, survival_of
from iedf_assets.core.publishing.gate import Candidates, judge_and_publish
from iedf_assets.core.storage.keys import VERDICTS_VERSION
from iedf_assets.core.storage.waves import close_wave
from iedf_assets.defs.columns import column_schema
from iedf_assets.defs.metadata import OWNERS, accounts_table, result, survival_table
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import samples_strip


def dataset_asset(partitions: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset for a profile's categories."""

    @dg.asset(
        partitions_def=partitions,
        deps=["edit_pairs"],
        group_name="publish",
        kinds={"polars", "file"},
        owners=OWNERS,
        code_version=str(VERDICTS_VERSION),
        metadata=column_schema("dataset"),
        description="Applies the thresholds to the measured pairs and publishes what passes under the naming "
        "spec, numbered by the ledger. Rejects are kept with their reasons. Closes the wave.",
    )
    def dataset(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[pl.LazyFrame]:
        category = context.partition_key
        book = factory.book(category)
        at_work = book.at_work()
        candidates = Candidates(
            factory.profile,
            factory.layout,
            category,
            slots=book.slots_of(book.editable),
            edits=at_work.edits,
            pairs=at_work.pairs,
            previous=book.verdicts,
            open_slots={slot.name for slot in book.slots_of(book.worked_on)},
        )
        rows = judge_and_publish(candidates, factory.progress(context))
        close_wave(factory.layout, category)
        book = book.with_rows("dataset", rows)
        accounts = {
            "accounts": accounts_table(accounts_of(book)),
            "survival": survival_table([survival_of(book)]),
        }
        return result(book, "dataset", {**accounts, **samples_strip(book)})

    return dataset
