"""A file for each form: which files it has (`units`), and reading them back (`read`)."""
