import json
import os
import sys
from pathlib import Path

import pytest

from iedf_assets.core.errors import WorkerError
from iedf_assets.launching import environments
from iedf_assets.launching.environments import find_environment


def made(prefix: Path, *, conda: bool = False) -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    if conda:
        (prefix / "conda-meta").mkdir()
    return prefix


@pytest.fixture(autouse=True)
def no_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "VENVS", tmp_path / "venvs")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CONDA_EXE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def test_none_is_this_interpreter() -> None:
    found = find_environment(None)
    assert found.python == Path(sys.executable)
    assert found.variables == {}


def test_a_name_is_one_that_make_model_env_made(tmp_path: Path) -> None:
    prefix = made(tmp_path / "venvs" / "iedf-edit")
    found = find_environment("iedf-edit")
    assert found.python == prefix / "bin" / "python"
    assert found.variables["VIRTUAL_ENV"] == str(prefix)
    assert found.variables["PATH"].split(os.pathsep)[0] == str(prefix / "bin")


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    prefix = made(tmp_path / "my env")
    assert find_environment(str(prefix)).python == prefix / "bin" / "python"


def test_condas_own_list_knows_names(tmp_path: Path) -> None:
    prefix = made(tmp_path / "conda" / "envs" / "iedf-layered", conda=True)
    (tmp_path / "home" / ".conda").mkdir(parents=True)
    (tmp_path / "home" / ".conda" / "environments.txt").write_text(f"{tmp_path}/gone\n{prefix}\n")
    found = find_environment("iedf-layered")
    assert found.variables["CONDA_PREFIX"] == str(prefix)
    assert found.variables["CONDA_DEFAULT_ENV"] == "iedf-layered"


def test_conda_itself_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = made(tmp_path / "far" / "iedf-edit", conda=True)
    conda = tmp_path / "conda"
    conda.write_text(f"#!/bin/sh\necho '{json.dumps({'envs': [str(prefix)]})}'\n")
    conda.chmod(0o755)
    monkeypatch.setenv("CONDA_EXE", str(conda))
    assert find_environment("iedf-edit").python == prefix / "bin" / "python"


def test_an_environments_own_variables_are_set_as_activation_would(tmp_path: Path) -> None:
    prefix = made(tmp_path / "env", conda=True)
    (prefix / "conda-meta" / "state").write_text(json.dumps({"env_vars": {"HF_HOME": "/models"}}))
    assert find_environment(str(prefix)).variables["HF_HOME"] == "/models"


def test_a_missing_name_says_what_there_is_and_how_to_make_it(tmp_path: Path) -> None:
    made(tmp_path / "venvs" / "iedf-layered")
    with pytest.raises(WorkerError) as found:
        find_environment("iedf-edit")
    assert "'iedf-edit' (found: iedf-layered)" in found.value.problem
    assert "make model-env" in found.value.remedy
    assert "model_envs/edit/environment.yml" in found.value.remedy


def test_a_folder_without_an_interpreter_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="has no bin/python"):
        find_environment(str(tmp_path))


def test_a_conda_that_fails_is_as_good_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_EXE", str(tmp_path / "no-conda"))
    with pytest.raises(WorkerError, match="found: none"):
        find_environment("iedf-edit")
