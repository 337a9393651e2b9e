"""How requests reach workers: processes, services, Ray. The workers are in model_envs. Begin at `launch.py`."""
