"""Child processes for what may hang, crash or take all memory. Begin at `children.py`."""
