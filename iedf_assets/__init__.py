"""Image Edit Dataset Factory: a Dagster project that turns photos into checked image-editing pairs."""

import os

from iedf_assets.core.memory import keep_few_heaps

# Polars' allocator keeps what was freed for a while; of tables that come and go that is more than is in use.
# It reads this when polars is imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
# Before any thread has a heap of its own.
keep_few_heaps()
