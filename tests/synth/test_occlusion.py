"""Things before faces: what is drawn, where, and that it depends on the generator alone."""

import numpy as np
import pytest

from data.images import Image
from synth.face_model import place_by_box
from synth.faces import Face
from synth.occlusion.choice import FRONT, INSTEAD, choose_thing, draw_thing

ROLES = {"instead": INSTEAD, "front": FRONT}
ALL = [(role, name) for role, things in ROLES.items() for name in sorted(things)]


@pytest.mark.parametrize("role", ROLES)
def test_every_thing_is_chosen_sooner_or_later(role: str) -> None:
    rng = np.random.default_rng(0)
    assert {choose_thing(role, rng) for _ in range(1500)} == set(ROLES[role])


@pytest.mark.parametrize(("role", "name"), ALL)
def test_things_are_drawn_near_their_face(
    role: str, name: str, portrait: Image, head: Face
) -> None:
    wide = np.full((900, 900, 3), 90, np.uint8)
    wide[330:570, 340:560] = portrait
    box = head.box + np.array([340, 330, 340, 330])
    placement = place_by_box(box)
    first, again = (
        draw_thing(wide, placement, box, name, np.random.default_rng(3), role=role)
        for _ in range(2)
    )
    assert (first == again).all()
    rows, columns = np.nonzero((first != wide).any(-1))
    assert len(rows) > 20
    reach = 3.0 * (box[3] - box[1])
    middle = (box[:2] + box[2:]) / 2
    assert np.abs(columns - middle[0]).max() < reach
    assert np.abs(rows - middle[1]).max() < reach


@pytest.mark.parametrize(("role", "name"), ALL)
@pytest.mark.parametrize(
    "box",
    [
        pytest.param([100.0, 100, 105, 106], id="tiny"),
        pytest.param([-40.0, -60, 60, 70], id="cut by the corner"),
        pytest.param([150.0, 200, 400, 520], id="larger than the picture"),
    ],
)
def test_odd_faces_do(role: str, name: str, box: list[float], portrait: Image) -> None:
    at = np.array(box)
    drawn = draw_thing(portrait, place_by_box(at), at, name, np.random.default_rng(1), role=role)
    assert drawn.shape == portrait.shape
    assert drawn.dtype == np.uint8
