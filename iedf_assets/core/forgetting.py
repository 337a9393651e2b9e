"""Forgetting on purpose: what `--force STAGE` and `--retry-failed` do to the manifests before a run."""

from collections.abc import Callable

from iedf_assets.core.book import STAGES
from iedf_assets.core.journal import Row
from iedf_assets.core.manifests import frame, read_rows, write_table
from iedf_assets.core.naming import Layout
from iedf_assets.core.waves import close_wave


def forget(layout: Layout, category: str, stage: str) -> None:
    """Make a stage of a category, and all that follow from it, be done anew.

    Rows of sources and verdicts stay, less their keys: which photo came first and what is published is not
    forgotten.
    """
    for later in STAGES[STAGES.index(stage) :]:
        if later in {"source_images", "dataset"}:
            _rewrite(layout, later, category, lambda row: {**row, "key": ""})
        else:
            _rewrite(layout, later, category, lambda _row: None)
    close_wave(layout, category)


def retry_failed(layout: Layout, category: str) -> None:
    """Give every failed row of a category its attempts back."""
    for stage in STAGES:
        _rewrite(
            layout, stage, category, lambda row: {**row, "attempts": 0} if row["status"] == "failed" else row
        )


def _rewrite(layout: Layout, stage: str, category: str, change: Callable[[Row], Row | None]) -> None:
    rows = [
        changed for row in read_rows(layout, stage, category).values() if (changed := change(row)) is not None
    ]
    write_table(frame(rows, stage), layout.manifest(stage, category))
    layout.journal(stage, category).unlink(missing_ok=True)
