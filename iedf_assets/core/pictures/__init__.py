"""Pixels: reading them, their colours and geometry. Nothing of edits or judging. Begin at `photos.py`."""
