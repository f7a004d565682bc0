"""Things on and before faces that are no masks, and things before masks."""
