"""Asset checks: every one looks at what lies on disk, says at how much, and names the worst cases.

All are built here, since partitioned checks are a preview in Dagster. A run without a partition, such as
"Execute all" of the UI or the job `judge`, has them judge all categories.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

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
from iedf_assets.defs.checks.stored import keep, latest
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
# The assets that are red while any category is, and the check that makes them so.
WITH_ALL, ALL_PASS = ("dataset", "dataset_index"), "all_categories_pass"
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
# The checks on a stage that look at one category, besides those of samples: on which, and how grave.
OF_STAGES: dict[Callable[[Book], Verdict], tuple[str, dg.AssetCheckSeverity]] = {
    inputs_unchanged: ("source_images", ERROR),
    every_file_listed: ("source_images", WARN),
    photos_readable: ("source_images", WARN),
    facts_understood: ("source_images", WARN),
    layers_sane: ("image_layers", ERROR),
    edits_judged: ("dataset", WARN),
    pairs_unique: ("dataset", ERROR),
    accounts_add_up: ("dataset", ERROR),
}

# Checks of one category, and the assets that they stand on.
ASSET_OF = {
    **dict.fromkeys(SAMPLE_CHECKS, "dataset"),
    **{look.__name__: asset for look, (asset, _) in OF_STAGES.items()},
}


def build_checks(
    partitions: dg.StaticPartitionsDefinition, *, with_models: bool = False
) -> list[dg.AssetChecksDefinition]:
    """All checks; those on a stage are partitioned like it. Only models' edits can have been judged."""
    looks = [look for look in OF_STAGES if with_models or look is not edits_judged]
    return [
        *(_check(look, partitions) for look in looks),
        _sample_checks(partitions),
        *map(_all_categories_pass, WITH_ALL),
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
        with told_plainly():
            return _result(export_loads(factory.ready().profile, factory.layout, asked), ERROR)

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
    look: Callable[[Book], Verdict], partitions: dg.StaticPartitionsDefinition
) -> dg.AssetChecksDefinition:
    """The asset check of a function, named and described by it, one verdict per category."""
    name, (asset, severity) = look.__name__, OF_STAGES[look]

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
        return _keep(context.instance, factory, category, look(factory.book(category)), wanted)
    by_category, left_out = {}, []
    was_red = {
        (name, category)
        for name in wanted
        for category in factory.asked_for
        if (before := latest(factory.layout, name, category)) and before.findings
    }
    for category in factory.asked_for:
        lock = factory.layout.category_lock(category)
        if not is_held(lock):
            found = look(factory.book(category))
            # What a run was writing meanwhile is no finding: it judges its category itself.
            if not is_held(lock):
                by_category[category] = _keep(context.instance, factory, category, found, wanted)
                continue
        left_out.append(f"{category}, which a run is at work on")
    for name, severity in wanted.items():
        found_by = {category: found[name] for category, found in by_category.items()}
        _tell_partitions(context.instance, name, found_by, severity, was_red)
    verdicts = {name: together({key: one[name] for key, one in by_category.items()}) for name in wanted}
    for verdict in verdicts.values():
        verdict.left_out = left_out
    return verdicts


def _keep(
    instance: dg.DagsterInstance,
    factory: Factory,
    category: str,
    found: dict[str, Verdict],
    wanted: dict[str, dg.AssetCheckSeverity],
) -> dict[str, Verdict]:
    """Write verdicts down; where a check turned red or green, the assets of `WITH_ALL` are told at once."""
    turned = False
    for name, severity in wanted.items():
        before, blames = latest(factory.layout, name, category), severity is ERROR
        keep(factory.layout, name, category, found[name], blames=blames)
        turned |= blames and bool(before and before.findings) != bool(found[name].cases)
    if turned:
        _tell(instance, _result(look_at_verdicts(factory, _names()), ERROR), WITH_ALL)
    return found


