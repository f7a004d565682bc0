import pytest

from data.exceptions import AnnotationError, UsageError
from data.formats.classes import map_classes, parse_classes, suggest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("mask=with_mask", {"mask": "with_mask"}, id="one"),
        pytest.param(" a b = incorrect , c=-,", {"a b": "incorrect", "c": "-"}, id="spaces"),
        pytest.param("a=b=drop", {"a=b": "drop"}, id="equals-in-name"),
    ],
)
def test_parse(text: str, expected: dict[str, str]) -> None:
    assert parse_classes(text) == expected


@pytest.mark.parametrize("text", ["mask", "=with_mask", "mask=", "mask=masked", "a=drop,a=drop"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--classes: expected"):
        parse_classes(text)


def test_own_names_need_no_mapping_and_may_be_mapped() -> None:
    given = {"x": "drop", "with_mask": "incorrect"}
    assert map_classes(["incorrect", "x", "with_mask"], given) == {
        "incorrect": 2,
        "x": None,
        "with_mask": 2,
    }


def test_unmapped_names_give_the_line_to_add() -> None:
    found = ["mask_weared_incorrect", "with_mask", "No Mask", "helmet", "mine"]
    with pytest.raises(AnnotationError) as caught:
        map_classes(found, {"mine": "with_mask"})
    line = str(caught.value).split("--classes ")[1].strip("'")
    assert parse_classes(line) == {
        "mask_weared_incorrect": "incorrect",
        "No Mask": "without_mask",
        "helmet": "drop",
        "mine": "with_mask",
    }
    assert map_classes(found, parse_classes(line))["No Mask"] == 1


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("With-Mask", "with_mask"),
        ("without mask", "without_mask"),
        ("face", "without_mask"),
        ("bad", "incorrect"),
        ("car", "drop"),
    ],
)
def test_suggestions(name: str, ours: str) -> None:
    assert suggest(name) == ours
