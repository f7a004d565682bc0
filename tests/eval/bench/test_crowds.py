"""The bench of crowds: what is drawn, real runs of both contestants in small, the table."""

import json
import time
from pathlib import Path

import numpy as np
import onnx
import pytest

from data.exceptions import UsageError
from data.labels import CLASS_NAMES
from eval.bench.crowds import (
    MOST,
    CrowdRow,
    Crowds,
    Side,
    bench_crowds,
    draw_crowd,
    to_json,
    to_table,
)
from eval.bench.material import read_portraits
from eval.bench.timing import spread
from eval.bench.video_runs import Task
from eval.twophase.network import KIND


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """The smallest that the two-phase pipeline takes: the mean colour, as if it were classes."""
    make = onnx.helper
    graph = make.make_graph(
        [
            make.make_node("GlobalAveragePool", ["crops"], ["pooled"]),
            make.make_node("Flatten", ["pooled"], ["flat"]),
            make.make_node("Softmax", ["flat"], ["probabilities"]),
        ],
        "tiny",
        [make.make_tensor_value_info("crops", onnx.TensorProto.FLOAT, ["n", 3, 32, 32])],
        [make.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["n", 3])],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    names = {"kind": KIND, "names": str(dict(enumerate(CLASS_NAMES))), "imgsz": "32"}
    make.set_model_props(model, names)
    path = tmp_path / "classifier.onnx"
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("faces", [1, 5, MOST])
def test_crowds_have_their_faces_apart_and_in_motion(faces):
    white = [np.full((30 + k, 40, 3), 255, np.uint8) for k in range(MOST)]
    scenes = [draw_crowd(white, faces, moment) for moment in (0.0, 0.7)]
    for scene in scenes:
        assert scene.shape == (720, 1280, 3)
        assert (scene == 255).all(axis=-1).sum() == faces * 168 * 168
    assert (scenes[0] != scenes[1]).any()


def test_the_detector_finds_all_of_a_crowd():
    from detector.runtime import Detector

    scene = draw_crowd(read_portraits(None, 10), 10, 0.0)
    assert len(Detector(imgsz=416, threads=1).detect([scene])[0]) == 10


def test_both_contestants(classifier, tiny_onnx):
    task = Task("", 64, 2, 1, str(tiny_onnx()))
    said = []
    rows = bench_crowds(
        Crowds(str(classifier), counts=(2,)), task, 2, time.monotonic() - 1, said.append
    )
    assert said == ["2 faces, run 1 of 2"]  # time was up before the second
    (row,) = rows
    assert row.faces == 2
    for side in (row.single, row.two_phase):
        assert side.milliseconds.median > 0
        assert side.rate.median > 0
        assert side.cpu > 0
    assert row.two_phase.found == 2
    assert row.ratio > 1


@pytest.mark.parametrize("count", [0, 21])
def test_counts_out_of_range(count):
    with pytest.raises(UsageError, match="1 to 20"):
        Crowds(counts=(1, count))


def test_table_and_json():
    side = Side(spread([10.0]), 9.0, spread([50.0]), 5.0)
    rival = Side(spread([25.0]), 30.0, spread([20.0]), 4.0)
    rows = [CrowdRow(5, side, rival, 2.5), CrowdRow(5, side)]
    table = to_table(rows)
    assert {len(cells) for cells in table.rows} == {len(table.header)}
    assert table.rows[0][3] == "2.50"
    value = json.loads(json.dumps(to_json(rows, Crowds(portraits=Path("mine") / "faces"))))
    assert value["crowds"]["portraits"] == "faces"
