"""The Layered and Edit services: a warm model behind HTTP, in the model's own environment; no client of them.

`web/` holds what callers see and `engines/` the processes with the models; `desk.py`, where to begin reading,
stands between the two.
"""
