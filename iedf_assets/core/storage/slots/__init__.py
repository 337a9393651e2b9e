"""Slots that follow from others: which are derived of published ones. Begin at `derived.py`."""
