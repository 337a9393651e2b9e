"""dataset_index: what no single category can own: the index, scores of all pairs, lint, twins."""

import hashlib
from collections import Counter

import dagster as dg

from iedf_assets.core.memory import give_back
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.assets.merging import made_unless_others_are_broken
from iedf_assets.defs.automation import FOLLOWS
from iedf_assets.defs.metadata import GROUP, OWNERS, records_table, source_of
from iedf_assets.defs.resources import Factory

INDEX_VERSION = 3  # raised when the index says something else of the same dataset


def dataset_index_asset() -> dg.AssetsDefinition:
    """The asset, one for all categories."""

    @dg.asset(
        deps=["dataset"],
        group_name=GROUP,
        kinds={"csv", "json"},
        owners=OWNERS,
        automation_condition=FOLLOWS,
        metadata=source_of(dataset_index_asset),
        code_version=str(INDEX_VERSION),
        description="Merges all categories into `reports/index.csv`, `index.jsonl` and `index.parquet`, the "
        "scores of every judged pair, lint findings, and photos that appear in several categories.",
    )
    def dataset_index(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[None]:
        summary = made_unless_others_are_broken(context, factory, "index", write_index)
        if isinstance(summary, dg.MaterializeResult):
            return summary
        totals: Counter[str] = Counter()
        for counts in summary.counts.values():
            totals.update(counts)
        records = [{"category": name, **counts} for name, counts in summary.counts.items()]
        columns = {"category": "string", **dict.fromkeys(totals, "int")}
        give_back()
        context.log.info("%d samples in the index", totals["published"])
        return dg.MaterializeResult(
            data_version=dg.DataVersion(_content(factory.layout)),
            metadata={
                "dagster/row_count": totals["published"],
                **totals,
                **_by_category(summary.counts),
                "by category": records_table(records, columns),
                "judged": summary.judged,
                "pass_rate": round(summary.pass_rate, 4),
                "lint_findings": len(summary.lint),
                "twins": len(summary.twins),
                "index": dg.MetadataValue.path(str(factory.layout.index)),
            },
        )

    return dataset_index


def _by_category(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    """Numbers that plot over time, a line for each category."""
    return {
        f"{status} of {name}": found.get(status, 0)
        for name, found in counts.items()
        for status in ("published", "rejected")
    }


def _content(layout: Layout) -> str:
    """A digest of the index and of the scores beside it."""
    total = hashlib.sha256()
    for path in (layout.index, layout.qa / "qa_scores.csv"):
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:32]
