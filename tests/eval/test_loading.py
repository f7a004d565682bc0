"""Entries of a predictions file find their pictures; pictures that can't be read are told."""

import logging
from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import Sample, find_samples
from data.exceptions import AnnotationError, DatasetError
from eval.loading import assign, load_with_detector, load_with_predictions
from eval.predictions import parse_predictions

DETECTION = {"class": "with_mask", "score": 0.9, "box": [10.0, 10, 40, 50]}
ENTRY = {"file": "a.jpg", "width": 80, "height": 60, "detections": [DETECTION]}


def document(**changes):
    return {"images": [{**ENTRY, **changes}]}


def samples(*paths):
    return [Sample(Path(p), Path("x.txt"), "val") for p in paths]


@pytest.mark.parametrize(
    ("files", "images", "expected"),
    [
        pytest.param(["a.jpg"], ["s/images/a.jpg"], [0], id="base-name"),
        pytest.param(["/elsewhere/a.jpg"], ["s/images/a.jpg"], [0], id="moved"),
        pytest.param(["C:\\s\\images\\a.jpg"], ["s/images/a.jpg"], [0], id="windows"),
        pytest.param(["val/a.jpg"], ["s/train/a.jpg", "s/val/a.jpg"], [1], id="longest-end"),
        pytest.param(["b.jpg"], ["s/a.jpg"], [None], id="unknown"),
        pytest.param(["x/a.jpg", "s/a.jpg"], ["s/a.jpg"], [None, 0], id="other-of-the-same-name"),
        pytest.param(["", "..", "/"], ["s/a.jpg"], [None, None, None], id="no-names"),
    ],
)
def test_files_find_their_pictures(files, images, expected):
    every = samples(*images)
    assigned = assign(files, every)
    assert [assigned[f] for f in files] == [None if e is None else every[e] for e in expected]


@pytest.mark.parametrize(
    ("files", "images"),
    [
        pytest.param(["a.jpg"], ["s/train/a.jpg", "s/val/a.jpg"], id="file-fits-two"),
        pytest.param(["x/a.jpg", "y/a.jpg"], ["s/a.jpg"], id="picture-has-two"),
    ],
)
def test_ambiguous_names_are_refused(files, images):
    with pytest.raises(DatasetError, match="folders"):
        assign(files, samples(*images))


def test_missing_and_unknown_pictures_are_noted(make_set):
    every = find_samples(make_set(["val/a.jpg", "val/b.jpg", "train/c.jpg"]))
    content = {"images": [ENTRY, {**ENTRY, "file": "c.jpg"}, {**ENTRY, "file": "z.jpg"}]}
    chosen = [s for s in every if s.split == "val"]
    loaded = load_with_predictions(chosen, parse_predictions(content), every)
    assert [len(p.found) for p in loaded.pairs] == [1, 0]
    assert [Path(p).name for p in loaded.without_prediction] == ["b.jpg"]
    assert loaded.unknown == ["z.jpg"]


def test_predictions_of_another_set_are_refused(make_set):
    every = find_samples(make_set(["val/a.jpg"]))
    with pytest.raises(DatasetError, match="none of the 1 entries"):
        load_with_predictions(every, parse_predictions(document(file="z.jpg")), every)


def test_predictions_for_another_size_are_refused(make_set):
    every = find_samples(make_set(["val/a.jpg"]))
    with pytest.raises(AnnotationError, match="80 x 60 px"):
        load_with_predictions(every, parse_predictions(document(width=160)), every)


def test_unreadable_pictures_are_passed_over(make_set, caplog):
    root = make_set([f"val/{n:02d}.jpg" for n in range(11)])
    (root / "images/val/03.jpg").write_bytes(b"no picture")
    batches = []

    def detect(images):
        batches.append(len(images))
        return [Boxes(np.array([[0.0, 0, i.shape[1], i.shape[0]]]), np.array([1])) for i in images]

    with caplog.at_level(logging.WARNING):
        loaded = load_with_detector(find_samples(root), detect)
    assert batches == [8, 2]
    assert [Path(p).name for p in loaded.unreadable] == ["03.jpg"]
    assert "passed over" in caplog.text
    assert all(p.found.xyxy.tolist() == [[0, 0, 80, 60]] for p in loaded.pairs)


def test_broken_labels_are_an_error(make_set):
    root = make_set(["val/a.jpg"])
    (root / "labels/val/a.txt").write_text("7 .5 .5 .1 .1\n")
    with pytest.raises(AnnotationError, match=r"a\.txt:1: expected a class id"):
        load_with_detector(find_samples(root), lambda images: [Boxes.empty()] * len(images))
