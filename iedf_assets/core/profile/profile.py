"""The profile: one YAML file that holds everything a run depends on. Unknown keys are errors that say where.

A category may narrow the profile's `filters`, `recipes`, `workers`, `encoding` and `thresholds` for itself;
when the profile is loaded these are merged, so that every `Category` carries its own complete settings.
"""

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.checkpoints import fingerprint, identity
from iedf_assets.core.profile.nesting import require_apart
from iedf_assets.core.profile.subtypes import DEFAULT_SUBTYPE, SUBTYPES, Task, Tier

PROJECT_ROOT = Path(__file__).resolve().parents[3]
DEFAULT_PROFILE = PROJECT_ROOT / "configs" / "default.yaml"

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
# libyaml's parser, where PyYAML was built with it: ten times as fast, and the same values and lines.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What a category may set for itself; the rest of such a section comes from the profile.
OVERRIDABLE = ("filters", "recipes", "workers", "encoding", "thresholds")


class Strict(BaseModel):
    """A frozen model that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paths(Strict):
    """Where things lie. Relative paths start at the project's folder.

    Attributes:
        instance: settings of the Dagster instance: `dagster.yaml` keeps its storage with the outputs,
            `configs/dagster_postgres.yaml` in a PostgreSQL that several machines share.
    """

    data: Path = Path("data")
    outputs: Path = Path("outputs")
    staging: Path | None = None
    logs: Path = Path("logs")
    instance: Path = Path("dagster.yaml")


class Limits(Strict):
    """How much the outputs may come to in all, over every category and run; see `core.planning.limits`.

    Attributes:
        quotas: published samples by task, or by `task/scene`.
        max_edits: edits rendered; null for no limit.
        gpu_hours: spent by the two model stages; null for no limit.
    """

    quotas: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    max_edits: Annotated[int, Field(ge=0)] | None = None
    gpu_hours: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _known_tasks(self) -> Self:
        unknown = sorted(place for place in self.quotas if place.partition("/")[0] not in DEFAULT_SUBTYPE)
        if unknown:
            known = ", ".join(sorted(DEFAULT_SUBTYPE))
            raise ValueError(f"quotas of no known task: {', '.join(unknown)}; known: {known}")
        return self

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return bool(self.quotas) or self.max_edits is not None or self.gpu_hours is not None


class Sources(Strict):
    """How `data/` is read.

    Attributes:
        max_pixels: a picture with more pixels than this is not decoded (`too_large`).
        near_duplicate_bits: two photos whose 64-bit perceptual hashes differ in at most so many bits are
            near duplicates; -1 switches the test off.
        max_loss_share: when more than this share of a category's known photos is gone, the stage stops.
        validation_share: share of the sources whose split is `validation`.
    """

    max_pixels: Annotated[int, Field(gt=0)] = 200_000_000
    near_duplicate_bits: Annotated[int, Field(ge=-1, le=7)] = 4
    max_loss_share: Share = 0.5
    validation_share: Share = 0.05


class Filters(Strict):
    """Which photos are left out, and why.

    Attributes:
        min_width, min_height: pixels, else `resolution_too_small`.
        min_channel_difference: mean absolute difference between channels (0-255), else `grayscale_detected`.
        border: width in pixels of the frame looked at for `uniform_border_detected`.
        min_border_deviation: standard deviation (0-255) that the frame must reach.
    """

    min_width: Annotated[int, Field(ge=1)] = 128
    min_height: Annotated[int, Field(ge=1)] = 128
    min_channel_difference: Annotated[float, Field(ge=0)] = 2.0
    border: Annotated[int, Field(ge=1)] = 10
    min_border_deviation: Annotated[float, Field(ge=0)] = 4.0


class Move(Strict):
    """Limits of a move: the shift as a share of the picture's width or height; the object's share of it."""

    min_shift: Share = 0.12
    max_shift: Share = 0.40
    max_area: Share = 0.6


class Scale(Strict):
    """Limits of a scaling: factors of the sides, none from `max_smaller` to `min_larger`; its share."""

    min_smaller: Positive = 0.55
    max_smaller: Positive = 0.80
    min_larger: Positive = 1.20
    max_larger: Positive = 1.50
    max_area: Share = 0.6


class Delete(Strict):
    """Limits of a removal: the object's share of the picture."""

    min_area: Share = 0.005
    max_area: Share = 0.35


