"""What the way through a service costs beside a direct call, and how a service stands 64 clients at once.

    python -m benchmarks.services [--seconds 60]

Overhead: the same items of 1 MP made by a backend in this process and by the service's engine, one after the
other, the answer's files fetched into a folder as a run does. Load: 64 clients send pictures of 0.06 MP to
a mock with two engines and a queue of 16, for a minute; who gets 429 asks again. Latencies of /healthz are
taken by a client of its own.
"""

import argparse
import base64
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from benchmarks.photos import varied
from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.storage.files import content_hash, fresh_folder, place_file
from iedf_assets.launching.services.replicas import BUSY_S
from iedf_assets_tests.helpers.serving import Running, serving
from model_envs.layered.mock import Backend

ROUNDS, CLIENTS = 40, 64


def main(seconds: float = 60.0) -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory(prefix="iedf-bench-") as name:
        overhead(Path(name))
        load(Path(name), seconds)


def overhead(folder: Path) -> None:
    """Milliseconds that a 1 MP item takes directly and through the service, by path and in base64."""
    root = folder / "root"
    root.mkdir()
    source = root / "photo.jpg"
    source.write_bytes(encode_jpeg(varied(1, 1.0), 95))
    request = LayerRequest(
        key="k", source_id=content_hash(source.read_bytes()), path=str(source), max_megapixels=4.0,
        max_pixels=10**8, level="layers", max_area=1.0, seed=1, output="",
    )  # fmt: skip
    backend = Backend(ModelSettings())
    flags = ["--backend", "mock", "--max-concurrency", "1", "--root", str(root)]
    flags += ["--cache-dir", str(folder / "cache")]
    with serving("layered", folder, *flags) as service, httpx.Client(trust_env=False, timeout=60) as client:

        def directly(target: Path, _: int) -> None:
            with fresh_folder(target) as place:
                backend.run(request, place)

        def served(target: Path, number: int, *, by_path: bool) -> None:
            body: dict[str, Any] = {"request_id": f"{by_path}{number}", "item": item(request)}
            if not by_path:
                body |= {"source_b64": base64.b64encode(source.read_bytes()).decode(), "return_b64": True}
            answer = client.post(f"{service.address}/items", json=body).json()
            with fresh_folder(target) as place:
                for name in answer["names"]:
                    if by_path:
                        place_file(Path(answer["cache_dir"]) / name, place / name)
                    else:
                        (place / name).write_bytes(base64.b64decode(answer["files"][name]))

        ways: dict[str, Callable[[Path, int], None]] = {
            "directly": directly,
            "by path": lambda target, number: served(target, number, by_path=True),
            "in base64": lambda target, number: served(target, number, by_path=False),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        # Alternating, so that whatever slows the machine slows all alike.
        for number in range(ROUNDS):
            for way, make in ways.items():
                begun = time.perf_counter()
                make(folder / "out" / way / str(number), number)
                times[way].append(time.perf_counter() - begun)
    base = statistics.median(times["directly"])
    print("| way | ms per 1 MP item, median | overhead, ms |\n|---|---|---|")
    for way, found in times.items():
        middle = statistics.median(found)
        print(f"| {way} | {middle * 1e3:.1f} | {(middle - base) * 1e3:.1f} |")


def load(folder: Path, seconds: float) -> None:
    """Requests, refusals, memory and the health route's latency under 64 clients."""
    picture = base64.b64encode(encode_jpeg(np.ascontiguousarray(varied(1, 1.0)[:250, :250]), 90)).decode()
    flags = ["--backend", "mock", "--max-concurrency", "2", "--cache-dir", str(folder / "load")]
    statuses: Counter[int] = Counter()
    answered: Counter[str] = Counter()
    lock, stop = threading.Lock(), threading.Event()
    with serving("edit", folder, *flags, env={"EDIT_CACHE_MB": "50"}) as service:

        def client(number: int) -> None:
            with httpx.Client(trust_env=False, timeout=60) as own:
                made = 0
                while not stop.is_set():
                    request_id = f"c{number}-{made}"
                    body = {"request_id": request_id, "image_b64": picture}
                    answer = own.post(f"{service.address}/infer", json=body)
                    with lock:
                        statuses[answer.status_code] += 1
                        if answer.status_code == 200:
                            answered[answer.json()["request_id"]] += 1
                    if answer.status_code == 200:
                        made += 1
                    else:
                        # As the factory's own client does.
                        time.sleep(BUSY_S)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        # In a process of its own: here 64 threads would keep it waiting, not the service.
        ours, theirs = multiprocessing.Pipe()
        watcher = multiprocessing.get_context("spawn").Process(target=watch, args=(service.address, theirs))
        watcher.start()
        for thread in threads:
            thread.start()
        memory = sampled(service, seconds)
        ours.send(None)
        health = ours.recv()
        watcher.join()
        stop.set()
        for thread in threads:
            thread.join()
        counted = images_of(service)
    doubled = sum(count - 1 for count in answered.values())
    print(f"\n{CLIENTS} clients, {seconds:.0f} s: {dict(statuses)}; answers doubled {doubled}, ", end="")
    print(f"lost {counted - len(answered)} of {counted} made")
    quarter = len(memory) // 4
    early, late = max(memory[quarter : 2 * quarter]), max(memory[-quarter:])
    print(f"memory of service and engines: {early:.0f} MB in the second quarter, {late:.0f} MB in the last")
    last = sorted(health)
    print(
        f"/healthz: median {statistics.median(health) * 1e3:.1f} ms, 99th percentile "
        f"{last[int(len(last) * 0.99)] * 1e3:.1f} ms, worst {last[-1] * 1e3:.1f} ms of {len(last)}"
    )


def watch(address: str, told: Connection) -> None:
    """Ask whether the service lives until something comes; then send the latencies, seconds."""
    found = []
    with httpx.Client(trust_env=False, timeout=60) as own:
        while not told.poll(0.02):
            begun = time.perf_counter()
            own.get(f"{address}/healthz")
            found.append(time.perf_counter() - begun)
    told.send(found)


def sampled(service: Running, seconds: float) -> list[float]:
    """Memory of a service and its engines over time, MB."""
    process = psutil.Process(service.process.pid)
    found = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        everyone = [process, *process.children(recursive=True)]
        found.append(sum(one.memory_info().rss for one in everyone) / 1e6)
        time.sleep(0.5)
    return found


def images_of(service: Running) -> int:
    """How many pictures the service says it made."""
    lines = service.get("/metrics").text.splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("iedf_images_total")))


def item(request: LayerRequest) -> dict[str, Any]:
    """A request as /items takes it."""
    return {name: value for name, value in asdict(request).items() if name not in {"output", "row"}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    main(parser.parse_args().seconds)
