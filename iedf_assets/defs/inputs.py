"""What a category is made of, as Dagster sees it: the external assets `photos` and `settings`.

Their observations carry digests as data versions, so that the UI shows exactly those partitions stale whose
photos or settings are others than when they were made. Every run, the sensor and the job `observe` look.

Dagster does not hand staleness on, so every stage depends on the photos, and on the settings of itself and of
all stages before it: a stage is stale where `iedf status` has something to make.
"""

from collections.abc import Iterator
from contextlib import suppress

import dagster as dg

from iedf_assets.core.errors import FactoryError
from iedf_assets.core.planning.book import STAGES, Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources import scan
from iedf_assets.core.storage.keys import digest, settings_digests
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.metadata import GROUP, OWNERS, Metadata

PHOTOS, SETTINGS = dg.AssetKey("photos"), dg.AssetKey("settings")
OBSERVE = "observe"
_VERSION_TAG = "dagster/data_version"


def input_assets(partitions: dg.StaticPartitionsDefinition) -> list[dg.AssetSpec]:
    """Both assets: photos partitioned by category, settings by category and stage; nothing makes them."""
    return [
        dg.AssetSpec(
            PHOTOS,
            description="The files in `data/<category>/`: their names, sizes and times. Only ever read.",
            partitions_def=partitions,
            group_name=GROUP,
            owners=OWNERS,
            kinds={"file"},
        ),
        dg.AssetSpec(
            SETTINGS,
            description="What of the profile the rows of a category's stage depend on, and what people say "
            "of its pairs. A new version makes nothing anew by itself: a run makes the rows it concerns.",
            partitions_def=dg.StaticPartitionsDefinition(
                [_of_stage(name, stage) for name in partitions.get_partition_keys() for stage in STAGES]
            ),
            group_name=GROUP,
            owners=OWNERS,
            kinds={"yaml"},
        ),
    ]


def inputs_of(stage: str, partitions: dg.StaticPartitionsDefinition) -> list[dg.AssetDep]:
    """What a stage depends on of both: its category's photos, and the settings of category and stage."""
    own = {_of_stage(name, stage): name for name in partitions.get_partition_keys()}
    return [dg.AssetDep(PHOTOS), dg.AssetDep(SETTINGS, partition_mapping=dg.StaticPartitionMapping(own))]


def _of_stage(category: str, stage: str) -> str:
    """The partition of the settings that a category's stage depends on."""
    return f"{category}/{stage}"


def observe_job(profile: Profile) -> dg.JobDefinition:
    """A job that looks at photos and settings of all categories, and makes nothing."""

    @dg.op
    def look_at_inputs(context: dg.OpExecutionContext) -> None:
        for name in profile.categories:
            for observation in new_observations(context.instance, profile, name):
                context.log_event(observation)

    @dg.job(
        name=OBSERVE,
        description="Looks at the photos and settings of all categories, so that what is stale is shown so.",
        executor_def=dg.in_process_executor,
    )
    def observe() -> None:
        look_at_inputs()

    return observe


def report_inputs(instance: dg.DagsterInstance, profile: Profile, category: str) -> None:
    """Record a category's photos and settings where they are others than they were recorded last."""
    for observation in new_observations(instance, profile, category):
        instance.report_runless_asset_event(observation)


def new_observations(
    instance: dg.DagsterInstance, profile: Profile, category: str
) -> list[dg.AssetObservation]:
    """Photos and settings of a category, each where it can be told and is not what was recorded last."""
    book = Book.open(profile, Layout.of(profile), category)
    found: list[dg.AssetObservation] = []
    for look in (_photos, _settings):
        # A folder or a model that is not there is the stages' business, which say so.
        with suppress(FactoryError, OSError):
            found += look(book)
    return [one for one in found if _is_news(instance, one)]


def _photos(book: Book) -> Iterator[dg.AssetObservation]:
    files = scan.find_files(book.layout, book.name) or []
    newest = max((file.mtime_ns for file in files), default=None)
    metadata: Metadata = {"files": len(files), "bytes": sum(file.size for file in files)}
    if newest is not None:
        metadata["newest change"] = dg.MetadataValue.timestamp(newest / 1e9)
    yield _observation(PHOTOS, book.name, scan.fingerprint(files), metadata)


def _settings(book: Book) -> Iterator[dg.AssetObservation]:
    stages = settings_digests(book.profile, book.category)
    told: dict[str, str] = {}
    for stage in STAGES:
        told[f"settings of {stage}"] = stages[stage]
        said = _said(book) if stage == "dataset" else []
        metadata: Metadata = {name: value[:12] for name, value in told.items()}
        if said:
            metadata["reviews"] = len(said)
        yield _observation(SETTINGS, _of_stage(book.name, stage), digest(told, said), metadata)


def _said(book: Book) -> list[tuple[str, str]]:
    """What people said of the category's pairs."""
    reviews = book.reviews
    of_it = book.verdicts.pick("edit_id") if reviews else ()
    return sorted((edit_id, reviews[edit_id]) for (edit_id,) in of_it if edit_id in reviews)


def _observation(key: dg.AssetKey, partition: str, version: str, metadata: Metadata) -> dg.AssetObservation:
    return dg.AssetObservation(key, partition=partition, metadata=metadata, tags={_VERSION_TAG: version})


def _is_news(instance: dg.DagsterInstance, observation: dg.AssetObservation) -> bool:
    records = instance.fetch_observations(
        dg.AssetRecordsFilter(observation.asset_key, asset_partitions=[str(observation.partition)]), limit=1
    ).records
    last = records[0].asset_observation if records else None
    return last is None or last.tags.get(_VERSION_TAG) != observation.tags[_VERSION_TAG]
