"""Asking vision models about pictures over HTTP, and what they are asked. Begin at `endpoint.py`."""
