"""Measures of a pair: numbers alone, no verdicts, which judging gives. Begin at `scores.py`."""
