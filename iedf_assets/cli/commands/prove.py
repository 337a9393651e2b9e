"""`iedf prove`: known faults in copies of the dataset's samples, and what share of them the judge finds."""

import tempfile
from pathlib import Path

from rich.table import Table

from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.cli.progress import TerminalProgress
from iedf_assets.core.asking.asker import judge_of
from iedf_assets.core.errors import ProfileError, StorageError
from iedf_assets.core.judging.proving import prove, worst_rates
from iedf_assets.core.judging.trusting import about_faults, is_trusted, with_people
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.joined import verdicts_of_all
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import read_reviews


def prove_other_judge(profile: Profile, per_class: int) -> bool:
    """Print how often the profile's judge is right, by class; whether it is to be trusted.

    Raises:
        ProfileError: the profile has no judge that can be asked here.
        StorageError: there is no sample to ask about.
    """
    judge = profile.workers.edit.judge
    if not judge.elsewhere:
        raise ProfileError(
            f"workers.edit.judge.by is {judge.by}: there is no judge to be asked here",
            "set it to endpoint or to a plugin; the model's own is asked where the model runs",
        )
    layout, limits = Layout.of(profile), profile.thresholds
    with TerminalProgress() as progress, tempfile.TemporaryDirectory(prefix="iedf-canaries-") as work:
        found = about_faults(
            layout.outputs,
            Path(work),
            judge_of(judge, "workers.edit.judge"),
            limits,
            per_class=per_class,
            seed=profile.seed,
            threads=judge.parallel,
            report=lambda done, total: progress("prove", "judge", done, total),
        )
    if not found:
        raise StorageError(f"{layout.dataset} has no sample with an index", "run `iedf run` first")
    rows = list(verdicts_of_all(layout, ("published", "rejected"), ("edit_id", "scores")))
    found += with_people(rows, read_reviews(layout), limits)
    table = Table("pairs", "asked", "right", "no answer")
    for one in found:
        table.add_row(one.name, str(one.asked), f"{one.rate:.0%}", str(one.silent))
    console = PlainConsole(soft_wrap=True)
    console.print(table)
    trusted = is_trusted(found)
    verdict = "can be trusted" if trusted else "is not to be trusted with what is published"
    console.print(
        f"{judge.model or judge.by} {verdict}: faults that it does not find are found by the checks"
    )
    return trusted


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
            thresholds=profile.thresholds,
            threads=thread_count(profile.threads),
            report=lambda done, total: progress("prove", "canaries", done, total),
        )
    if not found:
        raise StorageError(f"{layout.dataset} has no sample with an index", "run `iedf run` first")
    table = Table("canary", "strength", "copies", "found", "found without an index")
    for detection in found:
        rates = (f"{rate:.0%}" for rate in detection.rates)
        table.add_row(detection.name, detection.strength, str(detection.injected), *rates)
    console = PlainConsole(soft_wrap=True)
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
