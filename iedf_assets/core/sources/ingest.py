"""The stage source_images: every file found becomes a row, whether it is accepted, and why not."""

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, Self

import polars as pl

from iedf_assets.core.apart.children import Apart
from iedf_assets.core.errors import InputsLostError, SourceError
from iedf_assets.core.parallel import Report, stream_map, thread_count
from iedf_assets.core.pictures.decoders import decoders
from iedf_assets.core.pictures.formats.soundness import require_sound
from iedf_assets.core.pictures.formats.told_rights import told_rights
from iedf_assets.core.pictures.photos import Photo, read_photo
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.sections import Filters, Limits
from iedf_assets.core.reasons import DUPLICATES, NOT_LICENSED, OUT_OF_MEMORY, PASSING
from iedf_assets.core.sources.exclusions import Exclusions
from iedf_assets.core.sources.filters import turned_down
from iedf_assets.core.sources.fingerprints import (
    Candidate,
    in_company,
    look_of,
    perceptual_hash,
    resolve_duplicates,
)
from iedf_assets.core.sources.found import Found
from iedf_assets.core.sources.rights import embedded_rights, held_back
from iedf_assets.core.storage.journal import Journal, Row
from iedf_assets.core.storage.keys import digest, sources_settings
from iedf_assets.core.storage.manifests import Rows, among, collected, merged
from iedf_assets.core.storage.naming import from_here

# One fsync for so many rows, or for those of so many seconds.
_BATCH_ROWS = 32
_BATCH_S = 1.0
# Below so many known photos, a share says nothing.
_FEW = 4


def row_key(settings: str, file: Found) -> str:
    """The key of a file's row: of the file, and where people say something of it, of that too.

    Args:
        settings: what judges it, from `keys.sources_settings`.
        file: as the scan saw it.
    """
    own = digest(settings, file.name, file.size, file.mtime_ns, file.ctime_ns)
    return f"{own}+{digest(file.facts)[:16]}" if file.facts else own


def is_same_file(one_key: str, other_key: str) -> bool:
    """Whether two keys of a file's row are of the same file under the same settings, whatever its facts."""
    return one_key.partition("+")[0] == other_key.partition("+")[0]


def require_inputs(
    folder: Path, found: list[Found] | None, known: Rows, max_loss_share: float
) -> list[Found]:
    """The files found, unless too many of the accepted photos are gone.

    Args:
        folder: of the category.
        found: None when it does not exist.
        known: rows of source_images.
        max_loss_share: how large a share may go at once; 1 accepts even a folder that vanished.

    Raises:
        InputsLostError: the folder does not exist, or more than that share of at least four is gone.
    """
    remedy = (
        f"bring {from_here(folder)} back (a mount?); if its photos are meant to go, run once with "
        "--set sources.max_loss_share=1, which withdraws their samples"
    )
    accepted = known.where(pl.col("status") == "accepted")
    count = len(accepted)
    if found is None:
        if count and max_loss_share >= 1:
            return []
        if count:
            raise InputsLostError(f"the folder {from_here(folder)} with {count} known photos is gone", remedy)
        raise InputsLostError(
            f"there is no folder {from_here(folder)}", "make it and put photos there, or remove the category"
        )
    lost = len(accepted.others(file.name for file in found))
    if count >= _FEW and lost > max_loss_share * count:
        raise InputsLostError(f"{lost} of the {count} known photos of {from_here(folder)} are gone", remedy)
    return found


