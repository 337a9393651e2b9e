"""A real service: one process that serves, one engine, requests over loopback."""

import contextlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from iedf_assets_tests.helpers.asking import COFFEE, LARGE, body, code, metric, packed, unpacked
from iedf_assets_tests.helpers.serving import Running, serving, start

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def layered(folder: Path, root: Path) -> Iterator[Running]:
    arguments = ["--cache-dir", str(folder / "layered"), "--root", str(root)]
    with serving("layered", folder, "--backend", "opencv", *arguments) as service:
        yield service


@pytest.fixture(scope="module")
def edit(folder: Path, root: Path) -> Iterator[Running]:
    """Gives each request two seconds, half of what the large picture takes, and lets one wait."""
    arguments = [
        "--cache-dir", str(folder / "edit"), "--root", str(root), "--max-queue", "1",
        "--infer-timeout-sec", "2", "--max-concurrency", "1", "--log-file", str(folder / "edit.log"),
    ]  # fmt: skip
    with serving("edit", folder, "--backend", "classical", *arguments) as service:
        yield service


def test_health_and_readiness_say_what_the_contract_says(layered: Running) -> None:
    assert layered.get("/healthz").json() == {"status": "ok"}
    ready = layered.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "backend": "classical", "last_error": None}


def test_layers_are_of_the_pictures_size_and_show_it_when_they_are_put_together(layered: Running) -> None:
    answer = layered.post("/infer", body("l1", sample_id="any")).json()
    assert set(answer) == {
        "request_id", "runtime", "seconds", "width", "height", "layers", "cache_dir", "orientation",
    }  # fmt: skip
    assert (answer["width"], answer["height"]) == (600, 400)
    layers = [unpacked(layer["rgba_b64"]) for layer in answer["layers"]]
    assert [layer["layer_id"] for layer in answer["layers"]] == [0, 1]
    whole = np.zeros((400, 600, 3))
    for layer, told in zip(layers, answer["layers"], strict=True):
        assert layer.shape == (400, 600, 4)
        assert (unpacked(told["alpha_b64"]) == layer[..., 3]).all()
        alpha = layer[..., 3:] / 255
        whole = whole * (1 - alpha) + layer[..., 2::-1] * alpha
    assert np.abs(whole - COFFEE).mean() < 2
    assert Path(answer["layers"][0]["rgba_path"]).parent == Path(answer["cache_dir"])


def test_by_path_it_answers_with_paths(layered: Running, root: Path) -> None:
    for number, path in enumerate((str(root / "coffee 杯.jpg"), "coffee 杯.jpg")):
        asked = {"request_id": f"p{number}", "image_path": path, "return_b64": False}
        answer = layered.post("/infer", asked).json()
        assert answer["layers"][1]["rgba_b64"] is None
        assert Path(answer["layers"][1]["rgba_path"]).is_file()


def test_an_edit_leaves_everything_outside_its_mask_as_it_was(edit: Running) -> None:
    mask = np.zeros((400, 600), np.uint8)
    mask[100:200, 200:300] = 255
    answer = edit.post("/infer", body("e1", mask_b64=packed(mask), prompt="Remove the spoon.")).json()
    assert set(answer) == {
        "request_id", "runtime", "seconds", "width", "height", "result_image_b64", "result_image_path",
        "cache_dir", "orientation", "mask_turned",
    }  # fmt: skip
    result = unpacked(answer["result_image_b64"])[..., ::-1]
    assert (result[mask == 0] == COFFEE[mask == 0]).all()
    assert (result[mask > 0] != COFFEE[mask > 0]).any()


def test_without_a_mask_the_central_half_is_edited(edit: Running) -> None:
    result = unpacked(edit.post("/infer", body("e2")).json()["result_image_b64"])[..., ::-1]
    changed = (result != COFFEE).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min() >= 100, rows.max() < 300, columns.min() >= 150, columns.max() < 450) == (True,) * 4


def test_the_same_request_is_made_once_and_answered_again(edit: Running) -> None:
    before = metric(edit, "images_total")
    answers = [edit.post("/infer", body("once")).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert metric(edit, "images_total") == before + 1
    other = edit.post("/infer", body("once", COFFEE[:, ::-1]))
    assert code(other) == (422, "invalid_input")
    assert "another request" in other.text


def test_callers_of_one_request_at_once_share_its_making(layered: Running) -> None:
    before = metric(layered, "images_total")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: layered.post("/infer", body("shared")).text, range(4)))
    assert len(set(answers)) == 1
    assert metric(layered, "images_total") == before + 1


