"""Whatever happens to a run, the factory ends like one that was left alone."""

from pathlib import Path

import pytest

from iedf_assets_tests.helpers.chaos import play
from iedf_assets_tests.helpers.factories import Factory, left_alone
from iedf_assets_tests.helpers.faults import FULL_DISK, can_mount
from iedf_assets_tests.helpers.machines import can_be_elsewhere

pytestmark = pytest.mark.slow
PHOTOS = 8
ROUNDS = {
    1: ("kill the worker", "flipped bytes"),
    2: ("kill all", "a changed photo"),
    4: ("a second run", "kill the run"),
    6: ("stop and wake the workers", "stop and wake the run"),
    7: ("kill the daemon", "a power cut"),
    8: ("a clock that jumps", "the run goes on elsewhere" if can_be_elsewhere() else "kill all"),
    5: ("a deleted output", FULL_DISK if can_mount() else "an unreadable photo"),
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Factory, float]:
    """A factory that was left alone, and how long its run took, seconds."""
    return left_alone(tmp_path_factory, PHOTOS)


def test_an_undisturbed_factory_publishes_and_leaves_nothing_behind(reference: tuple[Factory, float]) -> None:
    factory, _ = reference
    assert len(factory.samples()) >= PHOTOS // 2
    assert factory.left_over() == []
    assert factory.processes() == []


@pytest.mark.parametrize("seed", ROUNDS)
def test_after_at_most_two_more_runs_all_is_as_if_nothing_had_happened(
    seed: int, reference: tuple[Factory, float], tmp_path: Path
) -> None:
    factory, run_s = reference
    played = play(seed, tmp_path / "struck", factory, run_s, ROUNDS[seed])
    assert played.faults
    assert played.problems == [], played
