"""Heads whose pose is known."""

import numpy as np

from synth.face_model import Floats, Placement, mean_five


def turned_points(yaw: float) -> Floats:
    """(5, 2) points in pixels of the mean face, turned by so many degrees: eyes, nose, mouth."""
    a = np.radians(yaw)
    rotation = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    return Placement(50.0, rotation, np.array([100.0, 100]), np.zeros((68, 2))).project(mean_five())
