"""The three classes, their order and their names, the same in every file and every module."""

from enum import IntEnum

from data.exceptions import AnnotationError


class Label(IntEnum):
    """Class ids as they stand in label files."""

    WITH_MASK = 0
    WITHOUT_MASK = 1
    INCORRECT = 2


CLASS_NAMES: tuple[str, ...] = tuple(label.name.lower() for label in Label)

# One colour a class for boxes and plots, RGB: green, red, amber (Okabe & Ito 2008, safe for
# colour-blind readers).
CLASS_COLOURS: tuple[tuple[int, int, int], ...] = ((0, 158, 115), (213, 94, 0), (240, 180, 0))


def name_to_id(name: str) -> int:
    """Class id of a class name.

    Raises:
        AnnotationError: if the name is none of CLASS_NAMES.
    """
    if name not in CLASS_NAMES:
        raise AnnotationError(
            f"expected a class of {', '.join(CLASS_NAMES)}, but got {name!r}; "
            "map other names with --classes THEIRS=OURS"
        )
    return CLASS_NAMES.index(name)
