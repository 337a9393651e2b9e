"""`iedf demo`, as a newcomer runs it: photos come, and something to look at."""

import subprocess
import sys
from pathlib import Path

import pytest

from iedf_assets.cli.commands.demo import SAMPLES


@pytest.mark.slow
def test_the_demo_brings_photos_and_publishes_of_more_than_one_kind(tmp_path: Path) -> None:
    folders = ["--data", str(tmp_path / "data"), "--outputs", str(tmp_path / "out")]
    command = [
        sys.executable,
        "-m",
        "iedf_assets.cli",
        "demo",
        *folders,
        "--set",
        f"paths.logs={tmp_path / 'logs'}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for category, names in SAMPLES.items():
        assert {path.stem for path in (tmp_path / "data" / category).rglob("*.png")} == set(names)
    published = {path.parts[-3] for path in (tmp_path / "out" / "dataset").rglob("*_result.jpg")}
    assert len(published) >= 2, done.stdout
