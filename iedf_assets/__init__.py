"""Image Edit Dataset Factory: a Dagster project that turns photos into checked image-editing pairs."""
