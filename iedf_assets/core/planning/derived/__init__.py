"""What is made of published pairs: recipes, texts, requests (`plans.py`); what pairs are made of (`raws.py`)."""
