"""How often faces of a kind are missed."""

import pytest

from eval.browse.views import Slice, count_slices, facts_of


@pytest.mark.parametrize(
    ("face", "facts"),
    [
        pytest.param((None, None, None, None), [], id="no-manifest"),
        pytest.param(("bare", "", [], 10.0), ["state bare"], id="bare"),
        pytest.param(
            ("nose_out", "cloth", ["hand", "hair", "hand"], -35.0),
            ["state nose_out", "style cloth", "occluder hair", "occluder hand", "turned aside"],
            id="everything",
        ),
    ],
)
def test_facts(face, facts):
    assert facts_of(*face) == facts


def test_slices_count_each_name_of_each_face():
    slices = count_slices([["a", "b"], ["a"], ["b"], []], [True, False, False, True])
    assert slices == {"a": Slice("a", 2, 1), "b": Slice("b", 2, 1)}
    assert slices["a"].share == 0.5
