"""`iedf prove`: known faults in copies of the dataset's samples, and what share of them the judge finds."""

import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from iedf_assets.cli.progress import TerminalProgress
from iedf_assets.core.errors import StorageError
from iedf_assets.core.judging.proving import prove, worst_rates
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout


def prove_judge(profile: Profile, per_class: int) -> bool:
    """Print the table of detection rates; whether every canary was found and no good sample rejected.

    Raises:
        StorageError: there is no sample to put a canary into.
    """
    layout = Layout.of(profile)
    with TerminalProgress() as progress, tempfile.TemporaryDirectory(prefix="iedf-canaries-") as work:
        found = prove(
            layout.outputs,
            Path(work),
            per_class=per_class,
            seed=profile.seed,
            threads=thread_count(profile.threads),
            report=lambda done, total: progress("prove", "canaries", done, total),
        )
    if not found:
        raise StorageError(f"{layout.dataset} has no sample with an index", "run `iedf run` first")
    table = Table("canary", "strength", "copies", "found", "found without an index")
    for detection in found:
        rates = (f"{rate:.0%}" for rate in detection.rates)
        table.add_row(detection.name, detection.strength, str(detection.injected), *rates)
    console = Console(markup=False, emoji=False, soft_wrap=True)
    console.print(table)
    for detection in found:
        for sample in sorted({*detection.missed, *detection.missed_bare}):
            console.print(f"{detection.name}: {sample}")
    worst = worst_rates(found)
    console.print(
        f"lowest detection rate {worst['lowest_detection_rate']:.0%}, "
        f"good samples rejected {worst['false_reject_rate']:.1%}"
    )
    return all(detection.holds for detection in found)
