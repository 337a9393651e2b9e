"""Work that jobs on a Ray cluster do; what a job runs is in model_envs. Begin at `launcher.py`."""
