"""The folder of a trial: what a model's edits are like, before and after mending, and what they cost."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iedf_assets.core.judging.pair_checks import INSIDE_BOUNDS
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.pictures.thumbnails import load_small, strip
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.scoring.raw_pictures import look_at
from iedf_assets.core.storage.files import write_bytes
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.reviews import read_reviews

SHEET, TABLE, PAGE = "sheet.jpg", "trial.json", "trial.md"
SHEET_ROWS, SHEET_HEIGHT, SHEET_BYTES = 120, 160, 12_000_000
# A limit is proposed from so many clicks of either kind.
LEAST_CLICKS = 3
_OF_A_MODEL = (
    "raw_shift",
    "raw_zoom",
    "upscaling",
    "judge_instruction",
    "judge_preservation",
    "seam",
    "effect",
)


_MEASURES = ("shift_px", "zoom", "cast", "touched", "changed")


@dataclass(frozen=True)
class Proposal:
    """A limit that a person's clicks speak for.

    Attributes:
        key: of the profile.
        limit: proposed; `now` is what the profile has.
        right: share of the clicks that it agrees with.
    """

    key: str
    limit: float
    now: float
    right: float


def trial_rows(book: Book) -> list[Row]:
    """A row per finished edit: what became of it, what the raw picture is like, its cost, who says what."""
    reviews = read_reviews(book.layout)
    edits = {row["key"]: row for row in book.current("edited_images").values()}
    verdicts = {row["edit_id"]: row for row in book.verdicts.values()}
    rows = []
    for pair in book.current("edit_pairs").values():
        edit = edits.get(pair["edit_key"])
        if edit is None or pair["status"] != "done":
            continue
        verdict, scores = verdicts.get(pair["edit_id"], {}), pair["scores"] or {}
        raw = _raw(book, edit, pair)
        rows.append({
            "edit_id": pair["edit_id"], "subtype": edit["subtype"], "instruction": edit["instruction_en"],
            "status": verdict.get("status"), "failed_checks": verdict.get("failed_checks") or [],
            "backend": edit["backend"], "seconds": edit["seconds"],
            "peak_gib": (edit["made_with"] or {}).get("peak_gib"), "raw": raw.as_row() if raw else None,
            "words": raw.words() if raw else [], "scores": scores, "judged": pair["judged"] or edit["judged"],
            "person": reviews.get(pair["edit_id"]), "pair_key": pair["key"], "edit_key": edit["key"],
        })  # fmt: skip
    return sorted(rows, key=lambda row: (row["subtype"], row["edit_id"]))


def write_trial(book: Book, folder: Path) -> list[Path]:
    """Write the contact sheet, the table and the page into a folder; returns their paths."""
    rows = trial_rows(book)
    paths = [folder / name for name in (TABLE, PAGE)]
    write_bytes(paths[0], (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode())
    write_bytes(paths[1], page_of(book, rows).encode())
    if rows:
        write_bytes(folder / SHEET, _sheet(book, rows))
        paths.append(folder / SHEET)
    return paths


def page_of(book: Book, rows: Sequence[Row]) -> str:
    """What the trial says, as Markdown."""
    made = [row for row in rows if row["raw"]]
    reasons = Counter(check for row in rows for check in row["failed_checks"])
    unmade = Counter(
        row["reason"]
        for row in book.current("edited_images").values()
        if row["status"] in {"rejected", "failed"}
    )
    words = Counter(word for row in made for word in row["words"])
    parts = [
        "# Trial\n",
        f"{len(rows)} edits finished, {len(made)} of them a model's; {_published(rows)} published.\n",
        "## By subtype\n", _by_subtype(rows),
        "## What the raw pictures are like\n", _counted(words),
        "## Drift before registration\n", _quantiles(made),
        "## Rejects by check\n", _counted(reasons),
        "## Not made, by reason\n", _counted(unmade),
        "## Judge and person\n", _agreement(rows),
        "## Thresholds that the clicks speak for\n", _proposed(book, rows),
    ]  # fmt: skip
    return "\n".join(parts)


def proposals(book: Book, rows: Iterable[Row]) -> list[Proposal]:
    """A limit for each score of a model's edits that separates what people accepted and rejected."""
    clicked = [row for row in rows if row["person"]]
    found = []
    for bound in INSIDE_BOUNDS:
        told = [
            (float(row["scores"][bound.score]), row["person"] == "accept")
            for row in clicked
            if row["scores"].get(bound.score) is not None
        ]
        enough = min(sum(good for _, good in told), sum(not good for _, good in told)) >= LEAST_CLICKS
        if bound.score in _OF_A_MODEL and enough:
            least = bound.limit.startswith("min_")
            limit, right = _best_cut(told, least=least)
            now = float(getattr(book.category.thresholds, bound.limit))
            found.append(Proposal(f"thresholds.{bound.limit}", limit, now, right))
    return found


