"""The weights that ship with maskwatch, verified at load."""

from weights.registry import default_weights, verify

__all__ = ["default_weights", "verify"]
