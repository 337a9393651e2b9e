"""Workers: processes that load a model once and run many requests; of Dagster they know dagster-pipes."""
