"""Fuzz: damaged photo files through the decoders of a run, and hostile requests through both services.

    python -m benchmarks.fuzz [--files 1500] [--requests 600] [--seed 0]

Every file has to end as a row with a status and a reason, no child process may die, and every request is to
be answered by the contract's form. How many files are accepted although they show something else than their
originals is printed by form. Exits 1 when a child died or an answer was none of the contract's.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from iedf_assets.core.apart.children import Apart
from iedf_assets.core.errors import SourceError
from iedf_assets.core.parallel import stream_map, thread_count
from iedf_assets.core.pictures.decoders import decoders
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.sections import Filters, Sources
from iedf_assets.core.reasons import DECODER_DIED, TIMED_OUT
from iedf_assets_tests.helpers.hostile_bodies import bodies
from iedf_assets_tests.helpers.mutants import Mutant, mutants, share_wrong
from iedf_assets_tests.helpers.serving import serving

# Of a picture's pixels: so many that are wrong are seen.
VISIBLE = 0.2


@dataclass
class Tally:
    """What became of the files.

    Attributes:
        reasons: word → number of files; `accepted` is one.
        broken: form → accepted files that visibly show something else.
        seconds: that each one took.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def died(self) -> int:
        """Files whose decoder crashed or hung."""
        return self.reasons[DECODER_DIED] + self.reasons[TIMED_OUT]


def damaged_files(count: int, seed: int, folder: Path) -> Tally:
    """Have so many damaged files decoded as a run does it, and compare what was accepted."""
    tally, apart = Tally(), decoders(load_profile(DEFAULT_PROFILE, []))

    def ended(mutant: Mutant) -> tuple[str, float, float]:
        path = folder / mutant.name
        path.write_bytes(mutant.data)
        begun = time.perf_counter()
        reason = _reason(apart, path)
        seconds, wrong = time.perf_counter() - begun, 0.0
        if reason == "accepted":
            shown = read_photo(path, max_pixels=Sources().max_pixels, max_megapixels=16).rgb
            wrong = share_wrong(shown, mutant.original)
        path.unlink()
        return reason, seconds, wrong

    for mutant, (reason, seconds, wrong) in stream_map(ended, mutants(count, seed), thread_count(0)):
        tally.reasons[reason] += 1
        tally.seconds.append(seconds)
        if wrong > VISIBLE:
            tally.broken[mutant.name.rpartition(".")[2]] += 1
    return tally


def _reason(apart: Apart, path: Path) -> str:
    sources = Sources()
    asked = [str(path), sources.max_pixels, 16.0, None, Filters().model_dump()]
    try:
        row = apart.call("iedf_assets.core.sources.ingest:shown", asked, sources.timeout_s)
    except SourceError as error:
        return error.reason
    return row["reason"] or "accepted"


def hostile_requests(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Send so many to each service; what it answered, how long that took, and its memory before and after."""
    told: dict[str, Any] = {}
    (folder / "root").mkdir()
    for kind in ("layered", "edit"):
        flags = ["--backend", "mock", "--root", str(folder / "root"), "--cache-dir", str(folder / kind)]
        with serving(kind, folder, *flags) as service, httpx.Client(timeout=60, trust_env=False) as client:
            process, statuses, waits = psutil.Process(service.process.pid), Counter[int](), list[float]()
            before = process.memory_info().rss
            for number, body in enumerate(bodies(seed, count)):
                content = body if isinstance(body, bytes) else json.dumps(body).encode("ascii")
                headers, begun = {"content-type": "application/json"}, time.perf_counter()
                route = ("/infer", "/items")[number % 2]
                answer = client.post(f"{service.address}{route}", content=content, headers=headers)
                statuses[answer.status_code] += 1
                waits.append(time.perf_counter() - begun)
            told[kind] = {
                "statuses": dict(statuses), "slowest s": round(max(waits), 2),
                "ready after": service.get("/readyz").json()["ready"],
                "MB before and after": [round(before / 1e6), round(process.memory_info().rss / 1e6)],
            }  # fmt: skip
    return told


def main(files: int = 300, requests: int = 200, seed: int = 0) -> bool:
    """Print what became of all; whether all held."""
    with tempfile.TemporaryDirectory(prefix="iedf-fuzz-") as name:
        begun = time.monotonic()
        tally = damaged_files(files, seed, Path(name))
        print(f"{files} files in {time.monotonic() - begun:.0f} s, seed {seed}")
        print("reasons:", dict(tally.reasons.most_common()))
        print(f"seconds: median {statistics.median(tally.seconds):.3f}, most {max(tally.seconds):.2f}")
        print(f"accepted and visibly broken: {tally.broken.total()}: {dict(tally.broken)}")
        answers = hostile_requests(requests, seed, Path(name)) if requests else {}
        for kind, told in answers.items():
            print(f"{kind}: {told}")
    held = all(set(told["statuses"]) <= {200, 413, 422} and told["ready after"] for told in answers.values())
    return tally.died == 0 and held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1500)
    parser.add_argument("--requests", type=int, default=600, help="to each service")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(not main(arguments.files, arguments.requests, arguments.seed))
