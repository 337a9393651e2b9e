"""Pairs finished in a job elsewhere are those that a run finishes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iedf_assets.core.contract import Job
from iedf_assets.core.errors import SystematicError
from iedf_assets.core.pairs.making import told
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.requests import pair_requests
from iedf_assets.core.profile.asked import Judge
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.workers import EditWorker, Finishing, FinishingCluster
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.journal import read_journal
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.runs import PHYSICAL
from iedf_assets_tests.helpers.vision_server import GOOD, MODEL, Reply, vision_server
from model_envs.finishing import finish_job

Done = Callable[..., tuple[list[dict[str, Any]], list[str]]]


@pytest.fixture
def made(profile: Profile, layout: Layout, already_run: Callable[..., None]) -> dict[str, dict[str, Any]]:
    """The pairs that a run has finished, by key."""
    already_run("coffee")
    return dict(Book.open(profile, layout, PHYSICAL).pairs)


@pytest.fixture
def finished(profile: Profile, layout: Layout, tmp_path: Path, made: dict[str, Any]) -> Done:
    def again(rater: dict[str, Any] | None = None) -> tuple[list[dict[str, Any]], list[str]]:
        book = Book.open(profile, layout, PHYSICAL)
        book = book.with_rows("edit_pairs", book.pairs.only([]))
        items = [told(request) for request in pair_requests(book, paths_on_disk(layout, PHYSICAL))]
        job = Job("edit_pairs", "", str(tmp_path / "rows"), 2, 20, items, {"rater": rater})
        begun: list[str] = []
        # As a job file has it.
        finish_job(Job(**json.loads(job.to_json())), begun.append, lambda _done, _total: None)
        return list(read_journal(tmp_path / "rows")), begun

    assert made
    return again


@pytest.mark.slow
def test_files_and_scores_are_the_same(made: dict[str, dict[str, Any]], finished: Done) -> None:
    rows, begun = finished()
    assert sorted(begun) == sorted(made) == sorted(row["key"] for row in rows)
    for row in rows:
        for column in ("checksums", "scores", "status", "edit_id", "edit_key", "tier"):
            assert row[column] == made[row["key"]][column]


@pytest.mark.slow
def test_each_is_shown_to_the_judge_and_none_is_done_without_an_answer(finished: Done) -> None:
    with vision_server(lambda number: Reply(GOOD if number > 1 else "no json")) as server:
        judge = {"by": "endpoint", "endpoint": server.address, "model": MODEL, "max_retries": 0}
        rows, _ = finished(judge)
        assert len(server.asked) == len(rows)
    assert sorted(row["status"] for row in rows) == ["done"] * (len(rows) - 1) + ["failed"]
    assert all(row["judged"]["instruction"] == GOOD["instruction"] for row in rows if row["status"] == "done")


@pytest.mark.slow
def test_without_its_judge_a_job_makes_nothing(finished: Done) -> None:
    with pytest.raises(SystematicError):
        finished({"by": "endpoint", "endpoint": "http://127.0.0.1:1/v1", "model": MODEL, "max_retries": 0})


def test_all_jobs_together_ask_as_much_at_once_as_the_profile_says() -> None:
    edit = EditWorker(judge=Judge(by="endpoint", model=MODEL, parallel=9))
    finisher = Finishing(launcher="ray", ray=FinishingCluster(jobs=4, num_cpus=3.5)).elsewhere(edit)
    assert finisher
    rater = finisher.model_settings().rater
    assert rater
    assert (rater["parallel"], finisher.threads) == (2, 3)
    assert Finishing().elsewhere(edit) is None