class Recolor(Strict):
    """Limits of a recolouring: the least distance in hue between the new colour and the old, degrees."""

    min_hue_distance: Annotated[float, Field(ge=0, le=180)] = 45.0


class Identity(Strict):
    """Limits of relighting or toning the subject: how strong, 0 to 1."""

    min_strength: Share = 0.5
    max_strength: Share = 0.8


class Background(Strict):
    """Limits of toning or defocusing the background: how strong, 0 to 1."""

    min_strength: Share = 0.4
    max_strength: Share = 0.9


class Kinds(Strict):
    """Limits of what only a model can do.

    Attributes:
        kinds: those of the bank that are drawn from; all when none is named.
        max_area: the object's share of the picture.
        instruction: what to ask for in your own words, in whichever language, instead of the bank's.
    """

    kinds: tuple[str, ...] = ()
    max_area: Share = 0.6
    instruction: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


class Recipes(Strict):
    """Limits from which recipes are drawn, by subtype."""

    move: Move = Move()
    scale: Scale = Scale()
    delete: Delete = Delete()
    recolor: Recolor = Recolor()
    identity: Identity = Identity()
    background: Background = Background()
    physical: Kinds = Kinds()
    replace: Kinds = Kinds()
    add: Kinds = Kinds()
    write: Kinds = Kinds()
    portrait: Kinds = Kinds()
    new_scene: Kinds = Kinds()
    pose: Kinds = Kinds()
    viewpoint: Kinds = Kinds()
    restyle: Kinds = Kinds()

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        for name, entry in bank().items():
            unknown = sorted(set(getattr(self, name).kinds) - set(entry.kinds))
            if unknown:
                known = ", ".join(entry.kinds)
                raise ValueError(f"{name} has no kind {', '.join(unknown)}; configs/edits.yaml has {known}")
        return self


def _absolute(path: Path) -> Path:
    return (PROJECT_ROOT / path.expanduser()).absolute()


