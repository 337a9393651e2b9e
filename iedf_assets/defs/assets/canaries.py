"""canaries: proof that the judge works: known faults put into copies of samples, and the share it finds."""

import tempfile
from pathlib import Path

import dagster as dg

from iedf_assets.core.judging.proving import Detection, as_json, prove, worst_rates
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.storage.files import write_text
from iedf_assets.defs.automation import PROVED, follows_weekly
from iedf_assets.defs.metadata import GROUP, OWNERS, records_table, source_of
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.telling.failures import told_plainly

CANARIES_VERSION = 1
COLUMNS = {"canary": "string", "strength": "string", "copies": "int", "found": "float", "found_bare": "float"}


class CanaryConfig(dg.Config):
    """How thoroughly to prove the judge: at most so many samples get each fault."""

    per_class: int = 4


def canaries_asset(zone: str) -> dg.AssetsDefinition:
    """The asset, one for all categories; `zone` is that of its weekly hour."""

    @dg.asset(
        deps=["dataset_index"],
        group_name=GROUP,
        kinds={"json"},
        owners=OWNERS,
        automation_condition=follows_weekly(zone),
        freshness_policy=PROVED,
        metadata=source_of(canaries_asset),
        code_version=str(CANARIES_VERSION),
        # Takes longest of what follows in one run, and nobody waits for it.
        op_tags={"dagster/priority": "-1"},
        description="Puts known faults into copies of samples, judges the copies, and reports what was "
        "found. The dataset itself is not touched.",
    )
    def canaries(
        context: dg.AssetExecutionContext, config: CanaryConfig, factory: dg.ResourceParam[Factory]
    ) -> dg.MaterializeResult[None]:
        layout, profile = factory.layout, factory.profile
        with told_plainly(), tempfile.TemporaryDirectory(prefix="iedf-canaries-") as work:
            found = prove(
                factory.ready().layout.outputs,
                Path(work),
                per_class=config.per_class,
                seed=profile.seed,
                thresholds=profile.thresholds,
                threads=thread_count(profile.threads),
            )
        write_text(layout.canaries, as_json(found))
        context.log.info("%d of %d classes found", sum(one.holds for one in found), len(found))
        rates = {name: round(rate, 4) for name, rate in worst_rates(found).items()}
        return dg.MaterializeResult(
            metadata={"dagster/row_count": len(found), **rates, "canaries": _table(found)}
        )

    return canaries


def _table(found: list[Detection]) -> dg.TableMetadataValue:
    records = [
        {
            "canary": detection.name,
            "strength": detection.strength,
            "copies": detection.injected,
            "found": detection.rates[0],
            "found_bare": detection.rates[1],
        }
        for detection in found
    ]
    return records_table(records, COLUMNS)
