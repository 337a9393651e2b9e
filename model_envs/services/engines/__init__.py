"""The processes that hold a service's backends: started, used, ended; nothing of HTTP. Begin at `pool.py`."""
