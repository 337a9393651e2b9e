"""`iedf doctor`: what works here, what is missing, what to do."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from iedf_assets.cli.asked import tried
from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.core.contract import Stage
from iedf_assets.core.errors import FactoryError, SourceError, of_system
from iedf_assets.core.pictures.subjects import family_of
from iedf_assets.core.profile.asked import Asked
from iedf_assets.core.profile.checkpoints import PIPELINES, checkpoint, small_network
from iedf_assets.core.profile.editors import EDITORS, editor_of
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.sources import scan
from iedf_assets.core.storage.naming import Layout, from_here
from iedf_assets.launching.environments import Environment, find_environment
from iedf_assets.launching.ray.head import connect
from iedf_assets.launching.services.pool import KINDS, ServicePool
from model_envs.requirements import pins
from model_envs.worker import ENVIRONMENTS

PACKAGES = (
    "dagster",
    "dagster-webserver",
    "dagster-pipes",
    "polars",
    "numpy",
    "pillow",
    "opencv-contrib-python-headless",
)
MIN_FREE_GIB = 5
# How long a service may take to answer.
SERVICE_WAIT_S = 3.0
# What a model needs beside its weights at one megapixel, and what quantizing its transformer leaves of them.
WORKING_BYTES, QUANTIZED_SHARE = 8 * 2**30, 0.65
# The packages of an environment that are told; that all are as pinned, the worker has checked.
SHOWN = frozenset({"torch", "diffusers", "transformers"})
GPU_PROBE = """
import json, torch
found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
print(json.dumps([[one.name, one.total_memory] for one in found]))
"""
PROBE = """
import sys
from iedf_assets.core.plugins import BACKENDS, VISION, listed
from model_envs.worker import backend_class
backend_class(*sys.argv[1:])
print(*listed(BACKENDS), *listed(VISION), sep=", ")
"""


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        remedy: what to do when it is not well; a finding that is well has none.
    """

    subject: str
    state: str
    remedy: str = ""


def examine(profile: Profile) -> bool:
    """Print findings on everything a run needs; whether all is well."""
    layout = Layout.of(profile)
    examinations: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _packages,
        lambda: _data(profile, layout),
        lambda: _outputs(layout),
        lambda: _workers(profile),
        lambda: _models(profile),
        lambda: _networks(profile),
        lambda: _endpoints(profile),
        lambda: _dagster(layout),
    ]
    findings = [finding for examination in examinations for finding in examination()]
    table = Table("", "what", "state", "what to do")
    for finding in findings:
        table.add_row("✗" if finding.remedy else "✓", finding.subject, finding.state, finding.remedy)
    PlainConsole().print(table)
    return not any(finding.remedy for finding in findings)


def list_classes() -> None:
    """Print what is known of each class that edits pictures."""
    table = Table("class", "models", "steps", "pictures", "mask", "writes", "licence", "commercial use")
    for one in EDITORS:
        mask = "yes" if one.mask else "no"
        cells = (one.models, str(one.steps), str(one.references), mask, one.writes, one.licence)
        table.add_row(one.class_name, *cells, one.commercial)
    console = PlainConsole()
    console.print(table)
    console.print("Any other class is tried by its signature. The licence of your own copy counts.")


def must_haves(profile: Profile) -> list[Finding]:
    """What a run cannot do without: room, workers, models and endpoints."""
    parts = (_outputs(Layout.of(profile)), _workers(profile), _models(profile), _endpoints(profile))
    return [finding for part in parts for finding in part]


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", version, "" if sys.version_info >= (3, 11) else "use Python 3.11 or later")


def _packages() -> Iterator[Finding]:
    for package in PACKAGES:
        try:
            yield Finding(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, "not installed", "make setup")


def _data(profile: Profile, layout: Layout) -> Iterator[Finding]:
    for name in profile.categories:
        folder = from_here(layout.data / name)
        try:
            found = scan.find_files(layout, name, profile.sources)
        except (FactoryError, OSError) as error:
            yield Finding(folder, "unreadable", str(error))
            continue
        if found is None:
            yield Finding(folder, "no such folder", f"make {folder}, put photos into it")
        else:
            yield Finding(folder, f"{len(found)} files")
    for other in scan.unmapped_folders(layout, profile):
        folder = from_here(layout.data / other)
        yield Finding(folder, "in no category", "add it under `categories:`, or move it away")


def _outputs(layout: Layout) -> Iterator[Finding]:
    for name, path in (("outputs", layout.outputs), ("staging", layout.staging)):
        existing = next(parent for parent in (path, *path.parents) if parent.exists())
        if not os.access(existing, os.W_OK):
            yield Finding(name, f"{path} is not writable", "choose another folder, or change its permissions")
            continue
        free = shutil.disk_usage(existing).free / 2**30
        remedy = "" if free >= MIN_FREE_GIB else "free space: a stage that runs out of it stops"
        yield Finding(name, f"{path}, {free:.0f} GiB free", remedy)


