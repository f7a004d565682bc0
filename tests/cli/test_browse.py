"""What `maskwatch browse` refuses, before it starts FiftyOne (which this process never imports)."""

import json
import socket
import sys

import pytest

from eval.browse import mongod
from eval.cli.main import main


@pytest.fixture
def predictions(tmp_path):
    def write(file="000003.jpg", label="with_mask"):
        found = [{"class": label, "score": 0.9, "box": [1, 2, 30, 40]}]
        entry = {"file": file, "width": 240, "height": 200, "detections": found}
        path = tmp_path / "p.json"
        path.write_text(json.dumps({"weights": "w", "images": [entry]}))
        return str(path)

    return write


@pytest.fixture
def photos(make_set, monkeypatch, tmp_path):
    """A set, in an environment without a database of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(tmp_path / "none.json"))
    monkeypatch.delenv("FIFTYONE_DATABASE_URI", raising=False)
    yield make_set(val=2)
    assert "fiftyone" not in sys.modules


def refused(capsys, *arguments, code=1):
    assert main(["browse", *map(str, arguments)]) == code
    error = capsys.readouterr().err
    assert sum(line.startswith("maskwatch: error: ") for line in error.splitlines()) == 1
    return error.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["nowhere"], 1, "nowhere: expected a data set's folder", id="no-folder"),
        pytest.param(["{set}", "--predictions", "no.json"], 1, "no.json", id="no-predictions"),
        pytest.param(["{set}", "--weights", "no.onnx"], 1, "no.onnx", id="no-weights"),
        pytest.param(
            ["{set}", "--weights", "maskwatch-n-synthetic", "--predictions", "no.json"],
            1,
            "no.json",
            id="shipped weights by name, no predictions",
        ),
        pytest.param(["{set}", "--conf", "2"], 2, "--conf from 0 to 1", id="conf"),
        pytest.param(["{set}", "--port", "0"], 2, "--port from 1 to 65535", id="port"),
        pytest.param(["{set}", "--tag", "fix"], 2, "name a folder with --export", id="tag-alone"),
        pytest.param(["{set}", "--whole"], 2, "name a folder with --export", id="whole-alone"),
        pytest.param(["{set}", "--classes", "a"], 2, "--classes", id="classes"),
        pytest.param(["{set}", "--export", "{set}"], 1, "holds something", id="export-in-the-way"),
        pytest.param(["{set}", "--address", "203.0.113.9"], 2, "203.0.113.9", id="not-our-address"),
    ],
)
def test_wrong_input_is_one_line(photos, capsys, arguments, code, message):
    assert message in refused(capsys, *(a.format(set=photos) for a in arguments), code=code)


def test_port_taken(photos, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert f"port {port}, but" in refused(capsys, photos, "--port", port, code=2)


def test_predictions_of_strangers_and_of_unknown_classes(photos, predictions, capsys):
    file = predictions(file="stranger.jpg")
    assert "none of the 1 entries" in refused(capsys, photos, "--predictions", file)
    file = predictions(label="helmet")
    assert "got 'helmet'" in refused(capsys, photos, "--predictions", file)


def test_fiftyone_missing(photos, predictions, capsys, monkeypatch):
    monkeypatch.setattr("data.extras.find_spec", lambda _: None)
    name = next((photos / "images" / "val").iterdir()).name
    error = refused(capsys, photos, "--predictions", predictions(name))
    assert "needs fiftyone, which isn't installed; run: uv sync --extra browse" in error


def test_mongod_missing(photos, predictions, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(mongod, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    name = next((photos / "images" / "val").iterdir()).name
    error = refused(capsys, photos, "--predictions", predictions(name))
    assert "expected a mongod, MongoDB's server, but there is none; run: uv sync" in error


def test_open_to_others_is_warned_of(photos, capsys):
    assert main(["browse", str(photos), "--address", "0.0.0.0", "--weights", "no.onnx"]) == 1
    assert "FiftyOne asks for no password" in capsys.readouterr().err
