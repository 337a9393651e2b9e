"""Automation: a sensor that asks for runs when photos are new, and a nightly schedule for what is left."""

import dagster as dg

from iedf_assets.core.errors import FactoryError, MassWithdrawalError
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.pending import failed_attempts, unfinished, verdict_count
from iedf_assets.core.planning.withdrawals import require_few_withdrawals
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import is_behind
from iedf_assets.core.sources import scan
from iedf_assets.core.sources.watching import Memory, Observation, decide
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.jobs import FACTORY
from iedf_assets.defs.resources import PARTITION_TAG

IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_sensor(profile: Profile) -> dg.SensorDefinition:
    """A sensor that looks at every category's folder and asks for one run per category that has settled."""

    @dg.sensor(
        job_name=FACTORY,
        name="new_photos",
        minimum_interval_seconds=30,
        description="Asks for a run of each category with new or unfinished photos, wave after wave, "
        "as soon as its files have stopped changing.",
    )
    def new_photos(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        memory = Memory.load(context.cursor)
        looks = {name: look_at(profile, name, context.instance) for name in profile.categories}
        asks, waiting = decide(memory, looks)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=ask.run_key, partition_key=ask.category) for ask in asks],
            skip_reason=None if asks else "; ".join(waiting),
            cursor=memory.dump(),
        )

    return new_photos


def build_schedule(profile: Profile) -> dg.ScheduleDefinition:
    """A nightly schedule that asks for a run of every category with unfinished photos."""

    @dg.schedule(
        job_name=FACTORY,
        cron_schedule="0 2 * * *",
        name="nightly",
        description="Every night at two, a run of each category that has unfinished photos.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        due = []
        for name in profile.categories:
            look = look_at(profile, name, context.instance)
            if (look.unfinished or look.behind) and not look.running and not look.asks:
                # Dagster asks for a key where there may be several requests; a new one every night.
                run_key = f"{name}:{context.scheduled_execution_time.isoformat()}"
                due.append(dg.RunRequest(run_key=run_key, partition_key=name))
        return due or dg.SkipReason("no category has unfinished photos")

    return nightly


def look_at(profile: Profile, category: str, instance: dg.DagsterInstance) -> Observation:
    """One look at a category's folder, manifests and runs; never raises for a folder that is gone."""
    layout = Layout.of(profile)
    try:
        found = scan.find_files(layout, category, profile.sources)
    except (FactoryError, OSError):
        found = None
    if found is None:
        return Observation(None)
    book = Book.open(profile, layout, category)
    waiting = unfinished(book, found)
    running = instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS, tags={PARTITION_TAG: category}), limit=1)
    return Observation(
        scan.fingerprint(found),
        len(waiting),
        sum(failed_attempts(book).values()),
        verdict_count(book),
        running=bool(running),
        behind=is_behind(layout, category),
        asks=_asks(book, found) if waiting else None,
    )


def _asks(book: Book, found: list[scan.Found]) -> str | None:
    try:
        require_few_withdrawals(book, found)
    except MassWithdrawalError as error:
        return error.problem
    return None
