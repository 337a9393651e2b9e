"""`iedf dev`: `dagster dev` on the instance of the profile's outputs, listening on 127.0.0.1."""

import os
import sys
from pathlib import Path

from iedf_assets.core.profile.fields import PROJECT_ROOT, absolute
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout


def serve_ui(profile: Profile, config: Path | None, port: int) -> None:
    """Become `dagster dev`; does not return."""
    from iedf_assets.defs.instance import prepare_home  # noqa: PLC0415

    prepare_home(Layout.of(profile), absolute(profile.paths.instance))
    if config is not None:
        os.environ["IEDF_CONFIG"] = str(config.absolute())
    os.chdir(PROJECT_ROOT)
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        "workspace.yaml",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    os.execv(command[0], command)  # noqa: S606  # the process is replaced on purpose
