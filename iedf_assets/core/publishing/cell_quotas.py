"""Quotas of cells of the table of coverage: `task/subtype/size/place/colour`, `*` for any value.

What cell an edit is of is known when it is planned, so what is over such a quota has been made; it waits for
room. What is published stays.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from iedf_assets.core.judging.verdicts import with_outcome
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.coverage import Cell, cells_of, coverage
from iedf_assets.core.publishing.numbering import OVER_QUOTA
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.manifests import Rows
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


def within_cells(
    profile: Profile,
    layout: Layout,
    judged: dict[str, Row],
    edits: Mapping[str, Row],
    layers: Mapping[str, Row],
    before: Rows,
) -> dict[str, Row]:
    """The judged rows of a category, those for which a quota of cells has no room rejected.

    Args:
        edits, layers: rows of edited_images and of image_layers by key.
        before: the previous rows of the slots that are judged.
    """
    quotas = cell_quotas(profile)
    passing = {name: row for name, row in judged.items() if row["status"] == "published"} if quotas else {}
    there = {edit_id for edit_id, status in before.pick("edit_id", "status") if status == "published"}
    new = [row for row in passing.values() if row["edit_id"] not in there]
    if not new:
        return judged

    def cells(row: Row) -> list[Cell]:
        edit = edits[row["edit_key"]]
        of_photo = layers.get(edit["layers_key"], {})
        told = {name: of_photo.get(name) for name in ("objects", "width", "height")}
        return list(cells_of({**row, **told, "recipe": edit["recipe"]}))

    over = over_cells(new, quotas, in_cells(profile, layout), cells)
    detail = "it passed, but as many samples as limits.quotas allows are published of {}"
    return judged | {
        name: with_outcome(row, "rejected", OVER_QUOTA, detail.format(over[row["edit_id"]]))
        for name, row in passing.items()
        if row["edit_id"] in over
    }


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
