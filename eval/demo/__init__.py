"""`maskwatch demo`: the whole loop in small, on sample photos of installed packages."""
