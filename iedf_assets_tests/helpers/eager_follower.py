"""The factory's definitions for a daemon whose look at what follows comes every second, not every thirty."""

import os
from pathlib import Path

import dagster as dg

from iedf_assets.core.profile.loading import load_profile
from iedf_assets.defs.build import build_defs


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the profile in use, with this sensor alone; the canaries take long and stay out."""
    whole = build_defs(load_profile(Path(os.environ["IEDF_CONFIG"])))
    follower = dg.AutomationConditionSensorDefinition(
        "follow",
        target=dg.AssetSelection.assets("dataset_index", "report"),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=1,
    )
    return dg.Definitions(
        assets=whole.assets,
        asset_checks=whole.asset_checks,
        sensors=[follower],
        resources=whole.resources,
        loggers=whole.loggers,
        executor=whole.executor,
    )
