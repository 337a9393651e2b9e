"""Backends of the stage edited_images."""