def _workers(profile: Profile) -> Iterator[Finding]:
    """Each distinct pair of environment and backend really starts and loads; each service answers."""
    local, served = set(), []
    for category in profile.categories.values():
        for stage, worker in _stages(category):
            if worker.launcher == "subprocess":
                local.add((stage, worker.environment, worker.backend))
            elif (stage, worker) not in served:
                served.append((stage, worker))
    for stage, environment, backend in sorted(local, key=str):
        yield _probe(stage, environment, backend)
    for stage, worker in served:
        if worker.launcher == "ray":
            yield _cluster(worker)
            continue
        for endpoint in worker.endpoints:
            yield _service(stage, worker, endpoint)


def _stages(category: Category) -> Iterator[tuple[Stage, Worker]]:
    workers = category.workers
    yield "image_layers", workers.layered
    yield "edited_images", workers.edit
    finisher = workers.finish.elsewhere(workers.edit)
    if finisher:
        yield "edit_pairs", finisher


def _service(stage: Stage, worker: Worker, endpoint: str) -> Finding:
    """Whether a service is there, ready, and runs what the profile says."""
    kind = KINDS[stage]
    subject, start = (
        f"service {kind} at {endpoint}",
        f"iedf serve {kind}, or correct workers.{kind}.endpoints",
    )
    try:
        with ServicePool.of(
            stage, worker.model_copy(update={"endpoints": (endpoint,)}), wait_sec=SERVICE_WAIT_S
        ) as pool:
            places = pool.places()
            runs = worker.backend if pool.is_ours else pool.makers[0]
    except FactoryError as error:
        return Finding(subject, error.problem, error.remedy or start)
    known = "takes items" if pool.is_ours else "knows the wire contract alone"
    return Finding(subject, f"ready ({runs}), {known}, {places} requests at once")


def _cluster(worker: Worker) -> Finding:
    """Whether the Ray cluster takes jobs."""
    subject = f"Ray cluster at {worker.ray.address}"
    try:
        version = connect(worker.ray.address).get_version()
    except FactoryError as error:
        return Finding(subject, error.problem, error.remedy)
    wants = f"{worker.ray.num_gpus:g} GPUs and {worker.ray.num_cpus:g} CPUs"
    return Finding(subject, f"answers (Ray {version}), gets {worker.ray.jobs} jobs of {wants}")


def _probe(stage: str, environment: str | None, backend: str) -> Finding:
    subject = f"worker {stage} ({backend})"
    try:
        found = find_environment(environment)
        done = subprocess.run(
            [str(found.python), "-c", PROBE, stage, backend],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=PROJECT_ROOT,
            env={**os.environ, **found.variables, "PYTHONPATH": str(PROJECT_ROOT)},
        )
    except FactoryError as error:
        return Finding(subject, error.problem, error.remedy)
    except subprocess.CalledProcessError as error:
        last_line = (error.stderr.strip().splitlines() or [f"its python ended with {error.returncode}"])[-1]
        return Finding(subject, last_line, "install what is missing in its environment")
    except OSError as error:
        return Finding(subject, of_system(error).problem, "make its environment anew")
    except subprocess.TimeoutExpired:
        return Finding(subject, "did not start within 120 s", "look at its environment")
    versions = pins(ENVIRONMENTS[stage]) if backend == PIPELINES else {}
    told = ", ".join(f"{name} {version}" for name, version in versions.items() if name in SHOWN)
    brought = done.stdout.strip().splitlines()[-1:] or [""]
    plugins = f"; its packages bring {brought[0]}" if brought[0] else ""
    return Finding(subject, f"starts with {found.python}{f' ({told})' if told else ''}{plugins}")


def _models(profile: Profile) -> Iterator[Finding]:
    """Each distinct model: what it is, whether it is whole, and whether it fits into its GPUs."""
    seen = set()
    for category in profile.categories.values():
        for stage, worker in _stages(category):
            # A service looks after its own model.
            if not worker.runs_pipeline or worker.launcher == "service" or (stage, worker) in seen:
                continue
            seen.add((stage, worker))
            yield from _model(stage, worker)


def _networks(profile: Profile) -> Iterator[Finding]:
    """The segmentation networks that the profile uses, and the small one, which set-up brings."""
    small, subject = small_network(), "small segmentation network"
    if small.is_file():
        yield Finding(subject, str(small))
    else:
        yield Finding(subject, f"{small} is not there", "make models, where there is a network")
    named = {category.workers.layered for category in profile.categories.values()}
    for worker in sorted((one for one in named if one.backend == "onnx"), key=str):
        # A service looks after its own.
        if worker.launcher == "service":
            continue
        try:
            family, _ = family_of(Path(worker.model_settings().model_file))
        except FactoryError as error:
            yield Finding("network of image_layers", error.problem, error.remedy)
            continue
        where = worker.model_file or "the small one"
        yield Finding("network of image_layers", f"{where}: {family.name}, {family.side} pixels")


