"""Model checkpoints on disk: what class a folder holds, whether it is complete, and its fingerprint.

Read without any model package, so that the orchestrator names a missing shard before a worker starts. Only
safetensors are taken: their header says how long the file has to be, and they run no code when loaded.
"""

import hashlib
import json
import os
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.plugins import PREFIX
from iedf_assets.core.profile.editors import LAYERED, splits
from iedf_assets.core.profile.fields import PROJECT_ROOT, absolute

# The backend that runs a checkpoint's own pipeline; what keys and older rows call it.
PIPELINES, OLDER_NAME = "diffusers", "qwen"

# Names the folder of small networks, where it is not `models/` of the project.
MODELS_VARIABLE = "IEDF_MODELS"

# What a checkpoint is made of; a folder that has both is loaded by the former.
_INDEX, _MODULAR = "model_index.json", "modular_model_index.json"
_WEIGHTED = frozenset({"transformer", "unet", "text_encoder", "text_encoder_2", "image_encoder", "vae"})
# A fingerprint reads so many bytes from each end of a weight file: all of 58 GB would take a minute.
_SAMPLE = 1 << 16
FRESH_S = 20
_MAX_HEADER = 1 << 27
# What of a model's settings changes no picture, or is told by a fingerprint instead.
_NOT_IDENTITY = {
    "model_dir",
    "model_file",
    "runtime",
    "revision",
    "device",
    "device_map",
    "context_parallel",
    "offload",
    "compile",
    "batch_size",
    "namer",
    "namer_identity",
    "rater",
}
_REMEDY = "point model_dir to a complete local copy of the model's repository; nothing is downloaded"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Attributes:
        class_name: of the pipeline.
        revision: fingerprint of its content, 16 hexadecimal digits.
        weights_bytes: of all weight files.
        components: name → class of each part.
        modular: whether diffusers puts its pipeline together from blocks.
    """

    folder: Path
    class_name: str
    revision: str
    weights_bytes: int
    components: dict[str, str]
    modular: bool = False


def checkpoint(folder: Path, stage: str) -> Checkpoint:
    """The checkpoint in a folder, when a stage's worker can load it.

    Raises:
        WorkerError: the folder is missing or incomplete, or holds another kind of model.
    """
    found = inspect(folder)
    # Of what edits, a class without a row in the table is tried by its signature.
    if splits(found.class_name) != (stage == "image_layers"):
        wanted = (
            LAYERED if stage == "image_layers" else "that edits pictures, such as QwenImageEditPlusPipeline"
        )
        raise WorkerError(
            f"{folder} holds a {found.class_name}, which the worker of {stage} cannot use",
            f"point model_dir to a model of a class {wanted}",
        )
    return found


def class_of(folder: Path) -> str:
    """The name of the pipeline class that a folder's index gives.

    Raises:
        WorkerError: there is no index, or it cannot be read.
    """
    return str(_index(folder).get("_class_name"))


def inspect(folder: Path) -> Checkpoint:
    """What a folder holds, whatever its class.

    Raises:
        WorkerError: no folder, no model, or an incomplete one; the message names the first missing file.
    """
    if not folder.is_dir():
        raise WorkerError(f"the model folder {folder} does not exist", _REMEDY)
    index = _index(folder)
    classes = {name: _class_of_part(folder, name, value) for name, value in index.items()}
    components = {name: kind for name, kind in classes.items() if kind}
    files: list[Path] = []
    for name in components:
        part = folder / name
        if not part.is_dir() or not any(part.iterdir()):
            raise WorkerError(f"the model in {folder} lacks its part {name}/", _REMEDY)
        files += _weights(part) if name in _WEIGHTED else []
    class_name = str(index.get("_class_name"))
    weights = sum(file.stat().st_size for file in files)
    modular = not (folder / _INDEX).exists()
    return Checkpoint(folder, class_name, fingerprint(folder), weights, components, modular)


def _index(folder: Path) -> dict[str, Any]:
    """What a checkpoint is made of.

    Raises:
        WorkerError: there is no index, or it cannot be read.
    """
    modular = folder / _MODULAR
    return _json(modular if modular.exists() and not (folder / _INDEX).exists() else folder / _INDEX)


def _class_of_part(folder: Path, name: str, told: Any) -> str | None:
    """The class of a part of a pipeline, by its index; None where that names no part.

    Raises:
        WorkerError: the part of a modular pipeline does not lie in the folder of its name.
    """
    if name.startswith("_") or not isinstance(told, list):
        return None
    match told:
        case [_, str(class_name)]:
            return class_name
        case [_, class_name, {"subfolder": subfolder, **more}]:
            if subfolder != name:
                raise WorkerError(f"the index of {folder} looks for {name} in {subfolder!r}", _REMEDY)
            hint = more.get("type_hint")
            return str(class_name or (hint[1] if isinstance(hint, list) and len(hint) == 2 else "unknown"))
    return None


def small_network() -> Path:
    """Where the small segmentation network is that set-up brings, or would be."""
    return Path(os.environ.get(MODELS_VARIABLE) or PROJECT_ROOT / "models").absolute() / "u2netp.onnx"


def network_settings(named: Path | None, runtime: str = "opencv", device: str = "auto") -> ModelSettings:
    """What a worker is told of its segmentation network: the file, and the fingerprint of its content.

    Args:
        named: the file that the profile names; None is the small one.
        runtime: what runs it, `opencv` or `onnxruntime`.
        device: of onnxruntime.

    Raises:
        WorkerError: it is not there.
    """
    path = absolute(named) if named else small_network()
    if not path.is_file():
        raise WorkerError(
            f"the segmentation network {path} is not there",
            "make models brings the small one; model_file names another; the backend classical needs none",
        )
    return ModelSettings(model_file=str(path), revision=fingerprint(path), runtime=runtime, device=device)


def fingerprint(path: Path) -> str:
    """A hash of a checkpoint's or a LoRA's content, 16 hexadecimal digits.

    All small files are read whole; of weight files the header, both ends and the size.

    Raises:
        WorkerError: there is nothing at that path.
    """
    return _looked_up(path, int(time.monotonic() / FRESH_S))


def against_splitting(told: Mapping[str, Any]) -> list[str]:
    """What of a model's options does not go with `context_parallel` above 1; `told` has them by name."""
    without = {"device_map": None, "offload": "none", "step_cache": "none", "batch_size": 1}
    found = [f"{name}: {told[name]}" for name, other in without.items() if told[name] != other]
    # Each rank takes the GPU of its number.
    own = told["device"] in ("auto", "cpu", "cuda", "cuda:0")
    return found if own else [*found, f"device: {told['device']}"]


