"""How a mask is worn: rightly, or wrongly in one of many ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from data.exceptions import UsageError
from data.labels import Label
from synth.face_model import surface_depth
from synth.shapes import SHAPE_WEIGHTS, SHAPES, Shape


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


def _right(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    return shape


def _nose_tip_out(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    return _edge(_lower(shape, rng.uniform(0.31, 0.38), rng.uniform(0.02, 0.08)), rng)


def _nose_out(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    return _edge(_lower(shape, rng.uniform(0.38, 0.47), rng.uniform(0.03, 0.12)), rng)


def _edge(shape: Shape, rng: np.random.Generator) -> Shape:
    """Below the nose the upper edge runs straight as often as it is bent by the loops' pull or
    by the wire."""
    if rng.random() < 0.5:
        return shape
    return replace(
        shape,
        top_side=shape.top + rng.uniform(-0.03, 0.06),
        bow=rng.uniform(1.7, 3.2),
        crumple=shape.crumple + rng.uniform(0, 0.5),
    )


def _under_lip(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    moved = _lower(shape, rng.uniform(0.69, 0.79), rng.uniform(0.10, 0.28))
    return replace(
        moved,
        bottom_side=max(moved.bottom_side, moved.top_side + 0.22),
        tilt=float(np.clip(moved.tilt, -0.04, 0.04)),
    )


def _under_chin(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    """Pulled down: a gathered band around the chin, a strip folded up, or fabric at the neck."""
    kind = rng.choice(3, p=[0.5, 0.25, 0.25])
    top = rng.uniform(*((0.84, 1.0), (0.86, 0.98), (0.96, 1.06))[kind])
    height = rng.uniform(*((0.3, 0.5), (0.14, 0.24), (0.35, 0.55))[kind])
    drop = height * rng.uniform(0.5, 0.9) - 0.03
    side = top - rng.uniform(0.02, 0.16)
    return replace(
        _lower(shape, top, 0.0),
        top_side=side,
        bottom=top + height,
        bottom_side=max(top + drop, side + 0.1),
        bulge=(0.06, 0.05, 0.14)[kind],
        crumple=shape.crumple + rng.uniform(0.3, 1.4),
        # What hangs under the jaw is closer to the face than it is wide.
        width=shape.width * rng.uniform(0.88, 1.0),
        tilt=float(np.clip(shape.tilt, -0.08, 0.08)),
        valve=(),
    )


def _mouth_only(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    """Too small or folded: neither nose nor chin covered."""
    moved = _lower(shape, rng.uniform(0.40, 0.44), 0.0)
    bottom = rng.uniform(0.77, 0.87)
    top_side = min(moved.top_side, 0.5)
    side = max(min(moved.bottom_side, bottom), top_side + 0.16)
    return replace(
        moved,
        bottom=bottom,
        top_side=top_side,
        bottom_side=side,
        bow_bottom=0.0,
        tilt=float(np.clip(moved.tilt, -0.05, 0.05)),
    )


def _slipped(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    """Pulled aside: bunched up on one cheek, a corner of the mouth free on the other. On turned
    heads it lies on the cheek that is seen, and the more of the mouth is free."""
    side = _seen_side(rng, yaw)
    free = 0.007 * min(abs(yaw), 40.0) - rng.uniform(0.02, 0.14)
    far = rng.uniform(0.60, 0.68)
    width = (far - free) / 2
    return replace(
        shape,
        shift=side * (far + free) / 2,
        width=width * rng.uniform(0.95, 1.0),
        width_bottom=width * rng.uniform(0.95, 1.0),
        tilt=side * rng.uniform(0.0, 0.2),
        peak=0.0,
        crumple=shape.crumple + rng.uniform(0.3, 1.2),
    )


def _seen_side(rng: np.random.Generator, yaw: float) -> float:
    """1 for the right side of the face in the picture, -1 for the left: the one that is seen."""
    return float(rng.choice([-1, 1])) if abs(yaw) < 15 else -float(np.sign(yaw))


def _hanging(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    """From one ear by its loop, beside the cheek and nearly edge on; on the side that is seen."""
    side = _seen_side(rng, yaw)
    top = rng.uniform(0.26, 0.42)
    half = rng.uniform(0.09, 0.22)
    return replace(
        shape,
        hang=side,
        top=top,
        bottom=top + 2 * shape.width * rng.uniform(0.72, 0.92),
        shift=side * (rng.uniform(0.40, 0.52) + half),
        width_bottom=half,
        tilt=rng.uniform(-0.3, 0.3),
        bulge=rng.uniform(0.03, 0.08),
        crumple=shape.crumple + rng.uniform(0.2, 1.0),
        straps="loops",
    )


def _upside_down(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    """The wire at the chin, the edge without it gaping over the nose."""
    return replace(
        shape,
        flipped=True,
        peak=0.0,
        bulge=shape.bulge + rng.uniform(0.02, 0.06),
        # The wide edge is below now.
        width=shape.width_bottom,
        width_bottom=shape.width,
        bow=max(1.8, shape.bow),
    )


def _forehead(shape: Shape, rng: np.random.Generator, yaw: float) -> Shape:
    """Pushed up to talk or to eat: on the forehead, flat, its lower edge at or above the brows."""
    bottom = rng.uniform(-0.26, -0.06)
    height = rng.uniform(0.36, 0.62)
    return replace(
        shape,
        top=bottom - height,
        top_side=bottom - height * rng.uniform(0.7, 0.9),
        bottom=bottom,
        bottom_side=bottom - rng.uniform(-0.06, 0.06),
        width=shape.width * rng.uniform(0.86, 0.98),
        width_bottom=shape.width * rng.uniform(0.86, 0.98),
        bulge=rng.uniform(0.03, 0.08),
        peak=0.0,
        bow=max(1.8, shape.bow),
        crumple=shape.crumple + rng.uniform(0.2, 0.9),
        tilt=float(np.clip(shape.tilt + rng.uniform(-0.08, 0.08), -0.12, 0.12)),
    )


def _lower(shape: Shape, top: float, drop: float) -> Shape:
    """The mask pulled down until its upper edge is at `top`, its lower edge `drop` lower."""
    # The loops hold the sides: they follow only in part.
    side = max(shape.top_side + 0.45 * (top - shape.top), min(top + 0.02, 0.62))
    return replace(
        shape,
        top=top,
        top_side=side,
        bottom=max(shape.bottom + drop, top + 0.3),
        bottom_side=max(shape.bottom_side + 0.5 * drop, side + 0.18),
        peak=0.0,
        bow=max(shape.bow, 1.7),
        bulge=min(shape.bulge, 0.10),
    )


Wear = Callable[[Shape, np.random.Generator, float], Shape]

# State -> (class, how often within its class, how the shape changes). Of photos of masks worn
# wrongly most show the nose, or the mask under the chin.
STATES: dict[str, tuple[Label, float, Wear]] = {
    "right": (Label.WITH_MASK, 1.0, _right),
    "nose_tip_out": (Label.INCORRECT, 0.10, _nose_tip_out),
    "nose_out": (Label.INCORRECT, 0.36, _nose_out),
    "under_lip": (Label.INCORRECT, 0.10, _under_lip),
    "under_chin": (Label.INCORRECT, 0.22, _under_chin),
    "mouth_only": (Label.INCORRECT, 0.05, _mouth_only),
    "slipped": (Label.INCORRECT, 0.04, _slipped),
    "hanging": (Label.INCORRECT, 0.08, _hanging),
    "upside_down": (Label.INCORRECT, 0.01, _upside_down),
    "forehead": (Label.INCORRECT, 0.04, _forehead),
}


def draw_state(
    mix: Mix, rng: np.random.Generator, weights: Mapping[str, float] | None = None
) -> str:
    """A random state by the mix; "bare" for no mask.

    `weights` says how often each wrong state comes within `incorrect` (any non-negative numbers
    with a positive sum; states that it doesn't name don't come); None takes those of STATES.
    """
    label = rng.choice(len(Label), p=[mix.with_mask, mix.without_mask, mix.incorrect])
    if label == Label.WITHOUT_MASK:
        return "bare"
    if label == Label.WITH_MASK:
        return "right"
    known = {name: share for name, (of, share, _) in STATES.items() if of == Label.INCORRECT}
    shares = dict(weights) if weights is not None else known
    values = np.array(list(shares.values()), dtype=np.float64)
    return str(rng.choice(list(shares), p=values / values.sum()))


def styles_for(state: str, weights: Mapping[str, float] = SHAPE_WEIGHTS) -> Mapping[str, float]:
    """The weights of the styles that can be worn like that: without loops nothing hangs from an
    ear, a tube has no upper side, and cloth around the forehead is a headband. All of them where
    none is left."""
    if state not in ("hanging", "upside_down", "forehead"):
        return weights
    looped = {name: w for name, w in weights.items() if SHAPES[name].straps != "none"}
    return looped if sum(looped.values()) > 0 else weights


def state_to_label(state: str) -> Label:
    """The class of a state."""
    return Label.WITHOUT_MASK if state == "bare" else STATES[state][0]


def wear(shape: Shape, state: str, rng: np.random.Generator, yaw: float = 0.0) -> Shape:
    """The shape as it lies in that state.

    `yaw` is the head's in degrees, positive where the nose points right in the picture: what
    hangs from one ear or has slipped to one side does so on the side that is seen.
    """
    return STATES[state][2](shape, rng, yaw)


def displacement(right: Shape, worn: Shape) -> float:
    """How far a mask lies from where it belongs, in face units (nose bridge to chin is 1).

    The mean distance in space that the sheet's four corners and its middle have moved from
    `right` to `worn`, both laid on the mean face; 0 for a mask worn rightly. A sheet that is
    upside down is measured by its outline, as if it were the right way up: its corners hardly
    move, so neither does the number.
    """
    u, v = np.array([-1.0, 1, -1, 1, 0]), np.array([0.0, 0, 1, 1, 0.5])
    moved = worn.lay(u, v, surface_depth) - right.lay(u, v, surface_depth)
    return float(np.linalg.norm(moved, axis=-1).mean())
