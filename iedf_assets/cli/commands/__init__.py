"""What each command does, a file by its name; its options are in `../main.py`."""
