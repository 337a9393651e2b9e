"""Chaos: a factory is killed, raced and robbed at random, and has to end like one that was left alone.

    python -m benchmarks.chaos [--rounds 50] [--photos 200] [--seed 0] [--backend onnx]

Each round takes a factory of its own, strikes it once or twice while it runs, then runs it again, twice at
most. Every edit has to equal, byte for byte, that of the undisturbed factory; after kills alone its number
too. Exits 1 when one round does not.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from iedf_assets_tests.helpers.chaos import play
from iedf_assets_tests.helpers.factories import undisturbed


def main(rounds: int = 10, photos: int = 60, seed: int = 0, backend: str = "classical") -> bool:
    """Print the log of all rounds; whether all ended well."""
    with tempfile.TemporaryDirectory(prefix="iedf-chaos-") as name:
        begun = time.monotonic()
        reference = undisturbed(Path(name) / "undisturbed", photos, backend)
        run_s = time.monotonic() - begun
        print(f"{photos} photos, {len(reference.samples())} samples, {run_s:.1f} s undisturbed, {backend}\n")
        print("| round | what was injected | runs | what differs |\n|---|---|---|---|")
        well = True
        for number in range(seed, seed + rounds):
            played = play(number, Path(name) / str(number), reference, run_s)
            well = well and not played.problems
            faults, problems = "; ".join(played.faults), "; ".join(played.problems) or "nothing"
            print(f"| {number} | {faults} | {played.runs} | {problems} |", flush=True)
    return well


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each has its own")
    parser.add_argument(
        "--backend",
        choices=["onnx", "classical", "mock"],
        default="classical",
        help="mock takes a third of the time",
    )
    arguments = parser.parse_args()
    sys.exit(not main(arguments.rounds, arguments.photos, arguments.seed, arguments.backend))