def _best_cut(told: Sequence[tuple[float, bool]], *, least: bool) -> tuple[float, float]:
    """The value that agrees with most clicks as a limit, and the share that it agrees with."""

    def right(limit: float) -> float:
        return sum((value >= limit if least else value <= limit) == good for value, good in told) / len(told)

    best = max((value for value, _ in told), key=right)
    return round(best, 4), right(best)


def _raw(book: Book, edit: Row, pair: Row) -> Any:
    if edit["made_with"] is None:
        return None
    finished = book.layout.staged("edit_pairs", pair["key"])
    picture = decode(book.layout.staged("edited_images", edit["key"]) / "picture.png")
    source = decode(finished / "source.jpg")
    if picture.shape != source.shape:
        return None
    local = SUBTYPES[edit["subtype"]].tier != "global"
    allowed = decode(finished / "allowed.png") if local else np.full(source.shape[:2], 255, np.uint8)
    return look_at(source, picture, allowed)


def _sheet(book: Book, rows: Sequence[Row]) -> bytes:
    """Source, the model's own picture, result and mask of each edit, a row each, spread over all of them."""
    shown = rows[:: max(1, -(-len(rows) // SHEET_ROWS))]
    lines = []
    for row in shown:
        pair, edit = book.layout.staged("edit_pairs", row["pair_key"]), row["edit_key"]
        paths = [
            pair / "source.jpg", book.layout.staged("edited_images", edit) / "picture.png",
            pair / "result.jpg", pair / "mask.png",
        ]  # fmt: skip
        lines.append([load_small(path, SHEET_HEIGHT) for path in paths if path.exists()])
    return strip(lines, SHEET_HEIGHT, SHEET_BYTES)


def _by_subtype(rows: Sequence[Row]) -> str:
    lines = ["| subtype | edits | published | seconds an edit | GPU memory, GiB |", "|---|---|---|---|---|"]
    for name in sorted({row["subtype"] for row in rows}):
        own = [row for row in rows if row["subtype"] == name]
        peaks = [row["peak_gib"] for row in own if row["peak_gib"] is not None]
        lines.append(
            f"| {name} | {len(own)} | {_published(own)} "
            f"| {np.mean([row['seconds'] or 0.0 for row in own]):.1f} "
            f"| {f'{max(peaks):.1f}' if peaks else 'not measured'} |"
        )
    return "\n".join(lines) + "\n"


def _published(rows: Sequence[Row]) -> int:
    return sum(row["status"] == "published" for row in rows)


def _counted(counts: Counter[Any]) -> str:
    return "".join(f"- {name}: {number}\n" for name, number in counts.most_common()) or "- none\n"


def _quantiles(rows: Sequence[Row]) -> str:
    lines = ["| measure | median | 90 % | most |", "|---|---|---|---|"]
    for name in _MEASURES:
        values = [row["raw"][name] for row in rows if row["raw"][name] is not None]
        if values:
            middle, high, most = np.quantile(values, (0.5, 0.9, 1.0))
            lines.append(f"| {name} | {middle:.4g} | {high:.4g} | {most:.4g} |")
    return "\n".join(lines) + "\n"


def _agreement(rows: Sequence[Row]) -> str:
    judged = [row for row in rows if row["judged"]]
    both = [row for row in judged if row["person"]]
    if not both:
        clicked = sum(bool(row["person"]) for row in rows)
        return f"- the judge rated {len(judged)}, a person clicked on {clicked}\n"
    lines = ["| edit | judge: instruction, preservation | person |", "|---|---|---|"]
    for row in both:
        ratings = f"{row['scores']['judge_instruction']}, {row['scores']['judge_preservation']}"
        lines.append(f"| {row['edit_id']} | {ratings} | {row['person']} |")
    return "\n".join(lines) + "\n"


def _proposed(book: Book, rows: Sequence[Row]) -> str:
    found = proposals(book, rows)
    if not found:
        return f"- none yet: at least {LEAST_CLICKS} accepted and {LEAST_CLICKS} rejected edits are needed\n"
    lines = ["| key | now | proposed | agrees with |", "|---|---|---|---|"]
    lines += [f"| `{one.key}` | {one.now:g} | {one.limit:g} | {one.right:.0%} |" for one in found]
    return "\n".join(lines) + "\n"
