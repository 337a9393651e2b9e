"""Where a category stands, stage by stage: what is done, what is pending, what is stale and why.

What a row of each stage depends on (`core.keys` makes a hash of it):

| stage | depends on |
|---|---|
| source_images | the file's content, its facts, the sources' and the filters' settings, `max_megapixels` |
| image_layers | the photo, what the planned edits need of it, the layered worker, `max_megapixels` |
| edited_images | layers, objects' names, the seed, the recipe's limits, scene and variant, the edit worker |
| edit_pairs | the edit, the encoding |
| dataset | the pair, the thresholds, a scene among the facts, reviews |

and on the stage's own version.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from iedf_assets.core.planning.accounts import slots_of
from iedf_assets.core.planning.book import Book, Source
from iedf_assets.core.planning.holding import holds_all, is_held
from iedf_assets.core.planning.pending import is_finished
from iedf_assets.core.publishing.numbering import OVER_QUOTA
from iedf_assets.core.sources.found import Found
from iedf_assets.core.sources.ingest import is_same_file, row_key
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot, needed_level, sources_settings
from iedf_assets.core.storage.manifests import Rows, collected
from iedf_assets.core.storage.naming import STAGED
from iedf_assets.core.storage.space import mean_size

# A duration of so few rows tells nothing yet.
MIN_ROWS = 3


@dataclass
class Standing:
    """How far a stage of a category is.

    Attributes:
        done: rows that hold: accepted, made, or published.
        pending: never made.
        stale: reason → how many were made and are to be made anew.
        filtered, rejected: turned down, for good while nothing changes.
        failed: to be tried again.
        held: pending or stale, and held back by a limit.
        parked: failed too often; tried again with `--retry-failed`.
        slots: of the last stage, whose rows are tries: what became of their slots, see `accounts.Slots`.
    """

    stage: str
    done: int = 0
    pending: int = 0
    stale: Counter[str] = field(default_factory=Counter)
    filtered: int = 0
    rejected: int = 0
    failed: int = 0
    parked: int = 0
    held: int = 0
    slots: dict[str, int] = field(default_factory=dict)

    @property
    def to_make(self) -> int:
        """How many rows the next run makes."""
        return self.pending + self.stale.total() + self.failed


@dataclass(frozen=True)
class Estimate:
    """What a run would cost, from what earlier rows took.

    Attributes:
        seconds: of work, with as many threads as the profile says; None while no rate is known.
        new_bytes: in staging; None while no size is known.
    """

    seconds: float | None
    new_bytes: int | None


def standings(book: Book, found: Iterable[Found]) -> list[Standing]:
    """Where a category stands, a `Standing` for each stage.

    What lies behind a row that is to be made anew counts as pending or stale too, as far as it is known now:
    an edit that turns out unplannable is one row less in the stages after it.
    """
    files, book = list(found), book.standing()
    # What follows from facts that have changed since is told by what they are now.
    book = book.with_rows("source_images", _retold(book.sources, files))
    sources = _sources(book, files)
    # Under other settings the same file most likely comes to the same end.
    same = {file.name for file in files if _is_same(book, file)}
    accepted = [source for source in book.accepted if source.path in same]
    undecided = len(files) - len(same)
    layers, decomposed = _layers(book, accepted)
    slots = list(book.slots_of(decomposed))
    edits, planned = _edits(book, slots)
    pairs = _pairs(book, planned)
    verdicts = _verdicts(book, slots)
    # Of photos that are to be looked at yet, everything is to be made.
    per_photo = sum(book.category.subtypes.values())
    for standing, rows in (
        (layers, int(book.needs_layers())),
        *((s, per_photo) for s in (edits, pairs, verdicts)),
    ):
        if holds_all(book):
            standing.held += undecided * rows
        else:
            standing.pending += undecided * rows
    return [sources, layers, edits, pairs, verdicts]


def estimate(standing: Standing, tables: Iterable[Rows], threads: int) -> Estimate:
    """What making a stage's rows would take, from the rows that were made before.

    Args:
        tables: the stage's rows, of whichever categories.
        threads: rows made at once.
    """
    made = [rows.where(pl.col("status").is_in(["done", "accepted", "published"])) for rows in tables]
    taken = [seconds for rows in made for (seconds,) in rows.pick("seconds") if seconds]
    size = mean_size(made, MIN_ROWS) if standing.stage in STAGED else None
    count = standing.to_make
    return Estimate(
        count * statistics.fmean(taken) / threads if len(taken) >= MIN_ROWS else None,
        None if size is None else round(count * size),
    )


def _retold(sources: Rows, files: Iterable[Found]) -> Rows:
    """Rows of source_images with what people say of the photos now."""
    told = {file.name: file.facts for file in files}
    paths = collected(sources.table.select("path"))["path"]
    facts = pl.LazyFrame({"facts": [told.get(path) for path in paths]}, schema={"facts": pl.String})
    return Rows(pl.concat([sources.table.drop("facts"), facts], how="horizontal"), "source_images")


def _is_same(book: Book, file: Found) -> bool:
    """Whether a file is the one that its row tells of."""
    row = book.sources.get(file.name)
    if row is None or row["status"] in {"pending", "failed"}:
        return row is not None and book.is_parked(row)
    return (row["bytes"], row["mtime_ns"]) == (file.size, file.mtime_ns)


def _sources(book: Book, files: list[Found]) -> Standing:
    standing = Standing("source_images")
    settings = sources_settings(book.profile, book.category)
    for file in files:
        row = book.sources.get(file.name)
        if row is None or row["status"] == "pending":
            standing.pending += 1
        elif row["key"] == row_key(settings, file):
            _count(book, standing, row, "accepted")
        elif is_same_file(row["key"], row_key(settings, file)):
            standing.stale["its facts changed: nothing of the photo is read again"] += 1
        else:
            settings_changed = "filters, sources, limits.use or max_megapixels changed, or it was touched"
            why = settings_changed if _is_same(book, file) else "the file changed"
            standing.stale[why] += 1
    gone = book.sources.keys() - {file.name for file in files}
    if gone:
        standing.stale["the file is gone: its rows and samples go"] += len(gone)
    return standing


def _layers(book: Book, accepted: list[Source]) -> tuple[Standing, list[Source]]:
    """The stage's standing, and the sources that edits are planned of."""
    standing = Standing("image_layers")
    if not book.needs_layers():
        return standing, accepted
    known = {row["source_id"]: row for row in book.layers.values()}
    decomposed = []
    for source in accepted:
        row = book.layers_row(source.source_id)
        if row is not None:
            _count(book, standing, row, "done")
        elif all(is_held(book, slot) for slot in book.keys.slots(source.source_id)):
            standing.held += 1
        else:
            _miss(standing, _why_layers(book, known.get(source.source_id)))
        if row is None or row["status"] in {"done", "failed"}:
            decomposed.append(source)
    return standing, decomposed


