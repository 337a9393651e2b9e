"""A run whose decoders crash or hang: the file is named and written off, the rest goes through."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.manifests import read_rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.bad_inputs import encoded, photos
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import PHYSICAL, put
from iedf_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.slow
# Python runs this module at every start.
BROKEN = """
import os, time
from PIL.BmpImagePlugin import BmpImageFile
BmpImageFile.load = lambda self: {harm}
"""
ABORT, HANG = "os.abort()", "time.sleep(600)"


def started(profile: Profile, tmp_path: Path, harm: str, *settings: str) -> "subprocess.Popen[str]":
    (tmp_path / "site").mkdir(exist_ok=True)
    (tmp_path / "site" / "sitecustomize.py").write_text(BROKEN.format(harm=harm))
    folders = [f"paths.{name}={getattr(profile.paths, name)}" for name in ("data", "outputs", "logs")]
    command = [sys.executable, "-m", "iedf_assets.cli", "run", "--config", str(CLASSICAL)]
    command += ["--category", PHYSICAL]
    for setting in (*folders, *settings):
        command += ["--set", setting]
    env: Mapping[str, str] = {**os.environ, "PYTHONPATH": f"{PROJECT_ROOT}{os.pathsep}{tmp_path / 'site'}"}
    return subprocess.Popen(
        command, env=env, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def put_a_bitmap(layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee", "rocket")
    (layout.data / PHYSICAL / "broken.bmp").write_bytes(encoded(next(iter(photos())), "BMP"))


def rows(layout: Layout) -> dict[str, Row]:
    table = read_rows(layout, "source_images", PHYSICAL)
    return {Path(path).name: table[path] for path in table}


@pytest.mark.parametrize(
    ("harm", "reason", "told"), [(ABORT, "decoder_died", "SIGABRT"), (HANG, "timed_out", "within 2 s")]
)
def test_the_file_is_named_and_the_rest_goes_through(
    profile: Profile, layout: Layout, tmp_path: Path, harm: str, reason: str, told: str
) -> None:
    put_a_bitmap(layout)
    process = started(profile, tmp_path, harm, "sources.timeout_s=2")
    output, _ = process.communicate(timeout=120)
    bad = rows(layout)["broken.bmp"]
    assert (bad["status"], bad["reason"]) == ("failed", reason), output
    assert told in bad["detail"]
    assert "Traceback" not in output
    assert json.loads((layout.reports / "qa" / "qa_summary.json").read_text("utf-8"))["passed"] >= 2


def test_an_interrupt_ends_a_run_within_two_seconds_whatever_a_decoder_does(
    profile: Profile, layout: Layout, tmp_path: Path
) -> None:
    put_a_bitmap(layout)
    process = started(profile, tmp_path, HANG)
    wait_for(layout.journal("source_images", PHYSICAL).exists)
    time.sleep(2)  # the others are read by then
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    # Two seconds are its promise on a machine that has nothing else to do.
    assert time.monotonic() - begun < 5
    assert process.returncode == 130
    assert "Traceback" not in output
    assert {name for name, row in rows(layout).items() if row["source_id"]} == {"coffee.jpg", "rocket.jpg"}