def test_without_the_cache_nothing_is_kept(edit: Running, folder: Path) -> None:
    answer = edit.post("/infer", body("brief", save_cache=False)).json()
    assert answer["cache_dir"] is answer["result_image_path"] is None
    assert [path for path in (folder / "edit").iterdir() if "brief" in path.name or ".tmp" in path.name] == []


def test_a_full_queue_is_told_at_once(edit: Running) -> None:
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(edit.post, "/infer", body(f"full{n}", LARGE)) for n in range(2)]
        deadline = time.monotonic() + 10
        while metric(edit, "queue_length") + metric(edit, "running") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        begun = time.monotonic()
        assert code(edit.post("/infer", body("late"))) == (429, "queue_full")
        assert time.monotonic() - begun < 1
        assert {code(one.result()) for one in waiting} == {(504, "infer_timeout")}


def test_a_timeout_comes_on_time_and_the_work_is_really_stopped(edit: Running) -> None:
    engine = psutil.Process(edit.process.pid).children()[0]
    begun = time.monotonic()
    assert code(edit.post("/infer", body("slow", LARGE))) == (504, "infer_timeout")
    assert 2 < time.monotonic() - begun < 3.5
    assert edit.post("/infer", body("next")).status_code == 200
    # Either it gave the work up, or it is another one now.
    if engine.is_running():
        spent = sum(engine.cpu_times()[:2])
        time.sleep(1)
        assert sum(engine.cpu_times()[:2]) - spent < 0.3


