"""The files in deploy/: what they name is there, and their processes start and are found healthy.

There is no container engine here: what a container would run, runs in a folder that stands for it.
"""

import fnmatch
import json
import os
import shutil
import signal
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
from iedf_assets_tests.helpers.containers import DEPLOY, Container, built, instructions
from iedf_assets_tests.helpers.serving import free_port
from model_envs.requirements import pins

DOCKERFILES = ("Dockerfile", "Dockerfile.layered", "Dockerfile.edit")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EVERYWHERE = "0.0.0.0"  # noqa: S104  # of a container
START_S = 90.0


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


def on_loopback(told: list[str], port: int, its_port: str) -> list[str]:
    """A container's command on another port of loopback."""
    return [part.replace(EVERYWHERE, "127.0.0.1").replace(its_port, str(port)) for part in told]


def entry_of(name: str) -> list[str]:
    (entry,) = (what for word, what in instructions(name) if word == "ENTRYPOINT")
    return list(json.loads(entry))


def assert_starts_healthy(container: Container, name: str, its_port: str) -> None:
    """A service of the compose file starts in its container, and its health check passes."""
    service, port, kind = SERVICES[name], free_port(), name.upper()
    told = {key: str(value).replace(EVERYWHERE, "127.0.0.1") for key, value in service["environment"].items()}
    own = {f"{kind}_PORT": str(port), "IEDF_CONFIG": ""}
    variables = {**container.variables, **{k: container.here(v) for k, v in told.items()}, **own}
    entry = service.get("entrypoint") or entry_of(f"Dockerfile.{name}")
    start, check = (
        container.command(on_loopback(told, port, its_port))
        for told in (entry, service["healthcheck"]["test"][1:])
    )
    with ExitStack() as stack, (container.root / "log").open("wb") as log:
        process = subprocess.Popen(
            start, cwd=container.work, env=variables, stdout=log, stderr=log, start_new_session=True
        )
        # Dagster's code server may wait for itself forever; a service of ours never does.
        stack.callback(_end, process, must_end=name != "code")
        deadline = time.monotonic() + START_S
        while subprocess.run(check, capture_output=True, env=variables, check=False).returncode:
            assert process.poll() is None, (container.root / "log").read_text()
            assert time.monotonic() < deadline, "not healthy"
            time.sleep(0.5)


def _end(process: subprocess.Popen[bytes], *, must_end: bool) -> None:
    """As Docker does: a signal, and later an end; nothing is left running either way."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if must_end:
            raise


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "its_port"), [("layered", "8101"), ("edit", "8102")])
def test_a_services_image_is_made_of_what_its_dockerfile_says_and_starts_healthy(
    kind: str, its_port: str, tmp_path: Path
) -> None:
    # Its pins have to be there already: nothing is fetched.
    container = built(f"Dockerfile.{kind}", tmp_path, PIP_NO_INDEX="1")
    assert_starts_healthy(container, kind, its_port)


@pytest.mark.slow
def test_the_orchestrators_image_is_made_of_what_its_dockerfile_says_and_starts_healthy(
    tmp_path: Path,
) -> None:
    container = built("Dockerfile", tmp_path)
    (command,) = (json.loads(what) for word, what in instructions("Dockerfile") if word == "CMD")
    done = subprocess.run(
        container.command([*entry_of("Dockerfile"), *command]),
        cwd=container.work, env={**container.variables, "DAGSTER_HOME": ""}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "Dagster instance" in done.stdout, done.stderr
    # Whatever is amiss is that there are no photos yet.
    assert all("data/" in line for line in done.stdout.splitlines() if "✗" in line)
    shutil.copy(container.work / "configs" / "dagster.yaml", container.root / "srv" / "dagster")
    assert_starts_healthy(container, "code", "4000")
