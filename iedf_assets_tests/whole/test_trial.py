"""A trial rehearsed end to end, with an editor of another project that misbehaves by turns."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from skimage import data

from iedf_assets.cli.main import cli
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.report.trial import proposals, trial_rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import add_review
from iedf_assets_tests.helpers.foreign_editor import MANNERS, NAME, foreign_editor

pytestmark = pytest.mark.slow


def test_each_manner_of_an_editor_shows_in_the_folder_as_what_it_is(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("astronaut", "coffee"):
        (photos / f"{name}.jpg").write_bytes(encode_jpeg(getattr(data, name)()[::2, ::2].copy(), 95))
    output = tmp_path / "trial"
    with foreign_editor() as (address, manners):
        settings = [
            "workers.layered.backend=classical", "workers.edit.backend=diffusers",
            "workers.edit.launcher=service", f"workers.edit.endpoints=['{address}']",
            f"workers.edit.service.foreign={NAME}",
            "workers.edit.service.send_mode=base64",
        ]  # fmt: skip
        command = ["trial", str(photos), "--output", str(output)]
        command += [
            part
            for name in ("replace", "add", "physical", "portrait", "write")
            for part in ("--subtype", name)
        ]
        command += [part for setting in settings for part in ("--set", setting)]
        done = CliRunner().invoke(cli, command)
        assert done.exit_code == 0, done.output
        made = dict(manners)
        again = CliRunner().invoke(cli, command)
        assert again.exit_code == 0, again.output
        assert manners == made
    assert set(manners.values()) == set(MANNERS)
    rows = json.loads((output / "trial.json").read_text("utf-8"))
    assert len(rows) == len(manners)
    assert {row["backend"] for row in rows} == {NAME}
    told = {row["edit_key"]: (manners[row["edit_key"]], row["words"]) for row in rows}
    assert all(manner in words for manner, words in told.values()), told
    assert all(words == ["good"] for manner, words in told.values() if manner == "good"), told
    page = (output / "trial.md").read_text("utf-8")
    assert "| replace | 2 |" in page
    assert "no_op: " in page
    assert (output / "sheet.jpg").stat().st_size > 10_000
    # Clicks against what was shifted or zoomed speak for narrower limits.
    profile = load_profile(output / "profile.yaml")
    layout = Layout.of(profile)
    for row in rows:
        off = manners[row["edit_key"]] in {"shifted", "zoomed"}
        add_review(layout, row["edit_id"], "reject" if off else "accept")
    book = Book.open(profile, layout, "trial")
    proposed = {one.key: one for one in proposals(book, trial_rows(book))}
    assert proposed["thresholds.max_raw_shift"].limit < proposed["thresholds.max_raw_shift"].now
