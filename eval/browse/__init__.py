"""Browsing a detector's mistakes in FiftyOne, fixing labels there, bringing them back."""
