"""The partitions of every stage: the profile's categories, and those that a backfill still waits for."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill

from iedf_assets.core.profile.schema import Profile


def category_partitions(profile: Profile, leaving: Iterable[str] = ()) -> dg.StaticPartitionsDefinition:
    """One partition per category of the profile, in its order, then those that are leaving."""
    return dg.StaticPartitionsDefinition([*profile.categories, *leaving])


def leaving_categories(profile: Profile) -> list[str]:
    """What open backfills of the instance in DAGSTER_HOME ask for and the profile has no more.

    Dagster ends a backfill as a whole once one of its partitions is gone. So a category that was renamed
    stays a partition as long as such a backfill is open: its own run fails and says why, the others go on.
    """
    home = os.environ.get("DAGSTER_HOME")
    if not home or not Path(home).is_dir():
        return []
    with dg.DagsterInstance.get() as instance:
        backfills = instance.get_backfills(filters=BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED]))
    asked = {name for backfill in backfills for name in _asked_for(backfill)}
    return sorted(asked - set(profile.categories))


def _asked_for(backfill: PartitionBackfill) -> Iterator[str]:
    """The partitions of a backfill: of a job, or of assets, as the UI starts them."""
    yield from backfill.partition_names or ()
    if backfill.asset_backfill_data:
        for subset in backfill.asset_backfill_data.target_subset.partitions_subsets_by_asset_key.values():
            yield from subset.get_partition_keys()
