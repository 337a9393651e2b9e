"""The laws that the simulation of a fleet of GPUs keeps."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fleet import Constants, on_paper, simulate


@given(
    st.integers(1, 3000), st.sampled_from([1, 3, 8, 64]), st.integers(0, 5), st.sampled_from([1e9, 5000.0])
)
@settings(deadline=None, max_examples=40)
def test_work_is_conserved_and_no_gpu_does_more_than_it_can(
    edits: int, gpus: int, seed: int, failure_s: float
) -> None:
    c = Constants(wave=100, failure_s=failure_s)
    done = simulate(edits, gpus, c, seed)
    assert done.edits == edits
    assert done.gpu_s == pytest.approx(edits * c.gpu_s)
    assert 0 < done.utilisation(gpus) <= 1
    assert done.seconds >= edits * c.gpu_s / gpus


def test_without_failures_it_agrees_with_the_formula() -> None:
    c = replace(Constants(), failure_s=1e12)
    for gpus in (1, 8, 64):
        assert simulate(200_000, gpus, c).seconds / 3600 == pytest.approx(on_paper(200_000, gpus, c), rel=0.1)
    assert simulate(200_000, 8, c).lost == 0


def test_a_judge_that_answers_as_fast_as_the_cores_finish_costs_nothing() -> None:
    c = Constants(finish_s=0.16, cores=16, asked=64)
    quiet, fast, slow = (simulate(20_000, 64, replace(c, judge_s=s)).seconds for s in (0.0, 0.6, 6.0))
    assert quiet == fast < slow


def test_failures_cost_time() -> None:
    calm, rough = (Constants(failure_s=seconds) for seconds in (1e12, 20_000.0))
    assert simulate(50_000, 64, rough).seconds > simulate(50_000, 64, calm).seconds
