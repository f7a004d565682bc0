"""Shapes and how they are worn: the label must say what the mask covers."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import UsageError
from data.labels import Label
from synth.face_model import Floats, mean_face, surface_depth
from synth.folds import on_valve, relief, shade, shine
from synth.shapes import SHAPE_WEIGHTS, SHAPES, Shape, cut_out, draw_shape
from synth.states import (
    STATES,
    Mix,
    displacement,
    draw_state,
    state_to_label,
    styles_for,
    text_to_mix,
    wear,
)
from synth.textures import PLAIN_SHARE

SEEDS = 60
STYLES = sorted(SHAPES)

FACE = mean_face()[:, :2]
# What must be covered or free. The chin's landmark lies on its lower contour: a little above it
# is chin from any side.
PARTS = {
    "nose": FACE[[30]],
    "mouth": FACE[48:60],
    "chin": FACE[[8]] - [0, 0.06],
}
# For each state the share of each part's points that is covered: least and most.
ALL, NONE, SOME = (1.0, 1.0), (0.0, 0.0), (0.0, 0.95)
COVERS = {
    "right": {"nose": ALL, "mouth": ALL, "chin": ALL},
    "nose_tip_out": {"nose": NONE, "mouth": ALL, "chin": ALL},
    "nose_out": {"nose": NONE, "mouth": ALL, "chin": ALL},
    "under_lip": {"nose": NONE, "mouth": NONE, "chin": ALL},
    "under_chin": {"nose": NONE, "mouth": NONE},
    "mouth_only": {"nose": NONE, "mouth": ALL, "chin": NONE},
    "slipped": {"mouth": SOME},
    "hanging": {"nose": NONE, "mouth": NONE, "chin": NONE},
    # All is covered, but the wire is at the chin.
    "upside_down": {"nose": ALL, "mouth": ALL, "chin": ALL},
    "forehead": {"nose": NONE, "mouth": NONE, "chin": NONE},
}


def worn(style: str, state: str, seed: int) -> Shape:
    rng = np.random.default_rng(seed)
    return wear(draw_shape(rng, style), state, rng)


def covered(shape: Shape) -> dict[str, float]:
    """Share of each part's points, of a face seen from the front, that lie under fabric."""
    u, v = np.meshgrid(np.linspace(-1.1, 1.1, 67), np.linspace(-0.1, 1.1, 61))
    sheet = shape.lay(u, v, surface_depth)[..., :2].reshape(-1, 2)
    fabric = cut_out(shape, u, v, 0.01).reshape(-1) > 0.5
    points = np.concatenate([*PARTS.values()])
    distance = np.linalg.norm(sheet[None] - points[:, None], axis=-1)
    under = fabric[distance.argmin(1)] & (distance.min(1) < 0.04)
    ends = np.cumsum([len(part) for part in PARTS.values()])
    parts = zip(PARTS, np.split(under, ends[:-1]), strict=True)
    return {name: float(hits.mean()) for name, hits in parts}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("style", STYLES)
def test_states_cover_what_their_name_says(style: str, state: str) -> None:
    for seed in range(SEEDS):
        shape = worn(style, state, seed)
        shares = covered(shape)
        for part, (least, most) in COVERS[state].items():
            assert least <= shares[part] <= most, (seed, part, shares, shape)


@pytest.mark.parametrize("state", [name for name in STATES if name != "upside_down"])
def test_label_agrees_with_what_is_covered(state: str) -> None:
    right = all(share == ALL for share in COVERS[state].values()) and len(COVERS[state]) == 3
    assert right == (state_to_label(state) == Label.WITH_MASK)


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
        ("slipped", Label.INCORRECT),
        ("hanging", Label.INCORRECT),
        ("upside_down", Label.INCORRECT),
        ("forehead", Label.INCORRECT),
    ],
)
def test_label_of_each_state(state: str, label: Label) -> None:
    assert state_to_label(state) == label


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("style", STYLES)
def test_sheet_is_no_inside_out(style: str, state: str) -> None:
    """The outside is seen everywhere, in front of the face, in either precision."""
    u, v = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(0, 1, 11))
    for seed in range(30):
        shape = worn(style, state, seed)
        points = shape.lay(u, v, surface_depth)
        assert points.shape == (11, 21, 3)
        assert np.isfinite(points).all()
        (x_v, x_u), (y_v, y_u) = np.gradient(points[..., 0]), np.gradient(points[..., 1])
        # Corners that are cut off may fold.
        fabric = cut_out(shape, u, v, 0.01) > 0.5
        assert (x_u * y_v > x_v * y_u)[fabric].all(), seed
        if state != "hanging":
            assert (np.diff(points[..., 0], axis=1) > 0).all(), seed
            followed = points[points[..., 1] < shape.drape]
            assert (followed[:, 2] >= surface_depth(followed[:, :2]) - 1e-9).all(), seed
        single = shape.lay(u.astype(np.float32), v.astype(np.float32), surface_depth)
        assert np.abs(single - points).max() < 1e-3


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("style", STYLES)
def test_folds_are_finite_in_either_precision(style: str, dtype: type) -> None:
    u, v = np.meshgrid(np.linspace(-1.3, 1.3, 60, dtype=dtype), np.linspace(-0.2, 1.2, 40))
    v = v.astype(dtype)
    for seed in range(10):
        for state in ("right", "upside_down", "hanging"):
            shape = worn(style, state, seed)
            height = relief(shape, u, v, np.random.default_rng(seed))
            assert np.isfinite(height).all()
            light, gleam, valve = (f(shape, u, v) for f in (shade, shine, on_valve))
            assert 0.2 < light.min() <= light.max() < 1.2
            assert 0 <= gleam.min() <= gleam.max() < 3
            assert (valve.max() > 0.9) == bool(shape.valve)
            assert {a.dtype for a in (height, light, gleam, valve)} == {np.dtype(dtype)}


