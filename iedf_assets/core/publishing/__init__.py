"""The gate and what it leaves: the stages dataset and dataset_index. Begin at `gate.py`."""
