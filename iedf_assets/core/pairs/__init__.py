"""A finished pair and its files: the stage edit_pairs. Begin at `finishing.py`."""
