"""The Layered and Edit services: a warm model behind HTTP, run in the model's own environment."""
