"""What is made of published pairs: its recipes, texts and requests; begin at `plans.py`. What they are made of: `raws.py`."""
