"""What Dagster loads: the factory of the profile that `IEDF_CONFIG` names, else of `configs/default.yaml`."""

import os
from pathlib import Path

import dagster as dg

from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.partitions import leaving_categories


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the profile in use."""
    profile = load_profile(Path(os.environ.get("IEDF_CONFIG") or DEFAULT_PROFILE))
    return build_defs(profile, leaving=leaving_categories(profile))