class ModelOptions(Strict):
    """How a worker's model is loaded and run: see `iedf_assets.core.contract.ModelSettings`."""

    cfg: Annotated[float, Field(ge=1, le=20)] = 4.0
    resolution: Literal[640, 1024] = 640
    layer_count: Annotated[int, Field(ge=2, le=16)] = 4
    canvas_megapixels: Annotated[float, Field(ge=0.01, le=4)] | None = None
    negative_prompt: Annotated[str, Field(min_length=1)] = " "
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    device_map: Literal["balanced"] | None = None
    offload: Literal["none", "model", "group"] = "none"
    quantization: Literal["none", "int8", "fp8"] = "none"
    attention: str | None = None
    compile: bool = False
    step_cache: Literal["none", "first_block", "taylorseer", "magcache"] = "none"
    tiling: bool = False
    batch_size: Annotated[int, Field(ge=1, le=64)] = 1
    lora: Path | None = None
    captions: bool = True
    judge: bool = False


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
    """

    send_mode: Literal["path", "base64"] = "path"
    timeout_sec: Positive = 1200.0
    max_retries: Annotated[int, Field(ge=0, le=100)] = 2
    backoff_sec: Positive = 1.0
    wait_sec: Annotated[float, Field(ge=0)] = 300.0
    parallel: Annotated[int, Field(ge=0, le=1024)] = 0
    token_variable: Annotated[str, Field(pattern=r"^\w+$")] = "IEDF_SERVICE_TOKEN"  # noqa: S105
    fallback: Literal["classical", "mock"] | None = None


class RayCluster(Strict):
    """How a stage's work reaches a Ray cluster.

    Attributes:
        address: of the cluster's dashboard, which takes the jobs.
        jobs: how many are on the cluster at once.
        share: how many requests a job gets; what is left of it when its node dies is handed on.
        num_gpus, num_cpus: what a job takes of a node.
        wait_sec: how long a job may wait for room on the cluster, seconds.
        alive_sec: a job ends by itself when it has heard nothing of this run for so long, seconds.
    """

    address: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+$")] = "http://127.0.0.1:8265"
    jobs: Annotated[int, Field(ge=1, le=4096)] = 1
    share: Annotated[int, Field(ge=1)] = 64
    num_gpus: Annotated[float, Field(ge=0)] = 0
    num_cpus: Annotated[float, Field(gt=0)] = 1
    wait_sec: Positive = 600.0
    alive_sec: Annotated[float, Field(ge=2)] = 60.0


class Worker(Strict):
    """One worker: a process that loads a model once and runs many requests.

    Attributes:
        backend: what does the work; `opencv` is another name of `classical`, `mock` is for trying the wiring.
        launcher: how work reaches it: a `subprocess` of this run, a running `service`, a `ray` cluster.
        environment: the interpreter: null for this one, else the name of a conda environment or of one that
            `make model-env` made, or the folder of a virtual or conda environment.
        threads: pictures worked on at once; 0 means one per CPU core.
        item_timeout_s: seconds without any finished picture after which the worker is stopped.
        max_failures_in_a_row: so many equal failures one after another stop the stage.
        model_dir: the checkpoint's folder, for the backend `qwen`; nothing is ever downloaded.
        devices: groups of GPUs as `CUDA_VISIBLE_DEVICES` names them, such as `["0,1", "2,3"]`: one worker
            each, which share the work. Empty is one worker that sees all.
        steps: denoising steps of the model.
        model: the rest of what the model is told.
        revision: of the model that only the services see; else `model_dir` tells it.
        endpoints: addresses of the services, replicas of one another.
        service: how they are talked to.
    """

    backend: Annotated[
        Literal["classical", "qwen", "mock"],
        BeforeValidator(lambda name: "classical" if name == "opencv" else name),
    ] = "classical"
    launcher: Literal["subprocess", "service", "ray"] = "subprocess"
    environment: str | None = None
    threads: Annotated[int, Field(ge=0)] = 0
    item_timeout_s: Positive = 600.0
    max_failures_in_a_row: Annotated[int, Field(ge=1)] = 20
    model_dir: Path | None = None
    devices: tuple[Annotated[str, Field(pattern=r"^[\w-]+(,[\w-]+)*$")], ...] = ()
    steps: Annotated[int, Field(ge=1, le=200)] = 40
    model: ModelOptions = ModelOptions()
    revision: Annotated[str, Field(min_length=1)] | None = None
    endpoints: tuple[Annotated[str, Field(pattern=r"^https?://[^\s/?#]+$")], ...] = ()
    service: ServiceClient = ServiceClient()
    ray: RayCluster = RayCluster()

    @model_validator(mode="after")
    def _model_given(self) -> Self:
        elsewhere = self.launcher == "service" and self.revision
        if self.backend == "qwen" and self.model_dir is None and not elsewhere:
            raise ValueError(
                "the backend qwen needs model_dir, the folder of a local checkpoint; through services of "
                "other machines its revision will do, as their /info tells it"
            )
        if self.launcher == "ray" and self.devices:
            raise ValueError("devices is for subprocesses: jobs on a ray cluster take ray.num_gpus each")
        if self.launcher == "service" and not self.endpoints:
            raise ValueError('the launcher service needs endpoints, such as ["http://127.0.0.1:8102"]')
        return self

    def model_settings(self) -> ModelSettings:
        """What the worker is told of its model, with the fingerprint of its checkpoint.

        Raises:
            WorkerError: there is no model at `model_dir`, or no LoRA at `lora`.
        """
        if self.backend != "qwen":
            return ModelSettings()
        lora = str(_absolute(self.model.lora)) if self.model.lora else None
        options = self.model.model_dump() | {"lora": lora, "steps": self.steps}
        if self.model_dir is None:
            return ModelSettings(revision=self.revision or "", **options)
        folder = _absolute(self.model_dir)
        return ModelSettings(model_dir=str(folder), revision=fingerprint(folder), **options)

    @property
    def gpus_together(self) -> int:
        """How many GPUs work on one item."""
        return max((group.count(",") + 1 for group in self.devices), default=1)

    def identity(self) -> list[Any]:
        """What of this worker changes its output.

        Raises:
            WorkerError: there is no model at `model_dir`, or no LoRA at `lora`.
        """
        return identity(self.backend, self.model_settings())


class Workers(Strict):
    """The two model stages' workers."""

    layered: Worker = Worker()
    edit: Worker = Worker()


