"""Photos found, told apart and left out: the stage source_images. Begin at `ingest.py`."""