def _tell_partitions(
    instance: dg.DagsterInstance,
    name: str,
    found: dict[str, Verdict],
    severity: dg.AssetCheckSeverity,
    was_red: set[tuple[str, str]],
) -> None:
    """Record a check's verdicts on categories with their partitions, where they are red or were.

    The UI's list of checks goes by partitions, which the one result of a run without any leaves as they were.
    Red ones come last: the newest is what the asset shows.
    """
    asset = dg.AssetKey(ASSET_OF[name])
    concerned = [one for one in found if found[one].cases or (name, one) in was_red]
    for category in sorted(concerned, key=lambda one: bool(found[one].cases)):
        of_it = dg.AssetRecordsFilter(asset, asset_partitions=[category])
        for made in instance.fetch_materializations(of_it, limit=1).records:
            target = AssetCheckEvaluationTargetMaterializationData(
                storage_id=made.storage_id, run_id=made.run_id, timestamp=made.timestamp
            )
            told = _evaluation(_result(found[category], severity), asset, name, category, target)
            instance.report_runless_asset_event(told)


def _names() -> list[str]:
    """The checks whose verdicts are kept."""
    return sorted(ASSET_OF)


def _whole_check(asset: str, look: Callable[[Factory], Verdict]) -> dg.AssetChecksDefinition:
    """The asset check of a function that looks at all categories at once."""

    @dg.asset_check(asset=asset, name=look.__name__, description=look.__doc__)
    def check(factory: dg.ResourceParam[Factory]) -> dg.AssetCheckResult:
        with told_plainly():
            return _result(look(factory.ready()), ERROR)

    return check


def _all_categories_pass(asset: str) -> dg.AssetChecksDefinition:
    """The check that is red while any check of any category is, whichever was judged last."""

    @dg.asset_check(
        asset=asset,
        name=ALL_PASS,
        description="No check of any category is red by its latest verdict; warnings are counted. Protects "
        "from a red category that another one's green hides.",
        op_tags=LAST,
    )
    def check(
        context: dg.AssetCheckExecutionContext, factory: dg.ResourceParam[Factory]
    ) -> dg.AssetCheckResult:
        with told_plainly():
            found = _result(look_at_verdicts(factory.ready(), _names()), ERROR)
        # Whoever executes the checks of one asset is not to leave the other one green.
        if not context.has_partition_key:
            _tell(context.instance, found, (other for other in WITH_ALL if other != asset))
        return found

    return check


def _tell(instance: dg.DagsterInstance, found: dg.AssetCheckResult, assets: Iterable[str]) -> None:
    """Record what all categories' verdicts say as the check `ALL_PASS` of assets, apart from any run."""
    for asset in assets:
        instance.report_runless_asset_event(_evaluation(found, dg.AssetKey(asset), ALL_PASS))


def _evaluation(
    found: dg.AssetCheckResult,
    asset: dg.AssetKey,
    name: str,
    category: str | None = None,
    target: AssetCheckEvaluationTargetMaterializationData | None = None,
) -> dg.AssetCheckEvaluation:
    """A result as it is recorded apart from any run; of a category, with what was made of it last."""
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=name,
        passed=found.passed,
        metadata=found.metadata,
        severity=found.severity,
        description=found.description,
        partition=category,
        target_materialization_data=target,
    )


def restate(instance: dg.DagsterInstance, factory: Factory, ending: str | None = None) -> None:
    """Record `ALL_PASS` anew where the newest word is of a run that was to say it and ended before.

    Dagster shows such a check as skipped, whatever it was before: a cancelled run would hide what is red.

    Args:
        ending: a run that is about to end.
    """
    for asset in WITH_ALL:
        key = dg.AssetCheckKey(dg.AssetKey(asset), ALL_PASS)
        for newest in instance.event_log_storage.get_asset_check_execution_history(key, limit=1):
            if newest.status is not AssetCheckExecutionRecordStatus.PLANNED:
                continue
            run = instance.get_run_by_id(newest.run_id)
            if run is None or run.is_finished or run.run_id == ending:
                _tell(instance, _result(look_at_verdicts(factory, _names()), ERROR), (asset,))


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
