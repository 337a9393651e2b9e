"""Asset checks: looks at what lies on disk, and what Dagster shows of them. Begin at `build.py`."""
