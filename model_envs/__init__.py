"""Workers: processes that load a model once and run many requests. Of Dagster they know dagster-pipes only."""
