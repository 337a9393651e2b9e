"""What callers of a service see: routes, bodies, answers; no model, no process. Begin at `application.py`."""
