"""What was published and is altered by others, or lost: the next run makes it good, and says so."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iedf_assets.cli.main import cli
from iedf_assets.core.errors import StorageError
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import OBJECTS, PHYSICAL, put, tree

pytestmark = pytest.mark.slow


@pytest.fixture
def iedf(
    profile: Profile, already_run: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> Callable[..., Result]:
    """The command, over a finished run."""
    caplog.set_level(logging.CRITICAL)  # what is told by the log is looked at elsewhere
    already_run("coffee", "rocket")
    paths = profile.paths
    settings = [f"paths.{name}={getattr(paths, name)}" for name in ("data", "outputs", "logs")]
    flags = [part for setting in settings for part in ("--set", setting)]

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, [*arguments, "--config", str(CLASSICAL), *flags])

    return call


def texts(layout: Layout) -> list[Path]:
    return sorted(layout.dataset.rglob("*_EN.txt"))


def swapped(layout: Layout) -> None:
    one, other, *_ = texts(layout)
    words = one.read_bytes(), other.read_bytes()
    assert words[0] != words[1]
    one.write_bytes(words[1])
    other.write_bytes(words[0])


def reversed_(layout: Layout) -> None:
    path = texts(layout)[0]
    path.write_bytes(path.read_bytes()[::-1])


def flipped(layout: Layout) -> None:
    path = next(layout.dataset.rglob("*_CH.txt"))
    words = bytearray(path.read_bytes())
    words[3] ^= 1
    path.write_bytes(bytes(words))


def overwritten(layout: Layout) -> None:
    (layout.reports / "index.csv").write_text("x")


@pytest.mark.parametrize("harm", [swapped, reversed_, flipped, overwritten])
def test_what_others_wrote_to_texts_and_reports_is_made_good(
    layout: Layout, iedf: Callable[..., Result], harm: Callable[[Layout], None]
) -> None:
    whole = {**tree(layout.dataset), "csv": (layout.reports / "index.csv").read_text("utf-8")}
    harm(layout)
    done = iedf("run", "--category", PHYSICAL)
    assert done.exit_code == 0, done.output
    assert {**tree(layout.dataset), "csv": (layout.reports / "index.csv").read_text("utf-8")} == whole


@pytest.mark.parametrize("harm", ["gone", "halved"])
def test_a_lost_ledger_is_written_again_before_a_second_loss_can_double_anything(
    layout: Layout, iedf: Callable[..., Result], harm: str
) -> None:
    before, samples = Ledger(layout).all(), tree(layout.dataset)
    if harm == "gone":
        layout.ledger.unlink()
    else:
        layout.ledger.write_bytes(layout.ledger.read_bytes()[: layout.ledger.stat().st_size // 2])
    done = iedf("run", "--category", PHYSICAL)
    assert done.exit_code == 0, done.output
    assert "the ledger had lost" in done.output
    assert Ledger(layout).all() == before
    layout.manifest("dataset", PHYSICAL).unlink()
    assert iedf("run", "--category", PHYSICAL).exit_code == 0
    assert tree(layout.dataset) == samples


def test_samples_that_nobody_published_are_told_by_run_and_status(
    layout: Layout, iedf: Callable[..., Result]
) -> None:
    source = next(path for path in sorted(layout.dataset.rglob("00001.jpg")))
    for path in source.parent.glob("00001*"):
        (path.parent / path.name.replace("00001", "00777")).write_bytes(path.read_bytes())
    for command in ("status", "run"):
        done = iedf(command, "--category", PHYSICAL)
        assert "no category published" in done.output, done.output


def test_one_categorys_broken_table_stops_that_category_alone(
    layout: Layout, iedf: Callable[..., Result]
) -> None:
    put(layout, OBJECTS, "chelsea")
    manifest = layout.manifest("edit_pairs", PHYSICAL)
    manifest.write_bytes(manifest.read_bytes()[:300])
    done = iedf("run", "--category", PHYSICAL, "--category", OBJECTS)
    assert done.exit_code == 1
    assert "cannot be read" in done.output
    assert "delete it" in done.output
    assert f"{OBJECTS}: 1 wave" in done.output
    told = iedf("status", "--category", PHYSICAL, "--category", OBJECTS)
    assert OBJECTS in told.output
    assert isinstance(told.exception, StorageError)
    manifest.unlink()
    again = iedf("run", "--category", PHYSICAL, "--category", OBJECTS)
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize(
    "line", ['{"edit_id": "x"}', '{"edit_id": ["x"], "verdict": 1}', "[" * 100_000, '"x"', "7"]
)
def test_a_line_that_is_no_row_is_set_aside_wherever_it_stands(
    layout: Layout, iedf: Callable[..., Result], line: str
) -> None:
    journals = [layout.reviews, layout.ledger, layout.journal("edit_pairs", PHYSICAL)]
    for path in (*journals, layout.journal("dataset", PHYSICAL)):
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    for command in ("run", "status"):
        done = iedf(command, "--category", PHYSICAL)
        assert done.exit_code == 0, (done.output, done.exception)


def test_a_row_of_a_newer_version_is_set_aside(layout: Layout, iedf: Callable[..., Result]) -> None:
    row = {"key": "k" * 32, "status": "done", "nosuchcolumn": 1}
    with layout.journal("edit_pairs", PHYSICAL).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    done = iedf("run", "--category", PHYSICAL)
    assert done.exit_code == 0, (done.output, done.exception)
