"""How well the published samples cover what could be asked for: task x subtype x size x place x colour.

The object is told by what its decomposition says of it, as the sample's source shows it:

| dimension | values |
|---|---|
| size | small up to 5 % of the picture, medium up to 20 %, large |
| place | the thirds of the picture, as texts call them: `left`, `centre`, `upper right` ... |
| colour | the colour that it is called by, light or dark alike; `mixed` where it is called by none |

Edits of the whole picture have `-` for all three. A sample of several edits counts in the cell of each.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from iedf_assets.core.edits.instructions import colour_of, place_of
from iedf_assets.core.edits.inverses import inverted
from iedf_assets.core.edits.recipes import Unplannable
from iedf_assets.core.pictures.colour_names import COLOURS
from iedf_assets.core.pictures.layers import object_of
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.subtypes import KNOWN
from iedf_assets.core.publishing.joined import verdicts_of_all
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import Layout

# Up to which share of the picture an object is of a size.
_SIZES = ((0.05, "small"), (0.2, "medium"), (1.0, "large"))
SIZES = tuple(name for _, name in _SIZES)
_PLACES = (
    ("upper left", "top", "upper right"), ("left", "centre", "right"),
    ("lower left", "bottom", "lower right"),
)  # fmt: skip
PLACES = tuple(name for row in _PLACES for name in row)
MIXED, NONE = "mixed", "-"
COLOURS_TOLD = (*dict.fromkeys(key.rpartition("_")[2] for key in COLOURS), MIXED)
_READ = ("subtype", "task", "recipe", "layers_key", "objects", "width", "height", "derived_from")


class Cell(NamedTuple):
    """A cell of the table."""

    task: str
    subtype: str
    size: str
    place: str
    colour: str


class Covered(NamedTuple):
    """What is covered of one kind of edit.

    Attributes:
        samples: how many there are; of what is composed, how many edits.
        counts: size, place and colour → value → samples, those without one too.
        empty: cells without a sample, of how many.
        cells: of how many.
    """

    kind: str
    samples: int
    counts: dict[str, dict[str, int]]
    empty: int
    cells: int

    @property
    def missing(self) -> dict[str, list[str]]:
        """Dimension → its values that no sample has."""
        found = {name: [value for value, n in of.items() if not n] for name, of in self.counts.items()}
        return {name: values for name, values in found.items() if values}


def coverage(
    layout: Layout, profile: Profile, is_counted: Callable[[str], bool] = lambda _: True
) -> Counter[Cell]:
    """Samples by cell: of every kind of edit that the profile plans or that is there, the empty ones too.

    Args:
        is_counted: whether a sample counts, by its key.

    Raises:
        StorageError: a manifest cannot be read.
    """
    found: Counter[Cell] = Counter()
    for row in verdicts_of_all(layout, ("published",), _READ):
        if is_counted(row["sample_key"]):
            found.update(cells_of(row))
    kinds = {(cell.task, cell.subtype) for cell in found}
    for category in profile.categories.values():
        kinds |= {(KNOWN[name].task, name) for name, count in category.subtypes.items() if count}
    for kind in kinds:
        found.update(dict.fromkeys(_cells(*kind), 0))
    return found


def read_coverage(layout: Layout) -> dict[Cell, int]:
    """What was counted when the index was written last; nothing before that."""
    try:
        with layout.coverage.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {Cell(*(row[name] for name in Cell._fields)): int(row["samples"]) for row in rows}
    except (FileNotFoundError, KeyError, ValueError, TypeError, csv.Error):
        return {}


def covered(cells: Mapping[Cell, int]) -> list[Covered]:
    """A line for each kind of edit, sorted."""
    by_kind: dict[str, dict[Cell, int]] = {}
    for cell, number in cells.items():
        by_kind.setdefault(f"{cell.task}/{cell.subtype}", {})[cell] = number
    lines = []
    for kind, own in sorted(by_kind.items()):
        counts: dict[str, Counter[str]] = {name: Counter() for name in ("size", "place", "colour")}
        for cell, number in sorted(own.items(), key=_order):
            for name, of in counts.items():
                of[getattr(cell, name)] += number
        empty = sum(number == 0 for number in own.values())
        told = {name: dict(of) for name, of in counts.items()}
        lines.append(Covered(kind, sum(own.values()), told, empty, len(own)))
    return lines


def size_of(share: float) -> str:
    """What an object is called that takes such a share of its picture."""
    return next(name for bound, name in _SIZES if min(share, 1) <= bound)


def cells_of(row: Row) -> Iterator[Cell]:
    """The cells of a published sample.

    Args:
        row: of the joined manifests, with `task`, `subtype`, `recipe`, `objects`, `width`, `height` and
            `derived_from`; nested values as JSON or as they are.
    """
    nested = {name: row[name] for name in ("recipe", "objects", "derived_from")}
    told = {name: json.loads(one) if isinstance(one, str) else one for name, one in nested.items()}
    recipe, objects = told["recipe"] or {}, told["objects"] or []
    is_inverse = (told["derived_from"] or {}).get("as") == "inverse"
    for edit in recipe.get("edits", [recipe]):
        known = KNOWN.get(row["subtype"])
        one = object_of(objects, edit) if known and known.mask_of != "everything" else {}
        if not one:
            yield Cell(row["task"], row["subtype"], NONE, NONE, NONE)
            continue
        seen = _as_inverse_finds(edit, one) if is_inverse else one
        down, across = place_of(seen, row["width"], row["height"])
        size = size_of(seen["area_share"])
        colour = (colour_of(seen) or MIXED).rpartition("_")[2]
        yield Cell(row["task"], row["subtype"], size, _PLACES[down][across], colour)


def _as_inverse_finds(recipe: Mapping[str, Any], one: Row) -> Mapping[str, Any]:
    """An object of the photo as the source of an inverse shows it: what the undone edit made of it."""
    if recipe["subtype"] not in {"move", "scale"}:
        return one
    edit = inverted(recipe, one)
    there = None if isinstance(edit, Unplannable) else inverted(edit[0], one)
    return one if there is None or isinstance(there, Unplannable) else there[1]


def _cells(task: str, subtype: str) -> Iterable[Cell]:
    whole = KNOWN[subtype].mask_of == "everything" if subtype in KNOWN else True
    values = ((NONE,),) * 3 if whole else (SIZES, PLACES, COLOURS_TOLD)
    return (Cell(task, subtype, *value) for value in product(*values))


def _order(item: tuple[Cell, int]) -> tuple[int, ...]:
    """Values in the order in which they are told."""
    cell = item[0]
    tables = ((SIZES, cell.size), (PLACES, cell.place), (COLOURS_TOLD, cell.colour))
    return tuple(table.index(value) if value in table else len(table) for table, value in tables)
