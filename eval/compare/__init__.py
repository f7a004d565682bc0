"""The single-stage detector beside the two-phase pipeline, on the same pictures."""
