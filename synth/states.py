"""How a mask is worn: rightly, or wrongly in one of many ways."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from data.exceptions import UsageError
from data.labels import Label
from synth.shapes import Shape


@dataclass(frozen=True)
class Mix:
    """Shares of the three classes among the faces, summing to one."""

    with_mask: float = 0.54
    without_mask: float = 0.3
    incorrect: float = 0.16

    def __post_init__(self) -> None:
        shares = (self.with_mask, self.without_mask, self.incorrect)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise UsageError(f"expected three shares that sum to 1, but got {shares}")


def text_to_mix(text: str) -> Mix:
    """Shares from "W,N,I" (with, without, incorrect; any positive numbers).

    Raises:
        UsageError: if it isn't three numbers, or they are negative or all zero.
    """
    try:
        values = [float(v) for v in text.split(",")]
    except ValueError as error:
        raise UsageError(f"expected --mix W,N,I such as 54,30,16, but got {text!r}") from error
    if len(values) != 3 or min(values) < 0 or not 0 < sum(values) < float("inf"):
        raise UsageError(f"expected --mix W,N,I such as 54,30,16, but got {text!r}")
    return Mix(*(v / sum(values) for v in values))


def _right(shape: Shape, rng: np.random.Generator) -> Shape:
    return shape


def _nose_tip_out(shape: Shape, rng: np.random.Generator) -> Shape:
    return _lower(shape, rng.uniform(0.31, 0.38), rng.uniform(0.02, 0.08))


def _nose_out(shape: Shape, rng: np.random.Generator) -> Shape:
    return _lower(shape, rng.uniform(0.38, 0.47), rng.uniform(0.03, 0.12))


def _under_lip(shape: Shape, rng: np.random.Generator) -> Shape:
    moved = _lower(shape, rng.uniform(0.66, 0.78), rng.uniform(0.10, 0.28))
    return replace(moved, bottom_side=max(moved.bottom_side, moved.top_side + 0.22))


def _under_chin(shape: Shape, rng: np.random.Generator) -> Shape:
    """Pulled down: a gathered band around the chin's lower edge."""
    top = rng.uniform(0.84, 1.0)
    return replace(
        _lower(shape, top, 0.0),
        top_side=top - rng.uniform(0.02, 0.16),
        bottom=top + rng.uniform(0.3, 0.5),
        bottom_side=top + rng.uniform(0.12, 0.3),
        bulge=0.06,
    )


def _mouth_only(shape: Shape, rng: np.random.Generator) -> Shape:
    """Too small or folded: neither nose nor chin covered."""
    moved = _lower(shape, rng.uniform(0.40, 0.46), 0.0)
    bottom = rng.uniform(0.76, 0.88)
    side = max(min(moved.bottom_side, bottom), moved.top_side + 0.1)
    return replace(moved, bottom=bottom, bottom_side=side)


def _lower(shape: Shape, top: float, drop: float) -> Shape:
    """The mask pulled down until its upper edge is at `top`, its lower edge `drop` lower."""
    by = top - shape.top
    return replace(
        shape,
        top=top,
        # The loops hold the sides: they follow only in part.
        top_side=max(shape.top_side + 0.45 * by, min(top + 0.02, 0.62)),
        bottom=max(shape.bottom + drop, top + 0.3),
        bottom_side=shape.bottom_side + 0.5 * drop,
        peak=0.0,
        bow=max(shape.bow, 1.7),
        bulge=min(shape.bulge, 0.10),
    )


Wear = Callable[[Shape, np.random.Generator], Shape]

# State -> (class, how often within its class, how the shape changes).
STATES: dict[str, tuple[Label, float, Wear]] = {
    "right": (Label.WITH_MASK, 1.0, _right),
    "nose_tip_out": (Label.INCORRECT, 0.12, _nose_tip_out),
    "nose_out": (Label.INCORRECT, 0.42, _nose_out),
    "under_lip": (Label.INCORRECT, 0.14, _under_lip),
    "under_chin": (Label.INCORRECT, 0.24, _under_chin),
    "mouth_only": (Label.INCORRECT, 0.08, _mouth_only),
}


def draw_state(mix: Mix, rng: np.random.Generator) -> str:
    """A random state by the mix; "bare" for no mask."""
    label = rng.choice(len(Label), p=[mix.with_mask, mix.without_mask, mix.incorrect])
    if label == Label.WITHOUT_MASK:
        return "bare"
    names = [name for name, (of, _, _) in STATES.items() if of == label]
    weights = np.array([STATES[name][1] for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))


def state_to_label(state: str) -> Label:
    """The class of a state."""
    return Label.WITHOUT_MASK if state == "bare" else STATES[state][0]


def wear(shape: Shape, state: str, rng: np.random.Generator) -> Shape:
    """The shape as it lies in that state."""
    return STATES[state][2](shape, rng)
