from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iedf_assets.cli.main import cli
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.exports import indexed, planted
from iedf_assets_tests.helpers.profiles import CLASSICAL


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """A factory with a dataset in both splits; not to be changed."""
    return planted(tmp_path_factory.mktemp("exported"))[0]


def run(profile: Profile, *arguments: str) -> Result:
    layout = Layout.of(profile)
    folders = ["--config", str(CLASSICAL), "--data", str(layout.data), "--outputs", str(layout.outputs)]
    return CliRunner().invoke(cli, ["export", *arguments, *folders])


def test_it_says_what_was_made_and_what_trainers_will_do(dataset: Profile, tmp_path: Path) -> None:
    told = run(dataset, "diffsynth", str(tmp_path / "out"))
    rows = indexed(dataset).values()
    assert told.exit_code == 0
    assert f"diffsynth: {len(rows)} samples" in told.stdout
    assert f"{len(rows)} have sizes that trainers resample" in told.stdout
    held_out = sum(row["split"] == "validation" for row in rows)
    assert f"{held_out} are of the split validation" in told.stdout
    again = run(dataset, "diffsynth", str(tmp_path / "out"), "--split", "train", "--size", "grid")
    assert "split validation" not in again.stdout
    assert "resample" not in again.stdout
    assert "too small for the grid" in again.stdout


def test_conditions_narrow_it_down(dataset: Profile, tmp_path: Path) -> None:
    told = run(dataset, "folders", str(tmp_path / "out"), "--where", "subtype=move", "--where", "split=train")
    wanted = [row for row in indexed(dataset).values() if (row["subtype"], row["split"]) == ("move", "train")]
    assert f"folders: {len(wanted)} samples" in told.stdout


@pytest.mark.parametrize("arguments", [("nonsense", "x"), ("folders",), ("folders", "x", "--size", "huge")])
def test_bad_usage_exits_2(dataset: Profile, arguments: tuple[str, ...]) -> None:
    assert run(dataset, *arguments).exit_code == 2
