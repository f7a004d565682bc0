"""Trainings in small, and what is refused before they begin."""

from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import write_yaml
from data.exceptions import DatasetError, UsageError
from data.images import Image
from data.writer import write_sample
from eval.bench.train import ON, OURS, RIVAL, _small_set, bench_train, to_table


@pytest.fixture
def small(tmp_path: Path, bus_image: Image) -> Path:
    """Four training pictures, one of them without a label, and two for validation."""
    root = tmp_path / "small"
    face = Boxes(np.array([[130.0, 500, 190, 580]]), np.array([1]))
    for number in range(4):
        write_sample(root, "train", f"{number}.jpg", bus_image, face)
    (root / "labels" / "train" / "3.txt").unlink()
    for number in range(2):
        write_sample(root, "val", f"v{number}.jpg", bus_image, face)
    write_yaml(root)
    return root


def test_all_train(
    small: Path, random_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    heard: list[str] = []
    found = bench_train(
        small,
        init=str(random_checkpoint),
        pictures=4,
        imgsz=64,
        batch=2,
        repeats=1,
        say=heard.append,
    )
    assert [row[0] for row in to_table(found).rows] == [OURS, ON, RIVAL]
    rates = {name: rate.median for name, rate in found.rates.items()}
    for name in (OURS, ON):
        assert found.ratios[name] == pytest.approx(rates[name] / rates[RIVAL])
    assert [row[2] for row in to_table(found).rows] == [
        *(f"{found.ratios[name]:.2f}x" for name in (OURS, ON)),
        "",
    ]
    assert heard == [f"{name}, 1 of 1" for name in (OURS, ON, RIVAL)]


def test_pictures_that_are_taken(small: Path, tmp_path: Path) -> None:
    root = _small_set(small, 4, tmp_path / "out")
    assert sorted(p.name for p in root.rglob("train/*")) == [
        *("0.jpg", "0.txt", "1.jpg", "1.txt", "2.jpg", "2.txt", "3.jpg"),
    ]
    assert len(list(root.rglob("val/*.jpg"))) == 1
    with pytest.raises(DatasetError, match="5"):
        _small_set(small, 5, tmp_path / "more")


@pytest.mark.parametrize("option", ["repeats", "pictures"])
def test_numbers_that_make_no_sense(small: Path, option: str) -> None:
    with pytest.raises(UsageError, match=f"--{option} of 1 or more"):
        bench_train(small, init="yolo26n.yaml", **{option: 0})  # type: ignore[arg-type]
