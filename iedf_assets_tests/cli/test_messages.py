"""Whatever is broken below a command, it ends with one message that says what, why and what to do."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.table import Table

from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.core.errors import ProfileError, of_system
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.faults import can_mount
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import PHYSICAL, put

CATEGORY = "{task: consistency_edit}"


def aliases(form: str) -> str:
    """A short profile that is 9 to the power of 9 values long when its aliases are written out."""
    nine = (form.format(", ".join([f"*a{number}"] * 9)) for number in range(9))
    lines = (f"a{number}: &a{number} {one}" for number, one in enumerate(nine, 1))
    return "\n".join(["a0: &a0 {k: x}", *lines])


def iedf(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "iedf_assets.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT_ROOT, timeout=120)
    return done.returncode, done.stdout + done.stderr


def told(profile: Profile, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a command on the outputs of a profile."""
    paths = profile.paths
    flags = [f"paths.{name}={getattr(paths, name)}" for name in ("data", "outputs", "logs")]
    code, output = iedf(
        *arguments, "--config", str(CLASSICAL), *(x for flag in flags for x in ("--set", flag))
    )
    assert "Traceback" not in output, output
    return code, output


def system(*command: str | Path) -> None:
    subprocess.run(command, check=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("workers: &w {layered: *w}\ncategories: {a: " + CATEGORY + "}", "refers to itself"),
        ("categories: &c {a: *c}", "refers to itself"),
        ("categories: {a: &x {task: consistency_edit, workers: *x}}", "refers to itself"),
        ("categories: " + "[" * 100_000, "nested more than 50 deep"),
        ("x: " + "{a: " * 100_000, "nested more than 50 deep"),
        (aliases("[{}]"), "more than 100000 values"),
        (aliases("{{<<: [{}]}}"), "more than 100000 values"),
        ('paths: {data: "a\\0b"}', "null character"),
        ("seed: 0x" + "f" * 5000, "digits"),
        ("threads: " + "9" * 30, "digits"),
        ("max_megapixels: " + "9" * 5000 + ".0", "digits"),
        ("seed: " + "9" * 5000 + "\ncategories: {a: " + CATEGORY + "}", "YAML"),
        ("categories: {" + "长" * 85 + ": " + CATEGORY + "}", "bytes"),
        ("categories: {a...b: " + CATEGORY + "}", "a choice of several"),
        ('categories: {"a,b": ' + CATEGORY + "}", "a choice of several"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused_before_anything_runs(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ProfileError, match=says) as caught:
        load_profile(path)
    assert len(str(caught.value)) < 1500


def test_a_setting_of_5000_digits_is_refused_in_short() -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile(CLASSICAL, ["seed=" + "9" * 5000])
    assert len(str(caught.value)) < 1500


def test_what_the_system_refuses_is_told_with_a_remedy() -> None:
    error = of_system(OSError(28, os.strerror(28), "/data/x"))
    assert error.problem == "/data/x cannot be used: No space left on device"
    assert "free space" in error.remedy


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="takes the right to mount")
@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("clean", "--yes"),
        ("status",),
        ("report",),
        ("prove", "--per-class", "1"),
        ("run", "--dry-run"),
    ],
)
def test_on_a_read_only_disk_every_command_says_so(
    profile: Profile, layout: Layout, already_run: Callable[..., None], command: tuple[str, ...]
) -> None:
    already_run("coffee")
    system("mount", "--bind", layout.outputs, layout.outputs)
    system("mount", "-o", "remount,bind,ro", layout.outputs)
    try:
        put(layout, PHYSICAL, "rocket")
        code, output = told(profile, *command)
    finally:
        system("umount", layout.outputs)
    # `prove` only reads; its code says what it found of the judge.
    if code and command[0] != "prove":
        assert "remedy" in output
        assert "read-only" in output.lower()


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="takes the right to mount")
def test_on_a_full_disk_a_run_says_so_time_and_again(profile: Profile, layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee", "rocket")
    layout.outputs.mkdir(parents=True)
    system("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", layout.outputs)
    try:
        for _ in range(2):
            code, output = told(profile, "run", "--category", PHYSICAL)
            assert code == 1
            assert "free space" in output
    finally:
        system("umount", layout.outputs)


@pytest.mark.slow
def test_of_two_runs_begun_in_one_second_one_is_told_about_the_other(
    profile: Profile, layout: Layout
) -> None:
    put(layout, PHYSICAL, "coffee", "rocket")
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda _: told(profile, "run", "--category", PHYSICAL), range(2)))
    assert 0 in {code for code, _ in ends}
    for code, output in ends:
        if code:
            assert "is being worked on by process" in output, output
            assert "Error executing resource_fn" not in output


def test_no_command_prints_on_another_console() -> None:
    for path in sorted((PROJECT_ROOT / "iedf_assets").rglob("*.py")):
        text = path.read_text("utf-8")
        assert path.name == "consoles.py" or not re.search(r"\bConsole\(|rich import print", text), path


def test_names_stand_on_the_console_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    name = "[done]人物 :smile: [/x] \\[b"
    console, table = PlainConsole(soft_wrap=True), Table(name, title=name)
    table.add_row(f"{name}\x1b[31m\x07")
    console.print(table)
    console.print(f"{name}\x1b]0;title\x07\nnext\udcff", style="red")
    printed = capsys.readouterr().out
    assert printed.count(name) == 4
    assert "\x1b" not in printed
    assert r"\x1b[31m\x07" in printed
    assert "title\\x07\nnext\\xff" in printed


def test_a_service_whose_cache_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = str(tmp_path / "file" / "cache")
    code, output = iedf("serve", "edit", "--backend", "mock", "--port", "18651", "--cache-dir", cache)
    assert code == 1
    assert "Traceback" not in output
    assert f"{cache} cannot be used" in output
    assert "remedy" in output
