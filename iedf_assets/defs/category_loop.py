"""What `iedf run` does: wave after wave of each category, until nothing untried is pending."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from iedf_assets.core.errors import FactoryError, MassWithdrawalError
from iedf_assets.core.planning.book import STAGES, Book
from iedf_assets.core.planning.forgetting import forget, retry_failed
from iedf_assets.core.planning.pending import failed_attempts, is_left_over, unfinished, verdicts_state
from iedf_assets.core.planning.withdrawals import require_meant
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.gate import sweep_dataset
from iedf_assets.core.publishing.index import is_behind
from iedf_assets.core.sources import scan
from iedf_assets.core.sources.facts import Finding
from iedf_assets.core.sources.ingest import require_inputs
from iedf_assets.core.storage.ledger import Ledger
from iedf_assets.core.storage.leftovers import sweep_stage
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import STAGED, Layout, SampleKey
from iedf_assets.core.storage.ownership import claim_outputs
from iedf_assets.core.unforeseen import last_words
from iedf_assets.launching.run_log import require_logs

Listener = Callable[[str, str, int, int], None]
"""Called with (stage, category, done, total) as a stage gets on."""


class Waves(Protocol):
    """What takes a wave of a category through all stages."""

    def run(self, category: str) -> None:
        """Run one wave.

        Raises:
            FactoryError: the run did not succeed; says which stage and why.
        """


@dataclass
class Outcome:
    """How a category fared.

    Attributes:
        waves: how many runs it took.
        counts: status → rows, by stage, as they stand now.
        error: why the category stopped; None when it went through.
        asks: whether it stopped because it would take away much of what is published.
        notes: what was mended on the way.
        findings: what of the facts beside its photos is not used.
    """

    category: str
    waves: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    error: str | None = None
    asks: bool = False
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def failed_rows(self) -> int:
        """Rows that failed, in whichever stage."""
        return sum(counts.get("failed", 0) for stage, counts in self.counts.items() if stage != "dataset")

    @property
    def went_through(self) -> bool:
        """Whether everything ended as filtered, rejected or published."""
        return self.error is None and self.failed_rows == 0


def run_category(
    profile: Profile, name: str, waves: Waves, *, force: str | None = None, retry: bool = False
) -> Outcome:
    """Everything pending of a category.

    Args:
        force: a stage that is made anew, with all that follows from it.
        retry: try parked rows again.
    """
    layout = Layout.of(profile)
    outcome = Outcome(name)
    try:
        claim_outputs(layout)
        with exclusive(layout.category_lock(name), subject=f"the category {name}"):
            if force:
                forget(layout, name, force)
            if retry:
                retry_failed(layout, name)
            outcome.notes += _restored(profile, layout, name)
        _run_waves(profile, layout, outcome, waves)
        if not outcome.waves:
            # Stages sweep as they begin; the last of it may have been done by another machine, which cannot.
            _sweep(profile, layout, name)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with one category, the others go on
        outcome.error = last_words(error, layout.dagster_home)
        outcome.asks = isinstance(error, MassWithdrawalError)
    try:
        outcome.counts = Book.open(profile, layout, name).counts()
    except Exception as error:  # noqa: BLE001
        outcome.error = outcome.error or last_words(error)
        outcome.counts = {stage: {} for stage in STAGES}
    return outcome


def _sweep(profile: Profile, layout: Layout, name: str) -> None:
    for stage in STAGED:
        sweep_stage(layout, stage)
    sweep_dataset(layout, profile.category(name))


def _restored(profile: Profile, layout: Layout, name: str) -> list[str]:
    """Has the ledger know all numbers that the category's manifest knows; what to tell of that."""
    picked = Book.open(profile, layout, name).verdicts.pick("edit_id", "sample_key", "status")
    known = [
        (edit_id, SampleKey.parse(sample), status == "published")
        for edit_id, sample, status in picked
        if edit_id and sample
    ]
    lost = Ledger(layout).restore(known, name)
    told = f"{name}: the ledger had lost {lost} numbers that the manifest knows; it has them again"
    return [told] if lost else []


def _run_waves(profile: Profile, layout: Layout, outcome: Outcome, waves: Waves) -> None:
    tries_before = failed_attempts(Book.open(profile, layout, outcome.category))
    before: _Look | None = None
    while True:
        look = _look(profile, layout, outcome, tries_before)
        if not look.untried and look.tidy:
            return
        if before is None:
            found = scan.find_files(layout, outcome.category, profile.sources)
            # The book is let go of at once: a wave opens its own.
            require_meant(Book.open(profile, layout, outcome.category), found)
            require_logs(layout)
        # Other photos may have come or changed meanwhile.
        if before and before.untried.issubset(look.untried) and not look.got_on_from(before):
            count, example = len(look.untried), min(look.untried)
            raise FactoryError(
                f"{count} photos of {outcome.category} do not get on, {example} for one",
                "look at the run in the UI (`make dev`) and at the logs",
            )
        before = look
        waves.run(outcome.category)
        outcome.waves += 1


class _Look(NamedTuple):
    """What is to be done of a category.

    Attributes:
        untried: the paths that are still to be worked on.
        through: how many others there are.
        verdicts: another number when any verdict is another: a slot's next try, something derived.
        tidy: whether nothing else is to be done.
    """

    untried: frozenset[str]
    through: int
    verdicts: int
    tidy: bool

    def got_on_from(self, before: "_Look") -> bool:
        """Whether anything came of the wave since an earlier look."""
        return self.through > before.through or self.verdicts != before.verdicts


def _look(profile: Profile, layout: Layout, outcome: Outcome, tries_before: Mapping[str, int]) -> _Look:
    """What is to be done now. The book is let go of here: a wave opens its own."""
    book = Book.open(profile, layout, outcome.category)
    told = scan.look_around(layout, book.name, profile.sources)
    found = require_inputs(
        layout.data / book.name, told and told.photos, book.sources, profile.sources.max_loss_share
    )
    outcome.findings = told.findings if told else []
    tries = failed_attempts(book)
    untried = frozenset(
        path for path in unfinished(book, found) if tries.get(path, 0) <= tries_before.get(path, 0)
    )
    tidy = outcome.waves > 0 or not (
        is_left_over(book, found)
        or not layout.index.exists()
        or is_behind(layout, outcome.category, profile.sources)
    )
    return _Look(untried, len(found) - len(untried), verdicts_state(book), tidy)
