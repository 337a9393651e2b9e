"""What a run's tags say of it, so that the list of runs can be filtered by it."""

import subprocess
from contextlib import suppress
from functools import cache

from iedf_assets.core.errors import FactoryError
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.keys import digest
from iedf_assets.core.storage.naming import Layout


def tags_of(profile: Profile, category: str | None) -> dict[str, str]:
    """The profile's file and digest, the commit of the code, and how many files the category has."""
    told = {
        "iedf/profile": str(profile.file or ""),
        "iedf/profile_digest": digest(profile.model_dump(mode="json"))[:12],
        "iedf/commit": _commit(),
    }
    if category is not None:
        # A folder that cannot be read is the first stage's business.
        with suppress(FactoryError, OSError):
            told["iedf/photos"] = str(len(find_files(Layout.of(profile), category) or ()))
    return {key: value for key, value in told.items() if value}


@cache
def _commit() -> str:
    """The commit of the code, with `+` when something is changed; empty where there is no repository."""
    command = ["git", "describe", "--always", "--abbrev=10", "--dirty=+", "--exclude=*"]
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.check_output(command, cwd=PROJECT_ROOT, stderr=subprocess.DEVNULL, timeout=10)
        return told.decode().strip()
    return ""
