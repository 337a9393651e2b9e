"""The factory as the assets see it: profile, folders, the lock of a run's category, and progress."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import dagster as dg

from iedf_assets.core.parallel import Report
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import claim_outputs
from iedf_assets.defs.category_loop import Listener
from iedf_assets.defs.inputs import report_inputs
from iedf_assets.defs.instance import PROCESS_TAG, this_process, watching_for_dead_runs

LOG_INTERVAL_S = 5.0
PARTITION_TAG = "dagster/partition"


class Factory:
    """What every asset and check of a run works with."""

    def __init__(
        self, profile: Profile, listener: Listener | None = None, categories: Sequence[str] = ()
    ) -> None:
        self.profile = profile
        self.layout = Layout.of(profile)
        self._listener = listener
        self._categories = categories

    @property
    def asked_for(self) -> list[str]:
        """The categories that a run without a partition is about.

        Raises:
            ProfileError: the profile has no such category.
        """
        for name in self._categories:
            self.profile.category(name)
        return list(self._categories or self.profile.categories)

    def book(self, category: str) -> Book:
        """What is known of a category right now, read afresh from disk."""
        return Book.open(self.profile, self.layout, category)

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


def factory_resource(profile: Profile, listener: Listener | None = None) -> dg.ResourceDefinition:
    """The resource `factory`: as long as a run, it holds its category's lock and watches for dead runs."""

    def provide(context: dg.InitResourceContext) -> Iterator[Factory]:
        factory = Factory(profile, listener, context.resource_config["categories"])
        claim_outputs(factory.layout)
        if context.run and context.instance:
            context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: this_process()})
        category = context.run.tags.get(PARTITION_TAG) if context.run else None
        if category is None:
            yield factory
            return
        with ExitStack() as stack:
            lock = factory.layout.category_lock(category)
            stack.enter_context(exclusive(lock, subject=f"the category {category}"))
            if context.instance:
                # Before the first step, whose materialization is of these versions.
                report_inputs(context.instance, profile, category)
                stack.enter_context(watching_for_dead_runs(context.instance))
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
