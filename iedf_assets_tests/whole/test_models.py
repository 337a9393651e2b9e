"""The real model classes end to end: Dagster, Pipes, environments of their own, tiny random checkpoints."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from skimage import data

from iedf_assets.core.pictures.codecs import decode, encode_jpeg, encode_png
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.withdrawals import withdrawals
from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.reviews import add_review
from iedf_assets.defs.checks.samples import edits_judged
from iedf_assets.defs.checks.verdict import Case
from iedf_assets.launching.environments import find_environment
from iedf_assets_tests.helpers.runs import run
from iedf_assets_tests.helpers.shared import made_once
from iedf_assets_tests.helpers.steered_model import MANNERS, installed, told
from iedf_assets_tests.helpers.things import before, ellipse, ground
from iedf_assets_tests.helpers.vision_server import MODEL, Reply, vision_server
from iedf_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.slow

PERSONS, OBJECTS, PHYSICAL = "人物物体一致性", "物体一致性", "物理变化"
TINY = PROJECT_ROOT / "iedf_assets_tests" / "model_envs" / "qwen" / "tiny.py"
QWEN = PROJECT_ROOT / "configs" / "qwen.yaml"
SMALL = ["workers.layered.namer.by=none"] + [
    f"workers.{stage}.{setting}"
    for stage in ("layered", "edit")
    for setting in (
        "steps=2", "devices=[]", "item_timeout_s=120", "model.dtype=float32", "model.device=cpu",
        "model.canvas_megapixels=0.03",
    )
]  # fmt: skip
CLASSICAL = "{backend: classical, environment: null, model_dir: null}"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        command = [str(find_environment("iedf-edit").python), str(TINY), str(folder)]
        subprocess.run(command, check=True, cwd=PROJECT_ROOT, capture_output=True)

    return made_once(tmp_path_factory, "checkpoints", make)


def put(layout: Layout, category: str, *names: str, copies: int = 1) -> None:
    for name in names:
        photo = getattr(data, name)()
        for copy in range(copies):
            # Copies differ so much that none is a near duplicate.
            turned = np.roll(photo[:, :: -1 if copy % 2 else 1], 37 * copy, axis=1)
            small = cv2.resize(turned, (300, 200), interpolation=cv2.INTER_AREA).astype(np.uint8)
            path = layout.data / category / f"{name} {copy}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_jpeg(small, 95))


def profile_of(base: Profile, tiny: Path, *settings: str) -> Profile:
    paths = [f"paths.{key}={getattr(base.paths, key)}" for key in ("data", "outputs", "logs")]
    models = [f"workers.layered.model_dir={tiny / 'layered'}", f"workers.edit.model_dir={tiny / 'edit_plus'}"]
    return load_profile(QWEN, [*paths, *models, *SMALL, "sources.near_duplicate_bits=-1", *settings])


def logs(layout: Layout, stage: str) -> list[str]:
    return [path.read_text("utf-8") for path in sorted((layout.logs / "workers").glob(f"{stage}-*.log"))]


def outcomes(book: Book) -> Counter[tuple[str, str]]:
    return Counter((row["subtype"], row["status"]) for row in book.verdicts.values())


@pytest.mark.parametrize("name", ["iedf-layered", "iedf-edit"])
def test_a_models_environment_has_no_dagster_and_the_orchestrators_no_torch(name: str) -> None:
    probe = (
        "import importlib.util as u; print([bool(u.find_spec(n)) for n in ('dagster', 'torch', 'diffusers')])"
    )
    python = find_environment(name).python
    done = subprocess.run([str(python), "-c", probe], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[False, True, True]"
    import importlib.util

    assert importlib.util.find_spec("torch") is None


def test_layered_and_edit_plus_run_to_verdicts_with_provenance_on_every_row(
    profile: Profile, layout: Layout, tiny: Path
) -> None:
    put(layout, PHYSICAL, "coffee", "astronaut")
    profile = profile_of(
        profile, tiny,
        f"categories.{PHYSICAL}.subtypes={{physical: 1, identity: 1}}",
        "recipes.physical.max_area=1.0",
    )  # fmt: skip
    outcome, _ = run(profile)
    assert outcome.went_through, outcome.error
    book = Book.open(profile, layout, PHYSICAL)
    layers, edits = (list(book.current(stage).values()) for stage in ("image_layers", "edited_images"))
    assert len(layers) == 2
    assert {row["backend"] for row in (*layers, *edits) if row["status"] == "done"} == {"diffusers"}
    assert {row["made_with"]["model"] for row in layers} == {"QwenImageLayeredPipeline"}
    assert {row["made_with"]["model"] for row in edits} <= {"QwenImageEditPlusPipeline"}
    for row in (*layers, *edits):
        told = row["made_with"]
        assert {"revision", "dtype", "scheduler", "steps", "cfg", "seed", "canvas", "versions"} <= set(told)
        assert told["revision"] == row["model_revision"]
    # Random weights change everything and hold nothing: what is made is rejected, with its reasons.
    assert all(row["status"] in {"rejected", "pending"} for row in book.verdicts.values())
    for row in book.current("edit_pairs").values():
        assert row["scores"]["upscaling"] > 1.25
        assert row["scores"]["raw_shift"] is not None
    checks = {check for row in book.verdicts.values() for check in row["failed_checks"] or ()}
    assert len(book.current("edit_pairs")) == 0 or {"registration", "upscaling"} & checks


@pytest.mark.parametrize("kind", ["edit", "inpaint"])
def test_each_kind_of_edit_model_works_on_layers_of_another_backend(
    profile: Profile, layout: Layout, tiny: Path, kind: str
) -> None:
    put(layout, OBJECTS, "coffee")
    profile = profile_of(
        profile, tiny,
        f"workers.layered={CLASSICAL}", f"workers.edit.model_dir={tiny / kind}",
        f"categories.{OBJECTS}.subtypes={{replace: 1, move: 1}}",
        "recipes.replace.max_area=1.0", "recipes.move.max_area=1.0",
        # So much behind a saucer is not made up well.
        "thresholds.max_misplaced_fill=null", "thresholds.max_left_pieces=null", "thresholds.max_strays=null",
    )  # fmt: skip
    outcome, _ = run(profile, OBJECTS)
    assert outcome.went_through, outcome.error
    book = Book.open(profile, layout, OBJECTS)
    made = {row["subtype"]: row for row in book.current("edited_images").values()}
    assert made["replace"]["made_with"]["model"].startswith("QwenImageEdit")
    # What no model does exactly is rendered from the layers, and is published.
    assert made["move"]["backend"] == "classical"
    assert outcomes(book)["move", "published"] == 1
    assert outcomes(book)["replace", "rejected"] == 1
    pair = next(
        row for row in book.current("edit_pairs").values() if row["edit_id"] == made["replace"]["edit_id"]
    )
    assert pair["scores"]["max_difference_outside"] == 0


def test_many_photos_load_the_model_once_per_group_of_devices_and_share_the_work(
    profile: Profile, layout: Layout, tiny: Path
) -> None:
    put(layout, PERSONS, "coffee", "astronaut", "chelsea", "rocket", copies=2)
    profile = profile_of(
        profile, tiny,
        f"categories.{PERSONS}.subtypes={{restyle: 1}}", 'workers.edit.devices=["0", "1"]',
        "thresholds.global.publish=true", "thresholds.max_upscaling=20",
    )  # fmt: skip
    outcome, made = run(profile, PERSONS)
    assert outcome.went_through, outcome.error
    book = Book.open(profile, layout, PERSONS)
    # An edit of the whole picture pays for no decomposition.
    assert len(book.current("image_layers")) == 0
    assert "image_layers" not in made
    texts = logs(layout, "edited_images")
    assert len(texts) == 2
    assert [text.count("loaded QwenImageEditPlusPipeline") for text in texts] == [1, 1]
    accepted = len(list(book.accepted))
    assert outcomes(book) == Counter({("restyle", "published"): accepted})
    assert accepted >= 6
    for row in book.verdicts.values():
        sample = SampleKey.parse(row["sample_key"])
        assert sample.task == "style_edit"
        mask = decode(layout.dataset / sample.file("mask"))
        assert mask.min() == 255
        source, result = (decode(layout.dataset / sample.file(role)) for role in ("source", "result"))
        assert source.shape == result.shape
    again, made = run(profile, PERSONS)
    assert (again.waves, made) == (0, {})


def test_another_checkpoint_makes_everything_anew_and_a_missing_one_is_named(
    profile: Profile, layout: Layout, tiny: Path, tmp_path: Path
) -> None:
    put(layout, PERSONS, "coffee")
    common = (f"categories.{PERSONS}.subtypes={{restyle: 1}}",)
    first = profile_of(profile, tiny, *common)
    run(first, PERSONS)
    other = profile_of(profile, tiny, *common, f"workers.edit.model_dir={tiny / 'edit'}")
    _, made = run(other, PERSONS)
    assert made["edited_images"] == 1
    _, made = run(first, PERSONS)
    assert "edited_images" not in made
    missing = profile_of(profile, tiny, *common, f"workers.edit.model_dir={tmp_path / 'none'}")
    assert "there is no model at" in (run(missing, PERSONS)[0].error or "")


def test_a_worker_in_the_wrong_environment_says_what_it_lacks_before_any_photo_is_touched(
    profile: Profile, layout: Layout, tiny: Path
) -> None:
    put(layout, PERSONS, "coffee")
    settings: list[Any] = [f"categories.{PERSONS}.subtypes={{restyle: 1}}", "workers.edit.environment=null"]
    outcome, _ = run(profile_of(profile, tiny, *settings), PERSONS)
    assert not outcome.went_through
    said = json.dumps(str(outcome.error))
    assert "torch 2.13.0 is not installed" in said
    assert "make model-env" in said
    assert not list(layout.staging.glob("edited_images/*/*"))


def test_a_judge_that_is_off_has_not_run_and_does_not_pass(
    profile: Profile, layout: Layout, tiny: Path
) -> None:
    put(layout, PERSONS, "coffee")
    common = (f"categories.{PERSONS}.subtypes={{restyle: 1}}", "thresholds.max_upscaling=20")
    silent = profile_of(profile, tiny, *common)
    run(silent, PERSONS)
    found = edits_judged(Book.open(silent, layout, PERSONS))
    assert found.cases == [Case("judge", "not run: workers.edit.judge.by is none")]
    asked = profile_of(profile, tiny, *common, "workers.edit.judge.by=own")
    run(asked, PERSONS)
    book = Book.open(asked, layout, PERSONS)
    # Random weights rate nothing: that is no pass either, and nobody has approved the edit.
    assert [case.finding for case in edits_judged(book).cases] == ["not run: the judge gave no rating"]
    assert outcomes(book) == Counter({("restyle", "rejected"): 1})


def test_an_interrupted_run_stops_within_a_step_and_leaves_no_process(
    profile: Profile, layout: Layout, tiny: Path
) -> None:
    put(layout, PERSONS, "coffee")
    settings = [f"paths.{key}={getattr(profile.paths, key)}" for key in ("data", "outputs", "logs")] + [
        f"workers.edit.model_dir={tiny / 'edit_plus'}",
        f"workers.layered.model_dir={tiny / 'layered'}",
    ]
    settings += [*SMALL, f"categories.{PERSONS}.subtypes={{restyle: 1}}", "workers.edit.steps=200"]
    command = [sys.executable, "-m", "iedf_assets.cli", "run", "--config", str(QWEN), "--category", PERSONS]
    command += [part for setting in settings for part in ("--set", setting)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: any("loaded" in text for text in logs(layout, "edited_images")))
        time.sleep(1.0)  # it is denoising then, most likely; what is promised holds before, too
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("model_envs.worker" in child.cmdline() for child in children)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert process.wait(timeout=30) != 0
        assert time.monotonic() - begun < 10
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_one_image_can_be_tried_with_models_from_the_command_line(tiny: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(encode_png(data.coffee()))
    command = [sys.executable, "-m", "iedf_assets.cli", "edit", str(photo), "--output", str(tmp_path / "out")]
    command += [
        "--backend",
        "qwen",
        "--edit-model-dir",
        str(tiny / "edit"),
        "--skip-layered",
        "--device",
        "cpu",
    ]
    command += ["--instruction", "turn the cup into gold"]
    settings = [*(line for line in SMALL if ".edit." in line), "recipes.replace.max_area=1"]
    command += [part for setting in settings for part in ("--set", setting)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    # Random weights make no good pair, but everything on the way to it can be looked at.
    assert done.returncode == 1, done.stderr
    assert "no pair: " in done.stdout
    steps = {path.name for path in (tmp_path / "out" / "photo_steps").iterdir()}
    assert {"1_image_layers_mask.png", "2_edited_images_picture.png", "3_edit_pairs_result.jpg"} <= steps
    told = json.loads((tmp_path / "out" / "photo_steps" / "2_edited_images.json").read_text("utf-8"))
    assert told["made_with"]["model"] == "QwenImageEditPipeline"
    assert told["instruction_en"] == "turn the cup into gold"
    assert (tmp_path / "out" / "photo_sheet.jpg").exists()


def test_what_a_model_was_shown_takes_the_sample_along_and_another_object_is_shown(
    profile: Profile, layout: Layout, tiny: Path
) -> None:
    put(layout, OBJECTS, "coffee", "astronaut", "chelsea")
    names = [
        {"en": "a teapot", "ch": "茶壶"},
        {"en": "a violin", "ch": "小提琴"},
        {"en": "a tent", "ch": "帐篷"},
    ]
    with vision_server(lambda number: Reply(names[number % len(names)])) as server:
        namer = f"{{by: endpoint, endpoint: '{server.address}', model: {MODEL}, backoff_sec: 0.01}}"
        settings = (
            f"categories.{OBJECTS}.subtypes={{replace: 1}}", "recipes.replace.kinds=[reference]",
            "recipes.replace.max_area=1.0", f"workers.layered={CLASSICAL[:-1]}, namer: {namer}}}",
        )  # fmt: skip
        profile = profile_of(profile, tiny, *settings)
        assert run(profile, OBJECTS)[0].went_through
        for row in Book.open(profile, layout, OBJECTS).edits.values():
            add_review(layout, row["edit_id"], "accept")
        assert run(profile, OBJECTS)[0].went_through
        book = Book.open(profile, layout, OBJECTS)
        before = {row["source_id"]: row for row in book.current("edited_images").values()}
        assert outcomes(book) == Counter({("replace", "published"): 3})
        assert all(row["reference"] == row["recipe"]["reference"]["source_id"] for row in before.values())
        gone = next(iter(before.values()))["reference"]
        paths = {source.source_id: source.path for source in book.accepted}
        (layout.data / paths[gone]).unlink()
        leaving = {one for one, row in before.items() if gone in (one, row["reference"])}
        assert withdrawals(book, find_files(layout, OBJECTS) or []).leaving == len(leaving)
        outcome, _ = run(profile, OBJECTS)
    assert outcome.went_through, outcome.error
    book = Book.open(profile, layout, OBJECTS)
    now = {row["source_id"]: row for row in book.current("edited_images").values()}
    assert set(now) == set(before) - {gone}
    for one in now:
        assert (now[one]["edit_id"] == before[one]["edit_id"]) == (one not in leaving)
        assert now[one]["reference"] in set(paths) - {gone, one}
    # Nobody has accepted the new edits, which random weights made.
    ends = Counter(row["status"] for row in book.verdicts.values())
    assert ends == Counter(
        {"withdrawn": len(leaving), "rejected": len(leaving) - 1, "published": 3 - len(leaving)}
    )


def test_a_model_that_is_shown_a_draft_moves_the_object_and_one_that_does_not_is_found_out(
    profile: Profile, layout: Layout, tiny: Path, tmp_path: Path
) -> None:
    photo = before(ground("brick"), ellipse(150, 230, 50, 70))
    path = layout.data / OBJECTS / "thing.jpg"
    path.parent.mkdir(parents=True)
    small = cv2.resize(photo, (320, 240), interpolation=cv2.INTER_AREA).astype(np.uint8)
    path.write_bytes(encode_jpeg(small, 95))
    environment = installed(tmp_path / "steered", find_environment("iedf-edit").python)
    profile = profile_of(
        profile, tiny,
        f"workers.layered={CLASSICAL}", f"workers.edit.environment={environment}",
        "workers.edit.model.canvas_megapixels=0.1", "derive.inverse=true",
        f"categories.{OBJECTS}.subtypes={{move: 1}}", f"tries={len(MANNERS)}", "choose=best",
        "recipes.move.by=model",
    )  # fmt: skip
    outcome, _ = run(profile, OBJECTS)
    assert outcome.went_through, outcome.error
    book = Book.open(profile, layout, OBJECTS)
    edits, asked = book.current("edited_images"), told(environment)
    found = {}
    for row in book.verdicts.values():
        edit = edits[row["edit_key"]]
        assert edit["made_with"]["model"] == "QwenImageEditPlusPipeline"
        one, by = asked[edit["made_with"]["seed"]], edit["recipe"].get("by")
        found[one["manner"], by] = row
        if by:
            assert one["prompt"] == edit["instruction_en"] + bank().words["en"].shown.result
    assert set(found) == {(manner, "model") for manner in MANNERS} | {("harmonised", None)}
    # Where the object is, or is as well, another one than the recipe says.
    for manner in ("lazy", "astray", "doubled"):
        row = found[manner, "model"]
        assert row["status"] == "rejected"
        assert "effect" in row["failed_checks"]
        assert "effect" in row["detail"]
    assert "no_op" in found["lazy", "model"]["failed_checks"]
    # What it drew is published, and the way back from it: nobody drew that.
    sample, back = (SampleKey.parse(found["harmonised", by]["sample_key"]) for by in ("model", None))
    assert (back.task, back.subtype) == (sample.task, sample.subtype) == ("structural_edit", "move")
    photo, result = (decode(layout.dataset / sample.file(role)) for role in ("source", "result"))
    allowed = decode(layout.allowed_region(sample))
    assert np.array_equal(photo[allowed == 0], result[allowed == 0])
    files = [layout.dataset / one.file(role) for one, role in ((sample, "source"), (back, "result"))]
    assert files[0].read_bytes() == files[1].read_bytes()
