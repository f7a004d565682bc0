"""The weights that ship with maskwatch, verified at load."""
