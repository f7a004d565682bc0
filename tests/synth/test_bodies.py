"""Bodies: the photo stays as it is, and what goes on below it has no straight edge."""

import cv2
import numpy as np
import pytest

from synth.bodies import stand
from synth.people import Cutout, resize_cutout


@pytest.fixture(scope="module")
def drawn() -> Cutout:
    """A head on shoulders that the frame cuts at the chest."""
    image, alpha = np.full((200, 220, 3), (30, 40, 120), np.uint8), np.zeros((200, 220), np.float32)
    cv2.ellipse(alpha, (110, 200), (80, 60), 0, 0, 360, 1.0, -1)
    cv2.rectangle(alpha, (92, 110), (128, 155), 1.0, -1)
    cv2.ellipse(alpha, (110, 75), (44, 58), 0, 0, 360, 1.0, -1)
    cv2.ellipse(image, (110, 90), (34, 46), 0, 0, 360, (130, 165, 215), -1)
    return Cutout(image, alpha, np.array([76.0, 62, 144, 136]))


@pytest.mark.parametrize("legs", [True, False])
@pytest.mark.parametrize("size", [8.0, 30.0, 74.0])
def test_body_goes_on_below_the_frame(drawn: Cutout, size: float, legs: bool) -> None:
    small = resize_cutout(drawn, size / drawn.face_height)
    whole = stand(small, np.random.default_rng(3), 6 * size, legs=legs)
    chin = whole.box[3]
    widths = (whole.alpha > 0.5).sum(1)
    assert len(whole.alpha) >= chin + 6 * size
    assert (widths[int(chin) : int(chin + 5.5 * size)] > 0.4 * size).all()
    # The photo's own pixels are as they were.
    left = round(whole.box[0] - small.box[0])
    part = whole.image[: small.image.shape[0], left : left + small.image.shape[1]]
    assert (part == small.image).all()
    # No row is much wider than the one above it: no cut of the frame shows. (Shoulders widen.)
    steps = np.diff(widths[int(chin + 0.3 * size) : int(chin + 4 * size)])
    assert steps.max() < max(4, 0.5 * size)


def test_figures_with_legs_end_at_feet(drawn: Cutout) -> None:
    small = resize_cutout(drawn, 20 / drawn.face_height)
    whole = stand(small, np.random.default_rng(3), 1000, legs=True)
    assert whole.alpha[-1].max() < 0.5
    assert len(whole.alpha) < whole.box[3] + 10 * 20
