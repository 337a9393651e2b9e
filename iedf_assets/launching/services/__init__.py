"""Work that running services do: their clients, not the services (see model_envs). Begin at `launcher.py`."""
