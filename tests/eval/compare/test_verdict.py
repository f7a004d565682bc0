"""Whole comparisons of made-up systems: who is better is computed, either way."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.boxes import Boxes
from eval.bench.timing import spread
from eval.compare.comparison import Comparison, compare_pairs, tell_classes
from eval.compare.page import accuracy_table, finder_tables, size_tables, time_table
from eval.compare.plots import plot_comparison
from eval.compare.timing import Shot, Timed, draw_scene, opencv_threads, race, to_timed
from eval.compare.verdict import better, verdicts
from eval.matching import Pair
from eval.report import table_to_text

TRUTH = Boxes(
    np.array([[0.0, 0, 40, 40], [60, 0, 100, 40], [120, 0, 160, 40]]), np.array([0, 1, 2])
)


def _pairs(kept: list[int], count: int = 12) -> list[Pair]:
    """Pictures whose faces at the positions `kept` are found."""
    found = TRUTH.select(np.array(kept, dtype=int))
    return [Pair(Path(f"{n}.jpg"), TRUTH, found) for n in range(count)]


def _compare(single: list[int], two_phase: list[int]) -> Comparison:
    one, two = ("one.onnx", _pairs(single)), ("two.onnx", _pairs(two_phase))
    return compare_pairs(Path("none"), one, two, false_alarms=0.5, rounds=60, seed=0)


def _timed(faces: int | None, single: float, two_phase: float) -> Timed:
    shots = [Shot(single, single, 1)] * 4, [Shot(two_phase, two_phase, 2)] * 4
    return to_timed(faces, shots)


def test_the_single_stage_one_wins_where_the_rival_misses_masks():
    comparison = _compare([0, 1, 2], [1])
    assert (comparison.single.map50, comparison.two_phase.map50) == (1, pytest.approx(1 / 3))
    assert comparison.two_phase.recall == pytest.approx(1 / 3)
    first, second, *rest = verdicts(comparison, [_timed(0, 20, 10), _timed(10, 20, 40)])
    assert first.startswith("The single-stage one is better at: AP50 of with_mask; AP50 of inc")
    assert "recall of with_mask, 32 to 64 px" in first
    assert "time with 10 faces" in first
    assert second == "The two-phase one is better at: time with 0 faces."
    assert rest[0].startswith("No clear difference: AP50 of without_mask;")
    assert rest[1] == (
        "Recall from without_mask to with_mask: single-stage 1.000 to 1.000, two-phase 1.000 to "
        "0.000."
    )


def test_the_two_phase_one_wins_where_it_is_better():
    first, second, *_ = verdicts(_compare([1], [0, 1, 2]), [_timed(None, 20, 10)])
    assert first == "The single-stage one is clearly better at nothing here."
    assert "mAP50; recall of all faces; recall of incorrect" in second
    assert second.endswith("time on this set's pictures.")


@pytest.mark.parametrize(
    ("interval", "who"),
    [(None, ""), ((0.0, 0.2), ""), ((-0.1, 0.0), ""), ((0.01, 0.2), "single-stage")],
)
def test_an_interval_that_holds_zero_decides_nothing(interval, who):
    assert better(interval) == who


def test_the_finder_alone_can_be_the_better_one():
    """It finds what the pipeline's classifier made unsure, and what the detector missed."""
    comparison = compare_pairs(
        Path("none"), ("a", _pairs([0])), ("b", _pairs([])), finder=_pairs([0, 1]),
        false_alarms=0.5, rounds=60, seed=0,
    )  # fmt: skip
    lines = verdicts(comparison, [])
    assert "recall of without_mask, face finder alone (IoU 0.3)" in lines[1]
    assert "alone" not in lines[0]
    tables = finder_tables(comparison)
    assert [table.header[3] for table in tables] == ["finder alone"] * 2
    assert {row["iou"] for row in comparison.to_json()["finder"]} == {0.5, 0.3}


def test_without_intervals_nothing_is_decided():
    comparison = compare_pairs(
        Path("none"), ("a", _pairs([0])), ("b", _pairs([])), false_alarms=1, rounds=0, seed=0
    )
    assert all(change is None for change in comparison.ap50_change.values())
    assert "clearly better at nothing" in verdicts(comparison, [])[0]


def test_told_classes_leave_boxes_and_false_alarms_alone():
    found = Boxes(
        np.array([[1.0, 0, 41, 40], [300, 0, 340, 40]]), np.array([1, 1]), np.array([0.4, 0.9])
    )
    told = tell_classes(Pair(Path("a.jpg"), TRUTH, found)).found
    assert told.class_ids.tolist() == [1, 0]  # best score first
    assert told.scores.tolist() == [0.9, 0.4]


def test_tables_and_plot_hold_the_figures(tmp_path):
    comparison = _compare([0, 1, 2], [1])
    assert "told" in table_to_text(accuracy_table(comparison))
    tables = size_tables(comparison)
    assert [table.caption for table in tables] == ["all sizes", "32 to 64 px"]
    assert ("with_mask", "12", "1.000", "0.000", "1.000 to 1.000", "single-stage") in tables[0].rows
    times = [_timed(0, 20, 10), _timed(20, 20, 60), _timed(None, 30, 31)]
    assert time_table(times).rows[1][1:] == (
        "20.0 (20.0)",
        "60.0 (60.0)",
        "3.00x",
        "20.0, 60.0",
        "1, 2",
    )
    picture = cv2.imdecode(np.frombuffer(plot_comparison(comparison, times), np.uint8), 1)
    assert picture.shape[1] > 1200
    assert comparison.to_json()["recall"][-1]["high"] is None


def test_contestants_take_turns():
    order: list[str] = []

    def contestant(name: str):
        return lambda images: order.append(name) or [TRUTH] * len(images)

    image = np.zeros((8, 8, 3), np.uint8)
    taken = race((contestant("a"), contestant("b")), {1: [image], 5: [image, image]}, 2)
    assert "".join(order) == "ab" + "ab" + "abba" + "ba" + "baab"
    assert [shot.found for shot in taken[5][0]] == [3] * 4


def test_scenes_hold_so_many_portraits():
    portrait = np.full((220, 220, 3), 200, np.uint8)
    for count in (0, 1, 20):
        scene = draw_scene([portrait] * 20, count)
        assert scene.shape == (640, 800, 3)
        assert (scene == 200).all(axis=2).sum() == count * 160 * 160


def test_opencv_gets_its_threads_back():
    before = cv2.getNumThreads()
    with opencv_threads(1):
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == before
    assert replace(_timed(1, 2, 3), ratio=1).single == spread([2.0] * 4)
