from pathlib import Path

import numpy as np
import pytest
from skimage import data

from iedf_assets.core.pictures.subjects import Network
from iedf_assets.core.scoring.masks.second_opinion import SIDE, SecondOpinion, looked_at_in, second_opinion
from iedf_assets_tests.helpers.networks import put_network


class Counted(Network):
    """A network that counts how often it is asked."""

    asked = 0

    def ask(self, rgb):  # type: ignore[no-untyped-def]
        self.asked += 1
        return super().ask(rgb)


@pytest.fixture
def network(tmp_path: Path) -> Counted:
    put_network(tmp_path / "u2netp.onnx")
    return Counted(tmp_path / "u2netp.onnx")


def test_the_same_picture_is_asked_about_once(network: Counted) -> None:
    opinion = SecondOpinion(network)
    first = opinion.of(data.coffee())
    assert network.asked == 3
    assert opinion.of(data.coffee().copy()) is first
    assert network.asked == 3
    opinion.of(data.chelsea())
    assert network.asked == 6


def test_opinions_are_of_the_size_of_masks_that_are_looked_at(network: Counted) -> None:
    large = np.kron(data.coffee(), np.ones((2, 2, 1), np.uint8))
    assert SecondOpinion(network).of(large).first.shape == looked_at_in(large[..., 0]).shape
    assert max(looked_at_in(large).shape) == SIDE
    assert looked_at_in(data.chelsea()) is not None


def test_without_a_file_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IEDF_MODELS", str(tmp_path))
    assert second_opinion() is None
    put_network(tmp_path / "u2netp.onnx")
    assert second_opinion() is second_opinion() is not None
