"""Prints by name, and how often each kind of mask has one.

A print is a function (u, v, colour, rng) -> (..., 3) RGB albedo in 0 to 1, where u and v are the
sheet's coordinates (v from 0 to 1 is about as long as u from -1 to 1).
"""

import numpy as np

from data.exceptions import UsageError
from data.images import Image
from synth import patterns
from synth.colours import draw_colour
from synth.motifs import MOTIFS, picture
from synth.patterns import Print

PRINTS: dict[str, Print] = {
    "plain": patterns.plain,
    "stripes": patterns.stripes,
    "checks": patterns.checks,
    "dots": patterns.dots,
    "blots": patterns.blots,
    "camouflage": patterns.camouflage,
    "flowers": patterns.flowers,
    "paisley": patterns.paisley,
    "bands": patterns.bands,
    "fade": patterns.fade,
    "tie_dye": patterns.tie_dye,
    "weave": patterns.weave,
    **MOTIFS,
}

# Names of the user's own prints begin with it.
FILE_PREFIX = "file:"

# Share of plain fabric by style: respirators are hardly ever printed.
PLAIN_SHARE: dict[str, float] = {
    "surgical": 0.85,
    "kn95": 0.88,
    "cup": 0.95,
    "cloth": 0.45,
    "gaiter": 0.4,
    "bandana": 0.3,
}

# How often each print comes among the printed, where it isn't once.
_WEIGHTS: dict[str, float] = {"photo": 1.5, "flowers": 1.3, "skull": 0.5, "moustache": 0.5}
_OF_STYLE: dict[str, dict[str, float]] = {
    "bandana": {"paisley": 9.0, "skull": 1.5},
    "surgical": {"weave": 0.0, "skull": 0.1, "snout": 0.3, "lettering": 2.0, "emblem": 2.0},
    "kn95": {"weave": 0.0, "lettering": 4.0, "emblem": 4.0, "skull": 0.1},
    "cup": {"weave": 0.0, "lettering": 4.0, "emblem": 6.0, "skull": 0.1},
}


def draw_print(style: str, rng: np.random.Generator, prints: float = 1.0) -> str:
    """Name of a random print for a mask of that style.

    `prints` is a factor on the share of printed fabric: 0 gives plain fabric alone.
    """
    if rng.random() >= (1 - PLAIN_SHARE[style]) * prints:
        return "plain"
    names = [name for name in PRINTS if name != "plain"]
    weights = _WEIGHTS | _OF_STYLE.get(style, {})
    shares = np.array([weights.get(name, 1.0) for name in names])
    return str(rng.choice(names, p=shares / shares.sum()))


def find_print(name: str, plate: Image | None = None) -> Print:
    """The print of that name; those that show a picture show `plate`.

    Args:
        name: a key of PRINTS, or "file:..." for a picture of the user's.
        plate: (H, W, 3) uint8 BGR; without one "photo" shows a landscape.

    Raises:
        UsageError: if there is no print of that name.
    """
    if name == "photo" or name.startswith(FILE_PREFIX):
        return picture(plate)
    if name not in PRINTS:
        raise UsageError(f"expected a print among {', '.join(PRINTS)}, but got {name!r}")
    return PRINTS[name]


__all__ = ["FILE_PREFIX", "PLAIN_SHARE", "PRINTS", "draw_colour", "draw_print", "find_print"]
