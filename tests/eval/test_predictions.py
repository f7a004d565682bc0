"""Predictions files, hostile ones too."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from data.exceptions import AnnotationError
from eval.predictions import parse_predictions, read_predictions

DETECTION = {"class": "with_mask", "score": 0.9, "box": [10.0, 10, 40, 50]}
ENTRY = {"file": "a.jpg", "width": 80, "height": 60, "detections": [DETECTION]}


def document(**changes):
    return {"weights": "w.onnx", "images": [{**copy.deepcopy(ENTRY), **changes}]}


def with_detection(**changes):
    return document(detections=[{**DETECTION, **changes}])


def test_reads_what_predict_writes(tmp_path):
    path = tmp_path / "p.json"
    content = document()
    content["images"].append({"file": "b.jpg", "error": "truncated"})
    path.write_text(json.dumps(content))
    predictions = read_predictions(path)
    assert predictions.weights == "w.onnx"
    good, bad = predictions.images
    assert good.boxes.xyxy.tolist() == [DETECTION["box"]]
    assert (good.boxes.class_ids.tolist(), good.boxes.scores.tolist()) == ([0], [0.9])
    assert (bad.error, len(bad.boxes)) == ("truncated", 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param([], "predict --json", id="a-list"),
        pytest.param({"images": None}, "predict --json", id="no-images"),
        pytest.param({"images": [3]}, r"images\[0\]", id="image-a-number"),
        pytest.param(document(file=7), '"file"', id="file-a-number"),
        pytest.param(document(file=""), '"file"', id="file-empty"),
        pytest.param(document(width="80"), "width", id="width-text"),
        pytest.param(document(height=0), "height", id="height-zero"),
        pytest.param(document(height=True), "height", id="height-bool"),
        pytest.param(document(detections=None), "detections", id="no-detections"),
        pytest.param(document(detections=[7]), "class", id="detection-a-number"),
        pytest.param(with_detection(**{"class": "mask"}), "'mask'", id="unknown-class"),
        pytest.param(with_detection(**{"class": ["with_mask"]}), "class", id="class-a-list"),
        pytest.param(with_detection(box=[1, 2, 3]), "box", id="three-numbers"),
        pytest.param(with_detection(box=[1, 2, 3, "4"]), "box", id="box-text"),
        pytest.param(with_detection(box=[1, 2, 3, 10**400]), "box", id="box-huge"),
        pytest.param(with_detection(box=[9, 2, 3, 4]), "x1 < x2", id="box-inside-out"),
        pytest.param(with_detection(box=[1, 2, 3, float("nan")]), "finite", id="box-nan"),
        pytest.param(with_detection(score=1.5), "scores", id="score-above-1"),
        pytest.param(with_detection(score=None), "score", id="no-score"),
        pytest.param({"images": [ENTRY, ENTRY]}, "once", id="picture-twice"),
    ],
)
def test_wrong_content_is_named(content, message):
    with pytest.raises(AnnotationError, match=message):
        parse_predictions(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"images": [' + b"9" * 5000 + b"]}"],
    ids=["empty", "cut", "not-utf8", "deep", "long-number"],
)
def test_no_json_is_one_clear_error(tmp_path, content):
    path = tmp_path / "p.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=r"p\.json"):
        read_predictions(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["images", "file", "width", "height", "detections", "class", "box"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_any_json_is_read_or_refused(content, detection):
    for value in (content, {"images": [content]}, document(detections=[detection])):
        try:
            parsed = parse_predictions(value)
        except AnnotationError:
            continue
        assert all(isinstance(image.boxes, Boxes) for image in parsed.images)
