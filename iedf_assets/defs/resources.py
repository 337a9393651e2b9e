"""The factory as the assets see it: profile, folders, the lock of a run's category, and progress."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Self

import dagster as dg

from iedf_assets.core.errors import FactoryError
from iedf_assets.core.parallel import Report
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import claim_outputs
from iedf_assets.defs.category_loop import Listener
from iedf_assets.defs.inputs import report_inputs
from iedf_assets.defs.instance import PARTITION_TAG, PROCESS_TAG, this_process, watching_for_dead_runs
from iedf_assets.defs.telling.run_tags import tags_of
from iedf_assets.launching.run_log import require_logs

LOG_INTERVAL_S = 5.0


class Factory:
    """What every asset and check of a run works with."""

    def __init__(
        self, profile: Profile, listener: Listener | None = None, categories: Sequence[str] = ()
    ) -> None:
        self.profile = profile
        self.layout = Layout.of(profile)
        self._listener = listener
        self._categories = categories
        self.refusal: FactoryError | None = None

    def ready(self) -> Self:
        """The factory itself, once it may be worked with.

        Raises:
            FactoryError: why it may not: another run holds the category, or the outputs are not ours.
        """
        if self.refusal:
            raise self.refusal
        return self

    @property
    def has_terminal(self) -> bool:
        """Whether somebody watches the run on a terminal, where workers' output would get in the way."""
        return self._listener is not None

    @property
    def asked_for(self) -> list[str]:
        """The categories that a run without a partition is about.

        Raises:
            ProfileError: the profile has no such category.
        """
        for name in self._categories:
            self.ready().profile.category(name)
        return list(self._categories or self.profile.categories)

    def book(self, category: str) -> Book:
        """What is known of a category right now, read afresh from disk."""
        return Book.open(self.ready().profile, self.layout, category)

    def progress(self, context: dg.AssetExecutionContext) -> Report:
        """A report that tells the listener at once, and the event log every five seconds."""
        stage, category = context.asset_key.path[-1], context.partition_key
        begun = logged = time.monotonic()

        def report(done: int, total: int) -> None:
            nonlocal logged
            if self._listener:
                self._listener(stage, category, done, total)
            now = time.monotonic()
            if now - logged >= LOG_INTERVAL_S:
                logged = now
                left = (now - begun) / done * (total - done)
                context.log.info("%d of %d, about %.0f s left", done, total, left)

        return report


def _make_ready(factory: Factory, stack: ExitStack, category: str | None) -> None:
    """See that the outputs are ours and logs have a place; hold a category's lock until the stack is left."""
    claim_outputs(factory.layout)
    if category is not None:
        require_logs(factory.layout)
        factory.profile.category(category)
        lock = factory.layout.category_lock(category)
        stack.enter_context(exclusive(lock, subject=f"the category {category}"))


AtEnd = Callable[[dg.DagsterInstance, Factory, str], None]
"""Called with (instance, factory, run id) when a run ends, however that happens short of being killed."""


def factory_resource(
    profile: Profile, listener: Listener | None = None, at_end: AtEnd | None = None
) -> dg.ResourceDefinition:
    """The resource `factory`: as long as a run, it holds its category's lock and watches for dead runs."""

    def provide(context: dg.InitResourceContext) -> Iterator[Factory]:
        factory = Factory(profile, listener, context.resource_config["categories"])
        run, instance = context.run, context.instance
        if run is None or instance is None:
            yield factory
            return
        category = run.tags.get(PARTITION_TAG)
        with ExitStack() as stack:
            if at_end:
                stack.callback(at_end, instance, factory, run.run_id)
            # What is wrong here the first step says: an error of a resource is hard to find in the UI.
            try:
                _make_ready(factory, stack, category)
            except FactoryError as error:
                factory.refusal = error
            instance.add_run_tags(run.run_id, {PROCESS_TAG: this_process(), **tags_of(profile, category)})
            if category is not None and factory.refusal is None:
                # Before the first step, whose materialization is of these versions.
                report_inputs(instance, profile, category)
                stack.enter_context(watching_for_dead_runs(instance, category))
            yield factory

    categories = dg.Field(
        [str],
        default_value=[],
        description="Of a run without a partition: the categories that its checks judge; [] for all.",
    )
    return dg.ResourceDefinition(
        provide,
        config_schema={"categories": categories},
        description="Profile, folders, the category's lock, progress.",
    )
