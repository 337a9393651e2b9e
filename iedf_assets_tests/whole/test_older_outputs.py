"""Outputs of an earlier version are read as they are: nothing is redone, renumbered or withdrawn."""

import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iedf_assets.cli.main import cli
from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.planning.book import STAGES, Book
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources import scan
from iedf_assets.core.sources.beside import Told
from iedf_assets.core.storage.manifests import read_rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import OLDER
from iedf_assets_tests.helpers.runs import run, tree

OUTPUTS = Path(__file__).parents[1] / "fixtures" / "outputs-of-0.1.0.tar.xz"


@pytest.fixture
def older(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A profile whose photos and outputs are those of version 0.1.0, with their times.

    An archive keeps times as floats, which have no nanoseconds, and no times of change, which cannot be set.
    """
    paths = {"data": layout.data, "outputs": layout.outputs, "logs": layout.logs}
    profile = load_profile(OLDER, [f"paths.{name}={path}" for name, path in paths.items()])
    with tarfile.open(OUTPUTS) as archive:
        archive.extractall(layout.data.parent, filter="data")
    for name in profile.categories:
        for path, mtime_ns in read_rows(layout, "source_images", name).pick("path", "mtime_ns"):
            os.utime(layout.data / path, ns=(mtime_ns, mtime_ns))
    for name, (mtime_ns, _) in json.loads(layout.indexed.read_text("utf-8")).items():
        os.utime(layout.manifest("dataset", name), ns=(mtime_ns, mtime_ns))
    changed_at = json.loads((layout.data.parent / "ctimes.json").read_text("utf-8"))
    look = scan.look_around

    def as_then(layout: Layout, category: str, _sources: Any = None) -> Told:
        told = look(layout, category) or Told([], [])
        return Told([replace(file, ctime_ns=changed_at[file.name]) for file in told.photos], told.findings)

    monkeypatch.setattr(scan, "look_around", as_then)
    return profile


def test_nothing_is_to_be_done(older: Profile, layout: Layout) -> None:
    options = ["--config", str(OLDER), "--data", str(layout.data), "--outputs", str(layout.outputs)]
    told = CliRunner().invoke(cli, ["run", "--dry-run", *options]).output
    assert "nothing to do" in told
    books = [Book.open(older, layout, name) for name in older.categories]
    assert all(len(book.current(stage)) == len(book.table(stage)) for book in books for stage in STAGES)


def test_a_run_leaves_every_published_byte_and_the_tree_checks_clean(older: Profile, layout: Layout) -> None:
    before = tree(layout.dataset)
    tables = {path: path.read_bytes() for path in sorted(layout.manifests.rglob("*.parquet"))}
    for name in older.categories:
        outcome, made = run(older, name)
        assert outcome.went_through, outcome.error
        assert (outcome.waves, made) == (0, {})
    assert tree(layout.dataset) == before
    assert {path: path.read_bytes() for path in tables} == tables
    assert check_dataset(layout.dataset).clean
