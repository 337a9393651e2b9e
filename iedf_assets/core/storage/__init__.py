"""What lies on disk, and how it survives: paths, tables, journals, locks. No pixels. Begin at `naming.py`."""
