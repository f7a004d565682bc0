import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.cli.main import main


def test_good_set(
    make_set: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(make_set()), "--json", str(tmp_path / "r.json")]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "fine: 0 errors, 0 warnings"
    assert "3 train, 2 val pictures, 0 without a box" in out
    assert err == ""
    assert json.loads((tmp_path / "r.json").read_text())["ok"] is True


def test_warnings_alone_are_fine(
    make_set: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_set()
    (root / "labels/train/train_000.txt").unlink()
    assert main(["check", str(root)]) == 0
    assert "warning: no label file: images/train/train_000.jpg: " in capsys.readouterr().out


def test_broken_set_shows_ten_of_a_kind_and_counts_all(
    make_set: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_set()
    (root / "labels/train/train_000.txt").write_text("7 0.5 0.5 0.1 0.1\n" * 25)
    (root / "labels/train/train_001.txt").unlink()
    assert main(["check", str(root), "--json", str(tmp_path / "r.json")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("error: wrong class: labels/") for line in lines) == 10
    assert "error: wrong class: ... and 15 more" in lines
    assert lines[-1] == "broken: 25 errors, 1 warnings"
    # Errors come first.
    kinds = [line.split(":")[0] for line in lines if line.startswith(("error", "warning"))]
    assert kinds == sorted(kinds)
    assert len(json.loads((tmp_path / "r.json").read_text())["problems"]) == 26


def test_no_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("maskwatch: error: ")
    assert err.count("\n") == 1
