"""How requests reach workers: processes, services, Ray. Workers are in model_envs. Begin at `launch.py`."""
