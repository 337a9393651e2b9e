"""Whole runs through real services on loopback."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iedf_assets.core.book import Book
from iedf_assets.core.naming import Layout
from iedf_assets.core.profile import Profile, load_profile
from iedf_assets_tests.serving import Running, serving
from iedf_assets_tests.test_runs import own_home, put, run, tree

__all__ = ["own_home"]

PHYSICAL = "物理变化"
SUBTYPES = f"categories.{PHYSICAL}.subtypes={{move: 1, delete: 1, recolor: 1}}"


def settings_of(profile: Profile, backend: str, outputs: Path) -> list[str]:
    both = [f"workers.{stage}.backend={backend}" for stage in ("layered", "edit")]
    return [
        f"paths.data={profile.paths.data}", f"paths.outputs={outputs}", f"paths.logs={outputs / 'logs'}",
        SUBTYPES, *both,
    ]  # fmt: skip


@contextlib.contextmanager
def services(settings: list[str], folder: Path, *flags: str) -> Iterator[tuple[Running, Running]]:
    told = [part for setting in settings for part in ("--set", setting)]
    with serving("layered", folder, *told, *flags) as layered, serving("edit", folder, *told, *flags) as edit:
        yield layered, edit


def through(settings: list[str], layered: Running, edit: Running, *more: str) -> Profile:
    return load_profile(
        settings=[
            *settings,
            "workers.layered.launcher=service", f"workers.layered.endpoints=['{layered.address}']",
            "workers.edit.launcher=service", f"workers.edit.endpoints=['{edit.address}']", *more,
        ]
    )  # fmt: skip


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "seconds"}


def same(one: Profile, other: Profile) -> None:
    """Both runs staged the same files and wrote the same rows and the same dataset."""
    books = [Book.open(profile, Layout.of(profile), PHYSICAL) for profile in (one, other)]
    for stage in ("image_layers", "edited_images", "edit_pairs", "dataset"):
        rows = [
            {row.get("key") or row["slot"]: comparable(row) for row in book.current(stage)} for book in books
        ]
        assert rows[0] == rows[1], stage
        assert rows[0]
    for stage in ("image_layers", "edited_images", "edit_pairs"):
        trees = [tree(Layout.of(profile).staging / stage) for profile in (one, other)]
        assert trees[0] == trees[1], stage
    assert tree(Layout.of(one).dataset) == tree(Layout.of(other).dataset)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["path", "base64"])
@pytest.mark.parametrize("backend", ["classical", "mock"])
def test_a_run_through_services_equals_one_through_pipes(
    profile: Profile, layout: Layout, tmp_path: Path, backend: str, mode: str
) -> None:
    put(layout, PHYSICAL, "coffee", "astronaut", "chelsea")
    pipes = load_profile(settings=settings_of(profile, backend, tmp_path / "pipes"))
    assert run(pipes)[0].went_through
    settings = settings_of(profile, backend, tmp_path / "served")
    modes = [f"workers.{stage}.service.send_mode={mode}" for stage in ("layered", "edit")]
    with services(settings, tmp_path / "logs", "--max-concurrency", "2") as (layered, edit):
        served = through(settings, layered, edit, *modes)
        outcome, made = run(served)
    assert outcome.went_through, outcome.error
    assert made["image_layers"] == 3
    same(pipes, served)
