"""Asset checks: every one looks at what lies on disk, says at how much, and names the worst cases.

All are built here, since partitioned checks are a preview in Dagster. A run without a partition, such as
"Execute all" of the UI or the job `judge`, has them judge all categories.
"""

from collections.abc import Callable, Iterator, Mapping

import dagster as dg

from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.exports import Export
from iedf_assets.core.storage.locks import is_held
from iedf_assets.defs.checks.samples import SAMPLE_CHECKS, edits_judged, look_at_samples, pairs_unique
from iedf_assets.defs.checks.stages import (
    every_file_listed,
    facts_understood,
    inputs_unchanged,
    layers_sane,
    photos_readable,
)
from iedf_assets.defs.checks.stored import keep
from iedf_assets.defs.checks.verdict import Verdict, together
from iedf_assets.defs.checks.whole import (
    accounts_add_up,
    canaries_caught,
    export_loads,
    index_matches_dataset,
    look_at_verdicts,
)
from iedf_assets.defs.metadata import records_table
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.strips import labelled
from iedf_assets.defs.telling.failures import told_plainly

WORST = 10
# Steps of a run that are ready at the same time go by it: these wait for the other checks' verdicts.
LAST = {"dagster/priority": "-1"}
# The assets that are red while any category is.
WITH_ALL = ("dataset", "dataset_index")
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


def build_checks(
    partitions: dg.StaticPartitionsDefinition, *, with_models: bool = False
) -> list[dg.AssetChecksDefinition]:
    """All checks; those on a stage are partitioned like it. Only models' edits can have been judged."""
    by_category = [
        _check("source_images", inputs_unchanged, partitions),
        _check("source_images", every_file_listed, partitions, WARN),
        _check("source_images", photos_readable, partitions, WARN),
        _check("source_images", facts_understood, partitions, WARN),
        _check("image_layers", layers_sane, partitions),
        _sample_checks(partitions),
        *([_check("dataset", edits_judged, partitions, WARN)] if with_models else []),
        _check("dataset", pairs_unique, partitions),
        _check("dataset", accounts_add_up, partitions),
    ]
    names = sorted(key.name for check in by_category for key in check.check_keys)
    return [
        *by_category,
        *(_all_categories_pass(asset, names) for asset in WITH_ALL),
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
        return _result(export_loads(factory.profile, factory.layout, asked), ERROR)

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
        names = [key.name for key in context.selected_asset_check_keys]
        found = _judged(context, factory, look_at_samples, dict.fromkeys(names, ERROR))
        for key in context.selected_asset_check_keys:
            yield _result(found[key.name], ERROR, key)

    return check


def _check(
    asset: str,
    look: Callable[[Book], Verdict],
    partitions: dg.StaticPartitionsDefinition,
    severity: dg.AssetCheckSeverity = ERROR,
) -> dg.AssetChecksDefinition:
    """The asset check of a function, named and described by it, one verdict per category."""
    name = look.__name__

    @dg.asset_check(asset=asset, name=name, description=look.__doc__, partitions_def=partitions)
    def check(
        context: dg.AssetCheckExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.AssetCheckResult:
        found = _judged(context, factory, lambda book: {name: look(book)}, {name: severity})
        return _result(found[name], severity)

    return check


def _judged(
    context: dg.AssetCheckExecutionContext,
    factory: Factory,
    look: Callable[[Book], dict[str, Verdict]],
    wanted: dict[str, dg.AssetCheckSeverity],
) -> dict[str, Verdict]:
    """The wanted verdicts on the run's category, each written down; without one, on all in one."""
    with told_plainly():
        return _looked(context, factory, look, wanted)


def _looked(
    context: dg.AssetCheckExecutionContext,
    factory: Factory,
    look: Callable[[Book], dict[str, Verdict]],
    wanted: dict[str, dg.AssetCheckSeverity],
) -> dict[str, Verdict]:
    if context.has_partition_key:
        category = context.partition_key
        return _keep(factory, category, look(factory.book(category)), wanted)
    by_category, left_out = {}, []
    for category in factory.asked_for:
        lock = factory.layout.category_lock(category)
        if not is_held(lock):
            found = look(factory.book(category))
            # What a run was writing meanwhile is no finding: it judges its category itself.
            if not is_held(lock):
                by_category[category] = _keep(factory, category, found, wanted)
                continue
        left_out.append(f"{category}, which a run is at work on")
    verdicts = {name: together({key: one[name] for key, one in by_category.items()}) for name in wanted}
    for verdict in verdicts.values():
        verdict.left_out = left_out
    return verdicts


def _keep(
    factory: Factory,
    category: str,
    found: dict[str, Verdict],
    wanted: dict[str, dg.AssetCheckSeverity],
) -> dict[str, Verdict]:
    for name, severity in wanted.items():
        keep(factory.layout, name, category, found[name], blames=severity is ERROR)
    return found


def _whole_check(asset: str, look: Callable[[Factory], Verdict]) -> dg.AssetChecksDefinition:
    """The asset check of a function that looks at all categories at once."""

    @dg.asset_check(asset=asset, name=look.__name__, description=look.__doc__)
    def check(factory: dg.ResourceParam[Factory]) -> dg.AssetCheckResult:
        with told_plainly():
            return _result(look(factory.ready()), ERROR)

    return check


def _all_categories_pass(asset: str, names: list[str]) -> dg.AssetChecksDefinition:
    """The check that is red while any check of any category is, whichever was judged last."""

    @dg.asset_check(
        asset=asset,
        description="No check of any category is red by its latest verdict; warnings are counted. Protects "
        "from a red category that another one's green hides.",
        op_tags=LAST,
    )
    def all_categories_pass(
        context: dg.AssetCheckExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.AssetCheckResult:
        with told_plainly():
            found = _result(look_at_verdicts(factory.ready(), names), ERROR)
        # Whoever executes the checks of one asset is not to leave the other one green.
        for other in WITH_ALL:
            if other != asset and not context.has_partition_key:
                told = dg.AssetCheckEvaluation(
                    asset_key=dg.AssetKey(other),
                    check_name="all_categories_pass",
                    passed=found.passed,
                    metadata=found.metadata,
                    severity=found.severity,
                    description=found.description,
                )
                context.instance.report_runless_asset_event(told)
        return found

    return all_categories_pass


class _Result(dg.AssetCheckResult):
    """A check's result, also of a partitioned check in a run without a partition.

    Of such a one Dagster wants the materialization of the run's partition, and fails. Without any it goes
    by time, which is right: what was looked at is what lies on disk now.
    """

    def _get_unpartitioned_target_materialization_data(self, _context: object, _asset: object) -> None:
        return None


def _result(
    verdict: Verdict, severity: dg.AssetCheckSeverity, key: dg.AssetCheckKey | None = None
) -> dg.AssetCheckResult:
    """The verdict as Dagster shows it; `key` says of which check where a step has several."""
    worst = [{"subject": case.subject, "finding": case.finding} for case in verdict.cases[:WORST]]
    shown = {"worst": records_table(worst, {"subject": "string", "finding": "string"})} if worst else {}
    pictures = [(f"{case.subject}: {case.finding}", case.pictures) for case in verdict.cases if case.pictures]
    counts = {"looked_at": verdict.looked_at, "findings": len(verdict.cases)}
    return _Result(
        passed=not verdict.cases,
        severity=severity,
        description=verdict.sentence,
        metadata={**counts, **verdict.more, **shown, **labelled("pictures of the worst", pictures)},
        asset_key=key.asset_key if key else None,
        check_name=key.name if key else None,
    )
