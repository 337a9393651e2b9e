"""Asset checks: every one looks at what lies on disk, says at how much, and names the worst cases.

All are built here, since partitioned checks are a preview in Dagster.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import dagster as dg

from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.exports import Export
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.checks.samples import SAMPLE_CHECKS, edits_judged, look_at_samples, pairs_unique
from iedf_assets.defs.checks.stages import every_file_listed, inputs_unchanged, layers_sane
from iedf_assets.defs.checks.verdict import Verdict
from iedf_assets.defs.checks.whole import (
    accounts_add_up,
    canaries_caught,
    export_loads,
    index_matches_dataset,
)
from iedf_assets.defs.metadata import records_table
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import cases_strip

WORST = 5


def build_checks(
    partitions: dg.StaticPartitionsDefinition, *, with_models: bool = False
) -> list[dg.AssetChecksDefinition]:
    """All checks; those on a stage are partitioned like it. Only models' edits can have been judged."""
    return [
        _check("source_images", inputs_unchanged, partitions),
        _check("source_images", every_file_listed, partitions, dg.AssetCheckSeverity.WARN),
        _check("image_layers", layers_sane, partitions),
        _sample_checks(partitions),
        *([_check("dataset", edits_judged, partitions, dg.AssetCheckSeverity.WARN)] if with_models else []),
        _check("dataset", pairs_unique, partitions),
        _check("dataset", accounts_add_up, partitions),
        _whole_check("dataset_index", index_matches_dataset),
        _whole_check("canaries", canaries_caught),
    ]


def build_export_checks(exports: Mapping[str, Export]) -> list[dg.AssetChecksDefinition]:
    """The check of each export, given by its asset's name."""
    return [_export_check(name, asked) for name, asked in exports.items()]


def _export_check(name: str, asked: Export) -> dg.AssetChecksDefinition:
    """The check that an export loads, by the rules of those whom it is for, and is the dataset."""

    @dg.asset_check(asset=name, name=export_loads.__name__, description=export_loads.__doc__)
    def check(factory: dg.ResourceParam[Factory]) -> dg.AssetCheckResult:
        verdict = export_loads(factory.profile, factory.layout, asked)
        return _result(verdict, dg.AssetCheckSeverity.ERROR, factory.layout.dataset)

    return check


def _sample_checks(partitions: dg.StaticPartitionsDefinition) -> dg.AssetChecksDefinition:
    """The checks of `SAMPLE_CHECKS`, which look at each sample once for all of them."""
    specs = [
        dg.AssetCheckSpec(name, asset="dataset", description=description, partitions_def=partitions)
        for name, description in SAMPLE_CHECKS.items()
    ]

    @dg.multi_asset_check(name="dataset_samples", specs=specs, can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> Iterator[dg.AssetCheckResult]:
        book = factory.book(context.partition_key)
        verdicts = look_at_samples(book)
        for key in context.selected_asset_check_keys:
            verdict = verdicts[key.name]
            yield _result(verdict, dg.AssetCheckSeverity.ERROR, book.layout.dataset, key)

    return check


def _check(
    asset: str,
    look: Callable[[Book], Verdict],
    partitions: dg.StaticPartitionsDefinition,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetChecksDefinition:
    """The asset check of a function, named and described by it, one verdict per category."""

    @dg.asset_check(asset=asset, name=look.__name__, description=look.__doc__, partitions_def=partitions)
    def check(
        context: dg.AssetCheckExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.AssetCheckResult:
        book = factory.book(context.partition_key)
        return _result(look(book), severity, book.layout.dataset)

    return check


def _whole_check(asset: str, look: Callable[[Layout], Verdict]) -> dg.AssetChecksDefinition:
    """The asset check of a function that looks at all categories at once."""

    @dg.asset_check(asset=asset, name=look.__name__, description=look.__doc__)
    def check(factory: dg.ResourceParam[Factory]) -> dg.AssetCheckResult:
        return _result(look(factory.layout), dg.AssetCheckSeverity.ERROR, factory.layout.dataset)

    return check


def _result(
    verdict: Verdict, severity: dg.AssetCheckSeverity, dataset: Path, key: dg.AssetCheckKey | None = None
) -> dg.AssetCheckResult:
    """The verdict as Dagster shows it; `key` says of which check where a step has several."""
    worst = [{"subject": subject, "finding": finding} for subject, finding in verdict.cases[:WORST]]
    shown = {"worst": records_table(worst, {"subject": "string", "finding": "string"})} if worst else {}
    metadata = {"looked_at": verdict.looked_at, "findings": len(verdict.cases), **verdict.more, **shown}
    pictures = cases_strip(dataset, [subject for subject, _ in verdict.cases]) if verdict.cases else {}
    return dg.AssetCheckResult(
        passed=not verdict.cases,
        severity=severity,
        metadata={**metadata, **pictures},
        asset_key=key.asset_key if key else None,
        check_name=key.name if key else None,
    )
