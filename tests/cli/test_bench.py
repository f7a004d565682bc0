"""`maskwatch bench`: the table and the JSON, in small."""

import json

import numpy as np
import pytest

from eval.bench.video import write_pan
from eval.cli.bench import BENCHES
from eval.cli.main import main


@pytest.mark.parametrize(
    ("machine", "cores"),
    [pytest.param("here", None, id="this-machine"), pytest.param("small", 1, id="one-core")],
)
def test_synth(machine, cores, tmp_path, capsys, monkeypatch):
    if cores is not None:
        monkeypatch.setattr("os.cpu_count", lambda: cores)
    out = tmp_path / "b.json"
    small = ["--pictures", "4", "--repeats", "1", "--faces", "dlib", "--json", str(out)]
    assert main(["bench", "synth", *small]) == 0
    text = capsys.readouterr().out
    assert "over MaskTheFace" in text
    assert "dlib's search and landmarks alone" in text
    value = json.loads(out.read_text())
    for key in ("searched", "cached", "scenes", "dlib"):
        assert value[key]["median"] > 0
    assert value["mask_the_face"]["pictures_per_s"] == 16
    assert (value["scaling"] is None) == (value["machine"]["cores"] == 1)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["bench"], id="of-nothing"),
        pytest.param(["bench", "nothing"], id="unknown"),
        pytest.param(["bench", "synth", "--repeats", "many"], id="no-number"),
    ],
)
def test_wrong_usage(arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


@pytest.mark.parametrize("option", ["--repeats", "--pictures"])
def test_numbers_below_one_are_refused(option, capsys):
    assert main(["bench", "synth", option, "0"]) == 2
    assert f"expected {option} of 1 or more" in capsys.readouterr().err


def test_source_that_is_not_there(tmp_path, capsys):
    assert main(["bench", "synth", str(tmp_path / "none")]) == 1
    assert "maskwatch: error:" in capsys.readouterr().err


def test_video(tmp_path, tiny_onnx, capsys):
    clip, out = tmp_path / "clip.mp4", tmp_path / "b.json"
    write_pan(np.full((64, 64, 3), 90, np.uint8), clip, frames=8)
    small = ["--imgsz", "64", "--frames", "4", "--repeats", "2", "--seconds", "0.1", "--alone"]
    weights = ["--weights", str(tiny_onnx()), "--crowds", "1", "--json", str(out)]
    assert main(["bench", "video", str(clip), *small, *weights]) == 0
    said = capsys.readouterr()
    assert "frames/s" in said.out
    assert "Crowds at 64 px" in said.out
    assert "run 2" not in said.err  # its time was up
    value = json.loads(out.read_text())
    assert value["rows"][0]["rate"]["repeats"] == 1
    assert value["rows"][0]["rival"] is None
    assert [row["faces"] for row in value["crowds"]["rows"]] == [1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--seconds", "0"], "--seconds above 0", id="seconds"),
        pytest.param(["--face-model", "x.onnx"], "--two-phase FILE", id="no-classifier"),
        pytest.param(["--crowds", "0"], "1 to 20 faces", id="nobody"),
        pytest.param(["--crowds", "5", "21"], "1 to 20 faces", id="too-many"),
    ],
)
def test_video_usage(options, said, capsys):
    assert main(["bench", "video", *options]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", BENCHES)
def test_help(name, capsys):
    with pytest.raises(SystemExit) as end:
        main(["bench", name, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: maskwatch bench {name}")
