"""What is measured, against named baselines, in one run each: `python -m benchmarks.<name>`."""
