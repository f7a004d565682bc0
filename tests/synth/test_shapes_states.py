"""Shapes and how they are worn: the label must say what the mask covers."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import UsageError
from data.labels import Label
from synth.face_model import Floats, mean_face, surface_depth
from synth.shapes import SHAPE_WEIGHTS, SHAPES, Shape, cut_out, draw_shape, relief
from synth.states import STATES, Mix, draw_state, state_to_label, text_to_mix, wear
from synth.textures import PLAIN_SHARE

SEEDS = 200
STYLES = sorted(SHAPES)

NOSE_TIP = float(mean_face()[30, 1])
MOUTH = (float(mean_face()[51, 1]), float(mean_face()[57, 1]))
# The chin's landmark lies on its lower contour; this much above it is chin from any side.
CHIN = float(mean_face()[8, 1]) - 0.06


def covered(shape: Shape) -> tuple[float, float]:
    """y of the upper and of the lower edge in the face's middle, across the nose's width."""
    edges = [
        shape.lay(np.full(2, u), np.array([0.0, 1.0]), surface_depth)[:, 1]
        for u in np.linspace(-0.08, 0.08, 5)
    ]
    low, high = np.array(edges).T
    return float(low.max()), float(high.min())


def worn(style: str, state: str, seed: int) -> Shape:
    rng = np.random.default_rng(seed)
    return wear(draw_shape(rng, style), state, rng)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("state", STATES)
def test_label_agrees_with_what_is_covered(style: str, state: str) -> None:
    for seed in range(SEEDS):
        top, bottom = covered(worn(style, state, seed))
        right = top < NOSE_TIP and bottom > CHIN
        assert right == (state_to_label(state) == Label.WITH_MASK), (seed, top, bottom)


# For each state: what is free (not covered), what is covered.
PARTS = {"nose": (NOSE_TIP, NOSE_TIP), "mouth": MOUTH, "chin": (CHIN, CHIN)}
COVERS = {
    "right": {"nose": True, "mouth": True, "chin": True},
    "nose_tip_out": {"nose": False, "mouth": True, "chin": True},
    "nose_out": {"nose": False, "mouth": True, "chin": True},
    "under_lip": {"nose": False, "chin": True},
    "under_chin": {"nose": False, "mouth": False},
    "mouth_only": {"nose": False, "mouth": True, "chin": False},
}


@pytest.mark.parametrize(
    ("state", "part", "expected"),
    [(state, part, value) for state, parts in COVERS.items() for part, value in parts.items()],
)
def test_states_cover_what_their_name_says(state: str, part: str, expected: bool) -> None:
    first, last = PARTS[part]
    for style in STYLES:
        for seed in range(SEEDS):
            top, bottom = covered(worn(style, state, seed))
            whole, none = top <= first and bottom >= last, top > last or bottom < first
            assert whole if expected else none, (style, seed, top, bottom)


def test_every_state_is_spoken_of() -> None:
    assert set(COVERS) == set(STATES)


@pytest.mark.parametrize(
    ("state", "label"),
    [
        ("bare", Label.WITHOUT_MASK),
        ("right", Label.WITH_MASK),
        ("nose_tip_out", Label.INCORRECT),
        ("nose_out", Label.INCORRECT),
        ("under_lip", Label.INCORRECT),
        ("under_chin", Label.INCORRECT),
        ("mouth_only", Label.INCORRECT),
    ],
)
def test_label_of_each_state(state: str, label: Label) -> None:
    assert state_to_label(state) == label


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("style", STYLES)
def test_sheet_is_no_inside_out(style: str, state: str) -> None:
    """Everywhere the lower edge is below the upper, and the sheet is in front of the face."""
    u, v = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(0, 1, 11))
    for seed in range(40):
        points = worn(style, state, seed).lay(u, v, surface_depth)
        assert points.shape == (11, 21, 3)
        assert np.isfinite(points).all()
        assert (np.diff(points[..., 1], axis=0) > 0).all(), seed
        assert (np.diff(points[..., 0], axis=1) > 0).all(), seed
        assert (points[..., 2] >= surface_depth(points[..., :2]) - 1e-9).all(), seed


def test_tables_name_the_same_styles() -> None:
    assert set(SHAPE_WEIGHTS) == set(SHAPES) == set(PLAIN_SHARE)
    assert sum(SHAPE_WEIGHTS.values()) == pytest.approx(1)
    assert all(name == shape.style for name, shape in SHAPES.items())
    for label in (Label.WITH_MASK, Label.INCORRECT):
        assert sum(w for of, w, _ in STATES.values() if of == label) == pytest.approx(1)


def test_styles_are_drawn_by_their_weights() -> None:
    rng = np.random.default_rng(0)
    counts = Counter(draw_shape(rng).style for _ in range(2000))
    for style, weight in SHAPE_WEIGHTS.items():
        assert counts[style] / 2000 == pytest.approx(weight, abs=0.05)


def test_shapes_differ_by_their_generator_alone() -> None:
    assert worn("kn95", "nose_out", 1) == worn("kn95", "nose_out", 1)
    assert worn("kn95", "nose_out", 1) != worn("kn95", "nose_out", 2)


@pytest.mark.parametrize("style", STYLES)
def test_fabric_ends_at_the_edges(style: str) -> None:
    u, v = np.meshgrid(np.linspace(-1.14, 1.14, 115), np.linspace(-0.14, 1.14, 65))
    fabric = cut_out(SHAPES[style], u, v, 0.02)
    assert fabric.min() == 0
    assert fabric.max() == 1
    assert fabric[(np.abs(u) > 1.02) | (np.abs(v - 0.5) > 0.52)].max() == 0
    assert fabric[(np.abs(u) < 0.6) & (np.abs(v - 0.5) < 0.3)].min() == 1
    assert np.isfinite(relief(SHAPES[style], u, v, np.random.default_rng(0))).all()


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        pytest.param("50,30,20", (0.5, 0.3, 0.2), id="percent"),
        pytest.param("1,1,2", (0.25, 0.25, 0.5), id="parts"),
        pytest.param("0,0,1e-9", (0, 0, 1), id="one-class"),
        pytest.param(" 1 , 2 , 1 ", (0.25, 0.5, 0.25), id="blanks"),
    ],
)
def test_mix_of_text(text: str, shares: tuple[float, ...]) -> None:
    assert tuple(vars(text_to_mix(text)).values()) == pytest.approx(shares)


@pytest.mark.parametrize(
    "text",
    ["", "1,2", "1,2,3,4", "a,b,c", "1,,2", "-1,1,1", "0,0,0", "nan,1,1", "inf,1,1", "1;1;1"],
)
def test_bad_mix(text: str) -> None:
    with pytest.raises(UsageError, match="expected --mix W,N,I"):
        text_to_mix(text)


@given(st.text(alphabet="0123456789.,-+einfa ", max_size=20))
def test_any_text_is_a_mix_or_an_error(text: str) -> None:
    try:
        shares = vars(text_to_mix(text)).values()
    except UsageError:
        return
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (-0.1, 0.6, 0.5), (1.2, -0.2, 0)])
def test_shares_that_are_none(shares: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="three shares that sum to 1"):
        Mix(*shares)


@pytest.mark.parametrize(
    ("mix", "states"),
    [
        pytest.param(Mix(1, 0, 0), {"right"}, id="with"),
        pytest.param(Mix(0, 1, 0), {"bare"}, id="without"),
        pytest.param(Mix(0, 0, 1), set(STATES) - {"right"}, id="incorrect"),
    ],
)
def test_states_are_drawn_by_the_mix(mix: Mix, states: set[str]) -> None:
    rng = np.random.default_rng(0)
    assert {draw_state(mix, rng) for _ in range(300)} == states


def test_classes_come_in_the_shares_of_the_mix() -> None:
    rng = np.random.default_rng(1)
    labels = Counter(state_to_label(draw_state(Mix(0.2, 0.3, 0.5), rng)) for _ in range(3000))
    assert [labels[label] / 3000 for label in Label] == pytest.approx([0.2, 0.3, 0.5], abs=0.03)


def test_depth_is_only_asked_at_points_of_the_sheet() -> None:
    """The sheet follows the surface it is given, whatever that is."""

    def tilted(xy: Floats) -> Floats:
        return np.asarray(3 * xy[..., 1])

    u, v = np.zeros(5), np.linspace(0, 1, 5)
    flat = SHAPES["cloth"].lay(u, v, lambda xy: np.zeros(xy.shape[:-1]))
    steep = SHAPES["cloth"].lay(u, v, tilted)
    assert steep[:, 2] - flat[:, 2] == pytest.approx(3 * flat[:, 1])
