"""Kernel Inception Distance (Binkowski, Sutherland, Arbel & Gretton 2018, "Demystifying MMD
GANs"), on features of a detector in Inception's place.

The squared maximum mean discrepancy of two sets of features under the kernel
(x . y / d + 1)^3, without bias: about 0, and as often below as above, for two samples of one
source.
"""

from dataclasses import dataclass

import numpy as np

from data.boxes import Floats
from data.exceptions import DatasetError

SUBSETS = 100
SUBSET_SIZE = 100


@dataclass(frozen=True)
class Kid:
    """Mean and standard deviation over random subsets."""

    mean: float
    sd: float


def kernel(x: Floats, y: Floats) -> Floats:
    """(N, d) and (M, d) features to the (N, M) polynomial kernel."""
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def squared_mmd(x: Floats, y: Floats) -> float:
    """Unbiased squared MMD of (N, d) and (M, d) features (Gretton et al. 2012, eq. 3)."""
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    n, m = len(x), len(y)
    within_x = (xx.sum() - np.trace(xx)) / (n * (n - 1))
    within_y = (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within_x + within_y - 2 * xy.mean())


def kid(
    x: Floats,
    y: Floats,
    rng: np.random.Generator,
    subsets: int = SUBSETS,
    size: int = SUBSET_SIZE,
) -> Kid:
    """KID of (N, d) and (M, d) features over random subsets without replacement.

    Raises:
        DatasetError: if there are fewer than four features on a side.
    """
    # Half of a side at most: larger subsets would be nearly the same each time, their spread none.
    size = min(size, len(x) // 2, len(y) // 2)
    if size < 2:
        raise DatasetError(f"expected four faces or more on each side, but got {len(x)}, {len(y)}")
    values = [
        squared_mmd(
            x[rng.choice(len(x), size, replace=False)], y[rng.choice(len(y), size, replace=False)]
        )
        for _ in range(subsets)
    ]
    return Kid(float(np.mean(values)), float(np.std(values)))
