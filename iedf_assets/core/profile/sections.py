"""The sections of a profile that stand alone: folders, limits, reading, filters, encoding, Ray."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from iedf_assets.core.profile.fields import Patience, Share, Strict, require_scene
from iedf_assets.core.profile.subtypes import KNOWN


class Paths(Strict):
    """Where things lie. Relative paths start at the project's folder.

    Attributes:
        data: the photos, a folder for each category; only read.
        outputs: the dataset, tables and reports.
        staging: what stages hand on; null is `staging` in the outputs.
        logs: what runs and workers tell.
        instance: settings of the Dagster instance: `configs/dagster.yaml` keeps its storage with the
            outputs, `configs/dagster_postgres.yaml` in a PostgreSQL that several machines share.
    """

    data: Path = Path("data")
    outputs: Path = Path("outputs")
    staging: Path | None = None
    logs: Path = Path("logs")
    instance: Path = Path("configs/dagster.yaml")


class Limits(Strict):
    """How much the outputs may come to in all, over every category and run; and of which photos they may be.

    Attributes:
        quotas: published samples by task, by `task/scene`, or by cells of the table of coverage,
            `task/subtype/size/place/colour` with `*` for any value, see `core.publishing.coverage`.
        max_edits: edits rendered; null for no limit.
        gpu_hours: spent by the two model stages; null for no limit.
        max_withdrawn_share: a run that would take away more than this share of a category's published
            samples, of at least twenty, stops and does nothing.
        use: what the dataset is for: photos whose licence does not allow it, or is not known, are left out as
            `not_licensed`; `any` asks for no licence. docs/facts.md has the table of licences.
        licences: what further licences allow, by the text that names them.
    """

    quotas: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    max_edits: Annotated[int, Field(ge=0)] | None = None
    gpu_hours: Annotated[float, Field(ge=0)] | None = None
    max_withdrawn_share: Share = 0.2
    use: Literal["any", "research", "commercial"] = "any"
    licences: dict[str, Literal["research", "commercial"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_tasks(self) -> Self:
        tasks = {subtype.task for subtype in KNOWN.values()}
        unknown = sorted(place for place in self.quotas if place.partition("/")[0] not in tasks)
        if unknown:
            known = ", ".join(sorted(tasks))
            raise ValueError(f"quotas of no known task: {', '.join(unknown)}; known: {known}")
        odd = sorted(place for place in self.quotas if place.count("/") not in {0, 1, 4})
        if odd:
            raise ValueError(
                f"quotas of no task, task/scene or task/subtype/size/place/colour: {', '.join(odd)}"
            )
        for _, _, scene in (place.partition("/") for place in self.quotas if place.count("/") == 1):
            require_scene(scene)
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
        timeout_s: seconds that a photo may take to be read, or a pair to be finished; see `timed_out`.
        recursive: whether folders below a category's are looked into.
        extensions: of the files that are taken, without the dot; empty for all, whose content tells.
        files: a text file with a photo on each line, absolute or from `paths.data`; only those are taken.
        max_images: at most so many photos of each category, the first by name; null for all.
        max_loss_share: when more than this share of a category's known photos is gone, the stage stops.
        validation_share: share of the sources whose split is `validation`.
        exclude: folders of pictures that are held out, of benchmarks for instance, or lists of `iedf hashes`:
            a photo that shows one of them is left out. A relative path starts at the project's folder.
    """

    max_pixels: Annotated[int, Field(gt=0)] = 200_000_000
    near_duplicate_bits: Annotated[int, Field(ge=-1, le=7)] = 4
    timeout_s: Patience = 60.0
    recursive: bool = True
    extensions: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$")], ...] = ()
    files: Path | None = None
    max_images: Annotated[int, Field(ge=1)] | None = None
    max_loss_share: Share = 0.5
    validation_share: Share = 0.05
    exclude: list[Path] = Field(default_factory=list)


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


class Encoding(Strict):
    """How a pair is written.

    Attributes:
        jpeg_quality: of source and result alike, 4:4:4.
        margin: by how much an edit may reach beyond its mask, as a share of the picture's short side.
        feather: width of the soft rim of that margin, as a share of it.
        digital_source_type: whether results say in their XMP that software edited them, and by what means, in
            IPTC's words; their pixels stay the same, their files do not.
    """

    jpeg_quality: Annotated[int, Field(ge=75, le=100)] = 95
    margin: Share = 0.015
    feather: Share = 0.6
    digital_source_type: bool = False

    def identity(self) -> dict[str, Any]:
        """What of it changes a pair; what is not asked for is as if it could not be."""
        return self.model_dump(exclude=None if self.digital_source_type else {"digital_source_type"})


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
    wait_sec: Patience = 600.0
    alive_sec: Annotated[Patience, Field(ge=2)] = 60.0
