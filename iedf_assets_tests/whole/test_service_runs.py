"""Whole runs through real services on loopback."""

import base64
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from skimage import data

from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import put, run, tree
from iedf_assets_tests.helpers.serving import Running, serving, start
from iedf_assets_tests.helpers.shared import made_once
from iedf_assets_tests.whole.test_models import QWEN, SMALL, tiny

__all__ = ["tiny"]

PHYSICAL = "物理变化"
PHOTOS = ("coffee", "astronaut", "chelsea")
SUBTYPES = f"categories.{PHYSICAL}.subtypes={{move: 1, delete: 1, identity: 1}}"


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
        CLASSICAL, [
            *settings,
            "workers.layered.launcher=service", f"workers.layered.endpoints=['{layered.address}']",
            "workers.edit.launcher=service", f"workers.edit.endpoints=['{edit.address}']", *more,
        ]
    )  # fmt: skip


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in {"seconds", "written_ns"}}


def same(one: Profile, other: Profile) -> None:
    """Both runs staged the same files and wrote the same rows and the same dataset."""
    books = [Book.open(profile, Layout.of(profile), PHYSICAL) for profile in (one, other)]
    for stage in ("image_layers", "edited_images", "edit_pairs", "dataset"):
        rows = [
            {row.get("key") or row["slot"]: comparable(row) for row in book.current(stage).values()}
            for book in books
        ]
        assert rows[0] == rows[1], stage
        assert rows[0]
    for stage in ("image_layers", "edited_images", "edit_pairs"):
        trees = [tree(Layout.of(profile).staging / stage) for profile in (one, other)]
        assert trees[0] == trees[1], stage
    assert tree(Layout.of(one).dataset) == tree(Layout.of(other).dataset)


@pytest.fixture
def through_pipes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Profile]:
    """The profile of a backend's run through pipes over `PHOTOS`, made once; not to be changed."""

    def profile_in(base: Path, backend: str) -> Profile:
        own = load_profile(CLASSICAL, [f"paths.data={base / 'data'}", f"paths.outputs={base / 'own'}"])
        return load_profile(CLASSICAL, settings_of(own, backend, base / "outputs"))

    def of(backend: str) -> Profile:
        def make(base: Path) -> None:
            made = profile_in(base, backend)
            put(Layout.of(made), PHYSICAL, *PHOTOS)
            assert run(made)[0].went_through

        return profile_in(made_once(tmp_path_factory, f"pipes-{backend}", make), backend)

    return of


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "mode"), [("classical", "base64"), ("mock", "path")])
def test_a_run_through_services_equals_one_through_pipes(
    profile: Profile,
    layout: Layout,
    tmp_path: Path,
    through_pipes: Callable[[str], Profile],
    backend: str,
    mode: str,
) -> None:
    put(layout, PHYSICAL, *PHOTOS)
    pipes = through_pipes(backend)
    settings = settings_of(profile, backend, tmp_path / "served")
    modes = [f"workers.{stage}.service.send_mode={mode}" for stage in ("layered", "edit")]
    with services(settings, tmp_path / "logs", "--max-concurrency", "2") as (layered, edit):
        served = through(settings, layered, edit, *modes)
        outcome, made = run(served)
    assert outcome.went_through, outcome.error
    assert made["image_layers"] == 3
    same(pipes, served)


def own(backend: str) -> list[str]:
    return [f"workers.{stage}.{backend}" for stage in ("layered", "edit")]


@pytest.mark.slow
def test_a_service_that_is_killed_costs_nothing_when_it_comes_back(
    profile: Profile, layout: Layout, tmp_path: Path, through_pipes: Callable[[str], Profile]
) -> None:
    put(layout, PHYSICAL, *PHOTOS)
    pipes = through_pipes("classical")
    settings = settings_of(profile, "classical", tmp_path / "served")
    told = [part for setting in settings for part in ("--set", setting)]
    with services(settings, tmp_path / "logs", "--max-concurrency", "1") as (layered, edit):
        served = through(settings, layered, edit, *own("service.backoff_sec=0.2"))
        journal = Layout.of(served).journal("image_layers", PHYSICAL)
        revived: list[Running] = []

        def strike() -> None:
            deadline = time.monotonic() + 60
            while not journal.exists() or not journal.read_bytes():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            layered.process.kill()
            layered.process.wait()
            time.sleep(1.5)
            port = int(layered.address.rpartition(":")[2])
            revived.append(start("layered", tmp_path / "logs", *told, "--max-concurrency", "1", port=port))

        with ThreadPoolExecutor(1) as pool:
            struck = pool.submit(strike)
            outcome, _ = run(served)
            struck.result()
        revived[0].end()
    assert outcome.went_through, outcome.error
    same(pipes, served)


@pytest.mark.slow
def test_services_that_do_not_come_back_stop_the_run_with_the_remedy_and_keep_what_is_finished(
    profile: Profile, layout: Layout, tmp_path: Path
) -> None:
    put(layout, PHYSICAL, "coffee", "astronaut")
    settings = settings_of(profile, "mock", tmp_path / "served")
    with services(settings, tmp_path / "logs") as (layered, edit):
        served = through(settings, layered, edit, *own("service.wait_sec=2"))
        edit.end()
        outcome, _ = run(served)
        assert "iedf serve edit" in str(outcome.error)
        assert len(Book.open(served, Layout.of(served), PHYSICAL).current("image_layers")) == 2
        fallen = through(
            settings, layered, edit, *own("service.wait_sec=0.5"), *own("service.fallback=classical")
        )
        outcome, made = run(fallen)
    assert outcome.went_through, outcome.error
    assert "image_layers" not in made
    edits = Book.open(fallen, Layout.of(fallen), PHYSICAL).current("edited_images").values()
    assert {row["backend"] for row in edits if row["status"] == "done"} == {"classical"}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["path", "base64"])
