"""The Parquet IO manager: writes a stage's table as its manifest, atomically, and retires the journal."""

import dagster as dg
import polars as pl
from upath import UPath

from iedf_assets.core.memory import give_back
from iedf_assets.core.storage.manifests import scan_table, write_table
from iedf_assets.core.storage.naming import Layout


class ManifestIOManager(dg.UPathIOManager):
    """Stores `polars.LazyFrame` outputs as `outputs/manifests/<stage>/<category>.parquet`."""

    extension = ".parquet"

    def __init__(self, layout: Layout) -> None:
        super().__init__(UPath(layout.manifests))
        self._layout = layout

    def dump_to_path(self, context: dg.OutputContext, obj: pl.LazyFrame, path: UPath) -> None:
        """Write the manifest, then drop the journal, all of whose rows it now holds. So ends a stage."""
        stage, category = context.asset_key.path[-1], context.asset_partition_key
        write_table(obj, self._layout.manifest(stage, category))
        self._layout.journal(stage, category).unlink(missing_ok=True)
        give_back()
        context.log.debug("written to %s", path)

    def load_from_path(self, context: dg.InputContext, path: UPath) -> pl.LazyFrame:
        """Read a manifest."""
        context.log.debug("reading %s", path)
        return scan_table(self._layout.manifest(context.asset_key.path[-1], context.asset_partition_key))
