"""What is put before a factory's processes: `sitecustomize.py`, which Python runs first."""
