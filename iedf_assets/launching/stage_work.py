"""The work of a stage, as every launcher takes it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from iedf_assets.core.contract import Job, ModelSettings, Stage
from iedf_assets.core.pairs.making import told
from iedf_assets.core.parallel import Report
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.storage.naming import Layout
from iedf_assets.launching.deaths import ModelRequest, Request


@dataclass(frozen=True)
class StageWork:
    """What a stage wants made in one run.

    Attributes:
        worker: who is to make it, as the profile says.
        report: is told how many are done, of how many.
        budget_s: seconds of work after which no request is begun any more; None for no end.
        echo: whether what its processes print goes to this process's output too.
    """

    context: dg.AssetExecutionContext
    layout: Layout
    worker: Worker
    stage: Stage
    requests: Sequence[Request]
    report: Report
    budget_s: float | None
    echo: bool = False

    @property
    def journal(self) -> Path:
        """The stage's own, where all rows end."""
        return self.layout.journal(self.stage, self.context.partition_key)

    @property
    def name(self) -> str:
        """The beginning of its files' names."""
        return f"{self.stage}-{self.context.partition_key}"

    @property
    def run(self) -> str:
        """The run's id, shortened for names."""
        return self.context.run.run_id[:8]

    @property
    def of_models(self) -> Sequence[ModelRequest]:
        """The requests, of a stage whose items a model makes."""
        return [request for request in self.requests if isinstance(request, ModelRequest)]

    @cached_property
    def model(self) -> ModelSettings:
        """The model's settings, the same for all workers of the stage.

        Raises:
            WorkerError: there is no model where the profile says.
        """
        return self.worker.model_settings()

    def job(self, requests: Sequence[Request], journal: Path, budget_s: float | None) -> Job:
        """What one worker is told.

        Args:
            requests: its share.
            journal: it writes its rows there.
            budget_s: as in `StageWork`, of this worker.
        """
        return Job(
            stage=self.stage,
            backend=self.worker.backend,
            journal=str(journal),
            threads=self.worker.threads,
            max_failures_in_a_row=self.worker.max_failures_in_a_row,
            items=[_told(request) for request in requests],
            model=asdict(self.model),
            budget_s=budget_s,
        )


def _told(request: Request) -> dict[str, Any]:
    return asdict(request) if isinstance(request, ModelRequest) else told(request)
