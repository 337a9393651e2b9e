"""What is known of a category and what is still to do; nothing is made here. Begin at `book.py`."""
