"""The dataset in the forms that trainers load. Begin at `export.py`; each form is a file of `formats/`."""
