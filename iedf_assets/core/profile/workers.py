"""The workers of the two model stages, and who finishes: what does the work, where, and how it is reached."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.plugins import PREFIX
from iedf_assets.core.profile.asked import Judge, Namer
from iedf_assets.core.profile.checkpoints import (
    OLDER_NAME,
    PIPELINES,
    against_splitting,
    class_of,
    fingerprint,
    identity,
    network_settings,
)
from iedf_assets.core.profile.editors import Editor, editor_of
from iedf_assets.core.profile.fields import Address, Patience, Plugin, Strict, absolute
from iedf_assets.core.profile.sections import RayCluster

# Keys of older profiles, and what took their place.
_MOVED = {"captions": "workers.layered.namer.by", "judge": "workers.edit.judge.by"}


class ModelOptions(Strict):
    """How a worker's model is loaded and run; `onnx` takes notice of `runtime` and `device` alone.

    Attributes:
        runtime: what runs the network of the backend `onnx`; onnxruntime is an extra.
        cfg: guidance scale, whichever kind the model's class has; null is its makers', 1 is without, as
            Lightning LoRAs want it.
        resolution: of the layered model, the root of its working area: 640 or 1024 pixels.
        layer_count: how many layers the layered model is asked for.
        canvas_megapixels: area that the model works at; null is its own: 1.05 to edit, `resolution`² to
            decompose.
        negative_prompt: always given, since guidance does not run without.
        dtype: of the weights.
        device: `cpu`, `cuda`, `cuda:1` and so on, or `auto`: a GPU when there is one.
        device_map: `balanced` spreads whole parts over the GPUs of a group; null is one GPU.
        context_parallel: over how many GPUs of a group one picture's sequence is split while it is denoised,
            from the first on; 1 is one GPU.
        offload: `model` moves whole parts to the GPU when they are needed, `group` their blocks.
        quantization: of the transformer: `int8` weights (torchao) or `fp8` storage.
        attention: attention backend by diffusers' name; null is its default.
        compile: compile the transformer's repeated blocks.
        step_cache: what spares denoising steps that change little.
        tiling: decode pictures in tiles, in less memory.
        batch_size: edits denoised together, where the pipeline does that right.
        lora: a Lightning LoRA's file; its scheduler comes with it; set `steps` and `cfg` to suit.
    """

    runtime: Literal["opencv", "onnxruntime"] = "opencv"
    cfg: Annotated[float, Field(ge=1, le=20)] | None = None
    resolution: Literal[640, 1024] = 640
    layer_count: Annotated[int, Field(ge=2, le=16)] = 4
    canvas_megapixels: Annotated[float, Field(ge=0.01, le=4)] | None = None
    negative_prompt: Annotated[str, Field(min_length=1)] = " "
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    device_map: Literal["balanced"] | None = None
    context_parallel: Annotated[int, Field(ge=1, le=8)] = 1
    offload: Literal["none", "model", "group"] = "none"
    quantization: Literal["none", "int8", "fp8"] = "none"
    attention: str | None = None
    compile: bool = False
    step_cache: Literal["none", "first_block", "taylorseer", "magcache"] = "none"
    tiling: bool = False
    batch_size: Annotated[int, Field(ge=1, le=64)] = 1
    lora: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _moved(cls, raw: Any) -> Any:
        for old, new in _MOVED.items():
            if isinstance(raw, dict) and old in raw:
                raise ValueError(f"the key {old} is gone: set {new} to own, endpoint or none")
        return raw

    @model_validator(mode="after")
    def _may_be_split(self) -> Self:
        why = against_splitting(self.model_dump()) if self.context_parallel > 1 else []
        if why:
            raise ValueError(f"context_parallel: {self.context_parallel} does not go with {', '.join(why)}")
        return self


class ServiceClient(Strict):
    """How a stage talks to its services.

    Attributes:
        send_mode: `path` sends paths, for services that see the same disks; `base64` sends pictures.
        timeout_sec: how long one request may take, queueing included, seconds.
        max_retries: how often a request is tried again after an error of the connection.
        backoff_sec: the first wait before that, seconds; each one is about twice as long as the last.
        wait_sec: how long the stage waits while no service can be reached, seconds.
        parallel: requests under way at once; 0 keeps the services' engines and half their queues full.
        token_variable: name of the environment variable that holds the services' token.
        fallback: the backend that goes on in a subprocess when no service came back; rows say what made them.
        foreign: what a service of another project says that it runs; it is taken, and recorded under that
            name. null: one that runs something else than `backend` is refused.
    """

    send_mode: Literal["path", "base64"] = "path"
    timeout_sec: Patience = 1200.0
    max_retries: Annotated[int, Field(ge=0, le=100)] = 2
    backoff_sec: Patience = 1.0
    wait_sec: Annotated[float, Field(ge=0, le=2_678_400)] = 300.0
    parallel: Annotated[int, Field(ge=0, le=1024)] = 0
    token_variable: Annotated[str, Field(pattern=r"^\w+$")] = "IEDF_SERVICE_TOKEN"  # noqa: S105
    fallback: Literal["classical", "mock"] | None = None
    foreign: Annotated[str, Field(min_length=1, max_length=64)] | None = None


# Other names of backends.
SYNONYMS = {"opencv": "classical", OLDER_NAME: PIPELINES}
Backend = Annotated[
    Literal["onnx", "classical", "diffusers", "mock"] | Plugin,
    BeforeValidator(
        lambda name: SYNONYMS.get(name, name) if isinstance(name, str) else name,
        json_schema_input_type=Literal["onnx", "classical", "opencv", "diffusers", "qwen", "mock"] | Plugin,
    ),
]


class Worker(Strict):
    """One worker: a process that loads a model once and runs many requests.

    Attributes:
        backend: what does the work; `onnx`, a segmentation network, splits photos and edits none; `diffusers`
            runs the pipeline of `model_dir`; `opencv` is another name of `classical`, `qwen` of `diffusers`;
            `mock` is for trying the wiring, `plugin:NAME` is what a package brings (docs/plugins.md).
        launcher: how work reaches it: a `subprocess` of this run, a running `service`, a `ray` cluster.
        environment: the interpreter: null for this one, else the name of a conda environment or of one that
            `make model-env` made, or the folder of a virtual or conda environment.
        threads: pictures worked on at once; 0 means one per CPU core.
        item_timeout_s: seconds without any finished picture after which the worker is stopped.
        max_failures_in_a_row: so many equal failures one after another stop the stage.
        model_file: the network of the backend `onnx`; null is the small one that set-up brings.
        model_dir: the checkpoint's folder, for the backend `diffusers`; nothing is ever downloaded.
        devices: groups of GPUs as `CUDA_VISIBLE_DEVICES` names them, such as `["0,1", "2,3"]`: one worker
            each, which share the work. Empty is one worker that sees all.
        steps: denoising steps of the model; null is its class's makers'.
        model: the rest of what the model is told.
        revision: of a model that only the services see, or of a plugin; else `model_dir` tells it.
        endpoints: addresses of the services, replicas of one another.
        service: how they are talked to.
    """

    backend: Backend = "classical"
    launcher: Literal["subprocess", "service", "ray"] = "subprocess"
    environment: str | None = None
    threads: Annotated[int, Field(ge=0)] = 0
    item_timeout_s: Patience = 600.0
    max_failures_in_a_row: Annotated[int, Field(ge=1)] = 20
    model_dir: Path | None = None
    model_file: Path | None = None
    devices: tuple[Annotated[str, Field(pattern=r"^[\w-]+(,[\w-]+)*$")], ...] = ()
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    model: ModelOptions = ModelOptions()
    revision: Annotated[str, Field(min_length=1)] | None = None
    endpoints: tuple[Address, ...] = ()
    service: ServiceClient = ServiceClient()
    ray: RayCluster = RayCluster()

    @model_validator(mode="after")
    def _model_given(self) -> Self:
        elsewhere = self.launcher == "service" and (self.revision or self.service.foreign)
        if self.runs_pipeline and self.model_dir is None and not elsewhere:
            raise ValueError(
                "the backend diffusers (or qwen) needs model_dir, the folder of a local checkpoint; "
                "through services of other machines its revision will do, as their /info tells it"
            )
        if self.launcher == "ray" and self.devices:
            raise ValueError("devices is for subprocesses: jobs on a ray cluster take ray.num_gpus each")
        ranks = self.model.context_parallel
        if any(group.count(",") + 1 < ranks for group in self.devices):
            raise ValueError(f"model.context_parallel is {ranks}: each group of devices needs so many GPUs")
        if self.launcher == "ray" and self.runs_pipeline and self.ray.num_gpus < ranks > 1:
            raise ValueError(f"model.context_parallel is {ranks}: ray.num_gpus is to be no less")
        if self.launcher == "service" and not self.endpoints:
            raise ValueError('the launcher service needs endpoints, such as ["http://127.0.0.1:8102"]')
        return self

    def model_settings(self) -> ModelSettings:
        """What the worker is told of its model, with the fingerprint of its checkpoint.

        Raises:
            WorkerError: there is no model at `model_dir`, no network at `model_file`, or no LoRA at `lora`.
        """
        if self.backend == "onnx":
            if self.launcher == "service" and self.revision:
                return ModelSettings(revision=self.revision)
            return network_settings(self.model_file, self.model.runtime, self.model.device)
        if self.is_plugin:
            folder = str(absolute(self.model_dir)) if self.model_dir else ""
            return ModelSettings(model_dir=folder, revision=self.revision or "", **self._options)
        return self._pipeline_settings() if self.runs_pipeline else ModelSettings()

    @property
    def _options(self) -> dict[str, Any]:
        """What the profile says of the model; what it leaves open is left out."""
        lora = str(absolute(self.model.lora)) if self.model.lora else None
        given = self.model.model_dump() | {"lora": lora, "steps": self.steps} | self._asks
        return {name: value for name, value in given.items() if value is not None}

    def _pipeline_settings(self) -> ModelSettings:
        options = self._options
        if self.model_dir is None:
            return ModelSettings(revision=self.revision or "", **options)
        folder = absolute(self.model_dir)
        revision = fingerprint(folder)
        made_for = editor_of(class_of(folder))
        own = {"steps": made_for.steps, "cfg": made_for.guidance}
        return ModelSettings(model_dir=str(folder), revision=revision, **(own | options))

    @property
    def _asks(self) -> dict[str, bool]:
        """What the checkpoint's own vision model is asked."""
        return {"captions": False, "judge": False}

    @property
    def is_plugin(self) -> bool:
        """Whether a package brings its backend."""
        return self.backend.startswith(PREFIX)

    @property
    def follows_words(self) -> bool:
        """Whether it may do what only an instruction tells."""
        return self.runs_pipeline or self.is_plugin

    @property
    def runs_pipeline(self) -> bool:
        """Whether it runs the pipeline of a checkpoint, in an environment of its own."""
        return self.backend == PIPELINES

    @property
    def uses_small_network(self) -> bool:
        """Whether it works with the segmentation network that set-up brings."""
        elsewhere = self.launcher == "service" and self.revision
        return self.backend == "onnx" and self.model_file is None and not elsewhere

    @property
    def gpus_together(self) -> int:
        """How many GPUs work on one item."""
        return max((group.count(",") + 1 for group in self.devices), default=self.model.context_parallel)

    @property
    def editor(self) -> Editor | None:
        """What is known of the class of its pipeline; None where nobody here knows the class.

        Raises:
            WorkerError: `model_dir` has no index.
        """
        if not self.runs_pipeline or self.model_dir is None:
            return None
        return editor_of(class_of(absolute(self.model_dir)))

    @property
    def takes_references(self) -> bool:
        """Whether its model can be shown an object beside the photo; services are sent photos alone.

        Raises:
            WorkerError: `model_dir` has no index.
        """
        editor = self.editor if self.launcher != "service" else None
        return editor is not None and editor.references > 1

    def identity(self) -> list[Any]:
        """What of this worker changes its output.

        Raises:
            WorkerError: there is no model at `model_dir`, no network at `model_file`, or no LoRA at `lora`.
        """
        if self.launcher == "service" and self.service.foreign:
            return ["service", self.service.foreign]
        return identity(self.backend, self.model_settings())


