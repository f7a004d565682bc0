"""Which things there are, and drawing one by its name."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.face_model import Placement
from synth.occlusion.held import HELD, HELD_FRONT
from synth.occlusion.layer import Canvas, Layer, lay, make_canvas
from synth.occlusion.worn import WEIGHTS, WORN, WORN_FRONT

Painter = Callable[[Canvas, np.random.Generator], Layer]

# On bare faces, in place of a mask; and on any face, what it wears stays plain to see.
INSTEAD: dict[str, Painter] = {**HELD, **WORN}
FRONT: dict[str, Painter] = {**HELD_FRONT, **WORN_FRONT}

# One, unless named: what detectors take for masks weighs more.
_WEIGHTS: dict[str, float] = {
    **WEIGHTS,
    "hand_cover": 2.5,
    "hand_spread": 1.5,
    "towel": 3.5,
    "tissue": 1.5,
    "fist": 2.0,
    # Stiff and flat before the mouth, with a hand's shadow: measured by eval.confusers.
    "paper": 3.0,
    "book": 2.0,
    "phone": 2.0,
    # Its folds over nose and chin come near a bandana that is worn as a mask.
    "handkerchief": 0.6,
    "burger": 0.4,
}


def choose_thing(role: str, rng: np.random.Generator) -> str:
    """Name of a random thing: role "instead" of a mask, or in "front" of whatever is worn."""
    names = sorted(INSTEAD if role == "instead" else FRONT)
    weights = np.array([_WEIGHTS.get(name, 1.0) for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))


def draw_thing(
    image: Image,
    placement: Placement,
    box: NDArray[np.float64],
    name: str,
    rng: np.random.Generator,
    *,
    role: str = "instead",
    bare: Image | None = None,
) -> Image:
    """A copy of the picture with the thing on or before the face.

    Args:
        image: (H, W, 3) uint8 BGR.
        placement: where the face lies.
        box: (4,) face box [x1, y1, x2, y2] in pixels.
        name: of INSTEAD or FRONT, by the role.
        rng: for everything about it.
        role: "instead" or "front": a thing may exist in both, made otherwise.
        bare: the picture before anything was drawn onto the face, for its skin and light.
    """
    canvas = make_canvas(image if bare is None else bare, placement, box)
    painter = (INSTEAD if role == "instead" else FRONT)[name]
    return lay(image, canvas, painter(canvas, rng), placement, rng)
