"""The two-phase pipeline, the rival: a face finder, then a classifier on each face's crop."""
