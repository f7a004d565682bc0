"""A mask to draw: its shape as worn, its fabric, and the seed of its creases and print."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.shapes import Shape

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mask:
    """What is drawn onto a face.

    Attributes:
        shape: cut and position on the face.
        colour: (3,) RGB albedo in 0 to 1.
        texture: name of a print (synth.textures).
        seed: of creases and print.
        plate: (H, W, 3) uint8 BGR that the print shows, for prints that show a picture.
    """

    shape: Shape
    colour: Floats
    texture: str
    seed: int
    plate: Image | None = None