def identity(backend: str, settings: ModelSettings) -> list[Any]:
    """What of a backend and its model changes its output.

    Raises:
        WorkerError: there is no LoRA where the settings say.
    """
    return [*_own_identity(backend, settings), *settings.namer_identity]


def _own_identity(backend: str, settings: ModelSettings) -> list[Any]:
    if backend == "onnx":
        return [backend, settings.revision, *([settings.runtime] if settings.runtime != "opencv" else [])]
    if backend.startswith(PREFIX):
        return [backend, settings.revision]
    if backend != PIPELINES:
        return [backend]
    options = {name: value for name, value in asdict(settings).items() if name not in _NOT_IDENTITY}
    lora = fingerprint(Path(settings.lora)) if settings.lora else None
    return [OLDER_NAME, settings.revision, {**options, "lora": lora}]


@lru_cache(maxsize=64)
def _looked_up(path: Path, _while: int) -> str:
    """The fingerprint; every key of every row asks for it, so the folder is looked at now and then only."""
    files = sorted(_files(path))
    if not files:
        raise WorkerError(f"there is no model at {path}", _REMEDY)
    stamps = tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return _fingerprint(str(path), stamps)


@lru_cache(maxsize=64)
def _fingerprint(root: str, stamps: tuple[tuple[str, int, int], ...]) -> str:
    whole = hashlib.sha256()
    for name, size, _ in stamps:
        path = Path(name)
        whole.update(f"{os.path.relpath(name, root)}\0{size}\0".encode())
        if path.suffix != ".safetensors":
            whole.update(path.read_bytes())
            continue
        with path.open("rb") as file:
            whole.update(file.read(min(_header_length(path) + 8 + _SAMPLE, size)))
            file.seek(max(size - _SAMPLE, 0))
            whole.update(file.read())
    return whole.hexdigest()[:16]


def _files(path: Path) -> Iterator[Path]:
    """What of a model says what it does: configurations, vocabularies and weights."""
    if path.is_file():
        yield path
    for file in path.rglob("*") if path.is_dir() else ():
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.is_file() and not hidden and file.suffix in {".json", ".txt", ".jinja", ".safetensors"}:
            yield file


def _weights(part: Path) -> list[Path]:
    """The weight files of a component, all there and whole.

    Raises:
        WorkerError: one is missing, cut off or no safetensors file.
    """
    indexes = sorted(part.glob("*.safetensors.index.json"))
    if indexes:
        names = sorted(set(_json(indexes[0]).get("weight_map", {}).values()))
        files = [part / str(name) for name in names]
    else:
        files = sorted(part.glob("*.safetensors"))
    if not files:
        raise WorkerError(f"{part} holds no safetensors weights (pickled ones are not loaded)", _REMEDY)
    for number, file in enumerate(files, 1):
        if not file.is_file():
            raise WorkerError(f"shard {number} of {len(files)} is missing: {file}", _REMEDY)
        wanted, size = _whole_size(file), file.stat().st_size
        if size != wanted:
            raise WorkerError(f"{file} has {size} bytes, its header says {wanted}: it is incomplete", _REMEDY)
    return files


def _whole_size(path: Path) -> int:
    """The size that a safetensors file has by its header: its length, the header, the tensors."""
    length = _header_length(path)
    with path.open("rb") as file:
        file.seek(8)
        text = file.read(length)
    try:
        header: dict[str, Any] = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkerError(f"{path} is no safetensors file: {error}", _REMEDY) from error
    return 8 + length + max(ends, default=0)


def _header_length(path: Path) -> int:
    with path.open("rb") as file:
        start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 0 < length < _MAX_HEADER:
        raise WorkerError(f"{path} is no safetensors file: its header has no sensible length", _REMEDY)
    return int(length)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise WorkerError(f"{path} is missing", _REMEDY) from None
    except (OSError, ValueError) as error:
        raise WorkerError(f"{path} cannot be read: {error}", _REMEDY) from error
    if not isinstance(content, dict):
        raise WorkerError(f"{path} is not what it should be: no JSON object", _REMEDY)
    return content
