"""Measures of a mask: is it one whole thing, what was left, where does it go. Begin with `mask_scores`."""
