"""What is made of published pairs: its recipes, texts and requests. Begin at `plans.py`."""
