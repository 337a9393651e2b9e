"""exports: the dataset in the forms that the profile asks for, an asset each."""

from collections import Counter
from collections.abc import Sequence

import dagster as dg

from iedf_assets.core.exporting.export import export
from iedf_assets.core.profile.exports import Export
from iedf_assets.defs.automation import FOLLOWS_INDEX
from iedf_assets.defs.metadata import GROUP, OWNERS, source_of
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.telling.failures import told_plainly

EXPORT_VERSION = 1


def export_names(exports: Sequence[Export]) -> list[str]:
    """The asset of each export: `export_parquet`, and `export_parquet_2` for another of the same form."""
    seen = Counter[str]()
    names = []
    for asked in exports:
        seen[asked.format] += 1
        number = seen[asked.format]
        names.append(f"export_{asked.format}" + (f"_{number}" if number > 1 else ""))
    return names


def export_asset(name: str, asked: Export) -> dg.AssetsDefinition:
    """The asset of an export, one for all categories."""

    @dg.asset(
        name=name,
        deps=["dataset_index"],
        group_name=GROUP,
        kinds={asked.format},
        owners=OWNERS,
        code_version=str(EXPORT_VERSION),
        automation_condition=FOLLOWS_INDEX,
        metadata=source_of(export_asset),
        description=f"The dataset as {asked.format} in `{asked.target}`, brought in line with the index: "
        "what is there already is not made again, and withdrawn samples leave.",
    )
    def asset(factory: dg.ResourceParam[Factory]) -> dg.MaterializeResult[None]:
        with told_plainly():
            found = export(factory.ready().profile, factory.layout, asked)
        tally = found.tally
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": found.proof.rows,
                "files made": tally.made,
                "files kept": tally.kept,
                "files removed": tally.removed,
                "too small for the grid": found.small,
                "folder": dg.MetadataValue.path(str(found.folder)),
            }
        )

    return asset