def _endpoints(profile: Profile) -> Iterator[Finding]:
    """The vision models behind HTTP that name objects and judge edits: there, and by that name."""
    seen = set()
    for category in profile.categories.values():
        workers = category.workers
        asked: dict[str, Asked] = {
            "workers.layered.namer": workers.layered.namer,
            "workers.edit.judge": workers.edit.judge,
        }
        for key, one in asked.items():
            if not one.elsewhere or (key, one) in seen:
                continue
            seen.add((key, one))
            try:
                said = tried(one, key)
            except SourceError as error:
                yield Finding(key, error.problem, "look at what it answers: nothing can be used of it")
            except FactoryError as error:
                yield Finding(key, error.problem, error.remedy)
            else:
                where = f"{one.model} at {one.endpoint}" if one.by == "endpoint" else one.by
                yield Finding(key, f"{where} {said}")


def _model(stage: Stage, worker: Worker) -> Iterator[Finding]:
    subject = f"model of {stage}"
    try:
        found = checkpoint(Path(worker.model_settings().model_dir), stage)
    except FactoryError as error:
        yield Finding(subject, error.problem, error.remedy)
        return
    gib = found.weights_bytes / 2**30
    yield Finding(subject, f"{found.class_name} {found.revision}, {gib:.1f} GiB of weights, complete")
    if stage == "edited_images":
        yield _class_of(found.class_name)
    try:
        gpus = _gpus(find_environment(worker.environment))
    except (FactoryError, subprocess.SubprocessError, OSError, ValueError) as error:
        yield Finding(f"GPUs of {stage}", f"cannot be asked: {error}", "look at its environment")
        return
    yield fits(stage, worker, found.weights_bytes, gpus)


def _class_of(name: str) -> Finding:
    """What is known of an editing class."""
    kind = editor_of(name)
    if not kind.known:
        return Finding(
            "class of edited_images", f"{name} has no row in the table: it is tried by its signature alone"
        )
    told = f"{kind.models}; weights usually under {kind.licence}, commercial use: {kind.commercial}"
    return Finding("class of edited_images", told)


def fits(stage: Stage, worker: Worker, weights: int, gpus: list[tuple[str, int]]) -> Finding:
    """Whether a model fits into each of its worker's groups of GPUs.

    Args:
        weights: of the checkpoint, bytes.
        gpus: name and memory in bytes of every GPU there is.
    """
    subject = f"GPUs of {stage}"
    if worker.model.device == "cpu":
        return Finding(subject, "not used: the profile says cpu")
    need = weights * (QUANTIZED_SHARE if worker.model.quantization != "none" else 1) + WORKING_BYTES
    if not gpus:
        remedy = "set workers.*.model.device to cpu for a trial, or run where a GPU is"
        state = f"torch sees none; {need / 2**30:.0f} GiB would be needed"
        return Finding(subject, state, "" if worker.model.device == "auto" else remedy)
    wanted = [group.split(",") for group in worker.devices] or [[str(number) for number in range(len(gpus))]]
    missing = [name for group in wanted for name in group if name.isdigit() and int(name) >= len(gpus)]
    if missing:
        return Finding(subject, f"there is no GPU {', '.join(missing)}", "correct workers.*.devices")
    spread, ranks = worker.model.device_map is not None, worker.model.context_parallel
    for group in wanted:
        if len(group) < ranks:
            few = f"context_parallel asks for {ranks} GPUs, {len(group)} are there ({','.join(group)})"
            return Finding(subject, few, "name more in each group of workers.*.devices, or lower it")
        memory = [gpus[int(name)][1] for name in (group[:1] if ranks > 1 else group) if name.isdigit()]
        have = sum(memory) if spread else max(memory, default=0)
        if worker.model.offload == "none" and have < need:
            sizes = f"{need / 2**30:.0f} GiB are needed, {have / 2**30:.0f} GiB are there ({','.join(group)})"
            return Finding(subject, sizes, "offload: group, quantization: int8, or device_map: balanced")
    names = ", ".join(sorted({name for name, _ in gpus}))
    fitting = f"the model fits into each of {len(wanted)} groups, by {need / 2**30:.0f} GiB"
    return Finding(subject, f"{len(gpus)} ({names}); {fitting}")


def _gpus(environment: Environment) -> list[tuple[str, int]]:
    """Name and memory in bytes of each GPU that an environment's torch sees."""
    done = subprocess.run(
        [str(environment.python), "-c", GPU_PROBE],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment.variables},
    )
    return [(str(name), int(memory)) for name, memory in json.loads(done.stdout.splitlines()[-1])]


def _dagster(layout: Layout) -> Iterator[Finding]:
    home = layout.dagster_home / "dagster.yaml"
    state = str(layout.dagster_home) if home.exists() else "set up by the first run"
    yield Finding("Dagster instance", state)
