"""What is made of published pairs: its plans, texts, requests (`plans.py`); what pairs are of (`raws.py`)."""
