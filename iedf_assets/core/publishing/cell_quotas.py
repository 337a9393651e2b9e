"""Quotas of cells of the table of coverage: `task/subtype/size/place/colour`, `*` for any value.

What cell an edit is of is known when it is planned, so what is over such a quota has been made; it waits for
room. What is published stays.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.coverage import Cell, coverage
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import Layout


def cell_quotas(profile: Profile) -> dict[str, int]:
    """The quotas that name cells."""
    return {
        name: quota
        for name, quota in profile.limits.quotas.items()
        if name.count("/") == len(Cell._fields) - 1
    }


def in_cells(profile: Profile, layout: Layout) -> dict[str, int]:
    """How many samples there are of each quota's cells; nothing is read where no quota names any.

    Raises:
        StorageError: a manifest cannot be read.
    """
    quotas = cell_quotas(profile)
    found = coverage(layout, profile) if quotas else Counter[Cell]()
    return {name: sum(n for cell, n in found.items() if fits(name, cell)) for name in quotas}


def fits(quota: str, cell: Cell) -> bool:
    """Whether a cell is one of those that a quota names."""
    return all(wanted in {"*", value} for wanted, value in zip(quota.split("/"), cell, strict=True))


def over_cells(
    passing: Iterable[Row],
    quotas: Mapping[str, int],
    used: Mapping[str, int],
    cells: Callable[[Row], list[Cell]],
) -> dict[str, str]:
    """Which edits find no room, and under which quota: `edit_id` → quota.

    Args:
        passing: rows of dataset that are to be published and are not yet.
        used: samples of each quota's cells that are published.
        cells: gives the cells of a row.
    """
    left = {name: quota - used.get(name, 0) for name, quota in quotas.items()}
    over = {}
    for row in sorted(passing, key=lambda row: str(row["edit_id"])):
        own = [name for name in quotas if any(fits(name, cell) for cell in cells(row))]
        full = next((name for name in own if left[name] <= 0), None)
        if full is not None:
            over[row["edit_id"]] = full
            continue
        for name in own:
            left[name] -= 1
    return over
