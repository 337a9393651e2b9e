"""What a service is told: environment variables, `LAYERED_...` or `EDIT_...`; `iedf serve` sets them too."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from iedf_assets.core.contract import ModelSettings, Stage
from iedf_assets.core.errors import ProfileError, own_words
from iedf_assets.core.profile.checkpoints import network_settings
from iedf_assets.core.profile.fields import PROJECT_ROOT, Plugin
from iedf_assets.core.profile.workers import SYNONYMS

Kind = Literal["layered", "edit"]
STAGES: dict[Kind, Stage] = {"layered": "image_layers", "edit": "edited_images"}
PORTS: dict[Kind, int] = {"layered": 8101, "edit": 8102}
TIMEOUTS_S: dict[Kind, float] = {"layered": 300.0, "edit": 600.0}

Whole = Annotated[int, Field(ge=1)]


def _folders(text: Any) -> Any:
    return tuple(part for part in text.split(os.pathsep) if part) if isinstance(text, str) else text


def _names(text: Any) -> Any:
    return (
        tuple(part.strip().lower() for part in text.split(",") if part.strip())
        if isinstance(text, str)
        else text
    )


class ServiceSettings(BaseModel):
    """How a service runs. Each field is an environment variable: `EDIT_MAX_QUEUE` and so on.

    Attributes:
        backend: `mock`, `classical` (or `opencv`), `onnx` (layered alone) or `diffusers` (or `qwen`).
        model_dir: the checkpoint's folder; stands for `model.model_dir`.
        device: stands for `model.device`.
        cache_dir: where answers are kept, a folder per request id.
        preload: load the backend at the start, not with the first request.
        max_concurrency: how many engines there are: processes that hold a backend each and make one request
            at a time.
        max_queue: how many requests may wait for an engine.
        infer_timeout_sec: how long one request may take at an engine, seconds.
        host, port: where it listens.
        roots: folders below which paths in requests may lie, separated by `:`.
        token: what callers have to send as `Authorization: Bearer ...`; None for nothing.
        hosts: names under which callers may reach it, beside this machine's own, separated by `,`; a page of
            another site may give its own name this machine's address.
        max_body_mb: of a request, MB.
        max_bodies_mb: of all requests under way together, MB.
        max_pixels: of a picture.
        cache_mb: of all kept answers together, MB; the ones not asked for longest go first.
        devices: groups of GPUs as `CUDA_VISIBLE_DEVICES` names them, separated by `;`, one per engine.
        log_file: for structured logs (JSON lines); None for none.
        model: `ModelSettings` as JSON.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    backend: Annotated[
        Literal["mock", "classical", "onnx", "diffusers"] | Plugin,
        BeforeValidator(lambda name: SYNONYMS.get(name, name)),
    ] = "classical"
    model_dir: str | None = None
    device: str | None = None
    cache_dir: Path
    preload: bool = True
    max_concurrency: Annotated[int, Field(ge=1, le=256)] = 1
    max_queue: Annotated[int, Field(ge=0, le=100_000)] = 16
    infer_timeout_sec: Annotated[float, Field(gt=0)]
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)]
    roots: Annotated[tuple[Path, ...], BeforeValidator(_folders)]
    token: Annotated[str, Field(min_length=1)] | None = None
    hosts: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    max_body_mb: Whole = 128
    max_bodies_mb: Whole = 512
    max_pixels: Whole = 64_000_000
    cache_mb: Whole = 4096
    devices: Annotated[
        tuple[str, ...],
        BeforeValidator(
            lambda text: tuple(text.split(";")) if isinstance(text, str) and text else text or ()
        ),
    ] = ()
    log_file: Path | None = None
    model: Annotated[
        dict[str, Any], BeforeValidator(lambda text: json.loads(text) if isinstance(text, str) else text)
    ] = Field(default_factory=dict)

    @field_validator("backend")
    @classmethod
    def _makes_what_it_serves(cls, backend: str, told: ValidationInfo) -> str:
        if (told.data["kind"], backend) == ("edit", "onnx"):
            raise ValueError("onnx finds objects and makes no edits")
        return backend

    @classmethod
    def from_environment(cls, kind: Kind, variables: Mapping[str, str]) -> Self:
        """The settings that environment variables give; those that are empty count as absent.

        Raises:
            ProfileError: a variable cannot be used; says which.
        """
        prefix = f"{kind.upper()}_"
        given: dict[str, Any] = {
            name: variables[prefix + name.upper()]
            for name in cls.model_fields
            if variables.get(prefix + name.upper())
        }
        outputs = PROJECT_ROOT / "outputs"
        port = given.get("port", PORTS[kind])
        defaults: dict[str, Any] = {
            "infer_timeout_sec": TIMEOUTS_S[kind],
            "port": port,
            "cache_dir": outputs / "staging" / "services" / f"{kind}-{port}",
            "roots": (PROJECT_ROOT / "data", outputs),
        }
        try:
            settings = cls.model_validate({"kind": kind, **defaults, **given})
            settings.model_settings()
        except (ValidationError, TypeError) as error:
            raise ProfileError(
                f"the {kind} service cannot be set up: {_explained(error, prefix)}",
                f"correct the variables {prefix}...; iedf serve --help lists their flags",
            ) from error
        return settings

    def model_settings(self) -> ModelSettings:
        """How the model is to be loaded and run; its folder and file are absolute.

        Raises:
            WorkerError: the backend `onnx` has no network.
        """
        told = dict(self.model)
        if self.model_dir:
            told["model_dir"] = str(Path(self.model_dir).expanduser().absolute())
        if self.device:
            told["device"] = self.device
        if self.backend == "onnx":
            file = Path(told["model_file"]) if told.get("model_file") else None
            own = network_settings(file, told.get("runtime", "opencv"), told.get("device", "auto"))
            named = {name: told[name] for name in ("namer", "namer_identity") if told.get(name)}
            return replace(own, **named)
        return ModelSettings(**told)


def _explained(error: ValidationError | TypeError, prefix: str) -> str:
    if not isinstance(error, ValidationError):
        return f"{prefix}MODEL: {error}"
    return "; ".join(
        f"{prefix}{'.'.join(map(str, problem['loc'])).upper()}: {own_words(problem['msg'])}"
        for problem in error.errors()
    )
