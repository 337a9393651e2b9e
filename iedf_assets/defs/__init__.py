"""What Dagster sees: assets, checks, jobs, sensors, resources. No image arithmetic. Begin at `build.py`."""
