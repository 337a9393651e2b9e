"""What a container of deploy/ would be, as a folder: filled, installed and started as its Dockerfile says.

There is no container engine here. What a Dockerfile copies is copied, what it runs is run, in a new virtual
environment and on nothing else of this one's; only users and owners stay as they are.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

from iedf_assets.core.profile.checkpoints import MODELS_VARIABLE, small_network
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.launching.environments import find_environment

DEPLOY = PROJECT_ROOT / "deploy"
BUILD_S = 300
# A container's own folders.
_OWN = re.compile(r"(?<![\w./])/(?=srv|tmp)")
# What needs to be root.
_LEFT_OUT = ("useradd", "chown")
# Packages come from where they were unpacked for this environment, else from the index.
_PIP = """
import subprocess, sys
told = [argument for argument in sys.argv[2:] if argument != "--no-cache-dir"]
for where in (["--offline"], []):
    done = subprocess.run([{uv!r}, "pip", sys.argv[1], *where, "--python", sys.executable, *told])
    if done.returncode == 0:
        break
sys.exit(done.returncode)
"""


def instructions(name: str) -> list[tuple[str, str]]:
    """Keyword and arguments of each instruction of a Dockerfile."""
    text = (DEPLOY / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


@dataclass(frozen=True)
class Container:
    """A folder that stands for `/`.

    Attributes:
        work: where its commands run.
        variables: all that they see.
    """

    root: Path
    work: Path
    variables: dict[str, str]

    def here(self, text: str) -> str:
        """A text of the container with its folders in this one."""
        return _OWN.sub(f"{self.root}/", text)

    def command(self, told: list[str]) -> list[str]:
        """A command of the container with its program as a path."""
        program = shutil.which(told[0], path=self.variables["PATH"])
        assert program, f"no {told[0]}"
        return [program, *map(self.here, told[1:])]


def built(name: str, root: Path, **variables: str) -> Container:
    """The container of a Dockerfile, its RUN run.

    Args:
        root: a new folder.
        variables: what its RUN sees besides.
    """
    told = instructions(name)
    (work,) = (what for word, what in told if word == "WORKDIR")
    container = Container(root, Path(f"{root}{work}"), _variables(root))
    for word, what in told:
        if word == "ENV":
            parts = (container.here(part).partition("=") for part in shlex.split(what))
            container.variables.update({key: value for key, _, value in parts})
        elif word == "COPY":
            _copy(what.split()[:-1], container.work)
    _make_environment(name, root)
    for word, what in told:
        if word == "RUN":
            command = ["/bin/sh", "-c", container.here(what)]
            seen = {**container.variables, **variables}
            done = subprocess.run(
                command,
                cwd=container.work,
                env=seen,
                capture_output=True,
                text=True,
                timeout=BUILD_S,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return container


def _variables(root: Path) -> dict[str, str]:
    """Nothing of this environment's but where packages come from and models lie."""
    kept = {key: value for key, value in os.environ.items() if key.startswith(("UV_", "PIP_"))}
    kept[MODELS_VARIABLE] = str(small_network().parent)
    cache = subprocess.check_output([_uv(), "cache", "dir"], text=True).strip()
    path = f"{root / 'stubs'}:{root / 'venv' / 'bin'}:/usr/bin:/bin"
    return {**kept, "PATH": path, "HOME": str(root), "LANG": "C.UTF-8", "UV_CACHE_DIR": cache}


def _copy(names: list[str], target: Path) -> None:
    for name in names:
        source = PROJECT_ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def _make_environment(name: str, root: Path) -> None:
    """An empty environment; that of a service borrows the packages of its model environment.

    Those weigh gigabytes: instead of installing them anew, pip only finds that they are those of the pins.
    """
    (root / "tmp").mkdir()
    (root / "stubs").mkdir()
    for program in _LEFT_OUT:
        stub = root / "stubs" / program
        stub.write_text("#!/bin/sh\n")
        stub.chmod(0o755)
    venv.create(root / "venv", symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(root / "venv")}))
    kind = Path(name).suffix[1:]
    if not kind:
        (packages / "pip.py").write_text(_PIP.format(uv=_uv()))
        return
    python = find_environment(f"iedf-{kind}").python
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    (packages / "borrowed.pth").write_text(subprocess.check_output(command, text=True))


def _uv() -> str:
    program = shutil.which("uv", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
    assert program, "no uv, which `make setup` installs"
    return program