def ingest(
    profile: Profile,
    category: Category,
    found: list[Found],
    known: Rows,
    selected: set[str] | None,
    journal: Journal,
    report: Report,
) -> Rows:
    """One row of source_images for every file found, in the order of their paths.

    Files are read only where no valid row is known; each one read is journalled at once with what it shows
    by itself. A sound photo is journalled as `pending` with its `source_id`: whether it is a duplicate, or
    may not be used, is told anew every time, over all rows.

    Args:
        known: rows of earlier runs, by path.
        selected: names of the files that may be read now; None for all. The others keep the row they had,
            under its old key, so that touching a folder withdraws nothing; new ones are `pending`.

    Raises:
        OSError: the journal cannot be written.
    """
    settings = sources_settings(profile, category)
    before = known.beside((file.name for file in found), "key", "status", "source_id", "attempts")
    waiting: list[Found] = []
    retold: dict[str, Row] = {}
    left: set[str] = set()
    jobs: list[tuple[Found, Row]] = []
    for file, old in zip(found, before, strict=True):
        key = row_key(settings, file)
        old_key, status, source_id, attempts = old or ("", "", None, None)
        same = is_same_file(old_key, key)
        is_final = same and _is_final(status, source_id, attempts, profile.max_attempts)
        if is_final and old_key == key:
            continue
        if is_final and (selected is None or file.name in selected):
            retold[file.name] = {"key": key, "facts": file.facts}
        elif selected is None or file.name in selected:
            tried = attempts or 0 if same else 0
            jobs.append((file, {**_base_row(file, key), "attempts": tried}))
        elif old is None:
            waiting.append(file)
        elif not same:
            left.add(file.name)
    apart = decoders(profile)
    held = Exclusions.of(profile) if jobs else Exclusions(())
    threads = thread_count(profile.threads)
    # Nothing of a photo is read again because of what people say of it.
    rows = [{**row, **retold[path]} for path, row in known.only(retold).items()]
    with _Journalled(journal) as journalled:
        for row in rows:
            journalled.noted(row)
        read = stream_map(
            lambda job: journalled.noted(held.judged(_read(*job, apart, profile, category))),
            jobs,
            threads,
            apart.give_up,
        )
        with closing(read):
            for done, (_, row) in enumerate(read, 1):
                rows.append(row)
                report(done, len(jobs))
    new = (_base_row(file, row_key(settings, file)) for file in waiting)
    gone = known.others(file.name for file in found)
    shown = known.without(gone).overlaid(chain(new, rows))
    usable = _with_licences(_on_own_merit(shown, left), profile.limits, left)
    return _with_duplicates(usable, known, profile.sources.near_duplicate_bits)


def _on_own_merit(shown: Rows, left: set[str]) -> pl.LazyFrame:
    """Rows as their files show themselves, whatever others show and people say.

    Args:
        left: the paths of those that are to be read again, and keep what was told of them until then.
    """
    sound = (pl.col("status") == "pending") & pl.col("source_id").is_not_null()
    unlicensed = (pl.col("reason") == NOT_LICENSED) & ~among("path", left)
    passes = sound | pl.col("reason").is_in(DUPLICATES) | unlicensed
    return shown.table.with_columns(
        status=pl.when(passes).then(pl.lit("accepted")).otherwise("status"),
        **{name: pl.when(~passes).then(name) for name in ("reason", "detail", "duplicate_of")},
    )


def _with_licences(rows: pl.LazyFrame, limits: Limits, left: set[str]) -> pl.LazyFrame:
    """Rows, those of photos that may not be used as the profile wants to left out."""
    if limits.use == "any":
        return rows
    judged = (pl.col("status") == "accepted") & ~among("path", left)
    accepted = Rows(rows.filter(judged), "source_images")
    turned = [(path, "filtered", NOT_LICENSED, detail)
              for path, detail in held_back(accepted.pick("path", "facts", "rights"), limits)]  # fmt: skip
    return _turned(rows, turned, ("path", "status", "reason", "detail"))


def _turned(rows: pl.LazyFrame, turned: Sequence[tuple[str, ...]], columns: tuple[str, ...]) -> pl.LazyFrame:
    """Rows, some of them with other values in some columns, the first of which is `path`."""
    others = pl.DataFrame(turned, schema=dict.fromkeys(columns, pl.String), orient="row")
    changed = collected(rows.filter(among("path", others["path"]))).update(others, on="path")
    return merged(rows, changed.sort("path"), "path")


