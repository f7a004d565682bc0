"""Looking up a sheet's points against maps whose inverse is known."""

import numpy as np
import pytest

from synth.face_model import Floats
from synth.raster import EDGE, MARGIN, View, length, look_up

ROWS, COLUMNS = 15, 21


def sheet(turn: float, wide: float, high: float, middle: tuple[float, float]) -> Floats:
    """A flat sheet turned by degrees: (rows, columns, 2) pixels, u by `wide`, v by `high`."""
    u = np.linspace(-EDGE, EDGE, COLUMNS)[None].repeat(ROWS, 0)
    v = np.linspace(-MARGIN, 1 + MARGIN, ROWS)[:, None].repeat(COLUMNS, 1)
    x, y = u * wide, (v - 0.5) * high
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return np.stack([c * x - s * y + middle[0], s * x + c * y + middle[1]], axis=-1)


def look(grid: Floats, size: tuple[int, int], nearer: tuple[float, float] = (0.0, 0.0)) -> View:
    extent = float(length(grid, 0).max()), float(length(grid, 1).max())
    return look_up(grid, size, extent, np.array(nearer))


@pytest.mark.parametrize("turn", [0.0, 30, 90, 200])
@pytest.mark.parametrize(("wide", "high"), [(40.0, 70.0), (12.0, 20.0), (90.0, 30.0)], ids=str)
def test_flat_sheets_are_inverted_exactly(turn: float, wide: float, high: float) -> None:
    view = look(sheet(turn, wide, high, (75.0, 80.0)), (160, 150))
    y, x = np.mgrid[:160, :150] + 0.5
    dx, dy = x - 75, y - 80
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    u, v = (c * dx + s * dy) / wide, (c * dy - s * dx) / high + 0.5
    inside = (np.abs(u) < 1) & (v > 0) & (v < 1)
    assert view.hit[inside].all()
    assert np.abs(view.u - u)[inside].max() < 1e-3
    assert np.abs(view.v - v)[inside].max() < 1e-3
    assert view.facing[inside].min() > 0.99


def test_sheets_seen_from_behind_are_not_seen() -> None:
    view = look(sheet(0, 40, 70, (75, 80))[:, ::-1], (160, 150))
    assert not view.hit.any()
    assert view.u.min() > 5


def test_sheets_outside_the_window_are_not_seen() -> None:
    assert not look(sheet(0, 40, 70, (900, 80)), (160, 150)).hit.any()


@pytest.mark.parametrize(("side", "sign"), [(1.0, 1), (-1.0, -1)], ids=["right", "left"])
def test_the_nearer_side_of_a_fold_is_seen(side: float, sign: int) -> None:
    """The right half of the sheet is pushed over the left one without turning away."""
    grid = sheet(0, 40, 70, (60, 60))
    grid[:, COLUMNS // 2 + 1 :, 0] -= 45
    view = look(grid, (120, 120), (side, 0.0))
    both = view.u[40:80, 25:50]
    assert (np.sign(both) == sign).mean() > 0.95


def test_gaps_between_samples_are_closed() -> None:
    view = look(sheet(20, 200, 300, (260, 240)), (480, 520))
    inner = view.hit[200:280, 200:320]
    assert inner.all()
