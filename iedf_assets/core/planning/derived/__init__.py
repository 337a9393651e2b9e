"""What is made of published pairs: recipes, texts, requests (`plans.py`); what they are made of (`raws.py`)."""
