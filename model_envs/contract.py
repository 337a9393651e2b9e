"""What the orchestrator and a worker say to each other. Standard library only: both sides import it.

The orchestrator writes a job file (JSON, `Job`) and starts the worker with Dagster Pipes, whose extras hold
`{"job": <path>}`. The worker appends a row per request to the job's journal, fsynced, and reports progress
as Pipes custom messages. The journal, not the messages, is the truth.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

PROGRESS = "progress"
# Exit codes of a worker, beside 0 and Python's own 1.
EXIT_SYSTEMATIC = 65
EXIT_INTERRUPTED = 130

Stage = Literal["image_layers", "edited_images"]


@dataclass(frozen=True)
class LayerRequest:
    """Split one source.

    Attributes:
        key: of the row; also seeds every random choice.
        path: the photo, absolute.
        source_id: hash of its bytes, checked where they are decoded.
        max_megapixels: the working size's bound.
        max_pixels: the decoder's bound.
        level: `layers` (RGBA layers, completed background and mask) or `mask` (the subject's alpha and mask).
        max_area: a subject with a larger share of the picture gets no layers, since no planned edit takes it.
        output: folder of the staged item; it appears as a whole or not at all.
        row: columns that the orchestrator knows already; the worker copies them into the finished row.
    """

    key: str
    source_id: str
    path: str
    max_megapixels: float
    max_pixels: int
    level: str
    max_area: float
    seed: int
    output: str
    row: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EditRequest:
    """Make one edit.

    Attributes:
        key: of the row.
        recipe: `{"task", "subtype", ...parameters}`, see `iedf_assets.core.recipes`.
        layers: the decomposition's row (its `layers`, `subject` and `files`).
        layers_folder: the folder that holds those files.
        margin_px: how far beyond the masks the edit may reach, pixels.
        output: folder of the staged item.
        row: columns that the orchestrator knows already; the worker copies them into the finished row.
    """

    key: str
    edit_id: str
    source_id: str
    path: str
    max_megapixels: float
    max_pixels: int
    recipe: dict[str, Any]
    layers: dict[str, Any]
    layers_folder: str
    margin_px: int
    seed: int
    output: str
    row: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """All that a worker process is to do.

    Attributes:
        items: requests of the stage, as dictionaries.
        journal: where finished rows go.
    """

    stage: Stage
    backend: str
    journal: str
    threads: int
    max_failures_in_a_row: int
    items: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> str:
        """The job file's text."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The job of a job file.

        Raises:
            OSError, ValueError, TypeError: no such file, no JSON, or not a job.
        """
        return cls(**json.loads(path.read_text("utf-8")))

    def requests(self) -> Sequence[LayerRequest | EditRequest]:
        """The items, typed."""
        if self.stage == "image_layers":
            return [LayerRequest(**item) for item in self.items]
        return [EditRequest(**item) for item in self.items]
