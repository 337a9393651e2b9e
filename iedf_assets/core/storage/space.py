"""Whether the disk has room for what a stage is about to write."""

import shutil
import statistics
from collections.abc import Iterable
from pathlib import Path

from iedf_assets.core.errors import StorageError
from iedf_assets.core.storage.manifests import Rows

# Of so few rows the mean says little.
MIN_ROWS = 10
# What is to stay free beyond the estimate: journals, manifests and the dataset's own tables.
SPARE_BYTES = 256 << 20


def mean_size(tables: Iterable[Rows], at_least: int) -> float | None:
    """Bytes that an item takes on average.

    Args:
        tables: rows of stages that have files.
        at_least: how many of them have to have files; with fewer there is no telling: None.
    """
    sizes = [sum(files.values()) for rows in tables for (files,) in rows.pick("files") if files]
    return statistics.fmean(sizes) if len(sizes) >= at_least else None


def require_space(stage: str, folder: Path, count: int, rows: Rows) -> None:
    """See that `count` more items fit, by what earlier ones took; without earlier ones there is no telling.

    Args:
        folder: that they are written below.
        rows: of the stage.

    Raises:
        StorageError: they do not; says how much is needed and how much is there.
    """
    size = mean_size([rows], MIN_ROWS) if count else None
    if size is None:
        return
    need = round(count * size) + SPARE_BYTES
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < need:
        raise StorageError(
            f"{stage} would write about {need / 1e9:.1f} GB for {count} items, "
            f"and {free / 1e9:.1f} GB are free at {there}",
            "free space (iedf clean --superseded shows what may go), choose another folder with "
            "paths.staging, or take fewer photos at once with `wave`",
        )
