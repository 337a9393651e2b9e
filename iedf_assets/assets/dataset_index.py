"""dataset_index: what no single category can own: the index, scores of all pairs, lint, twins."""

import dagster as dg

from iedf_assets.core.index import write_index
from iedf_assets.metadata import OWNERS
from iedf_assets.resources import Factory


def dataset_index_asset() -> dg.AssetsDefinition:
    """The asset, one for all categories."""

    @dg.asset(
        deps=["dataset"],
        group_name="publish",
        kinds={"csv", "json"},
        owners=OWNERS,
        description="Merges all categories into `reports/index.csv` and `index.jsonl`, the scores of every "
        "judged pair, lint findings, and photos that appear in several categories.",
    )
    def dataset_index(
        context: dg.AssetExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[None]:
        summary = write_index(factory.profile, factory.layout)
        context.log.info("%d samples in the index", summary.published)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": summary.published,
                **summary.counts,
                "judged": summary.judged,
                "pass_rate": round(summary.pass_rate, 4),
                "lint_findings": len(summary.lint),
                "twins": len(summary.twins),
                "index": dg.MetadataValue.path(str(factory.layout.index)),
            }
        )

    return dataset_index
