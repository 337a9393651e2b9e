"""`iedf run`: progress while it runs, counts at the end."""

import signal
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from types import FrameType

import polars as pl

from iedf_assets.cli.consoles import PlainConsole, named_table
from iedf_assets.cli.progress import TerminalProgress
from iedf_assets.core.errors import StorageError
from iedf_assets.core.memory import importing
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.limits import Allowance
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.orphans import orphans
from iedf_assets.core.sources.facts import Finding
from iedf_assets.core.sources.scan import left_alone
from iedf_assets.core.storage.manifests import read_rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.category_loop import Listener, Outcome, run_category
from iedf_assets.launching.run_log import add_line, new_run_log

FAULTS_SHOWN = 10
REASONS_SHOWN = 4


class LazyWaves:
    """Waves through Dagster, which is imported when the first wave runs: an idle run needs none of it."""

    def __init__(self, profile: Profile, progress: Listener, log: Path | None = None) -> None:
        self._profile, self._log = profile, log
        self._progress = progress
        self._waves: object | None = None

    def run(self, category: str) -> None:
        """Run one wave of a category."""
        with importing():
            from iedf_assets.defs.wave_runs import InProcessWaves  # noqa: PLC0415

        if not isinstance(self._waves, InProcessWaves):
            self._waves = InProcessWaves(self._profile, self._progress, self._log)
        self._waves.run(category)


def run_all(profile: Profile, names: list[str], *, force: str | None = None, retry: bool = False) -> bool:
    """Run categories, print what became of them; whether all went through."""
    signal.signal(signal.SIGTERM, _interrupt)
    begun, log = time.monotonic(), new_run_log(Layout.of(profile))
    outcomes = []
    layout = Layout.of(profile)
    with TerminalProgress() as progress:
        for line in left_alone(layout, profile):
            progress.say(line)
        waves = LazyWaves(profile, progress, log)
        for name in names:
            before = _published(profile, name)
            outcome = run_category(profile, name, waves, force=force, retry=retry)
            if outcome.asks and progress.ask(f"{name}: {outcome.error}\nTake them away all the same?"):
                lenient = letting_go(profile)
                outcome = run_category(
                    lenient, name, LazyWaves(lenient, progress, log), force=force, retry=retry
                )
            for note in outcome.notes:
                progress.say(note)
            progress.say(_line(outcome))
            if left := before - _published(profile, name):
                progress.say(f"{name}: {_counted(len(left), 'sample')} left the dataset, such as {min(left)}")
            add_line(log, category=name, waves=outcome.waves, error=outcome.error, counts=outcome.counts)
            outcomes.append(outcome)
    _print_counts(outcomes, time.monotonic() - begun, profile)
    PlainConsole().print(f"log: {log}", soft_wrap=True)
    return all(outcome.went_through for outcome in outcomes)


def _published(profile: Profile, category: str) -> set[str]:
    """The keys of a category's published samples."""
    with suppress(StorageError):  # of a broken table, of which more is told elsewhere
        rows = read_rows(Layout.of(profile), "dataset", category)
        return {key for (key,) in rows.where(pl.col("status") == "published").pick("sample_key")}
    return set()


def letting_go(profile: Profile) -> Profile:
    """The profile under which a run may take away whatever is published."""
    limits = profile.limits.model_copy(update={"max_withdrawn_share": 1.0})
    return profile.model_copy(update={"limits": limits})


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _line(outcome: Outcome) -> str:
    if outcome.error:
        return f"{outcome.category}: FAILED\n{outcome.error}"
    published = outcome.counts["dataset"].get("published", 0)
    done = _counted(outcome.waves, "wave") if outcome.waves else "nothing to do"
    return f"{outcome.category}: {done}, {published} published"


def _print_counts(outcomes: list[Outcome], seconds: float, profile: Profile) -> None:
    numbers = ("photos", "accepted", "filtered", "edits", "published", "rejected", "failed")
    table = named_table({"category": [outcome.category for outcome in outcomes]}, numbers)
    for outcome in outcomes:
        sources, verdicts = outcome.counts["source_images"], outcome.counts["dataset"]
        filtered = sources.get("filtered", 0) + outcome.counts["image_layers"].get("filtered", 0)
        accepted = sum(sources.values()) - filtered - sources.get("failed", 0) - sources.get("pending", 0)
        edits = sum(count for status, count in verdicts.items() if status != "withdrawn")
        row = [sum(sources.values()), accepted, filtered, edits, verdicts.get("published", 0),
               verdicts.get("rejected", 0), outcome.failed_rows]  # fmt: skip
        table.add_row(outcome.category, *map(str, row))
    console = PlainConsole()
    console.print(table)
    layout = Layout.of(profile)
    for line in Allowance.of(profile, layout).reached:
        told = f"a limit is reached: {line} to go on; what waits stays pending"
        console.print(told, soft_wrap=True, markup=False)
    for outcome in outcomes:
        faults = faults_of_facts(outcome.category, outcome.findings)
        for line in [*_left_out(profile, layout, outcome), *_rejected(layout, outcome), *faults]:
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    for line in nobodys_samples(layout):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    told = f"{seconds:.1f} s; dataset: {layout.dataset}; reports: {layout.reports}"
    console.print(told, soft_wrap=True, markup=False)


def _rejected(layout: Layout, outcome: Outcome) -> list[str]:
    """How many edits of a category were rejected, by what most often, and where each can be looked at."""
    count = outcome.counts["dataset"].get("rejected", 0)
    if not count:
        return []
    reasons: Counter[str] = Counter()
    rows = read_rows(layout, "dataset", outcome.category).where(pl.col("status") == "rejected")
    for failed, reason in rows.pick("failed_checks", "reason"):
        reasons.update(failed or [reason])
    told = ", ".join(f"{reason} {times}" for reason, times in reasons.most_common(REASONS_SHOWN))
    edits = _counted(count, "edit")
    return [f"{outcome.category}: {edits} rejected, most often by {told}; iedf report shows each"]


def faults_of_facts(category: str, findings: list[Finding]) -> list[str]:
    """What to say of facts that are not understood: the first few of them, by file and line."""
    rest = len(findings) - FAULTS_SHOWN
    told = [f"{category}: a fact is not used: {finding}" for finding in findings[:FAULTS_SHOWN]]
    return [*told, f"{category}: {rest} more facts are not used"] if rest > 0 else told


def nobodys_samples(layout: Layout) -> list[str]:
    """What to say of samples that lie in the dataset and that nobody published."""
    with suppress(StorageError):  # of a broken table, of which more is told elsewhere
        if found := orphans(layout):
            told = f"{len(found)} samples lie in the dataset that no category published, such as {found[0]}"
            return [f"{told}: iedf check lists them; move them elsewhere, or restore their manifests"]
    return []


def _left_out(profile: Profile, layout: Layout, outcome: Outcome) -> list[str]:
    """How many photos of a category were left out for which reason, and one for each."""
    if not outcome.counts["source_images"]:
        return []
    rows = Book.open(profile, layout, outcome.category).sources
    reasons: dict[str, list[str]] = defaultdict(list)
    for path, reason in rows.where(pl.col("status").is_in(["filtered", "failed"])).pick("path", "reason"):
        reasons[reason].append(path)
    return [
        f"{outcome.category}: {len(paths)} left out, {reason}, such as {min(paths)}"
        for reason, paths in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
