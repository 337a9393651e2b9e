"""What the LoRA benchmark reads of an export, and what it measures: on a real export of real pairs."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.exported import means, measured, read_pairs
from iedf_assets.core.pictures.codecs import decode
from iedf_assets_tests.helpers.exports import exported, planted


@pytest.mark.slow
def test_published_targets_follow_and_drift_nowhere_and_sources_do_neither(tmp_path: Path) -> None:
    profile, _ = planted(tmp_path)
    exported(profile, tmp_path / "out", "imagefolder")
    train, held_out = (read_pairs(tmp_path / "out", split) for split in ("train", "validation"))
    assert train
    assert held_out
    assert {pair.key for pair in train}.isdisjoint(pair.key for pair in held_out)
    assert all(pair.instruction for pair in train)
    good = means([measured(pair, decode(pair.target)) for pair in train])
    assert good["mse_outside"] == good["touched"] == 0
    assert good["followed"] == 1
    lazy = means([measured(pair, decode(pair.source)) for pair in train])
    assert lazy["followed"] == 0
    darker = means([measured(pair, (decode(pair.target) * 0.9).astype(np.uint8)) for pair in train])
    assert darker["mse_outside"] is not None
    assert darker["mse_outside"] > 10


def test_an_export_without_a_split_has_no_pairs_of_it(tmp_path: Path) -> None:
    assert read_pairs(tmp_path, "train") == []
    assert means([]) == {}