def test_services_that_know_the_wire_contract_alone_serve_a_run_too(
    profile: Profile, layout: Layout, tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(layout, PHYSICAL, "coffee", "astronaut")
    settings = settings_of(profile, "classical", tmp_path / "served")
    with services(settings, tmp_path / "logs") as (layered, edit):
        # As the services of others, they have no such route.
        answers = httpx.AsyncClient.get

        async def get(client: httpx.AsyncClient, url: str, **options: Any) -> httpx.Response:
            return await answers(client, url.replace("/info", "/none"), **options)

        monkeypatch.setattr(httpx.AsyncClient, "get", get)
        served = through(settings, layered, edit, *own(f"service.send_mode={mode}"))
        outcome, _ = run(served)
    assert outcome.went_through, outcome.error
    book = Book.open(served, Layout.of(served), PHYSICAL)
    assert {row["status"] for row in book.current("image_layers").values()} == {"done"}
    edits = book.current("edited_images").values()
    assert {row["status"] for row in edits} <= {"done", "rejected"}
    assert {row["subtype"] for row in edits if row["status"] == "done"} >= {"move", "identity"}
    for row in book.current("image_layers").values():
        names = {path.name for path in Layout.of(served).staged("image_layers", row["key"]).iterdir()}
        assert names in ({"mask.png", "background.png", "object_1.png"}, {"mask.png", "alpha.png"})


@pytest.mark.slow
def test_a_service_that_runs_something_else_is_refused_before_any_image(
    profile: Profile, layout: Layout, tmp_path: Path
) -> None:
    put(layout, PHYSICAL, "coffee")
    settings = settings_of(profile, "mock", tmp_path / "served")
    with services(settings, tmp_path / "logs") as (layered, edit):
        for endpoints in ((layered, edit), (edit, layered)):
            backend = "classical" if endpoints[0] is layered else "mock"
            served = through(settings, *endpoints, *own(f"backend={backend}"))
            outcome, _ = run(served)
            assert "cannot be used" in str(outcome.error)
            assert Book.open(served, Layout.of(served), PHYSICAL).current("image_layers").keys() == set()


@pytest.fixture
def qwen(profile: Profile, tiny: Path, tmp_path: Path) -> list[str]:
    """The settings of tiny models."""
    folders = [
        f"paths.data={profile.paths.data}",
        f"paths.outputs={tmp_path / 'served'}",
        f"paths.logs={tmp_path / 'run-logs'}",
    ]
    models = [f"workers.layered.model_dir={tiny / 'layered'}", f"workers.edit.model_dir={tiny / 'edit'}"]
    edits = [f"categories.{PHYSICAL}.subtypes={{physical: 1}}", "recipes.physical.max_area=1.0"]
    return [*folders, *models, *SMALL, *edits]


@pytest.mark.slow
def test_a_run_through_services_with_models_equals_one_through_pipes(
    layout: Layout, qwen: list[str], tmp_path: Path
) -> None:
    put(layout, PHYSICAL, "coffee", "astronaut")
    pipes = load_profile(QWEN, [*qwen, f"paths.outputs={tmp_path / 'pipes'}"])
    assert run(pipes)[0].went_through
    told = ["--config", str(QWEN), *(part for setting in qwen for part in ("--set", setting))]
    with (
        serving("layered", tmp_path / "logs", *told) as layered,
        serving("edit", tmp_path / "logs", *told) as edit,
    ):
        endpoints = {"layered": layered, "edit": edit}
        launchers = [
            f"workers.{stage}.{setting}"
            for stage, service in endpoints.items()
            for setting in ("launcher=service", f"endpoints=['{service.address}']")
        ]
        served = load_profile(QWEN, [*qwen, *launchers])
        outcome, made = run(served)
        # The services see the model; where the orchestrator does not, its revision will do.
        revision = edit.get("/info").json()["revision"]
        elsewhere = load_profile(
            QWEN, [*qwen, *launchers, "workers.edit.model_dir=null", f"workers.edit.revision='{revision}'"]
        )
        assert "edited_images" not in run(elsewhere)[1]
    assert outcome.went_through, outcome.error
    assert made["edited_images"] == 2
    same(pipes, served)
    edits = Book.open(served, Layout.of(served), PHYSICAL).current("edited_images").values()
    assert {row["backend"] for row in edits} == {"diffusers"}


@pytest.mark.slow
def test_a_model_is_stopped_between_two_steps_and_stays_loaded(qwen: list[str], tmp_path: Path) -> None:
    settings = [*qwen, "workers.edit.steps=200", "workers.edit.model.canvas_megapixels=0.3"]
    told = ["--config", str(QWEN), *(part for setting in settings for part in ("--set", setting))]
    picture = base64.b64encode(encode_jpeg(data.coffee(), 90)).decode()
    with serving("edit", tmp_path / "logs", *told, "--infer-timeout-sec", "2") as service:
        engine = psutil.Process(service.process.pid).children()[0]
        for number in range(2):
            begun = time.monotonic()
            answer = service.post(
                "/infer", {"request_id": f"r{number}", "image_b64": picture, "prompt": "melt it"}
            )
            assert answer.status_code == 504
            assert 2 <= time.monotonic() - begun < 5 * (number + 1)
        assert psutil.Process(service.process.pid).children() == [engine]