class Encoding(Strict):
    """How a pair is written.

    Attributes:
        jpeg_quality: of source and result alike.
        margin: by how much an edit may reach beyond its mask, as a share of the picture's short side.
        feather: width of the soft rim of that margin, as a share of it.
    """

    jpeg_quality: Annotated[int, Field(ge=75, le=100)] = 95
    margin: Share = 0.015
    feather: Share = 0.6


class OutsideTier(Strict):
    """What the outside of a pair must hold in one tier; null switches a limit off.

    Attributes:
        max_mse_outside, min_ssim_outside, max_changed_share_outside: the consistency check's three limits.
        max_difference_outside: largest absolute difference (0-255).
        min_psnr_outside: dB.
        min_similarity_outside: structural similarity of what lies wholly outside.
        max_colour_cast: norm of the mean difference in L*a*b*.
        max_shift_px, max_zoom: drift, in pixels and as a relative change of size.
        max_leak_px: pixels of the largest connected part that changed.
        max_leak_share: share of all change.
    """

    max_mse_outside: Annotated[float, Field(ge=0)] | None = 4.0
    min_ssim_outside: Annotated[float, Field(ge=-1, le=1)] | None = 0.98
    max_changed_share_outside: Share | None = 0.02
    max_difference_outside: Annotated[int, Field(ge=0, le=255)] | None = 0
    min_psnr_outside: Annotated[float, Field(ge=0)] | None = 45.0
    min_similarity_outside: Annotated[float, Field(ge=-1, le=1)] | None = 0.99
    max_colour_cast: Annotated[float, Field(ge=0)] | None = 0.3
    max_shift_px: Annotated[float, Field(ge=0)] | None = 0.3
    max_zoom: Share | None = 0.001
    max_leak_px: Annotated[int, Field(ge=0)] | None = 64
    max_leak_share: Share | None = 0.02


class RawTier(OutsideTier):
    """A model's own picture: the outside is close to the source's, not equal."""

    max_mse_outside: Annotated[float, Field(ge=0)] | None = 65.0
    min_ssim_outside: Annotated[float, Field(ge=-1, le=1)] | None = 0.9
    max_changed_share_outside: Share | None = None
    max_difference_outside: Annotated[int, Field(ge=0, le=255)] | None = None
    min_psnr_outside: Annotated[float, Field(ge=0)] | None = 30.0
    min_similarity_outside: Annotated[float, Field(ge=-1, le=1)] | None = 0.9
    max_colour_cast: Annotated[float, Field(ge=0)] | None = 0.6


class GlobalTier(Strict):
    """An edit of the whole picture has no outside; whether it is right, somebody has to say.

    Attributes:
        publish: what passes its other checks is published without anybody having looked at it.
    """

    publish: bool = False


