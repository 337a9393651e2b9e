"""The HTML report: one static page with every judged pair."""
