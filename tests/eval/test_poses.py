"""How far heads are turned: points of a known head, and what isn't counted."""

import sys
from pathlib import Path

import numpy as np
import pytest

from data.files import write_text
from data.images import Image, write_image
from eval.poses import main, measure_yaws, to_table
from synth.faces import Candidate
from tests.heads import turned_points

BOX = np.array([70.0, 70, 130, 145])


@pytest.mark.parametrize("yaw", [0.0, 20.0, -40.0, 70.0])
def test_yaw_of_a_known_head(tmp_path: Path, yaw: float) -> None:
    write_image(tmp_path / "a.png", np.zeros((200, 200, 3), np.uint8))
    faces = [Candidate(BOX, five_points=turned_points(yaw))]
    yaws, broken = measure_yaws([tmp_path / "a.png"], lambda image: faces)
    assert yaws == pytest.approx([abs(yaw)], abs=1)
    assert broken == 0


def test_what_is_not_counted(tmp_path: Path) -> None:
    """Doubtful and small faces, those without points; broken files are."""
    write_image(tmp_path / "a.png", np.zeros((200, 200, 3), np.uint8))
    write_text(tmp_path / "b.png", "no picture")
    points = turned_points(0)
    faces = [
        Candidate(BOX, score=0.4, five_points=points),
        Candidate(np.array([0.0, 0, 9, 9]), five_points=points),
        Candidate(BOX),
    ]
    yaws, broken = measure_yaws([tmp_path / "a.png", tmp_path / "b.png"], lambda image: faces)
    assert len(yaws) == 0
    assert broken == 1


def test_points_on_a_line_are_a_profile(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.zeros((200, 200, 3), np.uint8))
    line = [Candidate(BOX, five_points=np.linspace([100.0, 70], [100, 140], 5))]
    yaws, _ = measure_yaws([tmp_path / "a.png"], lambda image: line)
    assert yaws.tolist() == [90]


def test_bands() -> None:
    table = to_table(np.array([0.0, 14.9, 15, 44, 61, 90]))
    assert [row[1] for row in table.rows] == ["2", "1", "1", "0", "2"]
    assert next(row[2] for row in table.rows) == "0.333"
    assert {row[2] for row in to_table(np.zeros(0)).rows} == {"-"}


def test_wrong_model_in_one_line(
    tmp_path: Path, astronaut_image: Image, monkeypatch: pytest.MonkeyPatch, capsys: object
) -> None:
    assert isinstance(capsys, pytest.CaptureFixture)
    write_image(tmp_path / "a.png", astronaut_image)
    write_text(tmp_path / "model.onnx", "no model")
    asked = ["poses", str(tmp_path / "a.png"), "--face-model", str(tmp_path / "model.onnx")]
    monkeypatch.setattr(sys, "argv", asked)
    assert main() == 1
    said = capsys.readouterr().err.strip()
    assert "expected a YuNet model" in said
    assert len(said.splitlines()) == 1
