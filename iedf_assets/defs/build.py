"""Puts the factory's definitions together for a profile."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from iedf_assets.core.profile.schema import Profile, uses_models
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.assets.canaries import canaries_asset
from iedf_assets.defs.assets.dataset import DATASET
from iedf_assets.defs.assets.dataset_index import dataset_index_asset
from iedf_assets.defs.assets.edit_pairs import EDIT_PAIRS
from iedf_assets.defs.assets.edited_images import EDITED_IMAGES
from iedf_assets.defs.assets.exports import export_asset, export_names
from iedf_assets.defs.assets.image_layers import IMAGE_LAYERS
from iedf_assets.defs.assets.report import report_asset
from iedf_assets.defs.assets.source_images import SOURCE_IMAGES
from iedf_assets.defs.assets.stage import stage_asset
from iedf_assets.defs.automation import build_follower
from iedf_assets.defs.category_loop import Listener
from iedf_assets.defs.checks.build import build_checks, build_export_checks, restate
from iedf_assets.defs.inputs import input_assets, observe_job
from iedf_assets.defs.io_managers import ManifestIOManager
from iedf_assets.defs.jobs import build_jobs
from iedf_assets.defs.partitions import category_partitions
from iedf_assets.defs.resources import factory_resource
from iedf_assets.defs.sensors import build_judging, build_schedule, build_sensor, zone_of
from iedf_assets.defs.sqlite_engines import keep_engines
from iedf_assets.defs.telling.failures import build_failure_sensor
from iedf_assets.defs.telling.run_log import FILE_LOGGER, json_file_logger

# Known and accepted: partitioned checks are built in one place; Dagster's Pipes code uses its own preview.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
# Links to the source, in one place.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

keep_engines()

STAGES = (SOURCE_IMAGES, IMAGE_LAYERS, EDITED_IMAGES, EDIT_PAIRS, DATASET)


def build_defs(
    profile: Profile,
    *,
    listener: Listener | None = None,
    leaving: Iterable[str] = (),
    resource_overrides: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """All assets, checks, jobs, sensors and resources for a profile.

    Args:
        listener: hears of the progress of runs in this process.
        leaving: partitions that are categories no more, see `leaving_categories`.
        resource_overrides: replace resources by name, in tests.
    """
    partitions = category_partitions(profile, leaving)
    layout = Layout.of(profile)
    exports = dict(zip(export_names(profile.exports), profile.exports, strict=True))
    return dg.Definitions(
        assets=[
            *input_assets(partitions),
            *(stage_asset(stage, partitions) for stage in STAGES),
            dataset_index_asset(),
            canaries_asset(zone_of(profile)),
            report_asset(),
            *(export_asset(name, asked) for name, asked in exports.items()),
        ],
        asset_checks=[
            *build_checks(partitions, with_models=uses_models(profile)),
            *build_export_checks(exports),
        ],
        jobs=[*build_jobs(list(exports)), observe_job(profile)],
        sensors=[
            build_sensor(profile),
            build_follower(profile.automation.every_s, list(exports)),
            build_failure_sensor(profile),
        ],
        schedules=[build_schedule(profile), build_judging(profile)],
        resources={
            "factory": factory_resource(profile, listener, restate),
            "io_manager": ManifestIOManager(layout),
            **(resource_overrides or {}),
        },
        loggers={"console": dg.colored_console_logger, FILE_LOGGER: json_file_logger},
        # The stages of a run follow one another, so a process for each would only cost its start.
        executor=dg.in_process_executor,
    )
