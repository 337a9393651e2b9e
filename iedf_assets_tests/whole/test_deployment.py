"""The files in deploy/: what they name is there, and their processes start and are found healthy.

There is no container engine here: what a container would run, runs in this environment.
"""

import fnmatch
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import load_profile
from iedf_assets_tests.helpers.serving import free_port
from model_envs.requirements import pins

DEPLOY = PROJECT_ROOT / "deploy"
DOCKERFILES = ("Dockerfile", "Dockerfile.layered", "Dockerfile.edit")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EVERYWHERE = "0.0.0.0"  # noqa: S104  # of a container
START_S = 90.0


def instructions(name: str) -> list[tuple[str, str]]:
    """Keyword and arguments of each instruction of a Dockerfile."""
    text = (DEPLOY / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_an_image_copies_is_there_and_is_sent_to_the_engine(name: str) -> None:
    sent = [line[1:] for line in (PROJECT_ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]
    copied = [source for word, what in instructions(name) if word == "COPY" for source in what.split()[:-1]]
    assert copied
    for source in copied:
        assert (PROJECT_ROOT / source).exists()
        assert any(fnmatch.fnmatch(source, pattern) for pattern in sent)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_is_of_a_stated_version_and_runs_as_nobody_in_particular(name: str) -> None:
    told = instructions(name)
    assert [what for word, what in told if word == "FROM"] == ["python:3.11.14-slim-bookworm"]
    assert [what for word, what in told if word == "USER"] == ["10001"]
    assert [word for word, _ in told if word == "ADD"] == []


@pytest.mark.parametrize("kind", ["layered", "edit"])
def test_a_services_image_has_the_pins_of_its_environment(kind: str) -> None:
    (run,) = (what for word, what in instructions(f"Dockerfile.{kind}") if word == "RUN")
    program, *arguments = run.split(" > ")[0].split()
    assert program == "python"
    printed = subprocess.check_output([sys.executable, *arguments], cwd=PROJECT_ROOT, text=True)
    assert dict(line.split("==") for line in printed.split()) == pins(kind)


def test_every_container_has_a_health_check_and_is_reached_from_this_machine_alone() -> None:
    for name, service in SERVICES.items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert all(
            volume.split(":")[0] in COMPOSE["volumes"] or ".." in volume for volume in service["volumes"]
        )
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_the_profile_of_the_containers_finds_the_services_by_their_names() -> None:
    profile = load_profile(PROJECT_ROOT / "configs" / "compose.yaml")
    for kind, port in (("layered", 8101), ("edit", 8102)):
        assert kind in SERVICES
        assert getattr(profile.workers, kind).endpoints == (f"http://{kind}:{port}",)
    (code,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text("utf-8"))["load_from"]
    assert code["grpc_server"]["host"] in SERVICES


def here(command: list[str], port: int, its_port: str) -> list[str]:
    """A container's command, to be run in this environment on another port of loopback."""
    told = [part.replace(EVERYWHERE, "127.0.0.1").replace(its_port, str(port)) for part in command]
    program = shutil.which(told[0], path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, f"no {told[0]}"
    return [sys.executable if told[0] == "python" else program, *told[1:]]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "its_port"), [("layered", "8101"), ("edit", "8102"), ("code", "4000")])
def test_a_container_starts_and_its_health_check_passes(name: str, its_port: str, tmp_path: Path) -> None:
    service, port = SERVICES[name], free_port()
    entry = service.get("entrypoint") or json.loads(
        next(what for word, what in instructions(f"Dockerfile.{name}") if word == "ENTRYPOINT")
    )
    kind = name.upper()
    told = {key: str(value).replace(EVERYWHERE, "127.0.0.1") for key, value in service["environment"].items()}
    own = {f"{kind}_PORT": str(port), f"{kind}_CACHE_DIR": str(tmp_path / "cache"),
           f"{kind}_ROOTS": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}  # fmt: skip
    variables = {**os.environ, **told, **own, "IEDF_CONFIG": ""}
    check = here(service["healthcheck"]["test"][1:], port, its_port)
    with ExitStack() as stack, (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            here(entry, port, its_port), cwd=PROJECT_ROOT, env=variables, stdout=log, stderr=log
        )
        stack.callback(process.wait, 60)
        stack.callback(process.terminate)
        deadline = time.monotonic() + START_S
        while subprocess.run(check, capture_output=True, env=variables, check=False).returncode:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, "not healthy"
            time.sleep(0.5)
