"""What a run depends on: every key of a profile, and loading one. Begin at `schema.py`."""