class Thresholds(Strict):
    """What a pair must reach to be published: `pair_checks` has the checks, `scores` the formulae.

    Attributes:
        min_mask_share, max_mask_share: the mask's share of the picture.
        min_mask_largest_share: largest connected part of the silhouette over all of it.
        max_mask_hole_share: holes over the silhouette with them.
        min_polarity: change in the mask over change elsewhere.
        min_changed_share_inside: share of the mask with a difference above 8 (0-255), else nothing was
        edited.
        min_structure: likeness of the gradients inside, of edits that keep the structure.
        min_sharpness: grain of the edit beside its surroundings'.
        max_recomposition_error: mean difference of the layers put together from the source, levels of 255.
        max_raw_shift, max_raw_zoom: how far a model's picture may lie from its source before it is
            registered, shares of the diagonal and of the size.
        max_upscaling: pixels of the pair per pixel of the model's canvas.
        min_judge_instruction, min_judge_preservation: of the judge's ratings, 1 to 5.
        max_seam: largest step at the edge of an edit, ΔE.
        min_effect: how clearly the pixels do what the recipe says, 1 is fully.
        max_instruction_faults: contradictions between the texts, the recipe and the picture.
        composited, raw, global: what the outside must hold in that tier.
    """

    min_mask_share: Share = 0.005
    max_mask_share: Share = 0.98
    min_mask_largest_share: Share = 0.85
    max_mask_hole_share: Share = 0.15
    min_polarity: Annotated[float, Field(ge=0)] = 4.0
    min_changed_share_inside: Share = 0.05
    min_structure: Annotated[float, Field(ge=-1, le=1)] = 0.7
    min_sharpness: Annotated[float, Field(ge=0)] = 0.75
    max_recomposition_error: Annotated[float, Field(ge=0)] = 2.0
    max_raw_shift: Share = 0.02
    max_raw_zoom: Share = 0.03
    max_upscaling: Annotated[float, Field(ge=1)] = 1.25
    min_judge_instruction: Annotated[int, Field(ge=1, le=5)] = 4
    min_judge_preservation: Annotated[int, Field(ge=1, le=5)] = 4
    max_seam: Annotated[float, Field(ge=0)] = 2.1
    min_effect: Annotated[float, Field(ge=-1, le=1)] = 0.45
    max_instruction_faults: Annotated[int, Field(ge=0)] = 0
    composited: OutsideTier = OutsideTier()
    raw: RawTier = RawTier()
    global_: Annotated[GlobalTier, Field(alias="global")] = GlobalTier()

    def of(self, tier: Tier) -> OutsideTier | GlobalTier:
        """A tier's section."""
        sections: dict[Tier, OutsideTier | GlobalTier]
        sections = {"composited": self.composited, "raw": self.raw, "global": self.global_}
        return sections[tier]


