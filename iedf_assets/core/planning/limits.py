"""Limits of a factory's outputs: how many samples and edits they may hold, and what GPU hours they may cost.

What is used is read from the manifests, so it survives whatever befalls a run. A limit holds back what is not
made yet and withdraws nothing; what it holds back stays pending until the limit is raised.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import polars as pl

from iedf_assets.core.profile.checkpoints import OLDER_NAME, PIPELINES
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.publishing.cell_quotas import cell_quotas, in_cells
from iedf_assets.core.publishing.joined import categories_on_disk
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.manifests import read_rows
from iedf_assets.core.storage.naming import Layout, base_scene

# Backends that run on a GPU; the others cost no GPU hours.
GPU_BACKENDS = frozenset({PIPELINES, OLDER_NAME})


@dataclass(frozen=True)
class Allowance:
    """What has been used of each limit.

    Attributes:
        samples: published samples by task, by `task/scene`, and by each quota of cells.
        edits: rendered so far.
        gpu_hours: spent so far: of every row of the two model stages that a GPU backend made, or failed at,
            the seconds of its last try, times the GPUs that worked on it together.
    """

    profile: Profile
    samples: Mapping[str, int]
    edits: int
    gpu_hours: float

    @classmethod
    def of(cls, profile: Profile, layout: Layout) -> Self:
        """What the manifests of all categories show; nothing is read where nothing is limited."""
        samples: Counter[str] = Counter()
        edits, seconds = 0, 0.0
        limits = profile.limits
        for name in categories_on_disk(layout) if limits.any else ():
            for task, scene, status in read_rows(layout, "dataset", name).pick("task", "scene", "status"):
                if status == "published":
                    samples.update((task, f"{task}/{base_scene(scene)}"))
            edited = read_rows(layout, "edited_images", name)
            # For what is derived nothing was rendered, in no attempt.
            edits += edited.where(pl.col("attempts").fill_null(1) > 0).counts().get("done", 0)
            workers = (profile.categories.get(name) or profile).workers
            rows = (
                (read_rows(layout, "image_layers", name), workers.layered),
                (edited, workers.edit),
            )
            for table, worker in rows:
                spent = (
                    s for backend, s in table.pick("backend", "seconds") if backend in GPU_BACKENDS and s
                )
                seconds += sum(spent) * worker.gpus_together
        samples.update(in_cells(profile, layout))
        return cls(profile, samples, edits, seconds / 3600)

    @property
    def edits_left(self) -> int | None:
        """How many edits may still be rendered; None without a limit."""
        limit = self.profile.limits.max_edits
        return None if limit is None else max(0, limit - self.edits)

    @property
    def gpu_seconds_left(self) -> float | None:
        """How long GPUs may still work; None without a limit."""
        limit = self.profile.limits.gpu_hours
        return None if limit is None else max(0.0, (limit - self.gpu_hours) * 3600)

    def seconds_for(self, worker: Worker) -> float | None:
        """How many seconds of items a worker's groups of GPUs may still work in all; None for no end."""
        if worker.backend not in GPU_BACKENDS or self.gpu_seconds_left is None:
            return None
        return self.gpu_seconds_left / worker.gpus_together

    @cached_property
    def full(self) -> frozenset[str]:
        """The quotas that are used up, by `task` or `task/scene`."""
        return frozenset(
            place
            for place, quota in self.profile.limits.quotas.items()
            if self.samples.get(place, 0) >= quota
        )

    def is_full(self, task: str, scene: str) -> bool:
        """Whether no more samples of a task and scene may be published."""
        return bool(self.full & {task, f"{task}/{base_scene(scene)}"})

    def has_room_for(self, verdict: Row) -> bool:
        """Whether what was over its quota may be published now: by its own where a quota of cells is told."""
        told = next((name for name in cell_quotas(self.profile) if name in (verdict["detail"] or "")), None)
        return told not in self.full if told else not self.is_full(verdict["task"], verdict["scene"])

    def holds_back(self, backend: str) -> bool:
        """Whether nothing more may be made by a backend, whatever it is."""
        return backend in GPU_BACKENDS and self.gpu_seconds_left == 0

    @property
    def reached(self) -> list[str]:
        """What to tell of the limits that are reached, a line each, with the remedy."""
        limits, lines = self.profile.limits, []
        if self.edits_left == 0:
            lines.append(
                f"max_edits: {self.edits} edits are made of {limits.max_edits}; raise limits.max_edits"
            )
        if self.gpu_seconds_left == 0:
            lines.append(
                f"gpu_hours: {self.gpu_hours:.2f} h are spent of {limits.gpu_hours}; raise limits.gpu_hours"
            )
        lines += [
            f"quota: {self.samples.get(place, 0)} of {limits.quotas[place]} samples of {place} are out; "
            f"raise limits.quotas.{place}"
            for place in sorted(self.full)
        ]
        return lines

    @property
    def used(self) -> list[str]:
        """How much of each limit is used, a line each."""
        limits, lines = self.profile.limits, []
        if limits.max_edits is not None:
            lines.append(f"max_edits: {self.edits} of {limits.max_edits}")
        if limits.gpu_hours is not None:
            lines.append(f"gpu_hours: {self.gpu_hours:.2f} of {limits.gpu_hours}")
        lines += [
            f"{place}: {self.samples.get(place, 0)} of {quota}" for place, quota in limits.quotas.items()
        ]
        return lines
