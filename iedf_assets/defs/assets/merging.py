"""What is made of all categories' tables, in the run of one of them."""

from collections.abc import Callable
from typing import TypeVar

import dagster as dg

from iedf_assets.core.errors import StorageError
from iedf_assets.core.planning.book import is_readable
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.instance import PARTITION_TAG
from iedf_assets.defs.resources import Factory
from iedf_assets.defs.telling.failures import told_plainly

Made = TypeVar("Made")


def made_unless_others_are_broken(
    context: dg.AssetExecutionContext,
    factory: Factory,
    what: str,
    make: Callable[[Profile, Layout], Made],
) -> Made | dg.MaterializeResult[None]:
    """What `make` makes; in its place what to return, when only another category's tables are broken.

    The category of the run is published all the same, and what was made before stays.
    """
    with told_plainly():
        try:
            return make(factory.ready().profile, factory.layout)
        except StorageError as error:
            own = context.run.tags.get(PARTITION_TAG)
            if own is None or not is_readable(factory.profile, factory.layout, own):
                raise
            context.log.warning("the %s stays as it was: %s", what, error)
            return dg.MaterializeResult(metadata={"not written": str(error)})
