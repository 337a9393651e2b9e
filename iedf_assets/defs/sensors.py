"""Automation: a sensor that asks for runs when there is work, and nightly schedules."""

import dagster as dg
from tzlocal import get_localzone_name

from iedf_assets.core.errors import FactoryError, ProfileError, of_system
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.pending import failed_attempts, is_left_over, unfinished, verdicts_state
from iedf_assets.core.planning.withdrawals import require_meant
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import is_behind
from iedf_assets.core.sources import scan
from iedf_assets.core.sources.watching import LastRun, Memory, Observation, decide
from iedf_assets.core.storage.keys import digest, settings_digests
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.checks.build import restate
from iedf_assets.defs.inputs import new_observations
from iedf_assets.defs.instance import PARTITION_TAG, clear_dead_runs
from iedf_assets.defs.jobs import FACTORY, JUDGE
from iedf_assets.defs.resources import Factory

IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# Why a run was asked for, in words, as the list of runs shows it.
WHY_TAG = "iedf/why"


def build_sensor(profile: Profile) -> dg.SensorDefinition:
    """A sensor that looks at every category's folder and asks for one run per category that has settled."""

    @dg.sensor(
        job_name=FACTORY,
        name="new_photos",
        minimum_interval_seconds=profile.automation.every_s,
        description="Asks for a run of each category with new, unfinished or deleted photos, or other "
        "settings, wave after wave, as soon as its files have stopped changing. Its log says why.",
    )
    def new_photos(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        # A run whose process is gone would be waited for for ever, and hide what is red.
        clear_dead_runs(context.instance)
        restate(context.instance, Factory(profile))
        memory = Memory.load(context.cursor)
        looks = {name: look_at(profile, name, context.instance) for name in profile.categories}
        asks, waiting = decide(memory, looks)
        waiting += scan.left_alone(Layout.of(profile), profile)
        for line in [*(f"{ask.category}: a run is asked for: {ask.why}" for ask in asks), *waiting]:
            context.log.info(line)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=ask.run_key, partition_key=ask.category, tags={WHY_TAG: ask.why})
                for ask in asks
            ],
            skip_reason=None if asks else "; ".join(waiting),
            cursor=memory.dump(),
            asset_events=[
                observation
                for name in profile.categories
                for observation in new_observations(context.instance, profile, name)
            ],
        )

    return new_photos


def build_schedule(profile: Profile) -> dg.ScheduleDefinition:
    """A nightly schedule that asks for a run of every category with work, whatever became of its last run."""

    @dg.schedule(
        job_name=FACTORY,
        cron_schedule="0 2 * * *",
        execution_timezone=zone_of(profile),
        name="nightly",
        description="Every night at two, a run of each category in which something is to be done.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        due = []
        for name in profile.categories:
            look = look_at(profile, name, context.instance)
            if look.work and not look.running and not look.asks:
                # Dagster asks for a key where there may be several requests; a new one every night.
                run_key = f"{name}:{context.scheduled_execution_time.isoformat()}"
                due.append(dg.RunRequest(run_key=run_key, partition_key=name, tags={WHY_TAG: look.work}))
        return due or dg.SkipReason("nothing is to be done in any category")

    return nightly


def zone_of(profile: Profile) -> str:
    """The time zone of the schedules: the profile's, else the machine's."""
    return profile.automation.timezone or get_localzone_name()


def build_judging(profile: Profile) -> dg.ScheduleDefinition:
    """A nightly schedule that makes nothing and judges all there is."""
    return dg.ScheduleDefinition(
        name="nightly_judging",
        job_name=JUDGE,
        cron_schedule="0 4 * * *",
        execution_timezone=zone_of(profile),
        description="Every night at four, all checks on what lies on disk, though nothing was made.",
    )


def look_at(profile: Profile, category: str, instance: dg.DagsterInstance) -> Observation:
    """One look at a category's folder, manifests and runs; never raises for what is gone or refused."""
    layout = Layout.of(profile)
    try:
        found = scan.find_files(layout, category, profile.sources)
    except ProfileError as error:
        return Observation(None, asks=error.problem)
    except (FactoryError, OSError):
        found = None
    if found is None:
        return Observation(None)
    fingerprint = scan.fingerprint(found)
    book = Book.open(profile, layout, category)
    try:
        waiting, leaving = unfinished(book, found), is_left_over(book, found)
        settings = digest(settings_digests(profile, book.category))
        if waiting or leaving:
            require_meant(book, found)
        attempts, verdicts = sum(failed_attempts(book).values()), verdicts_state(book)
    except FactoryError as error:
        return Observation(fingerprint, asks=error.problem)
    except OSError as error:
        return Observation(fingerprint, asks=of_system(error).problem)
    running = _newest_run(instance, category, IN_PROGRESS)
    return Observation(
        fingerprint,
        tuple(waiting),
        attempts,
        verdicts,
        settings=settings,
        leaving=leaving,
        behind=is_behind(layout, category, profile.sources),
        running=running.run_id[:8] if running else None,
        last=_ended(_newest_run(instance, category, ENDED)),
    )


def _newest_run(
    instance: dg.DagsterInstance, category: str, statuses: list[dg.DagsterRunStatus]
) -> dg.DagsterRun | None:
    of_it = dg.RunsFilter(statuses=statuses, tags={PARTITION_TAG: category})
    return next(iter(instance.get_runs(of_it, limit=1)), None)


def _ended(run: dg.DagsterRun | None) -> LastRun | None:
    if run is None:
        return None
    cancelled = run.status == dg.DagsterRunStatus.CANCELED
    return LastRun(run.run_id[:8], succeeded=run.is_success, cancelled=cancelled)
