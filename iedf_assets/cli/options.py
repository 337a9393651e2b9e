"""The options that commands share: which profile, with which changes, on which folders."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from iedf_assets.cli.listening import PORT
from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.schema import Profile

Command = TypeVar("Command", bound=Callable[..., Any])


def load(config: Path | None, data: Path | None, outputs: Path | None, settings: tuple[str, ...]) -> Profile:
    """The profile that the options ask for: `--config`, else `IEDF_CONFIG`, else the default.

    Raises:
        ProfileError: it cannot be used.
    """
    return load_profile(profile_path(config), [*settings, *folder_settings(data, outputs)])


def profile_path(config: Path | None) -> Path:
    """The file of the profile: `--config`, else `IEDF_CONFIG`, else the default."""
    return config or Path(os.environ.get("IEDF_CONFIG") or DEFAULT_PROFILE)


def stopped(command: str = "") -> str:
    """What to say after an interrupt."""
    # Of other commands nothing is kept that the next call could go on from.
    goes_on = command in {"run", "demo", "trial", "export"}
    return f"stopped{'; what is finished is kept, and the next run goes on from there' if goes_on else ''}"


def folder_settings(data: Path | None, outputs: Path | None) -> list[str]:
    """`--data` and `--outputs` as settings."""
    folders = {"paths.data": data, "paths.outputs": outputs}
    return [f"{key}={_quoted(folder)}" for key, folder in folders.items() if folder is not None]


def settings_option(command: Command) -> Command:
    """Add `--set`."""
    text = "Change a profile key (repeatable)."
    return click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=text)(command)


def config_option(command: Command) -> Command:
    """Add `--config`."""
    text = "The profile; else $IEDF_CONFIG, else the default."
    return click.option("--config", type=click.Path(path_type=Path), help=text)(command)


def origin_options(command: Command) -> Command:
    """Add `--config`, `--data`, `--outputs` and `--set`."""
    folder = click.Path(file_okay=False, path_type=Path)
    outputs = click.option("--outputs", type=folder, help="The folder of the products.")
    data = click.option("--data", type=folder, help="The folder of the photos.")
    return config_option(data(outputs(settings_option(command))))


def profile_options(command: Command) -> Command:
    """Add `--config`, `--data`, `--outputs` and `--set`; the command receives the profile as `profile`."""

    @origin_options
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        config: Path | None,
        data: Path | None,
        outputs: Path | None,
        settings: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        return command(*args, profile=load(config, data, outputs, settings), **kwargs)

    return wrapped  # type: ignore[return-value]  # same callable, other keywords


def service_options(command: Command) -> Command:
    """Add what a service is told on the command line, each as a keyword of its name."""
    for option in reversed(_OF_A_SERVICE):
        command = option(command)
    return command


COUNT = click.IntRange(1)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_ROOT = click.Path(exists=True, file_okay=False, path_type=Path)
_OF_A_SERVICE = (
    click.option(
        "--backend",
        type=click.Choice(["mock", "classical", "opencv", "onnx", "diffusers", "qwen"]),
        help="What does the work.",
    ),
    click.option("--model-dir", type=_FOLDER, help="A local checkpoint, for the backend diffusers."),
    click.option("--device", metavar="NAME", help="auto, cpu, cuda or cuda:1."),
    click.option("--host", metavar="ADDRESS", help="Where to listen; else 127.0.0.1."),
    click.option("--port", type=PORT, help="Else the profile's endpoint, or 8101 and 8102."),
    click.option(
        "--cache-dir", type=_FOLDER, help="Where answers are kept; a folder of its own for each service."
    ),
    click.option(
        "--root", "roots", type=_ROOT, multiple=True, help="Requests may name paths below it (repeatable)."
    ),
    click.option(
        "--preload/--no-preload", default=None, help="Load at the start, or with the first request."
    ),
    click.option("--max-concurrency", type=click.IntRange(1), help="Engines: processes with a model each."),
    click.option("--max-queue", type=click.IntRange(0), help="Requests that may wait."),
    click.option("--infer-timeout-sec", type=float, help="How long one request may take at an engine."),
    click.option("--log-file", type=click.Path(dir_okay=False, path_type=Path), help="Structured logs."),
)


def _quoted(folder: Path) -> str:
    # A YAML single-quoted string, so that a folder named `1` or `a: b` stays a string.
    return "'" + str(folder.absolute()).replace("'", "''") + "'"
