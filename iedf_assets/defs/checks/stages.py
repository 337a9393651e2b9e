"""Looks at what the first stages left: photos as they were read, and their layers."""

from pathlib import Path

import polars as pl

from iedf_assets.core.planning.book import Book
from iedf_assets.core.reasons import BROKEN
from iedf_assets.core.sources.scan import find_files, look_around, paths_on_disk
from iedf_assets.defs.checks.verdict import Case, Verdict
from iedf_assets.defs.metadata import records_table

SHOWN = 20


def inputs_unchanged(book: Book) -> Verdict:
    """The photos are as they were read: same size and time. Protects the promise never to write inputs."""
    listed = {file.name: file for file in find_files(book.layout, book.name, book.profile.sources) or []}
    cases = []
    for path, size, mtime_ns in book.sources.pick("path", "bytes", "mtime_ns"):
        file = listed.get(path)
        if file is None:
            cases.append(Case(path, "gone since it was read"))
        elif (file.size, file.mtime_ns) != (size, mtime_ns):
            cases.append(Case(path, "changed since it was read"))
    return Verdict(len(book.sources), cases)


def every_file_listed(book: Book) -> Verdict:
    """Every file has its row, and none waits or failed. Protects from photos that are silently skipped."""
    listed = [file.name for file in find_files(book.layout, book.name, book.profile.sources) or []]
    cases = [Case(name, "has no row") for name in listed if name not in book.sources]
    cases += [
        Case(path, f"{status}: {reason or 'not read yet'}")
        for path, status, reason in book.sources.pick("path", "status", "reason")
        if status in {"pending", "failed"}
    ]
    return Verdict(len(listed), cases)


def facts_understood(book: Book) -> Verdict:
    """Facts beside the photos are understood and agree. Protects from facts that are silently passed over."""
    told = look_around(book.layout, book.name)
    cases = [Case(f"{one.file}:{one.line}", one.problem) for one in told.findings] if told else []
    return Verdict(sum(bool(photo.facts) for photo in told.photos) if told else 0, cases)


def photos_readable(book: Book) -> Verdict:
    """Every file is a sound photo. Protects from inputs that somebody thinks are in the dataset."""
    broken = book.sources.where(pl.col("reason").is_in(list(BROKEN)))
    rows = [
        {"path": path, "reason": reason, "detail": detail}
        for path, reason, detail in broken.pick("path", "reason", "detail")
    ]
    cases = [Case(row["path"], f"{row['reason']}: {row['detail']}") for row in rows]
    columns = dict.fromkeys(("path", "reason", "detail"), "string")
    table = {"broken": records_table(rows[:SHOWN], columns)} if rows else {}
    return Verdict(len(book.sources), cases, table)


def layers_sane(book: Book) -> Verdict:
    """Layers recompose to their photo, and masks are neither specks nor the whole picture."""
    thresholds = book.category.thresholds
    found, looked_at, worst = [], 0, 0.0
    columns = ("key", "source_id", "status", "recomposition_error", "objects")
    for key, source_id, status, error, objects in book.current("image_layers").pick(*columns):
        if status != "done":
            continue
        looked_at, worst = looked_at + 1, max(worst, error or 0.0)
        share = objects[0]["area_share"]
        wrong = (
            (error and error > thresholds.max_recomposition_error,
             f"recomposition_error {error or 0.0:.2f} > {thresholds.max_recomposition_error}"),
            (share < thresholds.min_mask_share, f"mask_share {share:.4g} < {thresholds.min_mask_share}"),
            (share > thresholds.max_mask_share, f"mask_share {share:.4g} > {thresholds.max_mask_share}"),
        )  # fmt: skip
        found += [(source_id, key, finding) for is_wrong, finding in wrong if is_wrong]
    more = {"max_recomposition_error": thresholds.max_recomposition_error, "worst_recomposition_error": worst}
    return Verdict(looked_at, _of_photos(book, found), more)


def _of_photos(book: Book, found: list[tuple[str, str, str]]) -> list[Case]:
    """Cases that name and show the photo; of (source id, key of its layers, finding)."""
    sources = {source_id for source_id, _, _ in found}
    paths = {source.source_id: source.path for source in book.accepted if source.source_id in sources}
    photos = paths_on_disk(book.layout, book.name) if found else {}
    cases = []
    for source_id, key, finding in found:
        photo = Path(photos.get(paths[source_id], paths[source_id]))
        mask = book.layout.staged("image_layers", key) / "mask.png"
        cases.append(Case(paths[source_id], finding, (photo, mask)))
    return cases
