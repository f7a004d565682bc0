"""Dressed photos: what is drawn is what the records say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.images import Image
from data.labels import Label
from synth.dress import dress
from synth.face_model import Floats, mean_face
from synth.faces import Face
from synth.mask import Mask
from synth.occlusion.choice import draw_thing
from synth.occlusion.layer import make_canvas
from synth.recipe import Recipe
from synth.render import draw_mask
from synth.scene import finish, frame
from synth.shapes import draw_shape
from synth.sources import Photo
from synth.states import Mix


def make_photo(face: Face, doubtful: tuple[Floats, ...] = (), *others: Face) -> Photo:
    return Photo(Path("a.png"), "a.png", "d", "ann", 220, 240, (face, *others), doubtful)


def only(mix: Mix) -> Recipe:
    """Masks alone, nothing else before faces."""
    return Recipe(mix=mix, instead=0, front=0)


@pytest.mark.parametrize(
    ("mix", "label"),
    [
        pytest.param(Mix(1, 0, 0), "with_mask", id="with"),
        pytest.param(Mix(0, 1, 0), "without_mask", id="without"),
        pytest.param(Mix(0, 0, 1), "incorrect", id="incorrect"),
    ],
)
def test_dressed_faces_are_what_their_record_says(
    mix: Mix, label: str, portrait: Image, head: Face
) -> None:
    for seed in range(8):
        scene = dress(portrait, make_photo(head), only(mix), np.random.default_rng(seed))
        (record,) = scene.records
        assert record.label == label
        assert (scene.image == portrait).all() == (label == "without_mask")
        assert (record.style == "") == (record.texture == "") == (label == "without_mask")
        assert len(record.colour) == (0 if label == "without_mask" else 3)
        assert (record.state == "bare") == (label == "without_mask")
        assert record.identity == "ann"
        assert record.aligned
        assert scene.boxes == pytest.approx(head.box[None])


@pytest.mark.parametrize("label", [Label.WITH_MASK, Label.INCORRECT])
def test_masked_faces_of_the_source_are_not_drawn_on(
    label: Label, portrait: Image, head: Face
) -> None:
    photo = make_photo(replace(head, label=label))
    for seed in range(8):
        scene = dress(portrait, photo, only(Mix(1, 0, 0)), np.random.default_rng(seed))
        assert (scene.image == portrait).all()
        assert scene.records[0].label == label.name.lower()
        assert scene.records[0].state == "as_photographed"


def test_doubtful_faces_are_blurred(portrait: Image, head: Face) -> None:
    bare = Mix(0, 1, 0)
    doubt = np.array([10.0, 10, 60, 60])
    scene = dress(portrait, make_photo(head, (doubt,)), only(bare), np.random.default_rng(0))
    assert scene.blurred == 1
    assert (scene.image[15:55, 15:55] != portrait[15:55, 15:55]).any()
    assert len(scene.boxes) == 1


def test_records_come_in_the_order_of_the_faces(portrait: Image, head: Face) -> None:
    small = Face(np.array([5.0, 5, 25, 30]))
    scene = dress(portrait, make_photo(head, (), small), only(Mix()), np.random.default_rng(1))
    assert scene.boxes[1] == pytest.approx(small.box)
    assert [r.aligned for r in scene.records] == [True, False]
    assert scene.records[1].yaw is None


def test_scene_of_no_faces(portrait: Image) -> None:
    photo = Photo(Path("a.png"), "a.png", "d", "ann", 220, 240, (), ())
    scene = frame(
        dress(portrait, photo, only(Mix()), np.random.default_rng(0)), np.random.default_rng(0)
    )
    assert scene.boxes.shape == (0, 4)
    assert finish(scene) == []


def test_faces_larger_than_the_picture_are_cut_to_it(portrait: Image) -> None:
    """A close-up whose chin and ears lie outside."""
    landmarks = 230 * mean_face()[:, :2] + [110, 20]
    face = Face(np.array([-30.0, -40, 250, 260]), landmarks)
    scene = frame(
        dress(portrait, make_photo(face), only(Mix(1, 0, 0)), np.random.default_rng(0)),
        np.random.default_rng(0),
    )
    (box,) = scene.boxes
    height, width = scene.image.shape[:2]
    assert (box >= 0).all()
    assert (box <= [width, height, width, height]).all()


def test_hands_have_the_skin_of_the_bare_face(portrait: Image, head: Face) -> None:
    """Not the colour of the mask that the face wears by then."""
    bare = make_canvas(portrait, head.placement, head.box).skin
    for seed in range(6):
        rng = np.random.default_rng(seed)
        mask = Mask(draw_shape(rng, "surgical"), np.array([0.1, 0.2, 0.9]), "plain", seed)
        masked = draw_mask(portrait, head.placement, head.box, mask, rng)
        drawn = [
            draw_thing(
                image, head.placement, head.box, "hand_touching", again, role="front", bare=portrait
            ).astype(float)
            for image in (portrait, masked)
            for again in [np.random.default_rng(seed)]
        ]
        changed = (np.abs(drawn[0] - portrait) > 60).any(-1) & (np.abs(drawn[1] - masked) > 60).any(
            -1
        )
        assert changed.any()
        assert np.abs(drawn[0] - drawn[1])[changed].mean() < 12
    assert (bare > 0.3).all()
