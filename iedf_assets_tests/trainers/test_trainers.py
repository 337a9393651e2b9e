"""Trainers' own readers load what is exported: pixels, texts and direction, at sizes that they leave alone.

`IEDF_DIFFSYNTH` and `IEDF_MUSUBI` name checkouts of DiffSynth-Studio and musubi-tuner, `IEDF_READERS_PYTHON`
an interpreter with what they need: torch, torchvision, einops, imageio, pandas; av, toml, voluptuous.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.pictures.codecs import decode, encode_jpeg
from iedf_assets.core.profile.exports import Format
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.exports import exported, indexed
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import PHYSICAL, run

pytestmark = pytest.mark.slow
CHECKOUTS = {"diffsynth": "IEDF_DIFFSYNTH", "musubi": "IEDF_MUSUBI"}
NAMED = [form for form, name in CHECKOUTS.items() if os.environ.get(name)]
READ_S = 300


def read(form: str, folder: Path) -> list[dict[str, Any]]:
    python = os.environ.get("IEDF_READERS_PYTHON", sys.executable)
    script = Path(__file__).with_name(f"read_{form}.py")
    command = [python, str(script), os.environ[CHECKOUTS[form]], str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=READ_S, check=False)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


@pytest.mark.parametrize("form", NAMED)
def test_a_trainer_s_own_reader_gives_the_pixels_of_the_grid(tmp_path: Path, form: Format) -> None:
    profile = load_profile(
        CLASSICAL, [f"paths.{key}={tmp_path / key}" for key in ("data", "outputs", "logs")]
    )
    path = Layout.of(profile).data / PHYSICAL / "rocket.jpg"
    path.parent.mkdir(parents=True)
    large = cv2.resize(data.rocket(), (1536, 1024), interpolation=cv2.INTER_CUBIC)
    path.write_bytes(encode_jpeg(np.asarray(large, np.uint8), 95))
    outcome, _ = run(profile)
    assert outcome.went_through, outcome.error
    folder = tmp_path / "out"
    exported(profile, folder, form, size="grid")
    known = indexed(profile)
    rows = read(form, folder)
    assert len(rows) == len(known) > 0
    by_caption = {row["instruction_en"]: key for key, row in known.items()}
    for row in rows:
        assert row["text"] in by_caption
        for role in ("source", "target"):
            (file,) = [path for path in (folder / role).iterdir() if _is_of(path, by_caption[row["text"]])]
            pixels = decode(file)
            assert row[role] == [*pixels.shape, hashlib.sha256(pixels.tobytes()).hexdigest()]


def _is_of(path: Path, key: str) -> bool:
    task, subtype, scene, number = key.split("/")
    return path.stem == f"{task.removesuffix('_edit')}-{subtype}-{scene}-{number}"
