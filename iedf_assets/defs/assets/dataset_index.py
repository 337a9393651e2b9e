"""dataset_index: what no single category can own: the index, scores of all pairs, lint, twins."""

from collections import Counter

import dagster as dg

from iedf_assets.core.errors import StorageError
from iedf_assets.core.memory import give_back
from iedf_assets.core.planning.book import is_readable
from iedf_assets.core.publishing.index import write_index
from iedf_assets.defs.metadata import OWNERS, records_table
from iedf_assets.defs.resources import PARTITION_TAG, Factory

INDEX_VERSION = 1  # raised when the index says something else of the same dataset


def dataset_index_asset() -> dg.AssetsDefinition:
    """The asset, one for all categories."""

    @dg.asset(
        deps=["dataset"],
        group_name="publish",
        kinds={"csv", "json"},
        owners=OWNERS,
        code_version=str(INDEX_VERSION),
        description="Merges all categories into `reports/index.csv` and `index.jsonl`, the scores of every "
        "judged pair, lint findings, and photos that appear in several categories.",
    )
    def dataset_index(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[None]:
        try:
            summary = write_index(factory.profile, factory.layout)
        except StorageError as error:
            own = context.run.tags.get(PARTITION_TAG)
            if own is None or not is_readable(factory.profile, factory.layout, own):
                raise
            # Another category's tables are broken: this one is published all the same.
            context.log.warning("the index stays as it was: %s", error)
            return dg.MaterializeResult(metadata={"not written": str(error)})
        totals: Counter[str] = Counter()
        for counts in summary.counts.values():
            totals.update(counts)
        records = [{"category": name, **counts} for name, counts in summary.counts.items()]
        columns = {"category": "string", **dict.fromkeys(totals, "int")}
        give_back()
        context.log.info("%d samples in the index", totals["published"])
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": totals["published"],
                **totals,
                "by category": records_table(records, columns),
                "judged": summary.judged,
                "pass_rate": round(summary.pass_rate, 4),
                "lint_findings": len(summary.lint),
                "twins": len(summary.twins),
                "index": dg.MetadataValue.path(str(factory.layout.index)),
            }
        )

    return dataset_index
