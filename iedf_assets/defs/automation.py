"""What follows the categories by itself: index, report and canaries, when what they are made of changed."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

Condition = dg.AutomationCondition[Any]
# Dagster's `eager`, but that a run of any category is reason enough, though others have never been made; and
# that what is missing at the first look counts, too: it may be the daemon's first after months of `iedf run`.
# What is planned in a run under way is in progress and waits for it, so that nothing is made twice.
_ASKED, _MADE = dg.AutomationCondition.newly_requested(), dg.AutomationCondition.newly_updated()
_MISSING, _OLDER = dg.AutomationCondition.newly_missing(), dg.AutomationCondition.any_deps_updated()
_READY: Condition = (
    dg.AutomationCondition.any_deps_match(
        ~dg.AutomationCondition.missing() | dg.AutomationCondition.will_be_requested()
    )
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)
FOLLOWS: Condition = (_MISSING | _OLDER).since(_ASKED | _MADE) & _READY
"""Of the index, which runs of categories make themselves."""
# Asking counts from the look after it: what is made between the two comes after what was asked for.
FOLLOWS_INDEX: Condition = (_MISSING.since(_ASKED | _MADE) | _OLDER.since(_ASKED & ~_OLDER)) & _READY
"""Of what runs of categories do not make: an index that is made meanwhile is still to be followed."""
PROVED = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=30), warn_window=timedelta(days=10))


def follows_weekly(zone: str) -> Condition:
    """`FOLLOWS_INDEX`, and once a week at any rate: the judge may change though no sample does.

    Args:
        zone: the time zone of that hour, by its IANA name.
    """
    week: Condition = dg.AutomationCondition.cron_tick_passed("0 5 * * 0", zone)
    idle = ~dg.AutomationCondition.in_progress() & ~dg.AutomationCondition.missing()
    return FOLLOWS_INDEX | (week.since_last_handled() & idle)


def build_follower(every_s: int, exports: Sequence[str] = ()) -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates these conditions, on from the start: what it makes renders nothing.

    Args:
        every_s: seconds from one look to the next.
        exports: names of the assets that are exports.
    """
    return dg.AutomationConditionSensorDefinition(
        "follow",
        target=dg.AssetSelection.assets("dataset_index", "report", "canaries", *exports),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=every_s,
        description="Makes index, report, canaries and exports once what they are made of has changed. "
        "Renders no edits.",
    )
