"""A camera that speaks RTSP and fails in every way, read by the pipeline and the real program."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from data.boxes import Boxes
from detector.video.pipeline import Detected, Flow, Pipeline
from detector.video.reconnect import Patience
from detector.video.sources import parse_sources

PATIENCE = Patience(first=0.05, ceiling=0.2, stall=0.8)


def _pipeline(url):
    return Pipeline(
        parse_sources([f"door={url}"]),
        lambda image: Boxes.empty(),
        Flow(patience=PATIENCE),
        np.random.default_rng(0),
    )


def _frames(pipeline, seconds, most=10_000):
    """Frames that come within `seconds`, or the first `most`."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end and len(found) < most:
        try:
            item = pipeline.take(0.05)
        except TimeoutError:
            continue
        if isinstance(item, Detected):
            found.append(item.frame)
    return found


def _is_whole(image):
    """Whether the red square is there: no grey, torn or blank picture."""
    return (image[..., 2].astype(int) - image[..., 1] > 60).sum() > 30


@pytest.mark.parametrize("fault", ["stall", "die", "refuse", "garbage", "mute", "noise"])
def test_lost_and_found_again(rtsp, caplog, fault):
    with _pipeline(rtsp.url) as pipeline:
        before = _frames(pipeline, 10, most=3)
        rtsp.mode = fault
        during = _frames(pipeline, 2)
        rtsp.mode = "ok"
        after = _frames(pipeline, 20, most=3)
    assert len(before) == len(after) == 3
    assert len(during) < 15  # what was on its way
    frames = [*before, *during, *after]
    assert all(_is_whole(frame.image) for frame in frames)
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    texts = [record.getMessage() for record in caplog.records]
    assert sum(": lost (" in text for text in texts) >= 1
    assert sum(": back after" in text for text in texts) >= 1
    assert len(texts) == len(set(texts)) <= 8  # each fault once
    assert "geheim" not in caplog.text


def test_another_size_midway(rtsp):
    with _pipeline(rtsp.url) as pipeline:
        assert _frames(pipeline, 10, most=2)[-1].image.shape == (64, 64, 3)
        rtsp.mode = "small"
        frames = _frames(pipeline, 5, most=40)
    assert frames[-1].image.shape == (48, 48, 3)
    assert rtsp.sessions == 1
    assert all(_is_whole(frame.image) for frame in frames)


def test_a_camera_with_rare_key_frames(rtsp):
    """Twenty seconds apart: the first one must not be lost while the stream is looked into."""
    rtsp.key_every = 500
    with _pipeline(rtsp.url) as pipeline:
        assert len(_frames(pipeline, 5, most=5)) == 5
    assert rtsp.sessions == 1


def test_wrong_password_is_named(rtsp, caplog):
    with _pipeline(rtsp.url.replace("geheim", "wrong")) as pipeline:
        assert _frames(pipeline, 1) == []
    assert caplog.text.count("401") == 1


def test_the_program_loses_its_camera_and_finds_it_again(rtsp, tiny_onnx, tmp_path):
    still = rtsp.draw
    rtsp.draw = lambda number, height, width: still(0, height, width)
    out, log = tmp_path / "out.mp4", tmp_path / "e.jsonl"
    code = "import sys; from eval.cli.main import main; sys.exit(main(sys.argv[1:]))"
    options = ["--weights", str(tiny_onnx()), "--imgsz", "64", "--stall", "1"]
    outputs = ["--save", str(out), "--events", str(log)]
    command = [sys.executable, "-c", code, "video", f"door={rtsp.url}", *options, *outputs]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait(lambda: out.exists() and out.stat().st_size > 2000)
            rtsp.mode = "die"
            time.sleep(0.5)
            rtsp.mode = "ok"
            _wait(lambda: rtsp.sessions == 2)
            _wait(lambda: log.read_text().count('"opened"') >= 2)
            process.terminate()
            _, text = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 143, text
    assert text.count("door: lost (the stream ended)") == 1
    assert text.count("door: back after") == 1
    assert "geheim" not in text + log.read_text()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(e["event"], e.get("why")) for e in events] == [
        ("run_started", None),
        ("opened", None),
        ("source_lost", "the stream ended"),
        ("closed", "lost"),
        ("source_back", None),
        ("opened", None),
        ("closed", "end"),
        ("run_ended", None),
    ]
    assert events[4]["duration"] > 0.4


def _wait(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
