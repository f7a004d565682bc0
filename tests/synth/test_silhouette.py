"""Silhouettes: what lies beside the head is taken away or makes the outline doubtful."""

import cv2
import numpy as np
import pytest

from data.images import Image
from synth import silhouette
from synth.silhouette import Mask

BOX = np.array([30.0, 26.0, 52.0, 50.0])


def draw_person(*, hair: int = 0) -> tuple[Image, Mask]:
    """A head on shoulders before a green wall, and where it is; `hair` px wider than the head."""
    image, mask = np.full((84, 84, 3), (60, 160, 70), np.uint8), np.zeros((84, 84), np.uint8)
    for axes, centre, colour in (
        ((30, 20), (41, 80), (120, 40, 30)),
        ((14 + hair, 20), (41, 34), (20, 30, 40)),
        ((9, 13), (41, 38), (130, 165, 215)),
    ):
        cv2.ellipse(image, centre, axes, 0, 0, 360, colour, -1)
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 1, -1)
    return image, mask


def add_patch(image: Image, mask: Mask, colour: tuple[int, int, int]) -> None:
    """A thing that the mask took in, right of the head."""
    for canvas, value in ((image, colour), (mask, 1)):
        cv2.rectangle(canvas, (53, 28), (64, 42), value, -1)


@pytest.mark.parametrize("colour", [(120, 40, 30), (200, 200, 200)], ids=["clothes", "paper"])
def test_colours_that_the_head_lacks_are_strange(colour: tuple[int, int, int]) -> None:
    image, mask = draw_person()
    assert not silhouette._strange(image, mask, BOX, 0.0).any()
    add_patch(image, mask, colour)
    strange = silhouette._strange(image, mask, BOX, 0.0)
    assert strange[30:40, 56:63].all()
    assert not strange[:, :53].any()


def test_colours_of_the_head_are_not_strange() -> None:
    image, mask = draw_person()
    add_patch(image, mask, (20, 30, 40))
    assert not silhouette._strange(image, mask, BOX, 0.0)[29:41, 53:63].any()


@pytest.mark.parametrize("colour", [(20, 30, 40), (130, 165, 215)], ids=["hair", "skin"])
def test_what_is_at_one_side_only_makes_the_outline_doubtful(colour: tuple[int, int, int]) -> None:
    image, mask = draw_person()
    assert not silhouette._has_strays(image, mask, BOX, 0.0)
    add_patch(image, mask, colour)
    assert silhouette._has_strays(image, mask, BOX, 0.0)


def test_full_hair_is_no_stray() -> None:
    image, mask = draw_person(hair=5)
    assert not silhouette._has_strays(image, mask, BOX, 0.0)
    assert not silhouette._strange(image, mask, BOX, 0.0).any()
