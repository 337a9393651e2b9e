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

PROGRESS, BEGUN, LOADED = "progress", "begun", "loaded"
# Exit codes of a worker, beside 0 and Python's own 1.
EXIT_SYSTEMATIC = 65

# The subtype of an edit that only an instruction tells: whatever it says, where the mask is.
PROMPTED = "prompt"

Stage = Literal["image_layers", "edited_images", "edit_pairs"]


@dataclass(frozen=True)
class LayerRequest:
    """Split one source.

    Attributes:
        key: of the row; also seeds every random choice.
        path: the photo, absolute.
        source_id: hash of its bytes, checked where they are decoded; empty where nobody knows it.
        max_megapixels: the working size's bound.
        max_pixels: the decoder's bound.
        level: `layers` (each object's RGBA layer and mask) or `mask` (its alpha and mask).
        max_area: an object with a larger share of the picture gets no layer, since no planned edit takes it.
        reads: whether the text on each object is asked for, of whoever names them.
        output: folder of the staged item; it appears as a whole or not at all.
        row: columns that the orchestrator knows already; the worker copies them into the finished row.
        inputs: folders of the staged items that it is made from → name → checksum of their files.
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
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    reads: bool = False


@dataclass(frozen=True)
class EditRequest:
    """Make one edit.

    Attributes:
        key: of the row.
        recipe: `{"task", "subtype", ...parameters}`, see `iedf_assets.core.edits.recipes`.
        instruction: what a model is told, in English unless its class takes none.
        local: whether only what lies in and around the mask is to change.
        object: what the recipe is for, see `iedf_assets.core.pictures.layers`; empty for the whole picture.
        layers_folder: the folder that holds its files.
        margin_px: how far beyond the masks the edit may reach, pixels.
        reference: an object that the model is shown beside the photo: `path` and `source_id` of its photo,
            `object` and `layers_folder` as here; None for none.
        shown: what a model is told besides, of the second picture that it is shown.
        output: folder of the staged item.
        row: columns that the orchestrator knows already; the worker copies them into the finished row.
        inputs: folders of the staged items that it is made from → name → checksum of their files.
    """

    key: str
    edit_id: str
    source_id: str
    path: str
    max_megapixels: float
    max_pixels: int
    recipe: dict[str, Any]
    instruction: str
    local: bool
    object: dict[str, Any]
    layers_folder: str
    margin_px: int
    seed: int
    output: str
    row: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    reference: dict[str, Any] | None = None
    shown: str = ""


@dataclass(frozen=True)
class ModelSettings:
    """How a model is loaded and run; `onnx` takes notice of its file, runtime and device only.

    Attributes:
        model_dir: the checkpoint's folder, absolute.
        model_file: the segmentation network's file, absolute, of the backend `onnx`.
        runtime: what runs the network of the backend `onnx`: `opencv` or `onnxruntime`.
        revision: fingerprint of the checkpoint, as the orchestrator saw it.
        steps: denoising steps.
        cfg: true classifier-free guidance scale; 1 is without.
        resolution: of the layered model, the root of its working area: 640 or 1024 pixels.
        layer_count: how many layers the layered model is asked for.
        canvas_megapixels: area that the model works at; None is its own: 1024² pixels, or `resolution`².
        negative_prompt: always given, since guidance does not run without.
        dtype: `bfloat16`, `float16` or `float32`.
        device: `cuda`, `cpu`, or `auto`: a GPU when there is one.
        device_map: `balanced` spreads whole parts over several GPUs.
        context_parallel: over how many GPUs of its group a picture's sequence is split.
        offload: `none`; `model` moves whole parts to the GPU when they are needed, `group` their blocks.
        quantization: `none`, or `int8` weights of the transformer (torchao), or `fp8` storage of them.
        attention: attention backend by diffusers' name; None is its default.
        compile: compile the transformer's repeated blocks.
        step_cache: `none`, `first_block`, `taylorseer` or `magcache`.
        tiling: decode pictures in tiles.
        batch_size: edits denoised together, where the pipeline does that right.
        lora: a Lightning LoRA's file, absolute; its scheduler comes with it.
        captions: name the objects by the checkpoint's own vision model.
        judge: have the checkpoint's own vision model rate each edit.
        namer: `workers.layered.namer` where an endpoint names the objects; None else.
        namer_identity: what of it changes a name.
        rater: `workers.edit.judge` where somebody elsewhere rates finished pairs; None else.
    """

    model_dir: str = ""
    model_file: str = ""
    runtime: str = "opencv"
    revision: str = ""
    steps: int = 40
    cfg: float = 4.0
    resolution: int = 640
    layer_count: int = 4
    canvas_megapixels: float | None = None
    negative_prompt: str = " "
    dtype: str = "bfloat16"
    device: str = "auto"
    device_map: str | None = None
    context_parallel: int = 1
    offload: str = "none"
    quantization: str = "none"
    attention: str | None = None
    compile: bool = False
    step_cache: str = "none"
    tiling: bool = False
    batch_size: int = 1
    lora: str | None = None
    captions: bool = True
    judge: bool = False
    namer: dict[str, Any] | None = None
    namer_identity: list[Any] = field(default_factory=list)
    rater: dict[str, Any] | None = None


@dataclass(frozen=True)
class Job:
    """All that a worker process is to do.

    Attributes:
        items: requests of the stage, as dictionaries.
        budget_s: seconds of work after which no item is begun any more; None for no end.
        journal: where finished rows go.
        model: `ModelSettings` as a dictionary.
    """

    stage: Stage
    backend: str
    journal: str
    threads: int
    max_failures_in_a_row: int
    items: list[dict[str, Any]] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    budget_s: float | None = None

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

    def settings(self) -> ModelSettings:
        """How the model is to be loaded and run."""
        return ModelSettings(**self.model)

    def requests(self) -> Sequence[LayerRequest | EditRequest]:
        """The items of the model stages, typed; `core.pairs.making` knows those of the other."""
        if self.stage == "image_layers":
            return [LayerRequest(**item) for item in self.items]
        return [EditRequest(**item) for item in self.items]
