"""The recipe of a data set: how often each thing is shown, from defaults or a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from data.exceptions import UsageError
from synth.shapes import SHAPE_WEIGHTS
from synth.states import STATES, Mix

_SHARES = (
    *("texture_share", "instead", "front", "negatives", "crowds", "galleries", "closeups"),
    "camera",
)


def _wrong_states() -> dict[str, float]:
    return {name: share for name, (_, share, _) in STATES.items() if name != "right"}


@dataclass(frozen=True)
class Recipe:
    """Shares are of what each line names, from 0 (never) to 1 (always).

    Attributes:
        mix: shares of the three classes among the faces.
        styles: weight of each kind of mask.
        states: weight of each wrong way to wear one, within `incorrect`.
        prints: factor on the share of printed fabric; 0 leaves plain masks alone.
        textures: the user's own pictures for prints, files.
        texture_share: share of masks that show one of them, where there are any.
        instead: share of bare faces with something that is no mask before or around the mouth.
        front: share of faces with something before them that leaves the class as it is.
        cutouts: the user's own things before faces, files with transparency.
        negatives: share of pictures without any face.
        crowds: share of pictures that are crowds put together from portraits.
        galleries: share of the portraits' pictures that show several side by side.
        closeups: share of single photos that are cut close around one face, as at a door.
        turned: how much more often than others photos of heads turned by 30 degrees or more come.
        smallest: height in px of the smallest face that is shown.
        light: whether masks take on the light, blur and grain of the face.
        camera: share of pictures with an effect of the camera over the whole.
    """

    mix: Mix = field(default_factory=Mix)
    styles: dict[str, float] = field(default_factory=lambda: dict(SHAPE_WEIGHTS))
    states: dict[str, float] = field(default_factory=_wrong_states)
    prints: float = 1.0
    textures: tuple[str, ...] = ()
    texture_share: float = 0.3
    instead: float = 0.1
    front: float = 0.08
    cutouts: tuple[str, ...] = ()
    negatives: float = 0.04
    crowds: float = 0.12
    galleries: float = 0.5
    closeups: float = 0.2
    # 2.5 makes portraits and group photos like streets: of their faces 10 and 7 % are turned so
    # far, of 1,687 and 1,351 in street photos (kaggle853's training list, macwin) 13 and 16 %
    # (python -m eval.poses). As photographed, since that wasn't shown to help on real photographs
    # (detector/RECIPE.md, sixth round).
    turned: float = 1.0
    smallest: float = 6.0
    light: bool = True
    camera: float = 0.25

    def __post_init__(self) -> None:
        for name in _SHARES:
            _check_number(name, getattr(self, name), 1.0)
        _check_number("prints", self.prints, 10.0)
        _check_number("turned", self.turned, 100.0)
        if self.turned <= 0:
            raise UsageError(f"expected turned above 0, but got {self.turned}")
        _check_number("smallest", self.smallest, 1000.0)
        if self.smallest < 1:
            raise UsageError(f"expected smallest of 1 px or more, but got {self.smallest}")
        if not isinstance(self.light, bool):
            raise UsageError(f"expected light = true or false, but got {self.light!r}")
        if self.negatives + self.crowds > 1:
            raise UsageError(
                "expected negatives + crowds of at most 1, but got "
                f"{self.negatives} + {self.crowds}; lower one of them"
            )
        _check_weights("styles", self.styles, SHAPE_WEIGHTS)
        _check_weights("states", self.states, _wrong_states())
        # In one order, whatever that of a file: draws go through them in turn.
        for name, known in (("styles", SHAPE_WEIGHTS), ("states", _wrong_states())):
            own = getattr(self, name)
            object.__setattr__(self, name, {key: own[key] for key in known if key in own})


def _check_number(name: str, value: Any, most: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= most:
        raise UsageError(f"expected {name} from 0 to {most:g}, but got {value!r}")


def _check_weights(name: str, weights: Any, known: Mapping[str, float]) -> None:
    if not isinstance(weights, dict):
        raise UsageError(f"expected a table of {name}, but got {weights!r}")
    unknown = sorted(set(weights) - set(known))
    if unknown:
        raise UsageError(f"expected {name} among {', '.join(known)}, but got {', '.join(unknown)}")
    for key, weight in weights.items():
        _check_number(f"{name}.{key}", weight, 1e6)
    if not sum(weights.values()) > 0:
        raise UsageError(f"expected a positive weight among {name}, but got {dict(weights)}")


def read_recipe(path: Path) -> Recipe:
    """A recipe from a TOML file with keys as in Recipe; what it doesn't name keeps its default.

    A table `[styles]` or `[states]` names the only ones that are drawn.

    Raises:
        UsageError: if the file can't be read, is no TOML, or holds unknown keys or values.
    """
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: expected a recipe, but {error.strerror or error}") from error
    except ValueError as error:  # TOML and UTF-8 errors alike
        raise UsageError(f"{path}: expected a recipe in TOML, but {error}") from error
    known = {f.name for f in fields(Recipe)} - {"textures", "cutouts"}
    unknown = sorted(set(value) - known)
    if unknown:
        expected = ", ".join(sorted(known))
        raise UsageError(f"{path}: expected keys among {expected}, but got {', '.join(unknown)}")
    try:
        return Recipe(**{**value, "mix": _table_to_mix(value.pop("mix", None))})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _table_to_mix(table: Any) -> Mix:
    if table is None:
        return Mix()
    if not isinstance(table, dict) or set(table) - set(vars(Mix())):
        raise UsageError(f"expected mix of {', '.join(vars(Mix()))}, but got {table!r}")
    shares = {name: table.get(name, 0) for name in vars(Mix())}
    _check_weights("mix", shares, vars(Mix()))
    total = sum(shares.values())
    return Mix(**{name: share / total for name, share in shares.items()})


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON values, to be compared and written down."""
    value = asdict(recipe)
    return {**value, "textures": list(recipe.textures), "cutouts": list(recipe.cutouts)}
