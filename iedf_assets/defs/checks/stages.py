"""Looks at what the first stages left: photos as they were read, and their layers."""

from iedf_assets.core.planning.book import Book
from iedf_assets.core.sources.scan import find_files
from iedf_assets.defs.checks.verdict import Verdict


def inputs_unchanged(book: Book) -> Verdict:
    """The photos are as they were read: same size and time. Protects the promise never to write inputs."""
    listed = {file.name: file for file in find_files(book.layout, book.name, book.profile.sources) or []}
    cases = []
    for path, size, mtime_ns in book.sources.pick("path", "bytes", "mtime_ns"):
        file = listed.get(path)
        if file is None:
            cases.append((path, "gone since it was read"))
        elif (file.size, file.mtime_ns) != (size, mtime_ns):
            cases.append((path, "changed since it was read"))
    return Verdict(len(book.sources), cases)


def every_file_listed(book: Book) -> Verdict:
    """Every file has its row, and none waits or failed. Protects from photos that are silently skipped."""
    listed = [file.name for file in find_files(book.layout, book.name, book.profile.sources) or []]
    cases = [(name, "has no row") for name in listed if name not in book.sources]
    cases += [
        (path, f"{status}: {reason or 'not read yet'}")
        for path, status, reason in book.sources.pick("path", "status", "reason")
        if status in {"pending", "failed"}
    ]
    return Verdict(len(listed), cases)


def layers_sane(book: Book) -> Verdict:
    """Layers recompose to their photo, and masks are neither specks nor the whole picture."""
    cases = []
    thresholds = book.category.thresholds
    looked_at, worst = 0, 0.0
    columns = ("source_id", "status", "recomposition_error", "subject")
    for source_id, status, error, subject in book.current("image_layers").pick(*columns):
        if status != "done":
            continue
        looked_at, worst = looked_at + 1, max(worst, error or 0.0)
        if error and error > thresholds.max_recomposition_error:
            cases.append((source_id, f"recomposition error {error:.2f} levels"))
        if not thresholds.min_mask_share <= subject["area_share"] <= thresholds.max_mask_share:
            cases.append((source_id, f"mask covers {subject['area_share']:.2%} of the picture"))
    more = {"max_recomposition_error": thresholds.max_recomposition_error, "worst_recomposition_error": worst}
    return Verdict(looked_at, cases, more)
