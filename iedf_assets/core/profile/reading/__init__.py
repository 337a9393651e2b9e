"""A profile as it is written: what the command line sets, where each value comes from, what is wrong."""