class LayeredWorker(Worker):
    """The worker that splits photos: by default with the small network that set-up brings.

    Attributes:
        namer: names the objects for the instructions; `own` where the backend is a model's.
    """

    backend: Backend = "onnx"
    namer: Namer = Namer()

    @property
    def _asks(self) -> dict[str, bool]:
        return {"captions": self.namer.by == "own", "judge": False}

    def model_settings(self) -> ModelSettings:
        """As there; with the endpoint that names objects."""
        settings = super().model_settings()
        if not self.namer.elsewhere:
            return settings
        return replace(settings, namer=self.namer.model_dump(), namer_identity=self.namer.identity())


class EditWorker(Worker):
    """The worker that makes edits.

    Attributes:
        judge: rates edits: `own`, the model's vision model, its raw pictures; `endpoint` finished pairs of
            any backend. What it is to rate is not published unrated.
    """

    judge: Judge = Judge()

    @property
    def _asks(self) -> dict[str, bool]:
        return {"captions": False, "judge": self.judge.by == "own"}

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.judge.by == "own" and not self.runs_pipeline:
            raise ValueError(
                f"the backend {self.backend} has no vision model to judge by: own needs a model's"
            )
        return self


class Finisher(Worker):
    """What finishes pairs elsewhere: this project's own code, in this environment.

    Attributes:
        judge: of the edit worker: shown each pair, where it is not the model's own.
    """

    judge: Judge = Judge()

    def model_settings(self) -> ModelSettings:
        """Who rates; all jobs together ask no more at once than the profile says."""
        each = max(1, self.judge.parallel // self.ray.jobs)
        told = self.judge.model_copy(update={"parallel": each}).model_dump()
        return ModelSettings(rater=told if self.judge.elsewhere else None)


class FinishingCluster(RayCluster):
    """As there; a pair takes a moment, so that a share has many."""

    share: Annotated[int, Field(ge=1)] = 2048


class Finishing(Strict):
    """Where raw edits are finished and measured, and shown to a judge elsewhere.

    Attributes:
        launcher: on the cores of this machine, `here`, or in jobs on a `ray` cluster.
        item_timeout_s: seconds without any finished pair after which such a job is stopped.
        ray: how they reach it; a job finishes as many pairs at once as it has CPUs.
    """

    launcher: Literal["here", "ray"] = "here"
    item_timeout_s: Patience = 600.0
    ray: FinishingCluster = FinishingCluster()

    def elsewhere(self, edit: EditWorker) -> Finisher | None:
        """Who finishes what a worker made, where that is not this process."""
        if self.launcher == "here":
            return None
        return Finisher(
            launcher=self.launcher,
            item_timeout_s=self.item_timeout_s,
            threads=max(1, int(self.ray.num_cpus)),
            max_failures_in_a_row=edit.max_failures_in_a_row,
            ray=self.ray,
            judge=edit.judge,
        )


class Workers(Strict):
    """The two model stages' workers, and who finishes what they made.

    Attributes:
        layered: splits photos into layers.
        edit: makes the edits.
        finish: finishes them.
    """

    layered: LayeredWorker = LayeredWorker()
    edit: EditWorker = EditWorker()
    finish: Finishing = Finishing()

    @model_validator(mode="after")
    def _fit_for_their_stages(self) -> Self:
        if self.edit.backend == "onnx":
            raise ValueError(
                "the backend onnx finds objects and makes no edits: workers.edit.backend is another"
            )
        return self
