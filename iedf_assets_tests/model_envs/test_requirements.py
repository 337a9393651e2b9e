import subprocess
import sys

import pytest
import yaml

from iedf_assets.core.profile.fields import PROJECT_ROOT
from model_envs.requirements import differences, pins

ENVIRONMENTS = ("layered", "edit")


def recipe(name: str) -> dict[str, object]:
    content = yaml.safe_load((PROJECT_ROOT / "model_envs" / name / "environment.yml").read_text("utf-8"))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_pins_everything_and_has_no_dagster_but_pipes(name: str) -> None:
    assert recipe(name)["name"] == f"iedf-{name}"
    found = pins(name)
    assert {"torch", "diffusers", "transformers", "accelerate", "dagster-pipes"} <= set(found)
    assert not {package for package in found if "dagster" in package} - {"dagster-pipes"}
    lines = recipe(name)["dependencies"]
    assert isinstance(lines, list)
    assert len(lines[-1]["pip"]) == len(found)


def test_the_orchestrators_environment_has_no_model_package() -> None:
    content = yaml.safe_load((PROJECT_ROOT / "environment.yml").read_text("utf-8"))
    assert content["name"] == "iedf-orchestrator"
    constraints = (PROJECT_ROOT / "constraints.txt").read_text("utf-8")
    assert "torch" not in constraints
    assert "diffusers" not in constraints


def test_pins_agree_with_the_orchestrators_where_both_have_a_package() -> None:
    lines = (PROJECT_ROOT / "constraints.txt").read_text("utf-8").splitlines()
    ours = dict(line.lower().split("==") for line in lines)
    for name in ENVIRONMENTS:
        theirs = {package.lower(): version for package, version in pins(name).items()}
        assert {package: ours[package] for package in theirs if package in ours} == {
            package: version for package, version in theirs.items() if package in ours
        }


def test_what_is_missing_or_of_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    have = {"numpy": "1.0", "pillow": "13.0.0+local", "torch": "2.13.0+cu130"}
    monkeypatch.setattr("model_envs.requirements.pins", lambda _: {
        "numpy": "2.4.6", "pillow": "13.0.0", "torch": "2.13.0", "no-such-package": "1.0",
    })  # fmt: skip
    monkeypatch.setattr("importlib.metadata.version", _version_of(have))
    assert differences("edit") == ["numpy is 1.0, not 2.4.6", "no-such-package 1.0 is not installed"]


def _version_of(have: dict[str, str]) -> object:
    import importlib.metadata

    def version(package: str) -> str:
        if package not in have:
            raise importlib.metadata.PackageNotFoundError(package)
        return have[package]

    return version


def test_the_pins_are_printed_for_pip() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "model_envs.requirements", "edit"],
        check=True, capture_output=True, text=True, cwd=PROJECT_ROOT,
    )  # fmt: skip
    assert "torch==2.13.0\n" in done.stdout
