"""What share of known faults the judge finds in a dataset that the factory makes, with its index and bare.

    python -m benchmarks.canaries [--photos 24] [--megapixels 0.6] [--per-class 0] [--data FOLDER]

Every photo gets an edit of each subtype, and each canary goes into copies of the published samples. A copy
counts as detected when a check fails, not when one could not run. False rejects are copies without a fault of
which a check fails. Only pairs that the judge let pass are published, so with the index none is expected, and
what it rejected before is told by subtype.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from benchmarks.photos import CATEGORIES, put_photos
from iedf_assets.core.judging.proving import UNTOUCHED, Detection, prove
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.storage.journal import read_journal
from iedf_assets.core.storage.manifests import Rows

EACH_SUBTYPE = "{" + ", ".join(f"{name}: 1" for name, one in SUBTYPES.items() if not one.needs_model) + "}"
SETTINGS = (
    # The photos are variations of four; all of them are to be worked on.
    "sources.near_duplicate_bits=-1",
    *(f"categories.{category}.subtypes={EACH_SUBTYPE}" for category in CATEGORIES),
)


def main() -> None:
    """Print the table, the false rejects and what was missed."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="iedf-canaries-") as name:
        folder = Path(name)
        data = arguments.data or folder / "data"
        if arguments.data is None:
            put_photos(data, arguments.photos, arguments.megapixels)
        outputs = _made(data, folder / "outputs")
        samples = len(list(read_journal(outputs / "reports" / "index.jsonl")))
        print(f"\n{samples} published samples")
        print_outcomes(outputs)
        found = prove(
            outputs,
            folder / "work",
            per_class=arguments.per_class or max(samples, 1),
            threads=thread_count(0),
        )
    print_table(found)


def print_outcomes(outputs: Path) -> None:
    """How many edits of each subtype were published, and why the others were not, as Markdown."""
    paths = sorted((outputs / "manifests/dataset").glob("*.parquet"))
    outcomes = {name: Counter[str]() for name in SUBTYPES}
    for row in (row for path in paths for row in Rows(pl.read_parquet(path), "dataset").values()):
        outcomes[row["subtype"]][row["reason"] or row["status"]] += 1
    print("\n| subtype | published | not published, by reason |\n|---|---|---|")
    for name, counts in outcomes.items():
        reasons = ", ".join(f"{reason} {count}" for reason, count in counts.items() if reason != "published")
        print(f"| {name} | {counts['published']} | {reasons} |")
    print()


def print_table(found: Iterable[Detection]) -> None:
    """The rates of all classes as Markdown, then the false rejects, then the samples that were missed."""
    print("| canary | strength | injected | detected with the index | detected in a bare tree |")
    print("|---|---|---|---|---|")
    wrong = []
    for detection in found:
        indexed, bare = (f"{rate:.1%}" for rate in detection.rates)
        if detection.name == UNTOUCHED:
            wrong.append(f"false rejects of {detection.injected}: {indexed} with the index, {bare} bare\n")
        else:
            print(f"| {detection.name} | {detection.strength} | {detection.injected} | {indexed} | {bare} |")
        wrong += [f"- {detection.name}, with the index: {sample}" for sample in detection.missed]
        wrong += [f"- {detection.name}, bare: {sample}" for sample in detection.missed_bare]
    print("", *wrong, sep="\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--megapixels", type=float, default=0.6)
    parser.add_argument("--per-class", type=int, default=0, help="samples of each canary; 0 for all")
    parser.add_argument("--data", type=Path, help="photos to take instead, in categories")
    return parser.parse_args()


def _made(data: Path, outputs: Path) -> Path:
    """The outputs of a run of the factory on some photos."""
    folders = ["--data", str(data), "--outputs", str(outputs)]
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [sys.executable, "-m", "iedf_assets.cli", "run", *folders, *settings]
    subprocess.run(command, check=True, cwd=PROJECT_ROOT)
    return outputs


if __name__ == "__main__":
    main()