def test_who_hangs_up_frees_the_place(edit: Running) -> None:
    with contextlib.suppress(httpx.ReadTimeout):
        httpx.post(f"{edit.address}/infer", json=body("gone", LARGE), timeout=httpx.Timeout(10, read=0.5))
    deadline = time.monotonic() + 2.5
    while metric(edit, "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert edit.post("/infer", body("there")).status_code == 200


@pytest.mark.parametrize(
    ("route", "wrong", "expected"),
    [
        ("/infer", {"image_b64": "////"}, (422, "invalid_input")),
        ("/infer", {"image_b64": "no base64!"}, (422, "invalid_input")),
        ("/infer", {}, (422, "invalid_input")),
        ("/infer", {"image_path": "/etc/passwd"}, (422, "invalid_input")),
        ("/infer", {"image_path": "../../etc/passwd"}, (422, "invalid_input")),
        ("/infer", {"image_path": "/dev/zero"}, (422, "invalid_input")),
        ("/infer", {"image_path": "a\0b"}, (422, "invalid_input")),
        ("/infer", {"image_path": "x" * 5000}, (422, "invalid_input")),
        ("/infer", {"request_id": "../up", "image_path": "x"}, (422, "invalid_input")),
        ("/infer", {"request_id": ".", "image_path": "x"}, (422, "invalid_input")),
        ("/items", {"item": {"path": "/etc/passwd"}}, (422, "invalid_input")),
        ("/items", {"item": {"path": 7}}, (422, "invalid_input")),
        ("/items", {"item": {}}, (422, "invalid_input")),
        ("/items", {"item": {"layers": {"layers": [{"file": "../../x"}]}}}, (422, "invalid_input")),
        ("/items", {"item": {"layers": {"layers": 1}}}, (422, "invalid_input")),
        ("/items", {"item": {"layers": {"layers": -1}}}, (422, "invalid_input")),
        ("/items", {"item": {"layers": {"layers": 1e308}}}, (422, "invalid_input")),
        ("/items", {"item": {"layers": {"layers": True}}}, (422, "invalid_input")),
        ("/items", {"item": {"layers_folder": ""}}, (422, "invalid_input")),
        ("/items", {"item": {"layers_folder": None}}, (422, "invalid_input")),
        ("/items", {"item": {"path": ""}}, (422, "invalid_input")),
        ("/nothing", {}, (404, "not_found")),
        ("/healthz", {}, (405, "method_not_allowed")),
    ],
)
def test_what_cannot_be_is_refused_in_the_contracts_form(
    edit: Running, route: str, wrong: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = edit.post(route, {"request_id": "wrong", **wrong})
    assert code(answer) == expected
    assert set(answer.json()["detail"]) == {"code", "message"}
    assert "Traceback" not in answer.text


def test_a_link_that_leads_outside_is_refused(edit: Running, root: Path) -> None:
    link = root / "link.jpg"
    link.symlink_to("/etc/hostname")
    assert code(edit.post("/infer", {"request_id": "link", "image_path": "link.jpg"})) == (
        422,
        "invalid_input",
    )


def test_an_engine_that_is_killed_costs_one_request_and_comes_back(layered: Running) -> None:
    with ThreadPoolExecutor(1) as pool:
        struck = pool.submit(layered.post, "/infer", body("struck", LARGE))
        deadline = time.monotonic() + 10
        while not metric(layered, "running"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for engine in psutil.Process(layered.process.pid).children():
            engine.kill()
        assert code(struck.result()) == (500, "infer_failed")
    assert layered.post("/infer", body("after")).status_code == 200


def test_requests_are_logged_with_their_ids(edit: Running, folder: Path) -> None:
    edit.post("/infer", body("logged"))
    mine: list[dict[str, Any]] = []
    deadline = time.monotonic() + 5
    # A line is written when its answer is out.
    while not mine and time.monotonic() < deadline:
        lines = [json.loads(line) for line in (folder / "edit.log").read_text("utf-8").splitlines()]
        mine = [line for line in lines if line.get("request_id") == "logged"]
    assert [(line["route"], line["status"]) for line in mine] == [("/infer", 200)]
    assert mine[0]["call"]


def test_a_token_is_asked_for_everywhere_but_at_the_health_routes(folder: Path, root: Path) -> None:
    arguments = ["--backend", "mock", "--cache-dir", str(folder / "token"), "--root", str(root)]
    with serving("edit", folder, *arguments, env={"EDIT_TOKEN": "säcret"}) as service:
        assert service.get("/healthz").status_code == service.get("/readyz").status_code == 200
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "säcret".encode()}):
            assert code(service.post("/infer", body("t"), headers=header)) == (401, "unauthorized")
            assert code(service.get("/metrics", headers=header)) == (401, "unauthorized")
        right = {b"Authorization": "Bearer säcret".encode()}
        assert service.post("/infer", body("t"), headers=right).status_code == 200


def test_bodies_and_pictures_are_bounded(folder: Path, root: Path) -> None:
    env = {"EDIT_MAX_BODY_MB": "1", "EDIT_MAX_PIXELS": "10000", "EDIT_CACHE_DIR": str(folder / "bounded")}
    with serving("edit", folder, "--backend", "mock", "--root", str(root), env=env) as service:
        assert code(service.post("/infer", {"request_id": "b", "image_b64": "A" * 1_100_000})) == (
            413,
            "too_large",
        )
        chunks = (b" " * 100_000 for _ in range(20))
        headers = {"content-type": "application/json"}
        streamed = httpx.post(f"{service.address}/infer", content=chunks, headers=headers)
        assert code(streamed) == (413, "too_large")
        assert code(service.post("/infer", body("b2", COFFEE[:150, :150]))) == (422, "invalid_input")
        assert service.post("/infer", body("b3", COFFEE[:100, :100])).status_code == 200


def test_a_taken_port_is_told(folder: Path, edit: Running) -> None:
    service = start("edit", folder, "--backend", "mock", port=int(edit.address.rpartition(":")[2]))
    assert service.process.wait(timeout=30) != 0
    assert "in use" in service.log.read_text("utf-8")


def test_64_clients_at_once_lose_nothing_and_get_nothing_twice(folder: Path) -> None:
    env = {"EDIT_CACHE_DIR": str(folder / "crowd")}
    small = COFFEE[:120, :160]
    refused: list[int] = []

    def client(number: int) -> list[str]:
        got: list[str] = []
        with httpx.Client(trust_env=False, timeout=60) as own:
            while len(got) < 3:
                asked = body(f"c{number}-{len(got)}", small)
                answer = own.post(f"{service.address}/infer", json=asked)
                if answer.status_code == 429:
                    refused.append(number)
                    time.sleep(0.1)
                    continue
                assert answer.status_code == 200
                got.append(answer.json()["request_id"])
        return got

    with serving("edit", folder, "--backend", "mock", "--max-concurrency", "2", env=env) as service:
        with ThreadPoolExecutor(64) as pool:
            answers = [request_id for got in pool.map(client, range(64)) for request_id in got]
        assert sorted(answers) == sorted(f"c{number}-{count}" for number in range(64) for count in range(3))
        assert metric(service, "images_total") == len(answers)
        assert metric(service, "errors_total", code="queue_full") == len(refused) > 0
        assert metric(service, "queue_length") == metric(service, "running") == 0
