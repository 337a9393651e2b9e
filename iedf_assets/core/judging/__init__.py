"""What a pair and a tree of pairs must hold, and proof that the judge sees. Begin at `pair_checks.py`."""
