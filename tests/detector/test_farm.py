"""Several processes find what one finds, in the same order."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.exceptions import UsageError, WeightsError
from data.images import read_image, write_image
from data.pool import open_executor
from detector.farm import Settings, detect_entries, farm_out
from detector.runtime import Detector
from detector.second_look import SecondLook
from detector.tiling import TiledDetector
from detector.views import ManyViews

OnnxBuilder = Callable[..., Path]
Pairs = list[tuple[Path, Path | None]]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """11 pictures of one square each, at different places, and one that can't be read."""
    paths = []
    for number in range(12):
        path = tmp_path / "photos" / f"{number:02d}.png"
        image = np.zeros((64, 128, 3), np.uint8)
        image[16:32, 8 * number : 8 * number + 16, number % 3] = 255
        write_image(path, image)
        paths.append(path)
    paths[5].write_bytes(b"no picture")
    return paths


@pytest.mark.parametrize("workers", [1, 2])
def test_same_as_one_process(
    workers: int, pictures: list[Path], tiny_onnx: OnnxBuilder, tmp_path: Path
) -> None:
    settings = Settings(tiny_onnx(), threads=1, batch=2)
    alone: Pairs = [(p, tmp_path / "alone" / p.name) for p in pictures]
    shared: Pairs = [(p, tmp_path / "shared" / p.name) for p in pictures]
    expected = list(detect_entries(settings.load(), alone, settings))
    assert [entry["file"] for entry in expected] == [str(p) for p in pictures]
    assert ["error" in entry for entry in expected].index(True) == 5
    with open_executor(workers) as executor:
        assert list(farm_out(executor, shared, settings)) == expected
    for (_, first), (_, second) in zip(alone, shared, strict=True):
        assert first is not None
        assert second is not None
        assert first.exists() == second.exists() == (first.name != "05.png")
        if first.exists():
            assert (read_image(first) == read_image(second)).all()


def test_errors_of_workers_come_back(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "none.onnx").write_bytes(b"no model")
    pairs: Pairs = [(p, None) for p in pictures]
    with open_executor(2) as executor:
        with pytest.raises(WeightsError, match="expected an ONNX model"):
            list(farm_out(executor, pairs, Settings(tmp_path / "none.onnx")))
        with pytest.raises(UsageError, match="expected conf from 0 to 1"):
            farm_out(executor, pairs, Settings(conf=7))
        assert list(farm_out(executor, [], Settings())) == []


def test_changed_weights_are_loaded_again(pictures: list[Path], tiny_onnx: OnnxBuilder) -> None:
    """A worker of a cluster outlives the command that it works for."""
    settings = Settings(tiny_onnx(), content="first")
    pairs: Pairs = [(pictures[0], None)]
    with open_executor(1) as executor:
        (before,) = farm_out(executor, pairs, settings)
        tiny_onnx(size=32)
        (kept,) = farm_out(executor, pairs, settings)
        (after,) = farm_out(executor, pairs, dataclasses.replace(settings, content="second"))
    assert before == kept
    assert before != after


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, SecondLook),
        ({"one_look": True}, Detector),
        ({"tile": 64}, TiledDetector),
        ({"sizes": (64, 96)}, ManyViews),
    ],
    ids=["default", "one look", "tiles", "views"],
)
def test_how_often_is_looked(
    options: dict[str, Any], kind: type[Detector], tiny_onnx: OnnxBuilder
) -> None:
    assert type(Settings(tiny_onnx(), **options).load()) is kind
