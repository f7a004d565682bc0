"""The race of detectors, in small: who is timed on what, and what the figures say."""

from pathlib import Path

import numpy as np
import pytest

from data.exceptions import DatasetError, UsageError, WeightsError
from data.images import Image
from eval.bench.detect import (
    MODEL,
    OURS,
    RIVAL,
    TORCH,
    Outcome,
    Start,
    Times,
    _race,
    _run,
    bench_detect,
    default_pictures,
    goals,
    to_start_table,
    to_table,
)
from eval.cli.main import main
from weights.registry import SYNTHETIC, default_weights


def outcome(cold: float, rival: float, model: float) -> Outcome:
    found = {OURS: Times(10, 12, 1), MODEL: Times(9, 11, model), RIVAL: Times(20, 30, rival)}
    starts = {OURS: Start(0.5, 150), RIVAL: Start(0.5 * cold, 600)}
    return Outcome({320: found}, {320: {OURS: found[OURS]}}, starts, {})


@pytest.mark.parametrize(
    ("figures", "reached"),
    [
        ((6, 2, 0.95), [True, True, True]),
        ((4, 1.4, 0.8), [False, False, False]),
        ((5, 1.5, 1 / 1.1), [True, True, True]),
    ],
    ids=["all", "none", "just"],
)
def test_goals(figures: tuple[float, float, float], reached: list[bool]) -> None:
    assert [line.endswith(", reached") for line in goals(outcome(*figures))] == reached


def test_tables_name_everyone() -> None:
    assert [row[0] for row in to_table(outcome(6, 2, 0.9)).rows] == [
        *(f"320 px, one picture, {name}" for name in (OURS, MODEL, RIVAL)),
        "320 px, batch of 8, ours",
    ]
    assert to_start_table(outcome(6, 2, 0.9)).rows[1] == (RIVAL, "3.00", "600", "6.0x")


def test_everyone_sees_every_picture_as_often_and_in_changing_order() -> None:
    seen: list[tuple[str, int]] = []

    def contestant(name: str):  # type: ignore[no-untyped-def]
        return lambda group: seen.append((name, int(group[0][0, 0, 0])))

    pictures: list[list[Image]] = [[np.full((2, 2, 3), k, np.uint8)] for k in range(3)]
    times = _race({OURS: contestant(OURS), RIVAL: contestant(RIVAL)}, pictures, 2)
    timed = seen[2:]  # the first of each loads
    assert sorted(timed) == sorted((n, k) for n in (OURS, RIVAL) for k in range(3) for _ in "ab")
    assert timed[0][0] != timed[2][0]
    assert times[OURS].ratio == 1


def test_on_a_photo(zidane: Path) -> None:
    found = bench_detect(default_weights(), [zidane], sizes=[96], repeats=1)
    assert set(found.single[96]) == {OURS, MODEL, RIVAL}
    assert all(t.median > 0 for t in found.single[96].values())
    assert found.batch[96] == {}, "too few pictures for a batch"
    assert found.starts[OURS].seconds > 0
    assert found.starts[RIVAL].memory > found.starts[OURS].memory


def test_a_checkpoint_is_timed_on_torch(zidane: Path, random_checkpoint: Path) -> None:
    found = bench_detect(
        default_weights(), [zidane] * 8, sizes=[64], repeats=1, checkpoint=random_checkpoint
    )
    assert list(found.single[64]) == [OURS, MODEL, RIVAL, TORCH]
    assert set(found.batch[64]) == {OURS, RIVAL, TORCH}
    assert found.starts[TORCH].seconds > found.starts[OURS].seconds
    assert goals(found)[-1].startswith("the same, of the checkpoint on torch: ")


def test_a_shipped_file_is_known_by_its_name(
    zidane: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--sizes", "64", "--pictures", "1", "--repeats", "1"]
    command = ["bench", "detect", str(zidane.parent), "--weights", SYNTHETIC.removesuffix(".onnx")]
    assert main([*command, *small]) == 0
    assert "64 px, one picture, ours" in capsys.readouterr().out


def test_no_checkpoint_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["bench", "detect", "--checkpoint", str(tmp_path / "none.pt")]) == 2
    assert "found no file" in capsys.readouterr().err


def test_programs_that_fail_are_named(tmp_path: Path) -> None:
    import sys

    with pytest.raises(WeightsError, match="it broke"):
        _run([sys.executable, "-c", "import sys; sys.exit('it broke')"])


def test_nothing_to_time(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="none of 1"):
        bench_detect(default_weights(), [tmp_path / "a.jpg"])
    with pytest.raises(UsageError, match="--repeats"):
        bench_detect(default_weights(), [], repeats=0)


def test_sample_photos_or_a_folder(bus: Path, tmp_path: Path) -> None:
    assert len(default_pictures(None, 3)) == 3
    (tmp_path / "b.jpg").write_bytes(bus.read_bytes())
    assert default_pictures(tmp_path, 3) == [tmp_path / "b.jpg"]
