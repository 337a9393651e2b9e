"""What packages bring by entry points: found in the environment where it runs, and nowhere else."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from iedf_assets.core.errors import WorkerError

# Backends are named `edit.NAME` and `layered.NAME`; what answers questions about pictures by its name alone.
BACKENDS, VISION = "iedf.backends", "iedf.vision"
PREFIX = "plugin:"


def listed(group: str) -> list[str]:
    """The names that this environment has in a group."""
    return sorted({found.name for found in entry_points(group=group)})


def loaded(group: str, name: str, key: str) -> Any:
    """What an entry point of this environment stands for.

    Args:
        key: of the profile, that asks for it.

    Raises:
        WorkerError: there is none of that name, there are several, or it cannot be imported.
    """
    found: list[EntryPoint] = list(entry_points(group=group, name=name))
    if len({one.value for one in found}) != 1:
        what = "no package here brings" if not found else "several packages here bring"
        raise WorkerError(
            f"{key}: {what} {name!r} as an entry point of {group} "
            f"(found: {', '.join(listed(group)) or 'none'})",
            "install the package into the environment where it runs; iedf doctor lists what each has",
        )
    try:
        return found[0].load()
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        raise WorkerError(
            f"{key}: {name!r} ({found[0].value}) cannot be imported: {error}", "mend or reinstall its package"
        ) from error
