"""The bench of live video: real runs in small, medians and the table."""

import json

import pytest

from data.exceptions import VideoError
from eval.bench.video import Setting, goals_text, summarise, to_json, to_table, write_pan
from eval.bench.video_runs import Task, Timed, in_process


@pytest.fixture
def task(tmp_path, tiny_onnx, zidane_image):
    path = tmp_path / "clip.mp4"
    write_pan(zidane_image[:256, :256], path, frames=20)
    return Task(str(path), 64, 12, 1, str(tiny_onnx()))


def test_file_to_file(task):
    timed = in_process("file", task)
    assert timed.frames == 12
    assert timed.rate > 0
    assert timed.cpu > 0
    assert timed.memory > 20


def test_live(task):
    timed = in_process("live", task)
    assert len(timed.latencies) == timed.frames == 12
    assert all(0 < late < 10 for late in timed.latencies)


def test_a_run_that_fails_is_named(task, tmp_path):
    with pytest.raises(VideoError, match=r"'file' failed.*none\.mp4"):
        in_process("file", Task(str(tmp_path / "none.mp4"), 64, 5, 1, task.weights))


def test_medians_goals_and_table():
    ours = [Timed(100, s, 2.0, 200.0) for s in (1.0, 2.0, 4.0)]
    theirs = [Timed(100, 4.0, 4.0, 800.0)] * 3
    live = [Timed(3, 1.0, 1.0, 100.0, (0.01, 0.02, 0.03), 1)]
    row = summarise(416, ours, theirs, live)
    assert (row.rate.median, row.rival.median, row.ratio.median) == (50, 25, 2)
    assert row.cpu == (20, 40)
    assert row.dropped == pytest.approx(0.25)
    assert goals_text([row]).count("reached") == 3
    alone = summarise(416, ours, [], live)
    assert alone.ratio is None
    assert goals_text([summarise(320, ours, [], live)]) == ""
    header = to_table([row, alone]).header
    assert {len(r) for r in to_table([row, alone]).rows} == {len(header)}
    json.dumps(to_json([row, alone], Setting(), {}))
