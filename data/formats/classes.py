"""Other sets' class names to ours: the `--classes` map."""

from collections.abc import Iterable, Mapping

from data.exceptions import AnnotationError, UsageError
from data.labels import CLASS_NAMES, Label

DROP = ("drop", "-")

# Names that public mask sets use; suggested, never applied unasked.
_ALIASES: dict[Label, tuple[str, ...]] = {
    Label.WITH_MASK: ("mask", "masked", "face_mask", "withmask", "mask_on", "good", "proper_mask"),
    Label.WITHOUT_MASK: (
        *("face", "no_mask", "nomask", "without", "withoutmask", "unmasked", "none", "person"),
        *("bare", "face_nomask", "face_no_mask", "head", "not_masked", "mask_off"),
    ),
    Label.INCORRECT: (
        *("mask_weared_incorrect", "mask_worn_incorrect", "mask_worn_incorrectly", "bad", "imwm"),
        *("incorrect_mask", "incorrectly_worn", "incorrect_mask_wearing", "wrong_mask", "improper"),
        *("improper_mask", "mask_incorrect", "partially_worn_mask", "face_incorrect", "wrong"),
    ),
}
_SUGGESTIONS = {alias: CLASS_NAMES[label] for label, names in _ALIASES.items() for alias in names}


def parse_classes(text: str) -> dict[str, str]:
    """`theirs=ours,...` to a dict; ours is a class name of ours, or "drop" (or "-").

    Raises:
        UsageError: if a part has no "=", an empty or repeated name, or an unknown class.
    """
    pairs: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        theirs, equals, ours = (p.strip() for p in part.rpartition("="))
        if not equals or not theirs or theirs in pairs:
            raise UsageError(f"--classes: expected THEIRS=OURS,... each once, but got {part!r}")
        if ours not in (*CLASS_NAMES, *DROP):
            raise UsageError(
                f"--classes: expected {', '.join(CLASS_NAMES)} or drop after '=', but got {part!r}"
            )
        pairs[theirs] = ours
    return pairs


def map_classes(found: Iterable[str], given: Mapping[str, str]) -> dict[str, int | None]:
    """Class id for every name found; None for one to leave out. Names of ours need no mapping.

    Raises:
        AnnotationError: if a name isn't mapped; lists all and suggests the option to add.
    """
    names = sorted(set(found))
    rules = {name: name for name in CLASS_NAMES} | dict(given)
    unmapped = [name for name in names if name not in rules]
    if unmapped:
        line = ",".join(f"{n}={given.get(n) or suggest(n)}" for n in names if n not in CLASS_NAMES)
        raise AnnotationError(
            f"expected classes {', '.join(CLASS_NAMES)}, but the set has {', '.join(names[:20])}; "
            f"add, after checking it: --classes '{line[:500]}'"
        )
    return {n: None if rules[n] in DROP else CLASS_NAMES.index(rules[n]) for n in names}


def suggest(name: str) -> str:
    """The class of ours that a well-known name most likely means, else "drop"."""
    plain = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    return plain if plain in CLASS_NAMES else _SUGGESTIONS.get(plain, DROP[0])