def test_variants_within_styles_are_drawn() -> None:
    rng = np.random.default_rng(0)
    shapes = [draw_shape(rng) for _ in range(1500)]
    assert {s.straps for s in shapes if s.style == "surgical"} == {"loops", "ties"}
    assert {s.straps for s in shapes if s.style == "cup"} == {"loops", "head"}
    for style in ("cup", "kn95", "cloth"):
        assert {bool(s.valve) for s in shapes if s.style == style} == {True, False}
    tops = np.array([s.top for s in shapes])
    assert np.percentile(tops, 3) < 0.05
    assert np.percentile(tops, 97) > 0.2
    assert np.mean([abs(s.tilt) > 0.06 for s in shapes]) > 0.1


def test_styles_may_be_weighed_anew() -> None:
    rng = np.random.default_rng(0)
    weights = {"cup": 3.0, "gaiter": 1.0, "kn95": 0.0}
    counts = Counter(draw_shape(rng, weights=weights).style for _ in range(400))
    assert set(counts) == {"cup", "gaiter"}
    assert counts["cup"] / 400 == pytest.approx(0.75, abs=0.08)
    assert draw_shape(rng, "cloth", weights).style == "cloth"


def test_only_masks_with_loops_hang_or_are_pushed_up() -> None:
    assert styles_for("nose_out") == SHAPE_WEIGHTS
    assert set(styles_for("hanging")) == set(SHAPES) - {"gaiter", "bandana"}
    assert set(styles_for("forehead")) == set(SHAPES) - {"gaiter", "bandana"}
    assert styles_for("hanging", {"gaiter": 1.0}) == {"gaiter": 1.0}
    assert styles_for("upside_down", {"gaiter": 1.0, "cup": 2.0}) == {"cup": 2.0}


@pytest.mark.parametrize(("yaw", "sides"), [(0, {-1, 1}), (40, {-1}), (-40, {1})])
def test_masks_hang_from_the_ear_that_is_seen(yaw: float, sides: set[float]) -> None:
    """A nose that points right shows the left ear of the picture."""
    rng = np.random.default_rng(0)
    hung = [wear(draw_shape(rng, "surgical"), "hanging", rng, yaw) for _ in range(30)]
    assert {shape.hang for shape in hung} == sides
    assert all(np.sign(shape.shift) == shape.hang for shape in hung)


@pytest.mark.parametrize("style", STYLES)
def test_displacement_grows_with_the_error(style: str) -> None:
    def mean(state: str) -> float:
        values = []
        for seed in range(40):
            rng = np.random.default_rng(seed)
            right = draw_shape(rng, style)
            values.append(displacement(right, wear(right, state, rng)))
        assert min(values) >= 0
        return float(np.mean(values))

    assert mean("right") == 0
    assert 0.03 < mean("nose_tip_out") < mean("nose_out") < mean("under_lip")
    assert mean("nose_out") < mean("under_chin") < 1
    if SHAPES[style].straps != "none":
        assert mean("hanging") > 0.5
        assert mean("upside_down") < 0.2


def test_displacement_is_in_face_units() -> None:
    flat = replace(SHAPES["surgical"], peak=0.0)
    down = replace(flat, top=0.24, top_side=0.43, bottom=1.16, bottom_side=0.96)
    assert displacement(flat, down) == pytest.approx(0.1, rel=0.3)


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


def test_wrong_states_may_be_weighed_anew() -> None:
    rng = np.random.default_rng(0)
    weights = {"hanging": 1.0, "slipped": 3.0, "nose_out": 0.0}
    drawn = Counter(draw_state(Mix(0.5, 0, 0.5), rng, weights) for _ in range(600))
    assert set(drawn) == {"right", "hanging", "slipped"}
    assert drawn["slipped"] / (600 - drawn["right"]) == pytest.approx(0.75, abs=0.08)


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
