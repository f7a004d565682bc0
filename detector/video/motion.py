"""Where a face will be: a Kalman filter (Kalman 1960) of constant velocity over box and time.

Centre and size of a box are four independent quantities, each with its velocity. Noise is in
proportion to the face's height, as in SORT and ByteTrack (Zhang et al. 2022), but steps are in
seconds, for cameras drop frames.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Boxes of a still face jitter by some 3 % of its height (measured on the clips of 720p); people
# start and stop with up to a few head heights/s², and grow or shrink more slowly.
MEASURE = 0.03
ACCELERATION = np.array([6.0, 6.0, 2.0, 2.0])
# A face that isn't seen is taken to slow down: extrapolated, it would leave the picture.
COASTING = 0.3


@dataclass(frozen=True, eq=False)
class Motion:
    """What is known of T boxes.

    Attributes:
        mean: (T, 4, 2) float64, [value, velocity] of centre x, centre y, width, height; px, px/s.
        spread: (T, 4, 2, 2) float64, their covariances.
    """

    mean: Floats
    spread: Floats

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def xyxy(self) -> Floats:
        """(T, 4) float64 boxes, px; at least 1 px wide and high."""
        centre, half = self.mean[:, :2, 0], np.maximum(self.mean[:, 2:, 0], 1.0) / 2
        return np.concatenate([centre - half, centre + half], axis=1)

    def select(self, index: NDArray[np.int64] | list[int]) -> "Motion":
        """Those at `index`."""
        picked = np.asarray(index, dtype=np.int64)
        return Motion(self.mean[picked], self.spread[picked])


def start(xyxy: Floats) -> Motion:
    """(T, 4) boxes seen for the first time: at rest, their velocities unknown."""
    values = to_values(xyxy)
    height = np.maximum(values[:, 3], 1.0)
    spread = np.zeros((len(values), 4, 2, 2))
    spread[:, :, 0, 0] = (MEASURE * height[:, None]) ** 2
    spread[:, :, 1, 1] = (ACCELERATION * 0.5 * height[:, None]) ** 2
    return Motion(np.stack([values, np.zeros_like(values)], axis=-1), spread)


def join(first: Motion, second: Motion) -> Motion:
    """Both, in this order."""
    return Motion(
        np.concatenate([first.mean, second.mean]), np.concatenate([first.spread, second.spread])
    )


def to_values(xyxy: Floats) -> Floats:
    """(T, 4) [x1, y1, x2, y2] to (T, 4) [centre x, centre y, width, height]."""
    low, high = xyxy[:, :2], xyxy[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def predict(motion: Motion, elapsed: float, coasting: NDArray[np.bool_]) -> Motion:
    """`elapsed` seconds later; (T,) bool `coasting` are those that weren't seen last time."""
    step = np.array([[1.0, elapsed], [0.0, 1.0]])
    mean = motion.mean @ step.T
    # Noise of a piecewise constant acceleration (Bar-Shalom et al. 2001, section 6.3.2).
    gain = np.array([elapsed**2 / 2, elapsed])
    height = np.maximum(motion.mean[:, 3, 0], 1.0)
    noise = (ACCELERATION * height[:, None]) ** 2  # (T, 4)
    spread = step @ motion.spread @ step.T + noise[..., None, None] * np.outer(gain, gain)
    mean[coasting, :, 1] *= np.exp(-elapsed / COASTING)
    return Motion(mean, spread)


def correct(motion: Motion, xyxy: Floats) -> Motion:
    """After boxes (T, 4) were seen, one for each."""
    height = np.maximum(motion.mean[:, 3, 0], 1.0)
    noise = (MEASURE * height[:, None]) ** 2  # (T, 1)
    gain = motion.spread[..., 0] / (motion.spread[..., 0, 0] + noise)[..., None]  # (T, 4, 2)
    wrong = to_values(xyxy) - motion.mean[..., 0]
    mean = motion.mean + gain * wrong[..., None]
    spread = motion.spread - gain[..., :, None] * motion.spread[..., 0, None, :]
    return Motion(mean, spread)
