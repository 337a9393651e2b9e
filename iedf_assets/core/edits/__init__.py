"""What is to be done to a photo, and the words for it; who does it is model_envs. Begin at `recipes.py`."""