def _edits(book: Book, slots: list[Slot]) -> tuple[Standing, list[Slot]]:
    """The stage's standing, and the slots that pairs come of."""
    standing = Standing("edited_images")
    known = _known(book.edits.values())
    planned = []
    for slot in slots:
        row = book.edits.get(slot.edit_key)
        if row is not None and row["status"] != "planned":
            _count(book, standing, row, "done")
        elif is_held(book, slot):
            standing.held += 1
            continue
        else:
            _miss(standing, _why_edit(known.get(_place(slot), []), slot, book.lost))
        if row is None or row["status"] not in {"rejected", "filtered"}:
            planned.append(slot)
    return standing, planned


def _pairs(book: Book, slots: list[Slot]) -> Standing:
    standing = Standing("edit_pairs")
    known = _known(edit for row in book.pairs.values() if (edit := book.edits.get(row["edit_key"])))
    for slot in slots:
        made = book.pairs.get(slot.pair_key)
        if made is None:
            _miss(standing, _why_pair(known.get(_place(slot), []), slot))
        else:
            _count(book, standing, made, "done")
    return standing


def _verdicts(book: Book, slots: list[Slot]) -> Standing:
    standing = Standing("dataset")
    for slot in slots:
        row = book.verdicts.get(slot.name)
        if is_held(book, slot) and (row is None or row["status"] == "pending"):
            standing.held += 1
        elif row is None or row["status"] in {"pending", "withdrawn"}:
            standing.pending += 1
        elif is_finished(book, slot, row) or row["status"] == "failed":
            _count(book, standing, row, "published")
        else:
            _miss(standing, _why_unfinished(book, row, slot))
    standing.slots = slots_of(book)._asdict()
    wanted = {slot.name for slot in slots}
    left = [
        slot for slot, row in book.verdicts.items() if row["status"] == "published" and slot not in wanted
    ]
    if left:
        standing.stale["it left the plan: the sample goes"] += len(left)
    return standing


def _why_layers(book: Book, older: Row | None) -> str | None:
    """Why a decomposition that was made before is to be made anew; None when none was made."""
    if older is None:
        return None
    if older["level"] != needed_level(book.category):
        return "the planned edits need something else of it"
    return "the layered worker, max_megapixels or the stage's version changed"


def _why_edit(older: list[Row], slot: Slot, lost: Mapping[str, str]) -> str | None:
    made = [row["layers_key"] for row in older if row["status"] != "planned"]
    if not made:
        return None
    if any(row["key"] in lost for row in older):
        return "the photo that its model was shown is not used any more"
    if slot.layers_key not in made:
        return "its layers changed"
    return (
        "names of objects, the recipe's limits, seed, scene, the edit worker or the stage's version changed"
    )


def _why_pair(older: list[Row], slot: Slot) -> str | None:
    if not older:
        return None
    same = slot.edit_key in {row["key"] for row in older}
    return "the encoding or the stage's version changed" if same else "its edit changed"


def _why_unfinished(book: Book, row: Row, slot: Slot) -> str:
    if row["reason"] == OVER_QUOTA:
        return "there is room under its quota"
    if row["key"] != slot.verdict_key:
        same = row["pair_key"] == slot.pair_key
        return "the scene, the thresholds or the stage's version changed" if same else "its pair changed"
    if row["review"] != book.reviews.get(row["edit_id"]):
        return "a person's review changed"
    return "files of the sample are missing"


def _count(book: Book, standing: Standing, row: Row, good: str) -> None:
    """Add a row that holds."""
    status = row["status"]
    if status == good:
        standing.done += 1
    elif status == "failed" and book.is_parked(row):
        standing.parked += 1
    else:
        setattr(standing, status, getattr(standing, status) + 1)


def _miss(standing: Standing, why: str | None) -> None:
    """Add a row that does not."""
    if why:
        standing.stale[why] += 1
    else:
        standing.pending += 1


def _place(slot: Slot) -> tuple[str, str, int]:
    return slot.source_id, slot.subtype.name, slot.variant


def _known(edits: Iterable[Row]) -> dict[tuple[str, str, int], list[Row]]:
    """Rows of edited_images by source, subtype and variant."""
    found: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for row in edits:
        found[row["source_id"], row["subtype"], row["variant"]].append(row)
    return found
