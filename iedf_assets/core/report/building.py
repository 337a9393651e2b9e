"""Builds the report: the page's data, its thumbnails, and the page itself, which opens from disk.

`outputs/reports/html/` holds `index.html` with its style and script, `data.js`, and a thumbnail per pair.
What a thumbnail shows follows from its pair's key, so one that is there is right and is used again.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.judging.pair_checks import bounds_of
from iedf_assets.core.parallel import Report, silent, stream_map, thread_count
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.pictures.thumbnails import load_small
from iedf_assets.core.planning.accounts import accounts_of, survival_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.coverage import Covered, coverage, covered
from iedf_assets.core.publishing.joined import verdicts_of_all
from iedf_assets.core.sources.licences import together
from iedf_assets.core.sources.rights import from_text, rights_of
from iedf_assets.core.storage.files import write_bytes, write_text
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.ownership import is_item

THUMB_SIDE, THUMB_QUALITY = 240, 80
DIGITS = 5
_PAGE = ("index.html", "page.css", "words.js", "page.js")
_TEXTS = (
    "edit_id", "sample_key", "category", "task", "subtype", "scene", "status", "reason", "detail", "review",
    "tier", "instruction_ch", "instruction_en", "source_path",
)  # fmt: skip
_READ = (*_TEXTS, "failed_checks", "recipe", "width", "height", "scores", "pair_key", "facts", "rights",
         "reference", "shown_facts", "shown_rights")  # fmt: skip


def build_report(profile: Profile, layout: Layout, report: Report = silent) -> Path:
    """Write the report and return its page.

    Args:
        report: called after each new thumbnail.

    Raises:
        StorageError: a manifest cannot be read, or the disk cannot be written.
    """
    folder = layout.reports / "html"
    rows = _judged(layout)
    try:
        _make_thumbnails(layout, folder / "thumbs", rows, thread_count(profile.threads), report)
        text = json.dumps(_data(profile, layout, rows), ensure_ascii=False, separators=(",", ":"))
        write_text(folder / "data.js", f"window.REPORT = {_harmless(text)};\n")
        for name in _PAGE:
            write_text(folder / name, (Path(__file__).parent / name).read_text("utf-8"))
    except OSError as error:
        raise StorageError(
            f"the report in {folder} cannot be written: {error}",
            "free space or mend the folder, then run again",
        ) from error
    return folder / "index.html"


def _judged(layout: Layout) -> list[Row]:
    """The pairs that were measured and judged, the published ones first."""
    rows: dict[str, Row] = {}
    for row in verdicts_of_all(layout, ("published", "rejected"), _READ):
        if row["scores"] is not None:
            rows.setdefault(row["edit_id"], row)
    return list(rows.values())


def _data(profile: Profile, layout: Layout, rows: list[Row]) -> dict[str, Any]:
    """Everything that the page shows; a column per field, since thousands of rows share the names."""
    scores = [json.loads(row["scores"]) for row in rows]
    names = list(dict.fromkeys(name for found in scores for name in found))
    books = [Book.open(profile, layout, name) for name in profile.categories]
    return {
        "columns": {name: [row[name] for row in rows] for name in _TEXTS},
        "failed": [json.loads(row["failed_checks"] or "[]") for row in rows],
        "recipes": [row["recipe"] for row in rows],
        "sizes": [[row["width"], row["height"]] for row in rows],
        "thumbs": [_thumbnail_name(row) for row in rows],
        "folders": [_relative_files(layout, row) for row in rows],
        "scores": {name: [_rounded(found.get(name)) for found in scores] for name in names},
        "limits": _limits(profile, rows),
        "accounts": [account._asdict() for book in books for account in accounts_of(book)],
        "survival": [survival_of(book)._asdict() for book in books],
        "coverage": [_line(line) for line in covered(coverage(layout, profile))],
        "licences": _licences(rows),
    }


def _line(line: Covered) -> dict[str, Any]:
    """A kind of edit as the page's table has it."""
    told = {
        name: ", ".join(f"{value} {number}" for value, number in of.items() if number)
        for name, of in line.counts.items()
    }
    missing = "; ".join(", ".join(values) for values in line.missing.values())
    return {"kind": line.kind, "samples": line.samples, **told, "empty": line.empty, "missing": missing}


