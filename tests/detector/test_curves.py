"""results.csv as columns, the best epoch, the drawing."""

from pathlib import Path

import numpy as np
import pytest

from data.exceptions import TrainingError
from data.images import read_image
from detector.curves import best_epoch, draw_curves, read_results

HEADER = (
    "epoch,time,train/box_loss,train/cls_loss,metrics/precision(B),metrics/recall(B),"
    "metrics/mAP50(B),metrics/mAP50-95(B),val/box_loss,val/cls_loss,lr/pg0\n"
)
ROWS = (
    "1,10.5,1.5,4.5,0.3,0.5,0.3,0.1,1.3,7.1,0.001\n"
    "2,20.5,1.2,3.5,0.4,0.6,0.5,0.3,1.2,4.1,0.001\n"
    "3,30.5,1.1,3.0,0.4,0.6,0.6,0.2,1.2,4.0,0.0005\n"
)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.csv"
    path.write_text(HEADER + ROWS)
    return path


def test_columns(results: Path) -> None:
    table = read_results(results)
    np.testing.assert_array_equal(table["epoch"], [1, 2, 3])
    np.testing.assert_array_equal(table["train/cls_loss"], [4.5, 3.5, 3.0])
    assert best_epoch(table) == 1


def test_an_epoch_written_twice_counts_once(results: Path) -> None:
    """Training that resumes may write an epoch again."""
    results.write_text(HEADER + ROWS + ROWS.splitlines()[1].replace("0.5,0.3", "0.55,0.35"))
    table = read_results(results)
    np.testing.assert_array_equal(table["epoch"], [1, 2, 3])
    assert table["metrics/mAP50(B)"][1] == 0.55


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param(HEADER, id="no epoch"),
        pytest.param("a,b\n1,2\n", id="another table"),
        pytest.param(HEADER + "1,2\n", id="cut short"),
        pytest.param(HEADER + ROWS.replace("1.5", "x"), id="no number"),
        pytest.param(HEADER + ROWS.splitlines()[0] + ",7,8", id="too long"),
    ],
)
def test_broken_tables(results: Path, content: str) -> None:
    results.write_text(content)
    with pytest.raises(TrainingError, match=r"results\.csv"):
        read_results(results)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nothing"):
        read_results(tmp_path / "nothing.csv")


def test_drawing(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "curves.png"
    draw_curves(read_results(results), out)
    image = read_image(out)
    assert image.shape[1] > image.shape[0] > 300
    coloured = (image.max(axis=2).astype(int) - image.min(axis=2)) > 60
    assert coloured.sum() > 1000, "lines were drawn"