class Category(Strict):
    """What happens to the photos of one folder under `data/`.

    Attributes:
        task: the edit task; gives the default subtype.
        subtypes: how many edits of each subtype a source gets.
        scene: the folder below task and subtype that samples go to.
    """

    task: Task
    subtypes: dict[str, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    scene: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = "mixed"
    filters: Filters = Filters()
    recipes: Recipes = Recipes()
    workers: Workers = Workers()
    encoding: Encoding = Encoding()
    thresholds: Thresholds = Thresholds()

    @model_validator(mode="after")
    def _complete_subtypes(self) -> Self:
        unknown = sorted(set(self.subtypes) - set(SUBTYPES))
        if unknown:
            raise ValueError(f"unknown subtype {', '.join(unknown)}; known: {', '.join(sorted(SUBTYPES))}")
        if not self.subtypes:
            object.__setattr__(self, "subtypes", {DEFAULT_SUBTYPE[self.task]: 1})
        beyond = sorted(name for name, count in self.subtypes.items() if count and SUBTYPES[name].needs_model)
        if beyond and self.workers.edit.backend != "qwen":
            raise ValueError(
                f"only a model can do {', '.join(beyond)}: set workers.edit.backend to qwen or leave it out"
            )
        return self


class Profile(Strict):
    """Everything a run depends on.

    Attributes:
        seed: of all random choices.
        max_megapixels: larger photos are scaled down to this before anything else; it bounds what is
        published.
        wave: how many sources a run takes through all stages before the next lot; see `waves.wave_size`.
        threads: of the stages that run in the orchestrator; 0 means one per CPU core.
        max_attempts: how often a failing row is tried before it is parked.
    """

    seed: int = 20260101
    max_megapixels: Positive = 16.0
    wave: Annotated[int, Field(ge=1)] = 256
    threads: Annotated[int, Field(ge=0)] = 0
    max_attempts: Annotated[int, Field(ge=1)] = 3
    paths: Paths = Paths()
    limits: Limits = Limits()
    sources: Sources = Sources()
    filters: Filters = Filters()
    recipes: Recipes = Recipes()
    workers: Workers = Workers()
    encoding: Encoding = Encoding()
    thresholds: Thresholds = Thresholds()
    categories: dict[
        Annotated[str, Field(min_length=1, pattern=r"^[^/\\.\x00-\x1f][^/\\\x00-\x1f]*$")], Category
    ]

    @model_validator(mode="before")
    @classmethod
    def _complete_categories(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("categories"), dict):
            return raw
        categories = {}
        shared = {key: raw[key] for key in OVERRIDABLE if key in raw}
        for name, category in raw["categories"].items():
            complete = _merged(shared, category) if isinstance(category, dict) else category
            categories[unicodedata.normalize("NFC", str(name))] = complete
        return {**raw, "categories": categories}

    def resolved(self, path: Path) -> Path:
        """A path of the profile as an absolute one."""
        return path if path.is_absolute() else PROJECT_ROOT / path

    @property
    def folders(self) -> dict[str, Path]:
        """Where the photos are and where things are made, absolute, by their keys."""
        paths = self.paths
        outputs = self.resolved(paths.outputs)
        return {
            "paths.data": self.resolved(paths.data),
            "paths.outputs": outputs,
            "paths.staging": self.resolved(paths.staging) if paths.staging else outputs / "staging",
            "paths.logs": self.resolved(paths.logs),
        }

    def category_name(self, name: str) -> str:
        """The profile's spelling (NFC) of a category given in any Unicode normal form.

        Raises:
            ProfileError: the profile has no such category.
        """
        composed = unicodedata.normalize("NFC", name)
        if composed not in self.categories:
            raise ProfileError(
                f"the profile has no category {name!r}",
                f"use one of {', '.join(self.categories)}, or add it under `categories:`",
            )
        return composed

    def category(self, name: str) -> Category:
        """The settings of a category.

        Raises:
            ProfileError: the profile has no such category.
        """
        return self.categories[self.category_name(name)]


def uses_models(profile: Profile) -> bool:
    """Whether any category's edits are made by a model."""
    return any(category.workers.edit.backend == "qwen" for category in profile.categories.values())


def load_profile(path: Path = DEFAULT_PROFILE, settings: Iterable[str] = ()) -> Profile:
    """Read a profile and apply `key.sub=value` settings, whose values are YAML.

    Raises:
        ProfileError: no such file, no valid YAML, an unknown key or a wrong value (says the file, the line
        and the key), or folders that lie in one another.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(
            f"the profile {path} cannot be read: {error}",
            "give an existing file with --config or IEDF_CONFIG",
        ) from error
    try:
        raw = yaml.load(text, YAML_LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ProfileError(f"the profile {path} is no valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ProfileError(f"the profile {path} is not a mapping of keys to values")
    for setting in settings:
        _apply(raw, setting)
    try:
        profile = Profile.model_validate(raw)
    except ValidationError as error:
        tree = yaml.compose(text, Loader=YAML_LOADER)
        raise ProfileError(_explain(error, path, tree), "see configs/default.yaml for every key") from error
    require_apart(profile.folders, profile.categories)
    return profile


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = (
            _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _apply(raw: dict[str, Any], setting: str) -> None:
    key, separator, value = setting.partition("=")
    if not separator or not key.strip():
        raise ProfileError(f"the setting {setting!r} is not of the form key.sub=value")
    *parents, last = unicodedata.normalize("NFC", key.strip()).split(".")
    node = raw
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ProfileError(
                f"the setting {setting!r} goes below {parent!r}, which is a value and not a mapping"
            )
        node = child
    try:
        node[last] = yaml.load(value, YAML_LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ProfileError(f"the value of the setting {setting!r} is no valid YAML: {error}") from error


def _explain(error: ValidationError, path: Path, tree: yaml.Node | None) -> str:
    lines = [f"the profile {path} cannot be used:"]
    for problem in error.errors():
        location = tuple(part for part in problem["loc"] if part != "[key]")
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key" + _suggestion(location)
        line = _line_of(tree, location)
        where = f" (line {line})" if line else ""
        lines.append(f"  {'.'.join(map(str, location)) or 'profile'}{where}: {message}")
    return "\n".join(dict.fromkeys(lines))


def _suggestion(location: tuple[int | str, ...]) -> str:
    model: Any = Profile
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        if field is not None:
            model = field.annotation if part != "categories" else Category
    fields = getattr(model, "model_fields", {})
    known = [field.alias or name for name, field in fields.items()]
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}"


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int | None:
    line = None
    for part in location:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if unicodedata.normalize("NFC", str(key.value)) == part:
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line
