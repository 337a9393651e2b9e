"""The command `iedf`. Commands import what they need only when they run, to be quick."""
