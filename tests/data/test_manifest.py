from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import DatasetError
from data.labels import CLASS_NAMES
from data.manifest import (
    FaceRecord,
    PictureRecord,
    line_to_record,
    read_manifest,
    record_to_line,
    write_manifest,
)

text = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.floats(-1e6, 1e6)
faces = st.builds(
    FaceRecord,
    label=st.sampled_from(CLASS_NAMES),
    box=st.lists(numbers, min_size=4, max_size=4),
    style=text,
    colour=st.lists(st.integers(0, 255), min_size=3, max_size=3) | st.just([]),
    yaw=st.none() | numbers,
    occluders=st.lists(text, max_size=2),
    aligned=st.booleans(),
)
pictures = st.builds(
    PictureRecord,
    file=text,
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
    split=st.sampled_from(["train", "val"]),
    source=text,
    source_digest=text,
    identity=text,
    seed=st.integers(0, 2**63),
    boxes=st.lists(faces, max_size=3),
)


@given(pictures)
def test_line_round_trip(record: PictureRecord) -> None:
    line = record_to_line(record)
    assert "\n" not in line
    assert line_to_record(line) == record


def test_file_round_trip(tmp_path: Path) -> None:
    face = FaceRecord("incorrect", [1, 2, 3, 4], state="nose_out", yaw=-12.5)
    records = [
        PictureRecord(f"images/val/{n}.jpg", 9, 8, "val", "é.jpg", "ab", "\u2028", n, [face] * n)
        for n in range(3)
    ]
    write_manifest(tmp_path, records)
    assert list(read_manifest(tmp_path)) == records


def test_class_is_called_class() -> None:
    record = PictureRecord("a.jpg", 1, 1, "val", "", "", "", 0, [FaceRecord("incorrect", [0] * 4)])
    assert '"boxes": [{"class": "incorrect", "box": [0, 0, 0, 0]' in record_to_line(record)


@pytest.mark.parametrize("confidence", [1.0, 0.5])
def test_confidence_is_written_where_it_says_something(confidence: float) -> None:
    face = FaceRecord("with_mask", [0.0, 0.0, 1.0, 1.0], confidence=confidence)
    record = PictureRecord("a.jpg", 4, 4, "train", "a", "", "a", 0, [face])
    line = record_to_line(record)
    assert ("confidence" in line) == (confidence < 1)
    assert line_to_record(line) == record


def test_no_manifest_has_no_records(tmp_path: Path) -> None:
    assert list(read_manifest(tmp_path)) == []


GOOD = record_to_line(
    PictureRecord("a.jpg", 4, 4, "val", "s", "d", "i", 0, [FaceRecord("with_mask", [0, 0, 1, 1])])
)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="half"),
        pytest.param("[]", id="list"),
        pytest.param("null", id="null"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("1" * 5000, id="long-number"),
        pytest.param(GOOD.replace('"width"', '"breadth"'), id="other-field"),
        pytest.param(GOOD.replace('"width": 4', '"width": "4"'), id="text-for-number"),
        pytest.param(GOOD.replace('"a.jpg"', "null"), id="no-file"),
        pytest.param(GOOD.replace("with_mask", "mask"), id="other-class"),
        pytest.param(GOOD.replace("[0, 0, 1, 1]", "[0, 0, 1]"), id="three-numbers"),
        pytest.param(GOOD.replace("[0, 0, 1, 1]", "[0, 0, 1, NaN]"), id="nan"),
        pytest.param(GOOD.replace("[0, 0, 1, 1]", "[0, 0, 1, 1e999]"), id="infinite"),
        pytest.param(GOOD.replace("[0, 0, 1, 1]", "7"), id="number-for-box"),
        pytest.param(GOOD.replace('"boxes": [', '"boxes": [3, '), id="number-for-face"),
        pytest.param(GOOD.replace('"class"', '"confidence": 0, "class"'), id="not-believed"),
        pytest.param(GOOD.replace('"class"', '"confidence": 2, "class"'), id="too-sure"),
    ],
)
def test_broken_line_is_refused_by_name(line: str) -> None:
    with pytest.raises(DatasetError, match=r"^m:7: expected a manifest line"):
        line_to_record(line, "m:7")


@given(st.text() | st.integers(0, len(GOOD)).map(lambda n: GOOD[:n] + GOOD[n + 1 :]))
def test_hostile_line_gives_a_record_or_one_error(line: str) -> None:
    try:
        record = line_to_record(line)
    except DatasetError:
        return
    assert isinstance(record, PictureRecord)


def test_bytes_that_are_no_text_are_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_bytes(GOOD.encode() + b"\n\xff\xfe\n")
    with pytest.raises(DatasetError, match=r"manifest\.jsonl:2"):
        list(read_manifest(tmp_path))