def _with_duplicates(own_merit: pl.LazyFrame, before: Rows, bits: int) -> Rows:
    """Rows, and which of them are duplicates of which.

    Args:
        before: the rows of the run before: what was accepted then, with the same content, stays.
        bits: see `resolve_duplicates`.
    """
    held = before.where(pl.col("status") == "accepted").table.select("path", held="source_id")
    accepted = own_merit.filter(pl.col("status") == "accepted").select(
        "path", "source_id", "phash", "look",
        pixels=pl.col("original_width").cast(pl.Int64) * pl.col("original_height"),
    )  # fmt: skip
    alike = in_company(collected(accepted), bits)
    rows = collected(alike.lazy().join(held, on="path", how="left")).rows()
    stay = {path for path, source_id, *_, held_id in rows if held_id == source_id}
    candidates = [Candidate(*facts) for *facts, _ in rows]
    found = resolve_duplicates(candidates, stay, bits).items()
    columns = ("path", "status", "reason", "detail", "duplicate_of")
    turned = _turned(own_merit, [(path, "filtered", *why) for path, why in found], columns)
    return Rows(turned, "source_images")


def _base_row(file: Found, key: str) -> Row:
    empty: dict[str, Any] = dict.fromkeys(
        ("source_id", "reason", "detail", "seconds", "duplicate_of", "width", "height", "original_width",
         "original_height", "format", "mode", "phash", "look", "rights")
    )  # fmt: skip
    return {
        "path": file.name, "key": key, "status": "pending", "attempts": 0,
        "bytes": file.size, "mtime_ns": file.mtime_ns, "facts": file.facts, **empty,
    }  # fmt: skip


def _is_final(status: str, source_id: str | None, attempts: int | None, max_attempts: int) -> bool:
    """Whether a row whose key still holds needs no reading."""
    if status == "failed":
        return (attempts or 0) >= max_attempts
    return status == "filtered" or source_id is not None


def _read(file: Found, row: Row, apart: Apart, profile: Profile, category: Category) -> Row:
    begun = time.perf_counter()
    sources, filters = profile.sources, category.filters.model_dump()
    asked = [file.location, sources.max_pixels, profile.max_megapixels, file.problem, filters]
    try:
        outcome = dict(apart.call(f"{__name__}:shown", asked, sources.timeout_s))
    except SourceError as error:
        # A bad file stays bad until it changes; what may pass is tried again.
        status = "failed" if error.reason in PASSING else "filtered"
        outcome = {"status": status, "reason": error.reason, "detail": error.problem}
    seconds = round(time.perf_counter() - begun, 4)
    return {**row, **outcome, "attempts": row["attempts"] + 1, "seconds": seconds}


def shown(asked: list[Any]) -> Row:
    """What a file shows by itself: the row's columns. Called in a child process.

    Args:
        asked: its path, the bounds of `read_photo`, why it is not to be opened, and the filters.

    Raises:
        SourceError: it cannot be used.
    """
    path, max_pixels, max_megapixels, problem, told = asked
    if problem is not None:
        raise SourceError(*problem)
    try:
        photo = read_photo(
            Path(path), max_pixels=max_pixels, max_megapixels=max_megapixels, look=require_sound
        )
        return {**_columns(photo, Filters(**told)), "rights": embedded_rights(told_rights(Path(path)))}
    except MemoryError as error:
        raise SourceError(OUT_OF_MEMORY, "not enough memory to look at it") from error


def _columns(photo: Photo, filters: Filters) -> Row:
    against = turned_down(photo.rgb, photo.original_width, photo.original_height, filters)
    height, width = photo.rgb.shape[:2]
    return {
        "status": "filtered" if against else "pending",
        "reason": against[0] if against else None,
        "detail": against[1] if against else None,
        "source_id": photo.source_id,
        "width": width, "height": height,
        "original_width": photo.original_width, "original_height": photo.original_height,
        "format": photo.format, "mode": photo.mode,
        "phash": None if against else perceptual_hash(photo.rgb),
        "look": None if against else look_of(photo.rgb),
    }  # fmt: skip


class _Journalled:
    """Appends rows to a journal a few at a time as they are read, whatever their turn; the rest at last."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._batch, self._written = journal, list[Row](), time.monotonic()
        self._lock = threading.Lock()

    def noted(self, row: Row) -> Row:
        """The row, which will be in the journal; called from several threads."""
        with self._lock:
            self._batch.append(row)
            if len(self._batch) >= _BATCH_ROWS or time.monotonic() - self._written >= _BATCH_S:
                self._write()
        return row

    def _write(self) -> None:
        self._journal.append(self._batch)
        self._batch, self._written = [], time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._write()