def _licences(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """How many published pairs of each category are of photos under which licences."""
    counts = Counter(
        (row["category"], together(_licences_of(row))) for row in rows if row["status"] == "published"
    )
    return [
        {"category": category, "licence": licence, "pairs": count}
        for (category, licence), count in sorted(counts.items())
    ]


def _licences_of(row: Row) -> Iterator[str | None]:
    """Of a pair's photo, and of the one that its model was shown."""
    yield rights_of(from_text(row["facts"]), from_text(row["rights"])).licence
    if row["reference"]:
        yield rights_of(from_text(row["shown_facts"]), from_text(row["shown_rights"])).licence


def _limits(profile: Profile, rows: Iterable[Row]) -> dict[str, list[tuple[str, str, bool, float]]]:
    """The bounds of each category's tiers: `category/tier` → (check, score, whether it is a least, limit)."""
    return {
        f"{category}/{tier}": [
            (bound.check, bound.score, bound.limit.startswith("min_"), limit)
            for bound, limit in bounds_of(tier, profile.category(category).thresholds)
        ]
        for category, tier in sorted({(row["category"], row["tier"]) for row in rows})
        if category in profile.categories
    }


def _relative_files(layout: Layout, row: Row) -> list[str]:
    """Source, result and mask, where there is one, at full size, as paths from the page."""
    return [f"../../{layout.relative(path)}" for path in _files(layout, row)]


def _files(layout: Layout, row: Row) -> list[Path]:
    count = 2 if row["tier"] == "stated" else 3
    if row["status"] == "published":
        sample = SampleKey.parse(row["sample_key"])
        return [layout.dataset / sample.file(role) for role in ("source", "result", "mask")[:count]]
    folder = layout.rejected(row["edit_id"])
    return [folder / name for name in ("source.jpg", "result.jpg", "mask.png")[:count]]


def _thumbnail_name(row: Row) -> str:
    return f"{row['pair_key'][:2]}/{row['pair_key']}.jpg"


def _is_thumbnail(path: Path) -> bool:
    """Whether a file bears a name of our own making; no other is removed."""
    return is_item(path.with_suffix(""))


def _make_thumbnails(layout: Layout, folder: Path, rows: list[Row], threads: int, report: Report) -> None:
    """Make the thumbnails that are missing, and remove those of pairs that are gone."""
    wanted = {_thumbnail_name(row): row for row in rows}
    known = {path.relative_to(folder).as_posix() for path in folder.glob("??/*.jpg") if _is_thumbnail(path)}
    for name in known - wanted.keys():
        (folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # others are in it
            (folder / name).parent.rmdir()
    missing = [name for name in wanted if name not in known]

    def make(name: str) -> None:
        try:
            strip = _side_by_side([load_small(path, THUMB_SIDE) for path in _files(layout, wanted[name])])
        except StorageError:
            return  # the page shows an empty place; that a file is missing is the checks' business
        write_bytes(folder / name, encode_jpeg(strip, THUMB_QUALITY))

    for done, _ in enumerate(stream_map(make, missing, threads), 1):
        report(done, len(missing))


def _side_by_side(pictures: list[Pixels]) -> Pixels:
    """Source, result and mask in a row, each of the first one's size."""
    height, width = pictures[0].shape[:2]
    # The page shows the first two of three.
    sheet = np.zeros((height, width * 3, 3), np.uint8)
    for number, picture in enumerate(pictures):
        rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        part = rgb[:height, :width]
        sheet[: part.shape[0], number * width : number * width + part.shape[1]] = part
    return sheet


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.{DIGITS}g}")


def _harmless(text: str) -> str:
    """JSON that cannot end the script it stands in."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
