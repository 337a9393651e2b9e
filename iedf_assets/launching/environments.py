"""Finding the interpreter of a model environment, and the variables that programs in it get."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iedf_assets.core.contract import Stage
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.profile.checkpoints import checkpoint
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.workers import Worker

# Where `make model-env` puts its environments.
VENVS = PROJECT_ROOT / ".venvs"
CONDA_TIMEOUT_S = 60
# Weights come from local folders and nothing else; what the packages would fetch or tell is switched off.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "YES",
    "PYTHONNOUSERSITE": "1",
}


@dataclass(frozen=True)
class Environment:
    """An environment that programs can run in.

    Attributes:
        python: its interpreter.
        variables: what activation sets, and what else its programs are to get.
    """

    python: Path
    variables: dict[str, str]


def worker_environment(worker: Worker, stage: Stage) -> Environment:
    """Where a stage's workers run, with all the variables they get besides their starter's own.

    Raises:
        WorkerError: there is no such environment, or no model where the profile says.
    """
    if worker.runs_pipeline:
        checkpoint(Path(worker.model_settings().model_dir), stage)
    environment = find_environment(worker.environment)
    variables = {**environment.variables, **OFFLINE, "PYTHONPATH": str(PROJECT_ROOT)}
    if not worker.runs_pipeline:
        # Pictures are worked on side by side; a BLAS with threads of its own would only get in the way.
        variables |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return Environment(environment.python, variables)


def find_environment(wanted: str | None) -> Environment:
    """The environment of a profile's `environment` key.

    Args:
        wanted: None for this process's own; a folder (with a path separator in it); or a name, looked for
            among the environments that `make model-env` made and among conda's.

    Raises:
        WorkerError: there is none such, or it holds no interpreter.
    """
    if wanted is None:
        return Environment(Path(sys.executable), {})
    if os.sep in wanted or wanted.startswith("~"):
        return _at((PROJECT_ROOT / Path(wanted).expanduser()).absolute())
    known = dict(_known())
    if wanted not in known:
        names = ", ".join(sorted(known)) or "none"
        raise WorkerError(
            f"there is no environment named {wanted!r} (found: {names})",
            f"make model-env, or conda env create -f {_recipe_of(wanted)}",
        )
    return _at(known[wanted])


def _recipe_of(name: str) -> str:
    return f"model_envs/{name.removeprefix('iedf-')}/environment.yml"


def _at(prefix: Path) -> Environment:
    python = prefix / "bin" / "python"
    if not python.is_file():
        raise WorkerError(
            f"the environment {prefix} has no bin/python",
            "set workers.*.environment to the name or the folder of a virtual or conda environment, or to "
            "null; make model-env builds those of the models",
        )
    path = f"{prefix / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    if not (prefix / "conda-meta").is_dir():
        return Environment(python, {"VIRTUAL_ENV": str(prefix), "PATH": path})
    variables = {"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": prefix.name, "PATH": path}
    return Environment(python, variables | _own_variables(prefix))


def _own_variables(prefix: Path) -> dict[str, str]:
    """What `conda env config vars` keeps for an environment."""
    try:
        state = json.loads((prefix / "conda-meta" / "state").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in state.get("env_vars", {}).items()}


def _known() -> Iterator[tuple[str, Path]]:
    """Name and prefix of every environment that can be found, the most particular last."""
    for prefix in _conda_prefixes():
        yield prefix.name, prefix
    for folder in sorted(VENVS.glob("*/bin")) if VENVS.is_dir() else ():
        yield folder.parent.name, folder.parent


def _conda_prefixes() -> Iterator[Path]:
    conda = os.environ.get("CONDA_EXE") or shutil.which("conda")
    if conda:
        yield from _asked(conda)
    try:
        lines = (Path.home() / ".conda" / "environments.txt").read_text("utf-8").splitlines()
    except (OSError, RuntimeError):
        return
    yield from (Path(line) for line in lines if line and Path(line).is_dir())


def _asked(conda: str) -> Iterator[Path]:
    """What conda itself lists; nothing when it cannot be asked."""
    try:
        command = [conda, "env", "list", "--json"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=CONDA_TIMEOUT_S, check=True)
        yield from (Path(prefix) for prefix in json.loads(answer.stdout)["envs"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return
