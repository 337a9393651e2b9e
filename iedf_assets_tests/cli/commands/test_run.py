"""What `iedf run` says at its end."""

import pytest
from click.testing import CliRunner

from iedf_assets.cli.main import cli
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import PHYSICAL, put


@pytest.mark.slow
def test_what_was_rejected_by_what_and_what_left_the_dataset_is_told(layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee")
    folders = [f"paths.{name}={getattr(layout, name)}" for name in ("data", "outputs", "logs")]

    def said(*settings: str) -> str:
        told = [part for setting in (*folders, *settings) for part in ("--set", setting)]
        done = CliRunner().invoke(cli, ["run", "--config", str(CLASSICAL), "--category", PHYSICAL, *told])
        assert done.exit_code == 0, done.output
        return done.output

    assert "rejected, most often by" not in said("thresholds.max_seam=1000")
    published = sorted(path.name for path in layout.dataset.rglob("*_result.jpg"))
    assert published
    strict = said("thresholds.max_seam=0")
    assert f"{len(published)} sample{'s' * (len(published) != 1)} left the dataset" in strict
    assert "rejected, most often by seam" in strict
