"""Plain Python on data: no Dagster, no torch. Everything here runs in any of the project's environments."""
