"""Image Edit Dataset Factory: a Dagster project that turns photos into checked image-editing pairs."""

import os

# Polars' allocator keeps what was freed for a while; of tables that come and go that is more than is in use.
# It reads this when polars is imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
